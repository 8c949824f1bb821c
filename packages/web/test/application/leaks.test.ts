import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPError, type Logger, type Middleware, RequestHandler } from '../../src/index.ts';
import { converse, RawClient, requestText } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts the objects that are still alive. */
class Living {
  #count = 0;
  readonly #registry = new FinalizationRegistry<undefined>(() => {
    this.#count -= 1;
  });

  add(object: object): void {
    this.#count += 1;
    this.#registry.register(object, undefined);
  }

  /** Collects garbage until at most `most` objects are left, or nothing changes any more. */
  async left(most: number): Promise<number> {
    for (let round = 0; round < 50 && this.#count > most; round += 1) {
      collectGarbage();
      await later();
    }
    return this.#count;
  }
}

/** Keeps no errors: until its stack is read, an error holds the objects of its frames. */
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const living = new Living();

class Counted extends RequestHandler<'/:how'> {
  override initialize(): void {
    living.add(this);
    living.add(this.request);
    living.add(this.response);
  }

  override get(): void | Promise<void> {
    switch (this.pathParams.how) {
      case 'throws':
        throw new Error('a bug');
      case 'rejects':
        return later().then(() => {
          throw new HTTPError(409);
        });
      case 'flushes':
        this.write('half');
        void this.flush();
        throw new Error('a bug');
      case 'twice':
        this.finish('whole');
        this.finish('again');
        return undefined;
      case 'late':
        this.finish('whole');
        return later().then(() => this.write('again'));
      case 'never':
        void this.signal;
        return new Promise(() => {});
      case 'json':
        this.write({ n: 1n });
        return undefined;
      default:
        this.write('fine');
        return undefined;
    }
  }
}

/** How requests end: all but the last by themselves. */
const WAYS = ['fine', 'throws', 'rejects', 'flushes', 'twice', 'late', 'json', 'middleware', 'never'];

const middleware: Middleware = async ({ pathParams }, next) => {
  await next();
  if ((pathParams as { how?: string }).how === 'middleware') throw new Error('late');
};

describe('requests that end badly', () => {
  it.each(WAYS)('leave no handler, request or response behind: %s', async (how) => {
    const clock = new VirtualClock();
    const rounds = 100;
    for (const chain of [[], [middleware]]) {
      const ended = signalled();
      let count = 0;
      const logFunction = (): void => {
        count += 1;
        if (count === rounds) ended.resolve();
      };
      await withApp(
        [['/:how', Counted, {}, { handlerTimeoutMs: 1_000 }]],
        async ({ port, server }) => {
          for (let round = 0; round < rounds; round += 1) {
            if (how === 'never') {
              const client = await RawClient.connect(port, requestText(`/${how}`));
              while (server.stats().requests.underWay === 0) await later();
              // Half of them by the time, half by clients that leave.
              if (round % 2 === 1) {
                client.reset();
                while (server.stats().requests.underWay > 0) await later();
              }
              await clock.advance(1_000);
              client.close();
            } else {
              await converse(port, requestText(`/${how}`, 'GET', 'Connection: close'));
            }
          }
          await ended.promise;
          while (server.stats().open > 0) await later();
          expect([server.stats().requests.underWay, clock.pending]).toEqual([0, 0]);
          // The last ones may be held by caches of the parser and by the frames of this function.
          expect(await living.left(6)).toBeLessThanOrEqual(6);
        },
        { clock, middleware: chain, logFunction, logger: SILENT },
      );
    }
  });
});
