import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { HTTPMessageDelegate, HTTPServerExchange } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import {
  Application,
  accessLog,
  type HTTPServer,
  type HTTPServerOptions,
  RequestHandler,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { RecordingLogger, signalled, withApp } from '../fixtures/running-application.ts';

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

describe('a peer that leaves', () => {
  it('aborts the signal, is heard of once, and onFinish follows when the handler is done [RH-03]', async () => {
    const events: string[] = [];
    const started = signalled();
    const finished = signalled();
    class Waits extends RequestHandler {
      override async get(): Promise<void> {
        started.resolve();
        await new Promise((resolve) => this.signal.addEventListener('abort', resolve));
        events.push(`aborted ${codeOf(this.signal.reason)}`);
        this.write('into the void');
        await expect(this.flush()).rejects.toBe(this.signal.reason);
        events.push('done');
      }
      override onConnectionClose(reason: Error): void {
        events.push(`onConnectionClose ${codeOf(reason)}`);
      }
      override onFinish(): void {
        events.push('onFinish');
        finished.resolve();
      }
    }
    await withApp([['/', Waits]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await started.promise;
      client.reset();
      await finished.promise;
      expect(events).toEqual([
        'onConnectionClose ERR_HTTP_RESET',
        'aborted ERR_HTTP_RESET',
        'done',
        'onFinish',
      ]);
      expect(log.records).toEqual([]);
    });
  });

  it.each<[string, HTTPServerOptions, (server: HTTPServer) => unknown, string]>([
    ['does not read', { progressMs: 40 }, () => {}, 'ERR_HTTP_DEADLINE'],
    [
      'is cut at the end of a stop',
      {},
      (server) => server.stop({ graceMs: 0, drainMs: 1 }),
      'ERR_HTTP_STOPPING',
    ],
    ['is closed with its server', {}, (server) => server.closeAll(), 'ERR_HTTP_STOPPING'],
  ])(
    'and %s ends a handler that awaits flush with the reason of its signal [RH-03]',
    async (_, options, cut, code) => {
      const flushed = signalled<[error: unknown, reason: unknown]>();
      const isFull = signalled();
      class Endless extends RequestHandler {
        override async get(): Promise<void> {
          try {
            for (;;) {
              this.write('x'.repeat(256 * 1024));
              const drained = this.flush();
              setImmediate(isFull.resolve);
              await drained;
            }
          } catch (error) {
            flushed.resolve([error, this.signal.aborted && this.signal.reason]);
            throw error;
          }
        }
      }
      const log = new RecordingLogger();
      const app = new Application([['/', Endless]], { logger: log });
      await using server = await app.listen({ port: 0, host: '127.0.0.1', ...options });
      const client = await RawClient.connect(server.port, requestText('/'));
      client.socket.pause();
      await isFull.promise;
      cut(server);
      const [error, reason] = await flushed.promise;
      expect(error).toBe(reason);
      expect(codeOf(error)).toBe(code);
      await server.stop();
      expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      client.close();
    },
  );

  it('makes later errors of the handler quiet, awaited or not [RH-03] [ATT-76]', async () => {
    const started = signalled();
    const finished = signalled();
    class Fails extends RequestHandler {
      override async get(): Promise<void> {
        const closed = new Promise((resolve) => this.signal.addEventListener('abort', resolve));
        started.resolve();
        await closed;
        this.write('x');
        void this.flush();
        throw new Error('because nobody listens');
      }
      override onFinish(): void {
        finished.resolve();
      }
    }
    await withApp([['/', Fails]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await started.promise;
      client.reset();
      await finished.promise;
      expect(log.records.map(({ level }) => level)).toEqual(['debug']);
    });
  });

  it('ends a handler that waits in flush for it', async () => {
    const stopped = signalled<unknown>();
    class Floods extends RequestHandler {
      override async get(): Promise<void> {
        try {
          for (;;) {
            this.write(Buffer.alloc(256 * 1024));
            await this.flush();
          }
        } catch (error) {
          stopped.resolve(error);
          throw error;
        }
      }
    }
    await withApp([['/', Floods]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await client.until('200 OK');
      client.reset();
      expect(codeOf(await stopped.promise)).toBe('ERR_HTTP_RESET');
      expect(log.records.filter(({ level }) => level !== 'debug')).toEqual([]);
    });
  });

  it('does not get a signal that was not asked for in time, but its reason', async () => {
    const started = signalled();
    const reason = signalled<unknown>();
    class AsksLate extends RequestHandler {
      override async get(): Promise<void> {
        started.resolve();
        await new Promise<void>((resolve) => {
          this.onConnectionClose = () => resolve();
        });
        reason.resolve(this.signal.aborted ? this.signal.reason : undefined);
      }
    }
    await withApp([['/', AsksLate]], async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await started.promise;
      client.reset();
      expect(codeOf(await reason.promise)).toBe('ERR_HTTP_RESET');
    });
  });

  it('that only ends its writing side still gets its answer', async () => {
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        await new Promise((resolve) => this.signal.addEventListener('abort', resolve));
        this.write(String(codeOf(this.signal.reason)));
      }
    }
    await withApp([['/', Slow]], async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/'));
      client.socket.end();
      expect(bodyOf(await client.untilEnd())).toBe('ERR_HTTP_PEER_ENDED');
    });
  });

  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  /** Ways to pass on the abort of a signal. */
  const passes: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    'its reason': (signal) => untilAborted(signal).then(() => Promise.reject(signal.reason)),
    'an AbortError of Node': (signal) => delay(2 ** 30, undefined, { signal }),
    'an error whose causes end in its reason': async (signal) => {
      await untilAborted(signal);
      const cause = new Error('no row came', { cause: signal.reason });
      throw new Error('the page cannot be made', { cause });
    },
  };

  it.each(Object.entries(passes))(
    'by ending its writing side gets a 499 from a handler that rejects with %s [RH-03]',
    async (_what, pass) => {
      const logged: unknown[] = [];
      const finished: number[] = [];
      class Passes extends RequestHandler {
        override async get(): Promise<void> {
          this.setHeader('X-Own', 'not in a 499');
          this.write('not in a 499');
          await pass(this.signal);
        }
        override writeError(): void {
          this.write('a page of several lines\n\n');
        }
        override logException(error: unknown): void {
          logged.push(error);
        }
        override onFinish(): void {
          finished.push(this.status);
        }
      }
      for (const settings of [{}, { logFunction: accessLog }]) {
        await withApp(
          [['/', Passes]],
          async ({ port, log, server }) => {
            const client = await RawClient.connect(port, requestText('/'));
            client.socket.end();
            const received = await client.untilEnd();
            expect(received).toMatch(/^HTTP\/1\.1 499 Client Closed Request\r\n/);
            expect(headerOf(received, 'Connection')).toBe('close');
            expect(headerOf(received, 'Content-Type')).toBe('text/plain; charset=UTF-8');
            expect(bodyOf(received)).toBe('499: Client Closed Request\n');
            expect(received).not.toContain('X-Own');
            // One visible record: that of the access log, if there is one.
            expect(log.records.filter(({ level }) => level !== 'debug').map(({ level }) => level)).toEqual([
              'info',
            ]);
            const { responses, requests } = server.stats();
            expect([responses['4xx'], responses['5xx'], requests.underWay]).toEqual([1, 0, 0]);
          },
          settings,
        );
      }
      expect(logged).toEqual([]);
      expect(finished).toEqual([499, 499]);
    },
  );

  it('by ending its writing side gets a 499 from a step before the verb, too', async () => {
    const verbs: string[] = [];
    class Prepares extends RequestHandler {
      override prepare(): Promise<void> {
        return untilAborted(this.signal).then(() => Promise.reject(this.signal.reason));
      }
      override get(): void {
        verbs.push('get');
      }
    }
    await withApp([['/', Prepares]], async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/'));
      client.socket.end();
      expect(statusOf(await client.untilEnd())).toBe(499);
      expect(verbs).toEqual([]);
    });
  });

  it('by ending its writing side sees a cut response if the headers were sent when the handler gave up', async () => {
    class Begins extends RequestHandler {
      override async get(): Promise<void> {
        this.write('half');
        void this.flush();
        await untilAborted(this.signal);
        throw this.signal.reason;
      }
    }
    await withApp([['/', Begins]], async ({ port, log, server }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await client.until('half');
      client.socket.end();
      expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
      expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      expect(server.stats().requests).toMatchObject({ cut: 1, underWay: 0 });
    });
  });

  it('by ending its writing side gets the 500 of an error that has nothing to do with it', async () => {
    class Fails extends RequestHandler {
      override async get(): Promise<void> {
        await untilAborted(this.signal);
        throw new Error('a bug');
      }
    }
    await withApp([['/', Fails]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      client.socket.end();
      expect(statusOf(await client.untilEnd())).toBe(500);
      expect(log.records.map(({ level }) => level)).toEqual(['error']);
    });
  });

  it('by ending its writing side is cut after halfClosedMs without a write, and flush then rejects', async () => {
    const room = new Set<RequestHandler>();
    const waking = signalled();
    const stopped = signalled<unknown>();
    const finished = signalled();
    class Listens extends RequestHandler {
      override async get(): Promise<void> {
        this.write('x');
        await this.flush();
        room.add(this);
        this.signal.addEventListener('abort', () => room.delete(this));
        await waking.promise;
        this.write('nobody reads this');
        await this.flush().catch(stopped.resolve);
      }
      override onFinish(): void {
        finished.resolve();
      }
    }
    const log = new RecordingLogger();
    const app = new Application([['/', Listens]], { logger: log });
    await using server = await app.listen({ port: 0, host: '127.0.0.1', halfClosedMs: 40 });
    const client = await RawClient.connect(server.port, requestText('/'));
    await client.until('x');
    client.socket.end();
    expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
    expect([room.size, server.stats().requests.cut]).toEqual([0, 1]);
    waking.resolve();
    expect(codeOf(await stopped.promise)).toBe('ERR_HTTP_PEER_ENDED');
    await finished.promise;
    expect(log.records.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('by ending its writing side after a compressed body has all of that body handled', async () => {
    const text = Array.from({ length: 2_000 }, (_, at) => `word ${(at * 2_654_435_761) % 1_000_003}, `).join(
      '',
    );
    const begun = signalled();
    const ended = signalled();
    class Counts extends RequestHandler {
      override post(): void {
        this.write(`${this.request.body.length} bytes`);
      }
    }
    /** Holds back the body after its first piece, until the end of the connection was noticed. */
    class Holding extends Application {
      override startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
        const task = super.startRequest(exchange);
        return {
          headersReceived: (head) => task.headersReceived(head),
          async dataReceived(chunk) {
            await task.dataReceived(chunk);
            begun.resolve();
            await ended.promise;
          },
          finish: () => task.finish(),
          connectionClosed(reason) {
            task.connectionClosed(reason);
            ended.resolve();
          },
        };
      }
    }
    const app = new Holding([['/', Counts]], { logger: new RecordingLogger() });
    const decompressRequests = { chunkBytes: 1024 };
    await using server = await app.listen({ port: 0, host: '127.0.0.1', decompressRequests });
    const body = gzipSync(text);
    const fields = ['Content-Encoding: gzip', `Content-Length: ${body.length}`];
    const client = await RawClient.connect(server.port, requestText('/', 'POST', ...fields));
    client.socket.write(body);
    await begun.promise;
    client.socket.end();
    expect(bodyOf(await client.untilEnd())).toBe(`${text.length} bytes`);
  });

  it('does not make a signal abort after the answer', async () => {
    const signals: AbortSignal[] = [];
    class Answers extends RequestHandler {
      override get(): void {
        signals.push(this.signal);
      }
    }
    await withApp([['/', Answers]], async ({ port }) => {
      await ask(port, '/');
      await ask(port, '/');
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    });
  });

  it('survives a hook that throws', async () => {
    const started = signalled();
    const finished = signalled();
    class BadHook extends RequestHandler {
      override async get(): Promise<void> {
        const closed = new Promise((resolve) => this.signal.addEventListener('abort', resolve));
        started.resolve();
        await closed;
      }
      override onConnectionClose(): void {
        throw new Error('bad hook');
      }
      override onFinish(): void {
        finished.resolve();
      }
    }
    await withApp([['/', BadHook]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      await started.promise;
      client.reset();
      await finished.promise;
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['bad hook']);
    });
  });
});
