import { get as httpGet } from 'node:http';
import { createGunzip } from 'node:zlib';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../../src/index.ts';
import { allow, half, nextTurn, openStream, servingLog, until } from '../fixtures/event-streams.ts';
import { LOGS, MemoryLog } from '../fixtures/memory-log.ts';
import { ask, RawClient, requestText } from '../fixtures/raw-client.ts';
import { responsesOf } from '../fixtures/response-stream.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

describe.each(LOGS)('a client that disconnects, with a log that %s', (_, Log) => {
  it.each(['reset', 'close'] as const)('closes the subscription: %s', async (how) => {
    const log = new Log();
    await servingLog(log, {}, async ({ port, log: logger }) => {
      const client = await openStream(port);
      await client.until('retry');
      expect(log.subscriptions.size).toBe(1);
      client[how]();
      await until(() => log.subscriptions.size === 0);
      expect(logger.records.filter(({ level }) => level !== 'debug')).toEqual([]);
    });
  });

  it('closes the subscription when it ends its side of the connection, and gets a complete response', async () => {
    const log = new Log();
    await servingLog(log, {}, async ({ port }) => {
      const client = await openStream(port);
      await client.until('retry');
      client.socket.end();
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(true);
      expect(log.subscriptions.size).toBe(0);
    });
  });

  it('calls return of the iterator at once, although next is pending', async () => {
    const events: string[] = [];
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => events.push('next')),
        return: async () => {
          events.push('return');
          return { done: true, value: undefined };
        },
      }),
    };
    const ended = signalled();
    class Stream extends RequestHandler {
      override async get(): Promise<void> {
        await this.eventStream(source);
        events.push('resumed');
      }
      override onFinish(): void {
        ended.resolve();
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await openStream(port);
      await client.until('retry');
      client.reset();
      await ended.promise;
      expect(events).toEqual(['next', 'return', 'resumed']);
    });
  });

  it('while authorize is pending leaves no subscription behind', async () => {
    const log = new Log();
    const asked = signalled();
    const decided = signalled<boolean>();
    const left = signalled();
    class Stream extends RequestHandler {
      override get(): Promise<void> {
        const authorize = (): Promise<boolean> => {
          asked.resolve();
          return decided.promise;
        };
        return this.eventStream(log, { authorize });
      }
      override onConnectionClose(): void {
        left.resolve();
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await openStream(port);
      await asked.promise;
      client.reset();
      await left.promise;
      decided.resolve(true);
      await until(() => log.subscribed === 1 && log.subscriptions.size === 0);
    });
  });
});

describe('a client that does not read', () => {
  it('is sent no more than fits, and everything later', async () => {
    const piece = 'x'.repeat(64 * 1024);
    const total = 600;
    let pulled = 0;
    async function* pieces(): AsyncGenerator<string> {
      for (; pulled < total; pulled += 1) yield piece;
    }
    class Stream extends RequestHandler {
      override get(): Promise<void> {
        return this.eventStream(pieces());
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await RawClient.connect(port);
      client.socket.pause();
      client.send(requestText('/', 'GET', 'Connection: close'));
      await until(() => pulled > 0);
      for (let [idle, last] = [0, 0]; idle < 200; idle = pulled === last ? idle + 1 : 0) {
        last = pulled;
        await nextTurn();
      }
      expect(pulled).toBeLessThan(total);
      client.socket.resume();
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(true);
      expect(response?.body.split(`data: ${piece}\n\n`)).toHaveLength(total + 1);
    });
  });
});

describe.each(LOGS)('the keep-alive of event streams, with a log that %s', (_, Log) => {
  it('is a comment after fifteen seconds without an event', async () => {
    const clock = new VirtualClock();
    const log = new Log();
    await servingLog(
      log,
      {},
      async ({ port }) => {
        const client = await openStream(port);
        await client.until('retry');
        await clock.advance(10_000);
        log.add('1');
        await client.until('data: 1');
        await clock.advance(14_000);
        await nextTurn();
        expect(client.received).not.toContain('\n:\n\n');
        await clock.advance(2_000);
        await client.until('\n:\n\n');
        client.close();
      },
      { clock },
    );
  });

  it('takes one timer for all streams, and none without a stream', async () => {
    const clock = new VirtualClock();
    const log = new Log();
    await servingLog(
      log,
      {},
      async ({ port }) => {
        expect(clock.pending).toBe(0);
        const clients = await Promise.all(Array.from({ length: 20 }, () => openStream(port)));
        for (const client of clients) await client.until('retry');
        expect(clock.pending).toBe(1);
        for (const client of clients) client.reset();
        await until(() => log.subscriptions.size === 0);
        expect(clock.pending).toBe(0);
      },
      { clock },
    );
  });

  it('can be turned off', async () => {
    const clock = new VirtualClock();
    await servingLog(
      new Log(),
      { keepAliveMs: 0 },
      async ({ port }) => {
        const client = await openStream(port);
        await client.until('retry');
        expect(clock.pending).toBe(0);
        client.close();
      },
      { clock },
    );
  });
});

describe('an error of the source', () => {
  it('cuts the connection, so that the response does not look complete, and is logged', async () => {
    const log = new MemoryLog();
    await servingLog(log, {}, async ({ port, log: logger }) => {
      const client = await openStream(port);
      await client.until('retry');
      log.add('1');
      await client.until('data: 1');
      log.fail(new RangeError('lost'));
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(false);
      expect(logger.records).toMatchObject([{ level: 'error', error: { message: 'lost' } }]);
      expect(log.subscriptions.size).toBe(0);
    });
  });
});

describe.each(LOGS)('the time limit of a route, with a log that %s', (_, Log) => {
  it('cuts a stream, and closes its subscription', async () => {
    const clock = new VirtualClock();
    const log = new Log();
    class Stream extends RequestHandler {
      override get(): Promise<void> {
        return this.eventStream(log, { authorize: allow });
      }
    }
    const routes = [['/', Stream, {}, { handlerTimeoutMs: 60_000 }]] as const;
    await withApp(
      routes,
      async ({ port }) => {
        const client = await openStream(port);
        await client.until('retry');
        await clock.advance(60_000);
        const [response] = responsesOf(await client.untilEnd());
        expect(response?.isComplete).toBe(false);
        expect(log.subscriptions.size).toBe(0);
      },
      { clock },
    );
  });
});

describe.each(LOGS)('a server that stops, with a log that %s', (_, Log) => {
  it('ends open streams between two events, with a time to connect again', async () => {
    const log = new Log();
    await servingLog(log, {}, async ({ port, server }) => {
      const clients = await Promise.all([openStream(port), openStream(port)]);
      for (const client of clients) await client.until('retry');
      log.add('"before"');
      for (const client of clients) await client.until('"before"\n\n');
      const stopped = server.stop({ graceMs: 0 });
      for (const client of clients) {
        const [response] = responsesOf(await client.untilEnd());
        expect(response?.body).toBe('id: e.0\nretry: 3000\n\nid: e.1\ndata: "before"\n\nretry: 5500\n\n');
        expect(response?.isComplete).toBe(true);
      }
      expect(await stopped).toMatchObject({ cut: 0 });
    });
  });

  it('spreads the times over one to ten seconds', async () => {
    const numbers = [0, 1, 0, 1];
    const random = (): number => numbers.shift() ?? Number.NaN;
    await servingLog(new Log(), { random }, async ({ port, server }) => {
      const clients: RawClient[] = [];
      for (const retry of ['1500', '4500']) {
        const client = await openStream(port);
        await client.until(`retry: ${retry}\n\n`);
        clients.push(client);
      }
      const stopped = server.stop({ graceMs: 0 });
      const ends = await Promise.all(clients.map((client) => client.untilEnd()));
      await stopped;
      expect(ends.map((text) => /retry: (\d+)\n\n\r\n0\r\n\r\n$/.exec(text)?.[1])).toEqual(['1000', '10000']);
    });
  });

  it('responds to a new stream with a 200, a time to connect again, and the end', async () => {
    const log = new Log();
    await servingLog(log, {}, async ({ port, server }) => {
      const client = await RawClient.connect(port, requestText('/', 'HEAD'));
      await client.until('\r\n\r\n');
      const before = client.received.length;
      const stopped = server.stop();
      client.send(requestText('/', 'GET', 'Last-Event-ID: e.0'));
      const [response] = responsesOf((await client.untilEnd()).slice(before));
      expect(response).toMatchObject({ status: 200, body: 'retry: 5500\n\n', isComplete: true });
      expect(response?.headers.get('content-type')).toBe('text/event-stream');
      expect(response?.headers.get('connection')).toBe('close');
      await stopped;
    });
  });
});

describe.each(LOGS)('authorize, with a log that %s', (_, Log) => {
  const thrower = (): never => {
    throw new RangeError('mine');
  };
  it.each<[string, unknown, boolean]>([
    ['false', false, false],
    ['a promise of false', Promise.resolve(false), false],
    ['text', 'yes', false],
    ['undefined', undefined, false],
    ['an object', {}, false],
    ['an error', thrower, true],
    ['a rejection', () => Promise.reject(new RangeError('mine')), true],
  ])('refuses with a 404 if it returns %s', async (_, decision, isLogged) => {
    const log = new Log();
    const authorize = (): boolean => (typeof decision === 'function' ? decision() : decision) as boolean;
    await servingLog(log, { authorize }, async ({ port, log: logger }) => {
      expect((await ask(port, '/')).slice(0, 12)).toBe('HTTP/1.1 404');
      expect(log.subscribed).toBe(0);
      const logged = logger.records.map(({ level, error }) => [level, (error as Error).message]);
      expect(logged).toEqual(isLogged ? [['error', 'mine']] : []);
    });
  });

  it('is asked for each request with action, topic and handler', async () => {
    const asked: unknown[] = [];
    const log = new Log('news/today');
    log.finish('deleted');
    const authorize = ({ action, topic, handler }: { action: string; topic: string; handler: unknown }) => {
      asked.push([action, topic, handler instanceof RequestHandler]);
      return true;
    };
    await servingLog(log, { authorize, presence: true }, async ({ port }) => {
      await ask(port, '/?last=1');
      await ask(port, '/?after=e.0');
    });
    await servingLog(log, { authorize, action: 'read', topic: 'run 1' }, async ({ port }) => {
      await ask(port, '/');
    });
    const both = [
      ['subscribe', 'news/today', true],
      ['presence', 'news/today', true],
    ];
    expect(asked).toEqual([...both, ...both, ['read', 'run 1', true]]);
  });

  it('is required, before anything is sent', async () => {
    const log = new Log();
    class Stream extends RequestHandler {
      override get(): Promise<void> {
        // @ts-expect-error the option authorize is missing
        return this.eventStream(log, {});
      }
    }
    await withApp([['/', Stream]], async ({ port, log: logger }) => {
      expect((await ask(port, '/')).slice(0, 12)).toBe('HTTP/1.1 500');
      expect(logger.records).toMatchObject([{ error: { code: 'ERR_WEB_USAGE' } }]);
      expect(String(logger.records[0]?.error)).toContain('authorize');
      expect(log.subscribed).toBe(0);
    });
  });

  it('is asked again after reauthorizeMs, and a refusal ends the stream', async () => {
    const clock = new VirtualClock();
    const log = new Log();
    let isAllowed = true;
    let asked = 0;
    const authorize = (): boolean => {
      asked += 1;
      return isAllowed;
    };
    await servingLog(
      log,
      { authorize, reauthorizeMs: 60_000, keepAliveMs: 0 },
      async ({ port }) => {
        const client = await openStream(port, '/', 'Connection: close');
        await client.until('retry');
        await clock.advance(62_000);
        expect(asked).toBe(2);
        log.add('1');
        await client.until('data: 1');
        isAllowed = false;
        await clock.advance(62_000);
        const [response] = responsesOf(await client.untilEnd());
        expect(response?.isComplete).toBe(true);
        expect(response?.body).toContain('event: end\nid: e.1\ndata: {"how":"revoked"}\n\n');
        expect(log.subscriptions.size).toBe(0);
        expect(clock.pending).toBe(0);
      },
      { clock },
    );
  });
});

describe.each(LOGS)('a compressed event stream, with a log that %s', (_, Log) => {
  it('is flushed with each event', async () => {
    const log = new Log();
    const settings = { compressResponse: { types: ['text/event-stream'], codings: ['gzip'] } } as const;
    await servingLog(
      log,
      {},
      async ({ url }) => {
        const received = signalled<string>();
        const request = httpGet(url, { headers: { 'Accept-Encoding': 'gzip' } }, (response) => {
          expect(response.headers['content-encoding']).toBe('gzip');
          let text = '';
          response.pipe(createGunzip()).on('data', (chunk: Buffer) => {
            text += chunk;
            if (text.endsWith('retry: 3000\n\n')) log.add('"compressed"');
            if (text.endsWith('data: "compressed"\n\n')) received.resolve(text);
          });
        });
        expect(await received.promise).toContain('id: e.1\n');
        request.destroy();
        await until(() => log.subscriptions.size === 0);
      },
      settings,
    );
  });

  it('is not compressed unless its type is listed', async () => {
    const log = new Log();
    log.finish('deleted');
    await servingLog(
      log,
      {},
      async ({ port }) => {
        const answer = await ask(port, '/?after=start', 'GET', 'Accept-Encoding: gzip');
        expect(answer).toContain('id: e.0\nretry: 3000\n\n');
      },
      { compressResponse: true },
    );
  });
});

describe.each(LOGS)('eventStream, with a log that %s', (_, Log) => {
  it('is awaited although the handler does not return its promise, and refuses other writes', async () => {
    const log = new Log();
    const errors: unknown[] = [];
    class Stream extends RequestHandler {
      override get(): void {
        void this.eventStream(log, { authorize: allow, random: half });
        for (const attempt of [() => this.write('x'), () => this.eventStream(log, { authorize: allow })]) {
          try {
            void attempt();
          } catch (error) {
            errors.push((error as { code: string }).code);
          }
        }
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await openStream(port, '/', 'Connection: close');
      await client.until('retry');
      log.add('1');
      log.finish('deleted');
      expect(await client.untilEnd()).toContain('data: 1');
      expect(errors).toEqual(['ERR_WEB_USAGE', 'ERR_WEB_USAGE']);
    });
  });

  it('is refused after the headers were sent', async () => {
    let code: unknown;
    class Stream extends RequestHandler {
      override async get(): Promise<void> {
        await this.flush();
        try {
          await this.eventStream(new Log(), { authorize: allow });
        } catch (error) {
          code = (error as { code: string }).code;
        }
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      await ask(port, '/');
      expect(code).toBe('ERR_WEB_HEAD_SENT');
    });
  });
});
