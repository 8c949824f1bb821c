import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { HTTPServer } from '../../src/index.ts';
import { toNodeHandler } from '../../src/node/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { type OuterServer, RecordingLogger, respond, withNodeServer } from './outer-servers.ts';

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

function upgradeRequest(target = '/', more = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: a.example\r\nUpgrade: echo\r\nConnection: Upgrade\r\nX-One: 1\r\n\r\n${more}`;
}

/** Takes the connection over, and sends back what arrives. */
function echoDelegate(streams: IOStream[] = []): RecordingDelegate {
  return new RecordingDelegate({
    head: ({ exchange }) => {
      const stream = exchange.detach(() => stream.close());
      streams.push(stream);
      stream.send(SWITCH);
      void stream.pipeTo(stream).catch(() => {});
    },
  });
}

async function withUpgrades(
  delegate: RecordingDelegate,
  test: (outer: OuterServer) => Promise<void>,
  options: Parameters<typeof toNodeHandler>[1] = {},
): Promise<void> {
  const handler = toNodeHandler(delegate, options);
  await withNodeServer(handler, async (outer) => {
    outer.server.on('upgrade', handler.upgrade);
    await test(outer);
  });
}

describe('toNodeHandler: upgrade', () => {
  it('hands the connection over, with the bytes that came after the head', async () => {
    const delegate = echoDelegate();
    await withUpgrades(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, upgradeRequest('/chat?room=1', 'early '));
      await client.until((received) => received.endsWith('early '));
      client.send('late');
      expect(await client.until((received) => received.endsWith('late'))).toBe(`${SWITCH}early late`);
      const [request] = delegate.requests;
      expect(request?.head).toMatchObject({ method: 'GET', target: '/chat?room=1' });
      expect(request?.head?.headers.get('X-One')).toBe('1');
      expect(request?.exchange.connection).toMatchObject({
        protocol: 'http',
        remoteAddress: { address: '127.0.0.1' },
      });
      client.close();
    });
  });

  it('notices that the client leaves', async () => {
    const streams: IOStream[] = [];
    await withUpgrades(echoDelegate(streams), async ({ port }) => {
      const client = await RawClient.connect({ port }, upgradeRequest());
      await client.until((received) => received.endsWith('\r\n\r\n'));
      client.reset();
      await waitUntil(() => streams[0]?.isClosed === true);
    });
  });

  it('closes the connection after a response', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => respond(exchange, 426, 'no'),
    });
    await withUpgrades(delegate, async ({ port }) => {
      const received = await converse(port, upgradeRequest());
      expect(statusLines(received)).toEqual(['HTTP/1.1 426 Upgrade Required']);
      expect(received).toContain('Connection: close\r\n');
      expect(received).toMatch(/\r\n\r\nno$/);
    });
  });

  it('responds with a 500 if the delegate throws, and logs one record', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      head: () => {
        throw new Error('secret');
      },
    });
    await withUpgrades(
      delegate,
      async ({ port }) => {
        expect(statusLines(await converse(port, upgradeRequest()))).toEqual([
          'HTTP/1.1 500 Internal Server Error',
        ]);
        expect(logger.records).toMatchObject([{ level: 'error', error: { message: 'secret' } }]);
      },
      { logger },
    );
  });

  // As latin1, U+010D and U+010A are CR and LF.
  it.each([
    ['target', { url: '/a HTTP/1.1\u010d\u010aX-Injected: 1\u010d\u010aX-Rest: ' }],
    ['target with a space', { url: '/a b' }],
    ['target of another form', { url: 'a' }],
    ['method', { method: 'GET / HTTP/1.1\r\nX-Injected: 1\r\nX-Rest:' }],
    ['field name', { rawHeaders: ['Host', 'a', 'X-Injected: 1\r\nX-Rest', ''] }],
    ['field value', { rawHeaders: ['Host', 'a', 'X-One', '1\u010d\u010aX-Injected: 1'] }],
    ['second Host', { rawHeaders: ['Host', 'a', 'Host', 'b'] }],
  ])('refuses a %s that a handler in front has made invalid', async (_name, changes) => {
    const delegate = echoDelegate();
    const handler = toNodeHandler(delegate);
    await withNodeServer(handler, async ({ port, server }) => {
      server.on('upgrade', (request, socket, head) =>
        handler.upgrade(Object.assign(request, changes), socket, head),
      );
      const received = await converse(port, upgradeRequest('/', 'early'));
      expect(statusLines(received)).toEqual(['HTTP/1.1 400 Bad Request']);
      expect(received).toContain('Connection: close\r\n');
      expect(delegate.requests).toEqual([]);
    });
  });

  it('serves other requests of the server beside it', async () => {
    await withUpgrades(
      echoDelegate(),
      async ({ port, url }) => {
        const client = await RawClient.connect({ port }, upgradeRequest());
        await client.until((received) => received.endsWith('\r\n\r\n'));
        // Without upgrade, detach is refused.
        expect((await fetch(url)).status).toBe(501);
        client.close();
      },
      { logger: new RecordingLogger() },
    );
  });

  it('asks for the end of taken over connections when the server stops', async () => {
    const stop = new AbortController();
    await withUpgrades(
      echoDelegate(),
      async ({ port }) => {
        const client = await RawClient.connect({ port }, upgradeRequest());
        await client.until((received) => received.endsWith('\r\n\r\n'));
        stop.abort();
        await client.untilEnd();
        client.close();
      },
      { signal: stop.signal },
    );
  });

  it('takes connections over from a server that has closed its listener', async () => {
    const handler = toNodeHandler(echoDelegate());
    const server = createServer();
    server.on('upgrade', (request, socket, head) => {
      server.close();
      handler.upgrade(request, socket, head);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = await RawClient.connect({ port }, upgradeRequest('/', 'x'));
    await client.until((received) => received.endsWith('x'));
    client.close();
  });

  it('is the same as on an HTTPServer', async () => {
    const direct = new HTTPServer(echoDelegate());
    await direct.listen({ port: 0, host: '127.0.0.1' });
    const received: string[] = [];
    const talk = async (port: number) => {
      const client = await RawClient.connect({ port }, upgradeRequest('/', 'abc'));
      received.push(await client.until((text) => text.endsWith('abc')));
      client.close();
    };
    await talk(direct.port);
    await withUpgrades(echoDelegate(), ({ port }) => talk(port));
    await direct.closeAll();
    expect(received[1]).toBe(received[0]);
  });
});

describe('toNodeHandler: upgrade below a mountPath', () => {
  it('removes the path from the target', async () => {
    const delegate = echoDelegate();
    await withUpgrades(
      delegate,
      async ({ port }) => {
        for (const target of ['/live/chat?room=1', '/live', '/live?a']) {
          const client = await RawClient.connect({ port }, upgradeRequest(target, 'x'));
          await client.until((received) => received.endsWith('x'));
          client.close();
        }
        expect(delegate.requests.map(({ head }) => [head?.mountPath, head?.target])).toEqual([
          ['/live', '/chat?room=1'],
          ['/live', '/'],
          ['/live', '/?a'],
        ]);
      },
      { mountPath: '/live' },
    );
  });

  it('responds with a 404 to other paths if the server has no other listener', async () => {
    const delegate = echoDelegate();
    await withUpgrades(
      delegate,
      async ({ port }) => {
        for (const target of ['/', '/lively'])
          expect(statusLines(await converse(port, upgradeRequest(target)))).toEqual([
            'HTTP/1.1 404 Not Found',
          ]);
        expect(delegate.requests).toEqual([]);
      },
      { mountPath: '/live' },
    );
  });

  it('leaves other paths to the other listeners, and the last of several handlers responds with a 404', async () => {
    const [one, two] = [echoDelegate(), echoDelegate()];
    const handlers = [
      toNodeHandler(one, { mountPath: '/one' }),
      toNodeHandler(two, { mountPath: '/two' }),
    ] as const;
    await withNodeServer(handlers[0], async ({ port, server }) => {
      for (const { upgrade } of handlers) server.on('upgrade', upgrade);
      for (const target of ['/one/a', '/two/b']) {
        const client = await RawClient.connect({ port }, upgradeRequest(target, 'x'));
        await client.until((received) => received.endsWith('x'));
        client.close();
      }
      expect(statusLines(await converse(port, upgradeRequest('/three')))).toEqual(['HTTP/1.1 404 Not Found']);
      server.on('upgrade', (request, socket) => {
        if (request.url === '/three') socket.end(SWITCH);
      });
      expect(await converse(port, upgradeRequest('/three'))).toBe(SWITCH);
      expect([one, two].map(({ requests }) => requests.map(({ head }) => head?.target))).toEqual([
        ['/a'],
        ['/b'],
      ]);
    });
  });

  it('notifies the delegate if the client leaves', async () => {
    const delegate = new RecordingDelegate({ finish: () => {} });
    await withUpgrades(
      delegate,
      async ({ port }) => {
        const client = await RawClient.connect({ port }, upgradeRequest('/live'));
        await waitUntil(() => delegate.requests[0]?.calls.includes('finish') === true);
        client.reset();
        await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
      },
      { mountPath: '/live' },
    );
  });
});
