import { setTimeout as delay } from 'node:timers/promises';
import { HTTPHeaders, type HTTPServerExchange } from '@landspout/http1';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AccessRecord, HTTPServerOptions, ServerRequest } from '../src/index.ts';
import { RawClient, statusLines } from './fixtures/raw-client.ts';
import { RecordingDelegate } from './fixtures/recording-delegate.ts';
import { openDescriptors, type RunningServer, waitUntil, withServer } from './fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const CLIENTS = 20;

/** As many clients as {@link CLIENTS}, of which each has read the beginning of its response and then ended its side. */
async function endedClients({ port, server }: RunningServer): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect({ port }, GET)));
  for (const client of clients) await client.until((all) => all.includes('x'));
  expect(server.connectionCount).toBe(CLIENTS);
  for (const client of clients) client.socket.end();
  return clients;
}

/** Each client saw that its response is incomplete, and nothing is left of it. */
async function expectCut({ server }: RunningServer, clients: RawClient[]): Promise<void> {
  for (const client of clients) expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
  await waitUntil(() => server.connectionCount === 0);
  expect(clients.map(({ errorCode }) => errorCode)).toEqual(clients.map(() => 'ECONNRESET'));
  expect([server.openConnections, server.stats().requests.cut]).toEqual([0, clients.length]);
}

/** Serves with time that stands still until it is advanced. */
function withClock(
  handler: Parameters<typeof withServer>[0],
  test: (running: RunningServer, clock: VirtualClock) => Promise<void>,
  options: HTTPServerOptions = {},
): Promise<void> {
  const clock = new VirtualClock();
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  return withServer(handler, (running) => test(running, clock), {
    loop: new IOLoop({ clock, logger }),
    ...options,
  });
}

describe('a callback that gives up after its headers, because its client has ended its side', () => {
  // What a process opens once, such as an epoll of its own, is no leak.
  beforeAll(() =>
    withServer(
      () => {},
      async ({ port }) => (await RawClient.connect({ port })).close(),
    ),
  );

  const gives: Record<string, (request: ServerRequest) => Promise<void>> = {
    async returns(request) {
      while (!request.signal.aborted) {
        request.exchange.write('x');
        await delay(5);
      }
    },
    async 'rejects with the reason of the signal'(request) {
      request.exchange.write('x');
      await new Promise((_resolve, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
      });
    },
  };

  it.each(Object.entries(gives))('and %s, has its connection cut [ATT-73]', async (_how, give) => {
    const before = openDescriptors();
    const aborted: unknown[] = [];
    const handler = (request: ServerRequest): Promise<void> => {
      request.exchange.writeHead(200, 'OK', new HTTPHeaders());
      return give(request);
    };
    await withServer(
      handler,
      async (running) => {
        const clients = await endedClients(running);
        await expectCut(running, clients);
        expect(aborted).toEqual(clients.map(() => 'ERR_HTTP_PEER_ENDED'));
        expect(running.records).toEqual([]);
        // Nothing is left that a stop would wait for.
        expect(await running.server.stop({ graceMs: 0, drainMs: 60_000 })).toMatchObject({ cut: 0 });
      },
      { accessLog: (record: AccessRecord) => void aborted.push(record.aborted) },
    );
    await waitUntil(() => openDescriptors() <= before);
  });

  it('stays open if the client is still there: the response may go on elsewhere', () => {
    let exchange!: HTTPServerExchange;
    const handler = async (request: ServerRequest): Promise<void> => {
      exchange = request.exchange;
      exchange.writeHead(200, 'OK', new HTTPHeaders(), 'begun, ');
    };
    return withServer(handler, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((all) => all.includes('begun'));
      await new Promise((resolve) => setImmediate(resolve));
      exchange.write('and ended');
      exchange.finish();
      expect(await client.until((all) => all.endsWith('\r\n0\r\n\r\n'))).toContain('and ended');
      client.close();
    });
  });
});

describe('halfClosedMs', () => {
  /** Keeps each response that is under way, and drops it when its signal aborts: what is broadcast reaches the others. */
  function broadcast(): {
    readonly room: Set<HTTPServerExchange>;
    readonly join: (r: ServerRequest) => void;
  } {
    const room = new Set<HTTPServerExchange>();
    const join = (request: ServerRequest): void => {
      request.exchange.writeHead(200, 'OK', new HTTPHeaders(), 'x');
      room.add(request.exchange);
      request.signal.addEventListener('abort', () => room.delete(request.exchange));
    };
    return { room, join };
  }

  it('cuts responses to which nothing is written after their clients have ended their side', () => {
    const { room, join } = broadcast();
    const records: AccessRecord[] = [];
    return withServer(
      join,
      async (running) => {
        const clients = await endedClients(running);
        await expectCut(running, clients);
        expect(room.size).toBe(0);
        expect(records.map(({ aborted }) => aborted)).toEqual(clients.map(() => 'ERR_HTTP_PEER_ENDED'));
        expect(running.records).toEqual([]);
      },
      { halfClosedMs: 40, accessLog: (record) => void records.push(record) },
    );
  });

  it('does not keep a stop waiting for all of drainMs', () =>
    withServer(
      broadcast().join,
      async (running) => {
        const clients = await endedClients(running);
        const { cut } = await running.server.stop({ graceMs: 0, drainMs: 600_000 });
        expect(cut).toBe(0);
        for (const client of clients) client.close();
      },
      { halfClosedMs: 40 },
    ));

  it('counts from the last write, and is 30 s by default', () => {
    let exchange: HTTPServerExchange | undefined;
    let ended = false;
    const handler = (request: ServerRequest): void => {
      exchange = request.exchange;
      exchange.writeHead(200, 'OK', new HTTPHeaders(), 'x');
      request.signal.addEventListener('abort', () => {
        ended = true;
      });
    };
    return withClock(handler, async ({ port, server }, clock) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((all) => all.includes('x'));
      client.socket.end();
      await waitUntil(() => ended);
      for (let round = 0; round < 5; round += 1) {
        await clock.advance(29_000);
        exchange?.write(`round ${round}`);
        await client.until((all) => all.includes(`round ${round}`));
      }
      await clock.advance(29_000);
      expect([server.connectionCount, exchange?.isCut]).toEqual([1, false]);
      await clock.advance(2_000);
      expect(exchange?.isCut).toBe(true);
      await client.untilEnd();
      expect(client.errorCode).toBe('ECONNRESET');
    });
  });

  it('counts from the headers if they are sent after the client has ended its side, and not before them', () => {
    let exchange: HTTPServerExchange | undefined;
    let ended = false;
    const handler = (request: ServerRequest): void => {
      exchange = request.exchange;
      request.signal.addEventListener('abort', () => {
        ended = true;
      });
    };
    return withClock(handler, async ({ port, server }, clock) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => exchange !== undefined);
      client.socket.end();
      await waitUntil(() => ended);
      await clock.advance(600_000);
      expect(server.connectionCount).toBe(1);
      exchange?.writeHead(200, 'OK', new HTTPHeaders());
      await client.until((all) => all.includes('200 OK'));
      await clock.advance(29_000);
      expect(exchange?.isCut).toBe(false);
      await clock.advance(2_000);
      expect(exchange?.isCut).toBe(true);
      await client.untilEnd();
    });
  });

  it('does not apply to a client that has not ended its side, nor with 0', async () => {
    for (const [halfClosedMs, ends] of [
      [30_000, false],
      [0, true],
    ] as const) {
      const { room, join } = broadcast();
      await withClock(
        join,
        async ({ port, server }, clock) => {
          const client = await RawClient.connect({ port }, GET);
          await client.until((all) => all.includes('x'));
          if (ends) client.socket.end();
          await waitUntil(() => room.size === (ends ? 0 : 1));
          await clock.advance(600_000);
          expect(server.connectionCount).toBe(1);
          client.close();
        },
        { halfClosedMs },
      );
    }
  });

  it('does not cut what its client is still reading', () => {
    const LARGE = Buffer.alloc(128 * 1024 * 1024, 'x');
    let exchange: HTTPServerExchange | undefined;
    let ended = false;
    const handler = (request: ServerRequest): void => {
      exchange = request.exchange;
      exchange.writeHead(200, 'OK', new HTTPHeaders(), LARGE);
      request.signal.addEventListener('abort', () => {
        ended = true;
      });
    };
    return withClock(
      handler,
      async ({ port, server }, clock) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.includes('x'));
        client.socket.pause();
        client.socket.end();
        await waitUntil(() => ended);
        for (let round = 0; round < 5; round += 1) {
          const { bytesSent } = server.stats();
          client.socket.resume();
          await waitUntil(() => server.stats().bytesSent > bytesSent || server.stats().queuedBytes === 0);
          client.socket.pause();
          if (server.stats().queuedBytes === 0) break;
          // No more than one deadline passes between two reads.
          await clock.advance(1_000);
          expect(exchange?.isCut).toBe(false);
        }
        client.close();
      },
      { halfClosedMs: 1_000, progressMs: 600_000, maxWriteBufferBytes: 256 * 1024 * 1024 },
    );
  });

  it('tells a delegate that its client has ended, and then that its exchange is cut', () => {
    const cuts: boolean[] = [];
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => exchange.writeHead(200, 'OK', new HTTPHeaders(), 'x'),
    });
    return withServer(
      delegate,
      async ({ port, server }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.includes('x'));
        const request = delegate.requests[0];
        const { connectionClosed } = request as NonNullable<typeof request>;
        Object.assign(request as object, {
          connectionClosed(reason: Error) {
            cuts.push(request?.exchange.isCut === true);
            connectionClosed.call(request as NonNullable<typeof request>, reason);
          },
        });
        client.socket.end();
        await client.untilEnd();
        await waitUntil(() => server.connectionCount === 0);
        expect(cuts).toEqual([false, true]);
        expect(request?.closedWith).toMatchObject([
          { code: 'ERR_HTTP_PEER_ENDED' },
          { code: 'ERR_HTTP_PEER_ENDED' },
        ]);
      },
      { halfClosedMs: 40 },
    );
  });

  it('holds for a pipelined request that came before the client ended', () => {
    const aborted: string[] = [];
    const handler = (request: ServerRequest): void | Promise<void> => {
      if (request.target === '/') return delay(20).then(() => request.respond(200, 'first'));
      request.exchange.writeHead(200, 'OK', new HTTPHeaders(), 'second');
      request.signal.addEventListener('abort', () => aborted.push(request.target));
    };
    return withServer(
      handler,
      async ({ port, server }) => {
        const client = await RawClient.connect({ port }, `${GET}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n`);
        client.socket.end();
        expect(await client.untilEnd()).toMatch(/first.*second/s);
        await waitUntil(() => server.connectionCount === 0);
        expect(aborted).toEqual(['/2']);
      },
      { halfClosedMs: 40 },
    );
  });
});

describe('a callback that gives up before its headers, because its client has ended its side', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  const gives: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    returns: untilAborted,
    'rejects with the reason': (signal) => untilAborted(signal).then(() => Promise.reject(signal.reason)),
    'rejects with an AbortError of Node': (signal) => delay(2 ** 30, undefined, { signal }),
    'rejects with an error whose causes end in the reason': async (signal) => {
      await untilAborted(signal);
      const cause = new Error('no row came', { cause: signal.reason });
      throw new Error('the page cannot be made', { cause });
    },
  };

  it.each(Object.entries(gives))('and %s, is answered with a 499', async (_how, give) => {
    const accessed: AccessRecord[] = [];
    await withServer(
      async ({ signal }) => void (await give(signal)),
      async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, GET);
        client.socket.end();
        const received = await client.untilEnd();
        expect(received).toMatch(/^HTTP\/1\.1 499 Client Closed Request\r\n.*\r\nConnection: close\r\n/s);
        expect(received).toMatch(/\r\nContent-Type: text\/plain.*\r\n\r\n499 Client Closed Request\n$/s);
        expect(records.map(({ level }) => level)).toEqual(['info']);
        expect(accessed).toMatchObject([{ status: 499, error: { code: 'ERR_HTTP_PEER_ENDED' } }]);
        const { responses, requests } = server.stats();
        expect([responses['4xx'], responses['5xx'], requests.underWay]).toEqual([1, 0, 0]);
        await waitUntil(() => server.connectionCount === 0);
      },
      { accessLog: (record) => void accessed.push(record) },
    );
  });

  it.each(Object.entries(gives))('and %s after a reset, leaves no record', async (_how, give) => {
    let begun = false;
    let settled = false;
    const handler = async ({ signal }: ServerRequest): Promise<void> => {
      begun = true;
      const giving = give(signal);
      await giving.catch(() => {});
      settled = true;
      await giving;
    };
    await withServer(handler, async ({ port, server, records }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => begun);
      client.reset();
      await waitUntil(() => settled && server.connectionCount === 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(records).toEqual([]);
      expect(server.stats().requests).toMatchObject({ cut: 1, underWay: 0 });
    });
  });

  it('still has an error of its own logged, and answered with a 500', () =>
    withServer(
      async ({ signal }) => {
        await untilAborted(signal);
        throw new Error('a bug');
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, GET);
        client.socket.end();
        expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 500 Internal Server Error']);
        expect(records).toMatchObject([{ level: 'error', error: { message: 'a bug' } }]);
      },
    ));

  it('gets a 499 as a delegate, too, that only passes the reason on', () => {
    let reject!: (error: unknown) => void;
    const delegate = {
      startRequest: () => ({
        headersReceived() {},
        dataReceived() {},
        finish: () => new Promise<void>((_resolve, rejects) => (reject = rejects)),
        connectionClosed: (reason: Error) => reject(reason),
      }),
    };
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      client.socket.end();
      expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 499 Client Closed Request']);
    });
  });
});

describe('HTTPServerExchange.waitDrained', () => {
  it('rejects with the reason of the signal if the client left before, while something else was awaited', () => {
    const failures: unknown[] = [];
    let begun = false;
    let reason: unknown;
    const handler = async ({ exchange, signal }: ServerRequest): Promise<void> => {
      exchange.writeHead(200, 'OK', new HTTPHeaders());
      begun = true;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      reason = signal.reason;
      exchange.write('goes nowhere');
      await exchange.waitDrained().catch((error: unknown) => failures.push(error));
    };
    return withServer(handler, async ({ port, records }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => begun);
      client.reset();
      await waitUntil(() => failures.length === 1);
      expect(failures).toEqual([reason]);
      expect(records).toEqual([]);
    });
  });

  it('rejects once the client has left, so that a loop that writes and waits ends, without a record', () => {
    const failures: unknown[] = [];
    const handler = async ({ exchange }: ServerRequest): Promise<void> => {
      exchange.writeHead(200, 'OK', new HTTPHeaders());
      try {
        for (;;) {
          exchange.write(Buffer.alloc(256 * 1024));
          await exchange.waitDrained();
        }
      } catch (error) {
        failures.push(error);
        throw error;
      }
    };
    return withServer(handler, async ({ port, server, records }) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((all) => all.includes('200 OK'));
      client.reset();
      await waitUntil(() => failures.length === 1 && server.connectionCount === 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(failures).toMatchObject([{ code: expect.stringMatching(/^ERR_HTTP_(RESET|CLOSED)$/) }]);
      expect(records).toEqual([]);
    });
  });
});
