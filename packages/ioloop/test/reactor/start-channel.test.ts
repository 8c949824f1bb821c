import { AsyncLocalStorage } from 'node:async_hooks';
import { type Channel, channel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StartMessage } from '../../src/index.ts';
import { publishStart, runInContextOf } from '../../src/reactor/index.ts';

interface Message extends StartMessage {
  readonly name: string;
}

const storage = new AsyncLocalStorage<string>();
const other = new AsyncLocalStorage<string>();

let started: Channel;
const ends: (() => void)[] = [];
let count = 0;
beforeEach(() => {
  count += 1;
  started = channel(`test.start.${count}`);
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function subscribe(subscriber: (message: Message) => void): void {
  const listener = (message: unknown): void => subscriber(message as Message);
  started.subscribe(listener);
  ends.push(() => started.unsubscribe(listener));
}

const publish = () => publishStart<Message>(started, (runWithin) => ({ name: 'it', runWithin }));
/** The stores in the context that was chosen. */
const stores = (context = publish()): readonly unknown[] | undefined =>
  context === undefined
    ? undefined
    : runInContextOf(context, () => [storage.getStore(), other.getStore()], undefined);

/** Calls `test`, and gives what was thrown as an uncaught exception until the next turn of the loop. */
async function uncaughtOf(test: () => void): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error));
  try {
    test();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  return uncaught;
}

describe('publishStart', () => {
  it('creates no message if there is no subscriber', () => {
    let created = 0;
    const context = publishStart<Message>(started, (runWithin) => {
      created += 1;
      return { name: 'it', runWithin };
    });
    expect([context, created]).toEqual([undefined, 0]);
  });

  it('returns no context if no subscriber asks for one', () => {
    const heard: string[] = [];
    subscribe(({ name }) => void heard.push(name));
    expect(publish()).toBeUndefined();
    expect(heard).toEqual(['it']);
  });

  it('publishes in the present context', () => {
    const seen: unknown[] = [];
    subscribe(() => void seen.push(storage.getStore()));
    storage.run('the caller', publish);
    expect(seen).toEqual(['the caller']);
  });

  it('returns the context in which a wrapper calls its argument', () => {
    subscribe(({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    expect(stores()).toEqual(['chosen', undefined]);
  });

  it('keeps the stores of the present context that no wrapper changes', () => {
    subscribe(({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    const context = other.run('the caller', publish);
    expect(stores(context)).toEqual(['chosen', 'the caller']);
  });

  it('nests the wrappers in the order of the calls', () => {
    const order: string[] = [];
    const wrap =
      (name: string) =>
      ({ runWithin }: Message): void =>
        runWithin((run) => {
          order.push(`${name} within ${storage.getStore()}`);
          storage.run(name, run);
        });
    subscribe(wrap('first'));
    subscribe(wrap('second'));
    expect(stores()).toEqual(['second', undefined]);
    expect(order).toEqual(['first within undefined', 'second within first']);
  });

  it('enters a store that is bound to the channel, outside of the wrappers', () => {
    started.bindStore(storage, (message) => `bound to ${(message as Message).name}`);
    ends.push(() => void started.unbindStore(storage));
    expect(stores()).toEqual(['bound to it', undefined]);
    subscribe(({ runWithin }) => runWithin((run) => other.run(`within ${storage.getStore()}`, run)));
    expect(stores()).toEqual(['bound to it', 'within bound to it']);
    subscribe(({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    expect(stores()?.[0]).toBe('chosen');
  });

  it('ignores a wrapper that is passed after the message', () => {
    const messages: Message[] = [];
    subscribe((message) => {
      messages.push(message);
      message.runWithin((run) => storage.run('chosen', run));
    });
    const context = publish();
    let calls = 0;
    messages[0]?.runWithin(() => {
      calls += 1;
    });
    expect(stores(context)).toEqual(['chosen', undefined]);
    expect(calls).toBe(0);
  });

  it('ignores a wrapper that does not call its argument, or calls it too late', () => {
    let late: (() => void) | undefined;
    subscribe(({ runWithin }) => {
      runWithin((run) => {
        late = run;
      });
      runWithin(() => {});
      runWithin((run) => other.run('chosen', run));
    });
    const context = publish();
    storage.run('too late', () => late?.());
    expect(stores(context)).toEqual([undefined, 'chosen']);
  });

  it('counts only the first call of the argument', () => {
    subscribe(({ runWithin }) =>
      runWithin((run) => {
        storage.run('first', run);
        storage.run('second', run);
      }),
    );
    expect(stores()).toEqual(['first', undefined]);
  });

  it('throws what a wrapper throws on the next tick, and calls the others', async () => {
    const failures = [new Error('before the call'), new Error('after the call')];
    subscribe(({ runWithin }) => {
      runWithin(() => {
        throw failures[0];
      });
      runWithin((run) => {
        storage.run('chosen', run);
        throw failures[1];
      });
      runWithin((run) => other.run('chosen too', run));
    });
    let seen: readonly unknown[] | undefined;
    const uncaught = await uncaughtOf(() => {
      seen = stores();
    });
    expect(seen).toEqual(['chosen', 'chosen too']);
    // The first wrapper calls nothing, so its error comes first.
    expect(uncaught).toEqual(failures);
  });

  it('refuses what is not a function, to the subscriber', async () => {
    subscribe(({ runWithin }) => runWithin('chosen' as never));
    subscribe(({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    let seen: readonly unknown[] | undefined;
    const uncaught = await uncaughtOf(() => {
      seen = stores();
    });
    expect(seen).toEqual(['chosen', undefined]);
    expect(uncaught).toMatchObject([{ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' }]);
  });

  it('lets nothing that is entered in the context into another call in the same context', () => {
    subscribe(({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    const context = publish();
    const enter = (): void => storage.enterWith('entered');
    if (context !== undefined) runInContextOf(context, enter, undefined);
    expect(stores(context)).toEqual(['chosen', undefined]);
  });
});
