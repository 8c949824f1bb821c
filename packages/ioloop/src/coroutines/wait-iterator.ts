import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { runInRootContext } from '../node-async-context.ts';
import type { OptionNames } from '../option-names.ts';
import { keyedItems, type WaitItems } from './multi.ts';
import { withTimeout } from './with-timeout.ts';

/** How one item of a {@link WaitIterator} came out: as `Promise.allSettled` says it, and which one it was. */
export type WaitOutcome<Key, Value> =
  | { readonly key: Key; readonly status: 'fulfilled'; readonly value: Value }
  | { readonly key: Key; readonly status: 'rejected'; readonly reason: unknown };

/** The outcomes that items can have: a list's keys are positions, a record's its names, each with its type. */
export type WaitOutcomes<Items extends WaitItems> = Items extends readonly unknown[]
  ? WaitOutcome<number, Awaited<Items[number]>>
  : { [Key in keyof Items & string]: WaitOutcome<Key, Awaited<Items[Key]>> }[keyof Items & string];

export interface WaitIteratorOptions {
  /** Makes a waiting `next` reject with the signal's reason; the iterator is done then, and the items go on. */
  readonly signal?: AbortSignal | undefined;
}

const ITERATOR_OPTIONS: OptionNames<WaitIteratorOptions> = { signal: true };

/**
 * Yields the outcome of each item in the order of completion. An error is the outcome of its item, and does not
 * end the iteration; so none becomes an unhandled rejection, also when the iteration is left early.
 *
 * All items are listened to from the start. Each outcome comes once: a second loop goes on where the first
 * stopped, unless that was left by `break`, which ends the iterator. Concurrent `next` calls are answered in order.
 *
 * @example
 * for await (const outcome of new WaitIterator({ near: ask(near), far: ask(far) })) {
 *   if (outcome.status === 'fulfilled') console.log(outcome.key, outcome.value);
 * }
 */
export class WaitIterator<const Items extends WaitItems>
  implements AsyncIterableIterator<WaitOutcomes<Items>, undefined, undefined>
{
  /** The first to complete resolves the first of these, and so on: they never reject. */
  readonly #completions: Promise<WaitOutcomes<Items>>[] = [];
  /** Of the completions that are still to come. */
  readonly #resolvers: (((outcome: WaitOutcomes<Items>) => void) | undefined)[] = [];
  readonly #signal: AbortSignal | undefined;
  #completed = 0;
  #taken = 0;

  /**
   * @param items - an array or a plain object; plain values count as settled.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for anything else, or wrong options.
   */
  constructor(items: Items, options: WaitIteratorOptions = {}) {
    const running = keyedItems(items, 'WaitIterator').map(
      ([key, item]) => [key, Promise.resolve(item)] as const,
    );
    // Items are listened to before anything is refused, and outside of the caller's async context, which they would
    // keep alive: some may settle long after the iterator was left.
    runInRootContext(() => {
      for (const [key, item] of running) this.#listen(key, item);
    }, undefined);
    this.#signal = signalOf(options);
  }

  /** Resolves with the next outcome when there is one. @throws the reason of the signal, when that aborts. */
  async next(): Promise<IteratorResult<WaitOutcomes<Items>, undefined>> {
    const completion = this.#completions[this.#taken];
    if (completion === undefined) return { done: true, value: undefined };
    this.#taken += 1;
    try {
      const value = await withTimeout(completion, { signal: this.#signal });
      return { done: false, value };
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Ends the iteration, as `break` does. The items go on, unheard. */
  async return(): Promise<IteratorResult<WaitOutcomes<Items>, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      items: this.#resolvers.length,
      completed: this.#completed,
      taken: this.#taken,
    }));
  }

  #listen(key: number | string, item: Promise<unknown>): void {
    this.#completions.push(new Promise((resolve) => this.#resolvers.push(resolve)));
    item.then(
      (value) => this.#complete({ key, status: 'fulfilled', value }),
      (reason: unknown) => this.#complete({ key, status: 'rejected', reason }),
    );
  }

  #complete(outcome: WaitOutcome<number | string, unknown>): void {
    const resolve = this.#resolvers[this.#completed];
    this.#resolvers[this.#completed] = undefined; // it would keep the outcome alive; `shift` is slow for many
    this.#completed += 1;
    resolve?.(outcome as WaitOutcomes<Items>);
  }

  /** Forgets what nobody will ask for. A call that waits already is still answered. */
  #end(): void {
    this.#completions.length = 0;
  }
}

/** A signal that has aborted is no mistake of the caller: the first wait rejects with its reason. */
function signalOf(options: WaitIteratorOptions): AbortSignal | undefined {
  loopChecks.options('WaitIterator', options, ITERATOR_OPTIONS);
  const { signal } = options;
  loopChecks.signal('WaitIterator', signal);
  return signal;
}
