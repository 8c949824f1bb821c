import { connect as connectSocket } from 'node:net';
import { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import type { ConnectTarget } from '../../src/index.ts';
import { withClient, withNodeServer } from '../fixtures/servers.ts';

describe('the option connect', () => {
  it('opens the connections itself, with any options of sockets, and the pool keeps them [CU-06]', () =>
    withNodeServer(
      (request, response) => response.end(`${request.headers.host} ${request.url}`),
      async ({ url, sockets }) => {
        const { port } = new URL(url);
        const targets: ConnectTarget[] = [];
        const connect = (target: ConnectTarget): IOStream => {
          targets.push(target);
          const socket = connectSocket({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
          socket.setKeepAlive(true, 5_000);
          return IOStream.fromDuplex(socket);
        };
        await withClient({ connect }, async (client) => {
          for (const path of ['/a', '/b'])
            expect((await client.fetch(`http://elsewhere.test:81${path}`)).text()).toBe(
              `elsewhere.test:81 ${path}`,
            );
          expect(targets).toMatchObject([{ host: 'elsewhere.test', port: 81, secure: false }]);
          expect(sockets).toHaveLength(1);
        });
      },
    ));

  it('rejects with what it throws, and refuses what is no stream [HC-05]', () =>
    withClient(
      {
        connect({ host }) {
          if (host === 'refused.test') throw new Error('not there');
          return {} as IOStream;
        },
      },
      async (client) => {
        await expect(client.fetch('http://refused.test/')).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_CONNECT',
          cause: { message: 'not there' },
        });
        await expect(client.fetch('http://other.test/')).rejects.toThrow('an IOStream from connect');
        expect(client.stats()).toMatchObject({ connections: 0, failures: 2 });
      },
    ));
});
