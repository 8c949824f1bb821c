import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../src/index.ts';
import { ask, bodyOf, RawClient, requestText, statusOf } from './fixtures/raw-client.ts';
import { signalled, withApp } from './fixtures/running-application.ts';

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

  it('does not hear of a signal that nobody asked for in time, but of its reason', async () => {
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

  it('that ends its writing side gets a 500, without a record, from a handler that only passes the abort on', async () => {
    class Passes extends RequestHandler {
      override get(): Promise<void> {
        return new Promise((_, reject) => {
          this.signal.addEventListener('abort', () => reject(this.signal.reason));
        });
      }
    }
    await withApp([['/', Passes]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/'));
      client.socket.end();
      expect(statusOf(await client.untilEnd())).toBe(500);
      expect(log.records.map(({ level }) => level)).toEqual(['debug']);
    });
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
