// The client through the proxy programs that are in use, to a server of ws.

import { EnvironmentProxies, HTTPProxyError, type ProxyOptions } from '@landspout/httpclient';
import { describe, expect, it } from 'vitest';
import { makeIdentity } from '../../../httpclient/test/fixtures/certificates.ts';
import { warmUp, withTlsProxy } from '../../../httpclient/test/fixtures/hostile-proxies.ts';
import {
  type ProxyProgram,
  startMicrosocks,
  startSquid,
  startTinyproxy,
} from '../../../httpclient/test/fixtures/proxies.ts';
import { websocketConnect } from '../../src/index.ts';
import { openDescriptors, until } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
const tls = { ca: identity.cert };
const known = { username: 'user', password: 'secret' };

const PROGRAMS: readonly [string, string, () => Promise<ProxyProgram>, Omit<ProxyOptions, 'url'>][] = [
  ['tinyproxy', 'http', () => startTinyproxy(known), known],
  ['squid with basic', 'http', () => startSquid({ auth: 'basic', credentials: known }), known],
  [
    'squid with digest',
    'http',
    () => startSquid({ auth: 'digest', credentials: known }),
    { ...known, auth: 'digest' },
  ],
  ['microsocks', 'socks5', () => startMicrosocks(known), known],
];

describe.each(PROGRAMS)('websocketConnect through %s', (_, scheme, start, credentials) => {
  it('sends and receives over ws and wss, and shows the credentials to the proxy only [WS-20] [SH-07]', async () => {
    await using program = await start();
    const proxy = { url: `${scheme}://${program.name}`, ...credentials };
    for (const options of [{}, { tls: identity }]) {
      await withWsServer(
        echo,
        async ({ url, requests }) => {
          const connection = await websocketConnect(`${url}/chat?a=b`, {
            proxy,
            ...('tls' in options ? { tls } : {}),
          });
          const large = Buffer.alloc(1_000_000, 7);
          void connection.writeMessage('hello');
          void connection.writeMessage(large);
          expect(await connection.readMessage()).toBe('hello');
          expect(large.equals((await connection.readMessage()) as Uint8Array)).toBe(true);
          connection.close(4000, 'bye');
          await connection.waitClosed();
          expect(connection.closeCode).toBe(4000);
          expect(requests.map((request) => [request.url, request.headers['proxy-authorization']])).toEqual([
            ['/chat?a=b', undefined],
          ]);
        },
        options,
      );
    }
  });

  it('fails with an HTTPProxyError for wrong credentials, and keeps no connection [WS-20]', async () => {
    await using program = await start();
    await warmUp();
    const before = openDescriptors();
    const proxy = {
      ...credentials,
      url: `${scheme}://${program.name}`,
      username: 'user',
      password: 'hunter2',
    };
    await withWsServer(echo, async ({ url, requests }) => {
      const error = await websocketConnect(url, { proxy }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(HTTPProxyError);
      expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_PROXY', proxy: program.name });
      expect(String((error as Error).stack)).not.toMatch(/hunter2|aHVudGVyMg/);
      expect(requests).toEqual([]);
    });
    await until(() => openDescriptors() <= before);
  });
});

describe('websocketConnect with the option proxy', () => {
  it('reaches a server through a proxy with TLS [WS-20]', () =>
    withTlsProxy(identity, (port) =>
      withWsServer(
        echo,
        async ({ url }) => {
          const proxy = { url: `https://localhost:${port}`, tls };
          const connection = await websocketConnect(url, { proxy, tls });
          await connection.writeMessage('twice encrypted');
          expect(await connection.readMessage()).toBe('twice encrypted');
          await connection[Symbol.asyncDispose]();
        },
        { tls: identity },
      ),
    ));

  it('takes the proxies of the environment: http_proxy for ws, https_proxy for wss, except no_proxy [WS-20]', async () => {
    await using program = await startTinyproxy();
    for (const [variable, options] of [
      ['http_proxy', {}],
      ['https_proxy', { tls: identity }],
    ] as const) {
      await withWsServer(
        echo,
        async ({ url, port }) => {
          const through = async (env: Record<string, string>): Promise<boolean> => {
            const before = program.log.length;
            const proxy = new EnvironmentProxies(env);
            await using connection = await websocketConnect(url, {
              proxy,
              ...('tls' in options ? { tls } : {}),
            });
            await connection.writeMessage('x');
            expect(await connection.readMessage()).toBe('x');
            return program.log.slice(before).includes(`CONNECT 127.0.0.1:${port} HTTP/1.1`);
          };
          const named = `http://${program.name}`;
          expect(await through({ [variable]: named })).toBe(true);
          expect(await through({ [variable]: named, no_proxy: '127.0.0.0/8' })).toBe(false);
          expect(await through({})).toBe(false);
        },
        options,
      );
    }
  });

  it.each([
    'ftp://proxy',
    'http://proxy/path',
    'http://user:secret@proxy:99999',
    { url: 'http://a', password: 'secret' },
    { url: 'http://a', port: 3 },
    7,
  ])('refuses %j, without showing a password [WS-20]', async (proxy) => {
    const attempt = websocketConnect('ws://127.0.0.1:9/', { proxy: proxy as string });
    await expect(attempt).rejects.toMatchObject({
      name: 'WebSocketUsageError',
      code: 'ERR_WEBSOCKET_BAD_OPTION',
      message: expect.stringMatching(/^websocketConnect: (?!.*secret)/),
    });
  });

  it('stops while the proxy is silent, at the deadline and when aborted [WS-20]', async () => {
    await warmUp();
    const before = openDescriptors();
    const { createServer } = await import('node:net');
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const proxy = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const late = websocketConnect('ws://127.0.0.1:9/', { proxy, connectTimeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_CONNECT_TIMEOUT' });
    const controller = new AbortController();
    const aborted = websocketConnect('ws://127.0.0.1:9/', { proxy, signal: controller.signal });
    const reason = new Error('enough');
    silent.once('connection', () => controller.abort(reason));
    await expect(aborted).rejects.toBe(reason);
    await new Promise((resolve) => silent.close(resolve));
    await until(() => openDescriptors() <= before);
  });
});
