import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as nodeRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { Hono } from 'hono';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FetchServer, type ServeOptions, serve } from '../../src/fetch/index.ts';
import { HTTPServer } from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { ask, deferred, responseOf, send } from './compat/servers.ts';

const HERE = { port: 0, hostname: '127.0.0.1' };
const hello = (): Response => new Response('hello');
const started: FetchServer[] = [];

function start(options: Partial<ServeOptions> = {}, onListen?: (address: AddressInfo) => void): FetchServer {
  const server = serve({ fetch: hello, ...HERE, ...options }, onListen);
  started.push(server);
  return server;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(started.splice(0).map((server) => server.close(true)));
});

describe('serve', () => {
  it('returns a server at once, which listens later', async () => {
    const listened = deferred<AddressInfo>();
    const server = start({}, listened.resolve);
    expect([server.listening, server.url, server.port, server.address()]).toEqual([
      false,
      undefined,
      undefined,
      null,
    ]);
    const { port } = await listened.promise;
    expect(await server.ready()).toBe(server);
    expect(server).toMatchObject({ listening: true, port, hostname: '127.0.0.1', runtime: 'node' });
    expect(server.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port });
    expect(server.url).toBe(`http://127.0.0.1:${port}/`);
    expect(server.server).toBeInstanceOf(HTTPServer);
    expect((await ask(port, '/')).text).toBe('hello');
  });

  it('takes an application instead of options', async () => {
    vi.stubEnv('PORT', '0');
    vi.stubEnv('HOST', '127.0.0.1');
    const server = serve(new Hono().get('/', (c) => c.text('from the application')));
    started.push(server);
    await server.ready();
    expect((await ask(server.port as number, '/')).text).toBe('from the application');
    expect(server.hostname).toBe('127.0.0.1');
  });

  it('listens on a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-serve-'));
    try {
      const path = join(folder, 'socket');
      const server = serve({ fetch: ({ url }) => new Response(url), path });
      started.push(server);
      await server.ready();
      expect([server.address(), server.port]).toEqual([path, undefined]);
      const [message] = await once(nodeRequest({ socketPath: path, path: '/a' }).end(), 'response');
      expect((await message.toArray()).join('')).toBe('http://localhost/a');
    } finally {
      await Promise.all(started.splice(0).map((server) => server.close(true)));
      rmSync(folder, { recursive: true });
    }
  });

  it('prints nothing, unless silent is false', async () => {
    const infos: string[] = [];
    const ignore = (): void => {};
    const logger = {
      debug: ignore,
      warn: ignore,
      error: ignore,
      info: (_: object, text: string) => void infos.push(text),
    };
    await start({ logger }).ready();
    expect(infos).toEqual([]);
    const server = await start({ logger, silent: false }).ready();
    expect(infos).toEqual([`listening on ${server.url}`]);
  });

  it('waits with manual until it is told to listen', async () => {
    const server = start({ manual: true });
    await expect(server.ready()).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    expect(server.listening).toBe(false);
    await server.serve();
    expect(server.listening).toBe(true);
  });

  it('listens like a server of node:http', async () => {
    const server = start({ manual: true });
    const listened = deferred();
    expect(server.listen(0, '127.0.0.1', listened.resolve)).toBe(server);
    await listened.promise;
    expect((await ask(server.port as number, '/')).text).toBe('hello');
  });

  it('is shown with its address', async () => {
    const server = await start().ready();
    const shown = `FetchServer { url: '${server.url}', listening: true, openConnections: 0 }`;
    expect(inspect(server, { breakLength: Infinity })).toBe(shown);
  });

  it('calls the handler without a connection', async () => {
    const server = start({
      manual: true,
      fetch: () => {
        throw new Error('thrown');
      },
      middleware: [(request, next) => (request.url.endsWith('/own') ? new Response('own') : next())],
      error: (error) => new Response(`handled ${(error as Error).message}`, { status: 418 }),
    });
    expect(await (await server.fetch(new Request('http://a/own'))).text()).toBe('own');
    const response = await server.fetch(new Request('http://a/'));
    expect([response.status, await response.text()]).toEqual([418, 'handled thrown']);
  });

  it.each(['throws', 'rejects with'])(
    'responds with the Response that the handler %s, without a connection',
    async (how) => {
      const refusal = new Response('refused', { status: 403 });
      const server = start({
        manual: true,
        fetch: () => {
          if (how === 'throws') throw refusal;
          return Promise.reject(refusal);
        },
        error: () => new Response('not called'),
      });
      expect(await server.fetch(new Request('http://a/'))).toBe(refusal);
    },
  );
});

describe('a FetchServer that cannot listen', () => {
  async function taken(): Promise<{ readonly port: number; free(): Promise<unknown> }> {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const free = (): Promise<unknown> => once(blocker.close(), 'close');
    return { port: (blocker.address() as AddressInfo).port, free };
  }
  const inUse = expect.objectContaining({ code: 'EADDRINUSE' });

  it('rejects ready', async () => {
    const { port, free } = await taken();
    await expect(start({ port }).ready()).rejects.toEqual(inUse);
    await free();
  });

  it('emits error', async () => {
    const { port, free } = await taken();
    const server = start({ port });
    const [error] = await once(server, 'error');
    expect(error).toEqual(inUse);
    await expect(server.ready()).rejects.toBe(error);
    await free();
  });

  /** Returns the error that is thrown after `act` and caught by nothing. */
  async function uncaughtAfter(act: () => unknown): Promise<unknown> {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const thrown = new Promise((resolve) => {
        process.once('uncaughtException', resolve);
      });
      act();
      return await thrown;
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  }

  it('throws an uncaught error if nothing handles it', async () => {
    const { port, free } = await taken();
    expect(await uncaughtAfter(() => start({ port }))).toEqual(inUse);
    await free();
  });

  it.each<[string, (server: FetchServer) => Promise<unknown>]>([
    ['close of an earlier attempt', (server) => server.close()],
    ['ready of an earlier attempt', (server) => server.ready().then(() => server.close())],
    ['ready before any attempt', (server) => server.close().then(() => server.ready().catch(() => {}))],
  ])('throws an uncaught error after %s', async (_name, before) => {
    const { port, free } = await taken();
    const server = start();
    await before(server);
    expect(await uncaughtAfter(() => server.listen(port, '127.0.0.1'))).toEqual(inUse);
    await free();
  });

  it('lets a listener of error try again at another place', async () => {
    const { port, free } = await taken();
    const server = start({ port });
    const listened = deferred();
    server.once('error', () => server.listen(0, '127.0.0.1', listened.resolve));
    await listened.promise;
    expect((await ask(server.port as number, '/')).text).toBe('hello');
    await free();
  });

  it('can try again', async () => {
    const { port, free } = await taken();
    const server = start({ port, manual: true });
    await expect(server.serve()).rejects.toEqual(inUse);
    await free();
    await server.serve();
    expect(server.port).toBe(port);
  });
});

describe('close of a FetchServer', () => {
  it('completes requests in progress, and closes idle connections', async () => {
    const called = deferred();
    const respond = deferred();
    const server = await start({
      fetch: async () => {
        called.resolve();
        await respond.promise;
        return new Response('completed');
      },
    }).ready();
    const port = server.port as number;
    const idle = await RawClient.connect({ port });
    const reply = ask(port, '/');
    await called.promise;
    const events: string[] = [];
    server.on('close', () => events.push('close'));
    const closing = server.close(() => events.push('callback'));
    await idle.untilEnd();
    idle.close();
    expect(server.listening).toBe(false);
    respond.resolve();
    expect((await reply).text).toBe('completed');
    await closing;
    expect(events).toEqual(['close', 'callback']);
  });

  it('cuts requests in progress with true', async () => {
    const aborted = deferred();
    const server = await start({
      fetch: ({ signal }) => {
        signal.addEventListener('abort', () => aborted.resolve());
        return new Response(new ReadableStream({ start: (out) => out.enqueue(Buffer.from('begun')) }));
      },
    }).ready();
    const message = await responseOf(send(server.port as number, '/'));
    await server.close(true);
    await aborted.promise;
    await expect(message.toArray()).rejects.toThrow('aborted');
  });

  it('waits for the promises of waitUntil', async () => {
    const order: string[] = [];
    const first = deferred();
    const second = deferred();
    const server = await start({
      fetch: (request) => {
        request.waitUntil?.(first.promise.then(() => order.push('request')));
        return new Response('done');
      },
    }).ready();
    server.waitUntil(second.promise.then(() => order.push('server')));
    expect((await ask(server.port as number, '/')).text).toBe('done');
    const closing = server.close().then(() => order.push('closed'));
    await once(server, 'close');
    first.resolve();
    second.resolve();
    await closing;
    expect(order).toEqual(['request', 'server', 'closed']);
  });

  it('waits no longer than drainMs for them, and says how many are left, even if no more are accepted', async () => {
    const clock = new VirtualClock();
    const warnings: object[] = [];
    const ignore = (): void => {};
    const warn = (details: object): void => void warnings.push(details);
    const logger = { debug: ignore, info: ignore, warn, error: ignore };
    const server = await start({ loop: new IOLoop({ logger, clock }) }).ready();
    const never = new Promise(() => {});
    const limit = 100_000;
    for (let count = 0; count < limit; count += 1) server.waitUntil(never);
    expect(() => server.waitUntil(never)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
    started.splice(0);
    let isClosed = false;
    let isStopped = false;
    server.once('close', () => {
      isStopped = true;
    });
    const closing = server.close({ drainMs: 2_000 }).then(() => {
      isClosed = true;
    });
    // The stop itself waits for the clock, and then for the sockets.
    while (!isStopped) {
      await clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await clock.advance(1_999);
    expect(isClosed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(warnings).toEqual([{ pending: limit }]);
  });

  it('logs the rejection of a promise of waitUntil', async () => {
    const errors: unknown[] = [];
    const ignore = (): void => {};
    const logger = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: ({ error }: { error?: unknown }) => void errors.push(error),
    };
    const server = await start({ logger }).ready();
    const failure = new Error('background');
    server.waitUntil(Promise.reject(failure));
    await server.close();
    expect(errors).toEqual([failure]);
    expect(() => server.waitUntil(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
  });

  it('may be called before the server listens, and twice', async () => {
    const server = start();
    await Promise.all([server.close(), server.close()]);
    expect(server.listening).toBe(false);
    await server.close();
  });

  it('lets the server listen again', async () => {
    const server = await start().ready();
    await server.close();
    await server.serve();
    expect((await ask(server.port as number, '/')).text).toBe('hello');
  });

  it('refuses unknown options', async () => {
    const server = start({ manual: true });
    await expect(server.close({ timeout: 1 } as never)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});

describe('overrideGlobalObjects of serve', () => {
  const native = { Request, Response, fetch };
  const current = (): object => ({ Request, Response, fetch });

  it('replaces the global Response until all servers are closed', async () => {
    const first = await start().ready();
    const second = await start().ready();
    expect(Response).not.toBe(native.Response);
    expect(new Response('x')).toBeInstanceOf(native.Response);
    await first.close();
    expect(Response).not.toBe(native.Response);
    await second.close();
    expect(current()).toEqual(native);
  });

  it('does nothing if it is false, or if the server does not listen', async () => {
    await start({ overrideGlobalObjects: false }).ready();
    start({ manual: true });
    expect(current()).toEqual(native);
  });

  it('is undone if the server cannot listen', async () => {
    await expect(start({ hostname: '192.0.2.1' }).ready()).rejects.toThrow();
    expect(current()).toEqual(native);
  });
});

describe('signals', () => {
  const counts = (): number[] => [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')];

  it('are not handled by default', async () => {
    const before = counts();
    await start().ready();
    expect(counts()).toEqual(before);
  });

  it.each([
    ['stopOnSignals', { stopOnSignals: true }],
    ['gracefulShutdown', { gracefulShutdown: true }],
    ['gracefulShutdown with a timeout', { gracefulShutdown: { gracefulTimeout: 1 } }],
  ])('stop the server with %s', async (_name, options) => {
    const before = counts();
    const server = await start(options).ready();
    expect(counts()).toEqual(before.map((count) => count + 1));
    const closed = once(server, 'close');
    process.emit('SIGTERM', 'SIGTERM');
    await closed;
    expect(server.listening).toBe(false);
    expect(counts()).toEqual(before);
  });

  it('are no longer handled after close', async () => {
    const before = counts();
    const server = await start({ stopOnSignals: true }).ready();
    await server.close();
    expect(counts()).toEqual(before);
  });
});
