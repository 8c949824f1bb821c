import { Future } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { type ApplicationSettings, RequestHandler, StaticFileHandler } from '../../src/index.ts';
import { ask, bodyOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

const failure = new Error('a bug');

/** Ways to fail later. */
const FAILURES: readonly [string, () => PromiseLike<void>][] = [
  ['a promise', () => Promise.reject(failure)],
  [
    'a Future',
    () => {
      const future = new Future<void>();
      setImmediate(() => future.setException(failure));
      return future;
    },
  ],
  [
    'a thenable whose then throws',
    () => {
      const then = (): never => {
        throw failure;
      };
      return { then };
    },
  ],
];

/** Resolves to the logged errors when there are this many. */
async function errorsOf({ log }: Running, count = 1): Promise<readonly unknown[]> {
  const errors = () => log.records.filter(({ level }) => level === 'error').map(({ error }) => error);
  while (errors().length < count) await new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  return errors();
}

class Works extends RequestHandler {
  override get(): void {
    this.write('done');
  }

  override post(): void {
    this.write('done');
  }
}

class Streams extends Works {
  static override readonly streamRequestBody = true;
}

const POST = ['Content-Length: 4', 'Connection: close'] as const;

describe('RequestHandler, awaiting any thenable', () => {
  for (const step of [
    'initialize',
    'setDefaultHeaders',
    'prepare',
    'post',
    'dataReceived',
    'finish',
  ] as const) {
    it.each(FAILURES)(`responds with a 500 and logs it once when ${step} returns %s`, async (_what, fail) => {
      let calls = 0;
      class Fails extends (step === 'dataReceived' ? Streams : Works) {}
      const original = Works.prototype[step] as (this: RequestHandler, argument: never) => unknown;
      // Writing the error page sets the default headers and finishes again.
      Object.assign(Fails.prototype, {
        [step](this: RequestHandler, argument: never): unknown {
          calls += 1;
          return calls === 1 ? fail() : original.call(this, argument);
        },
      });
      await withApp([['/', Fails]], async (running) => {
        const client = await RawClient.connect(running.port, `${requestText('/', 'POST', ...POST)}body`);
        const answer = await client.untilEnd();
        expect([statusOf(answer), bodyOf(answer)]).toEqual([500, expect.stringContaining('500')]);
        expect(await errorsOf(running)).toEqual([failure]);
      });
    });
  }

  it.each([false, true])(
    'runs prepare after the promise of initialize has settled, streamRequestBody %s',
    async (streams) => {
      const calls: string[] = [];
      class Loads extends (streams ? Streams : Works) {
        override async initialize(): Promise<void> {
          await new Promise((resolve) => setImmediate(resolve));
          calls.push('initialized');
        }

        override prepare(): void {
          calls.push('prepare');
        }

        override finish(): void {
          calls.push('finish');
          super.finish();
        }
      }
      await withApp([['/', Loads]], async ({ port }) => expect(bodyOf(await ask(port, '/'))).toBe('done'));
      expect(calls).toEqual(['initialized', 'prepare', 'finish']);
    },
  );

  it.each(FAILURES)('leaves a plain 500 when writeError returns %s', async (_what, fail) => {
    class Fails extends RequestHandler {
      override get(): void {
        throw new Error('the first bug');
      }

      override writeError(): PromiseLike<void> {
        return fail();
      }
    }
    await withApp([['/', Fails]], async (running) => {
      const answer = await ask(running.port, '/');
      expect([statusOf(answer), bodyOf(answer)]).toEqual([
        500,
        expect.stringContaining('<title>500: Internal Server Error<'),
      ]);
      expect(await errorsOf(running, 2)).toEqual([
        expect.objectContaining({ message: 'the first bug' }),
        failure,
      ]);
    });
  });
});

describe('a hook of a handler that fails later is logged like one that throws', () => {
  it.each(FAILURES)('onFinish and logFunction: %s', async (_what, fail) => {
    class Finishes extends Works {
      override onFinish(): PromiseLike<void> {
        return fail();
      }
    }
    const settings: ApplicationSettings = { logFunction: fail };
    await withApp(
      [['/', Finishes]],
      async (running) => {
        expect(bodyOf(await ask(running.port, '/'))).toBe('done');
        expect(await errorsOf(running, 2)).toEqual([failure, failure]);
      },
      settings,
    );
  });

  it.each(FAILURES)('onConnectionClose and logException: %s', async (_what, fail) => {
    let began = (): void => {};
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    class Waits extends RequestHandler {
      override get(): Promise<void> {
        began();
        return new Promise(() => {});
      }

      override onConnectionClose(): PromiseLike<void> {
        return fail();
      }
    }
    class Fails extends RequestHandler {
      override get(): void {
        throw new Error('the first bug');
      }

      override logException(): never {
        return fail() as never;
      }
    }
    await withApp(
      [
        ['/waits', Waits],
        ['/fails', Fails],
      ],
      async (running) => {
        const client = await RawClient.connect(running.port, requestText('/waits'));
        await begun;
        client.reset();
        expect(await errorsOf(running)).toEqual([failure]);
        expect(statusOf(await ask(running.port, '/fails'))).toBe(500);
        expect(await errorsOf(running, 2)).toEqual([failure, failure]);
      },
    );
  });

  it.each(FAILURES)('setExtraHeaders of a StaticFileHandler, which is a 500: %s', async (_what, fail) => {
    class Files extends StaticFileHandler {
      override setExtraHeaders(): PromiseLike<void> {
        return fail();
      }
    }
    await withApp([[/\/(.*)/, Files, { path: import.meta.dirname }]], async (running) => {
      const name = import.meta.filename.split('/').at(-1);
      expect(statusOf(await ask(running.port, `/${name}`))).toBe(500);
      expect(await errorsOf(running)).toEqual([failure]);
    });
  });
});
