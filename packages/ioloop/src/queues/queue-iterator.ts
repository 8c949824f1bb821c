import type { Queue } from './queue.ts';

/** Takes items from a queue for ever. Ending it stops a wait that is under way, and no item is lost. */
export class QueueIterator<T> implements AsyncIterableIterator<T> {
  readonly #queue: Queue<T>;
  readonly #end = new AbortController();

  constructor(queue: Queue<T>) {
    this.#queue = queue;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const { signal } = this.#end;
    if (signal.aborted) return { done: true, value: undefined };
    try {
      return { done: false, value: await this.#queue.get({ signal }) };
    } catch (error) {
      if (error !== signal.reason) throw error;
      return { done: true, value: undefined };
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end.abort();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
