import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { runInRootContext } from '../node-async-context.ts';
import type { OptionNames } from '../option-names.ts';
import { keyedItems, type WaitItems } from './multi.ts';
import { withTimeout } from './with-timeout.ts';

/** The outcome of one item of a {@link WaitIterator}: as in `Promise.allSettled`, with the key of the item. */
export type WaitOutcome<Key, Value> =
  | { readonly key: Key; readonly status: 'fulfilled'; readonly value: Value }
  | { readonly key: Key; readonly status: 'rejected'; readonly reason: unknown };

/** The possible outcomes of the items, each typed by its key: a position in an array, a name in an object. */
export type WaitOutcomes<Items extends WaitItems> = Items extends readonly unknown[]
  ? WaitOutcome<number, Awaited<Items[number]>>
  : { [Key in keyof Items & string]: WaitOutcome<Key, Awaited<Items[Key]>> }[keyof Items & string];

export interface WaitIteratorOptions {
  /** Makes a waiting `next` reject with the signal's reason. The iterator is then done; the items continue. */
  readonly signal?: AbortSignal | undefined;
}

const ITERATOR_OPTIONS: OptionNames<WaitIteratorOptions> = { signal: true };

/**
 * Yields the outcome of each item in the order of completion. An error is the outcome of its item: it does not end the
 * iteration, and never becomes an unhandled rejection, even if the loop is left early.
 *
 * The iterator listens to all items from the start. Each outcome is yielded once: a second loop continues where the
 * first stopped, unless the first was left by `break`, which ends the iterator. Concurrent `next` calls are served in
 * order.
 *
 * @example
 * for await (const outcome of new WaitIterator({ near: ask(near), far: ask(far) })) {
 *   if (outcome.status === 'fulfilled') console.log(outcome.key, outcome.value);
 * }
 */
export class WaitIterator<const Items extends WaitItems>
  implements AsyncIterableIterator<WaitOutcomes<Items>, undefined, undefined>
{
  /**
   * One promise for each item, in order of completion: the first item to settle resolves the first promise. These
   * promises never reject.
   */
  readonly #completions: Promise<WaitOutcomes<Items>>[] = [];
  /** The resolve functions of the completions that are still pending. */
  readonly #resolvers: (((outcome: WaitOutcomes<Items>) => void) | undefined)[] = [];
  readonly #signal: AbortSignal | undefined;
  #completed = 0;
  #taken = 0;

  /**
   * @param items - an array or a plain object; an item that is not a promise is used as its own value.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `items` is anything else, or an option is invalid.
   */
  constructor(items: Items, options: WaitIteratorOptions = {}) {
    const running = keyedItems(items, 'WaitIterator').map(
      ([key, item]) => [key, Promise.resolve(item)] as const,
    );
    // The listeners are added before any argument is refused, so that no item can become an unhandled rejection. They
    // are added in the root async context, because some items may settle long after the iteration and would otherwise
    // keep the caller's context alive.
    runInRootContext(() => {
      for (const [key, item] of running) this.#listen(key, item);
    }, undefined);
    this.#signal = signalOf(options);
  }

  /** Resolves with the next outcome as soon as there is one. @throws the reason of the signal if it aborts. */
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

  /** Ends the iteration, as `break` does. The items continue; their outcomes are discarded. */
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
    this.#resolvers[this.#completed] = undefined; // frees the outcome; `shift` would be slow for a long array
    this.#completed += 1;
    resolve?.(outcome as WaitOutcomes<Items>);
  }

  /** Discards the remaining outcomes. A call of `next` that is already waiting still gets its outcome. */
  #end(): void {
    this.#completions.length = 0;
  }
}

/** Checks the options. An aborted signal is accepted: the first wait rejects with its reason. */
function signalOf(options: WaitIteratorOptions): AbortSignal | undefined {
  loopChecks.options('WaitIterator', options, ITERATOR_OPTIONS);
  const { signal } = options;
  loopChecks.signal('WaitIterator', signal);
  return signal;
}
