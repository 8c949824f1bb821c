// Queues between producers and consumers: which item comes next, how many there may be, and what waits. Waiting and its
// timeouts are those of locks/. Does not know the loop, threads or processes.

import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { Event } from '../locks/event.ts';
import { type Grant, WaitList } from '../locks/wait-list.ts';
import {
  checkWait,
  clockAmong,
  clockOf,
  type WaitableOptions,
  type WaitOptions,
} from '../locks/wait-options.ts';
import { LoopTimeoutError, LoopUsageError, QueueEmptyError, QueueFullError } from '../loop-errors.ts';
import type { OptionNames } from '../option-names.ts';
import { ArrivalOrder, type ItemOrder, StackOrder } from './item-order.ts';

export interface QueueOptions<T> extends WaitableOptions {
  /** Which item is next: an object for this queue alone. Default: first in, first out. */
  readonly order?: ItemOrder<T> | undefined;
}

const QUEUE_OPTIONS: OptionNames<QueueOptions<unknown>> = { clock: true, order: true };

/**
 * Hands items from producers to consumers, and holds producers back when it is full.
 *
 * Those who wait are served first come, first served. An item for a waiting consumer also goes through the order of
 * the queue: the consumer takes what is next when its wait ends, a microtask after the put. Until then the item is
 * reserved, and counts as gone; if that consumer is aborted and nobody else waits, the item stays where it was,
 * beside any that was put meanwhile, and `size` may pass `maxSize` by it.
 *
 * Without a `maxSize` nothing holds producers back: give one where a peer is the producer.
 *
 * @example
 * const jobs = new Queue<string>(100);
 * await jobs.put('first');
 * for await (const job of jobs) {
 *   jobs.taskDone();
 *   if (job === 'first') break;
 * }
 */
export class Queue<T> implements AsyncIterable<T> {
  /** Most items before producers wait; 0 means no limit. */
  readonly maxSize: number;
  readonly #order: ItemOrder<T>;
  readonly #getters: WaitList<T>;
  readonly #putters: WaitList<void, T>;
  /** Set while no item is unfinished. */
  readonly #finished: Event;
  readonly #reservation: Grant<T> = { deliver: () => this.#takeReserved(), passOn: () => this.#passOn() };
  /** Items held for getters that were woken and have not taken theirs yet. */
  #reserved = 0;
  #unfinished = 0;

  /**
   * @param maxSize - most items before producers wait; default 0, no limit.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a size that is negative or not a whole number, or wrong options.
   */
  constructor(maxSize = 0, options: QueueOptions<T> = {}) {
    loopChecks.wholeNumber(new.target.name, 'maxSize', maxSize);
    loopChecks.options(new.target.name, options, QUEUE_OPTIONS);
    const clock = clockAmong(new.target.name, options);
    const { order = new ArrivalOrder<T>() } = options;
    loopChecks.withMethods(new.target.name, 'an order with put and take', order, 'put', 'take');
    this.maxSize = maxSize;
    this.#order = order;
    this.#getters = new WaitList(clock, (timeoutMs) => {
      throw new LoopTimeoutError(`get: no item came within ${timeoutMs} ms`);
    });
    this.#putters = new WaitList(clock, (timeoutMs) => {
      throw new LoopTimeoutError(`put: no place became free within ${timeoutMs} ms`);
    });
    this.#finished = new Event({ clock });
    this.#finished.set();
  }

  /** Items that can be taken now. */
  get size(): number {
    return this.#order.size - this.#reserved;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  get isFull(): boolean {
    return this.maxSize > 0 && this.size >= this.maxSize;
  }

  /**
   * Puts an item in, and waits for a place if need be.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for
   * wrong options; the reason of `signal` when it is aborted. In each case the item is not in the queue. What the
   * order throws at an item that it cannot place passes unchanged.
   */
  async put(item: T, options: WaitOptions = {}): Promise<void> {
    checkWait('put', options);
    if (this.isFull) await this.#putters.wait(options, item);
    else this.#accept(item);
  }

  /** Puts an item in at once. @throws QueueFullError `ERR_QUEUE_FULL` when there is no place. */
  putNowait(item: T): void {
    if (this.isFull) throw new QueueFullError(`putNowait: ${this.maxSize} items are all that may wait`);
    this.#accept(item);
  }

  /**
   * Takes the next item, and waits for one if need be.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for
   * wrong options; the reason of `signal` when it is aborted. In each case no item was taken.
   */
  async get(options: WaitOptions = {}): Promise<T> {
    checkWait('get', options);
    if (this.isEmpty) return await this.#getters.wait(options, undefined);
    return this.#take();
  }

  /** Takes the next item at once. @throws QueueEmptyError `ERR_QUEUE_EMPTY` when there is none. */
  getNowait(): T {
    if (this.isEmpty) throw new QueueEmptyError('getNowait: the queue is empty');
    return this.#take();
  }

  /**
   * Says that an item which was taken has been dealt with: what {@link join} counts.
   *
   * @throws LoopUsageError `ERR_QUEUE_TASK_DONE` when it is called more often than items were put.
   */
  taskDone(): void {
    if (this.#unfinished === 0) {
      throw new LoopUsageError('ERR_QUEUE_TASK_DONE', 'taskDone: every item that was put is done already');
    }
    this.#unfinished -= 1;
    if (this.#unfinished === 0) this.#finished.set();
  }

  /**
   * Waits until {@link taskDone} was called for each item that was put; returns at once when none is unfinished.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for
   * wrong options; the reason of `signal` when it is aborted.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    await this.#finished.wait(options);
  }

  /** Takes items for ever. Leaving the loop leaves the queue as it is. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new QueueIterator(this);
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'maxSize'], () => ({
      waitingGets: this.#getters.size,
      waitingPuts: this.#putters.size,
      unfinished: this.#unfinished,
    }));
  }

  #accept(item: T): void {
    this.#order.put(item);
    this.#unfinished += 1;
    this.#finished.clear();
    this.#wakeGetters();
  }

  /** Takes from a queue that is not empty. A waiting item comes in first: it may be the one that is next. */
  #take(): T {
    while (this.maxSize > 0 && this.size <= this.maxSize) {
      const putter = this.#putters.take();
      if (putter === undefined) break;
      try {
        this.#accept(putter.attached);
        putter.resolve();
        break;
      } catch (error) {
        putter.reject(error); // the order cannot place this item; the place is free for another
      }
    }
    return this.#order.take();
  }

  #wakeGetters(): void {
    while (this.size > 0 && this.#getters.wake(this.#reservation)) this.#reserved += 1;
  }

  #takeReserved(): T {
    this.#reserved -= 1;
    try {
      return this.#order.take();
    } catch (error) {
      this.#wakeGetters(); // the item is still there, and may be another's
      throw error;
    }
  }

  #passOn(): void {
    this.#reserved -= 1;
    this.#wakeGetters();
  }
}

/** A queue that hands out the newest item first. */
export class LifoQueue<T> extends Queue<T> {
  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a size that is negative or not a whole number, or wrong options. */
  constructor(maxSize = 0, options: WaitableOptions = {}) {
    super(maxSize, { clock: clockOf('LifoQueue', options), order: new StackOrder() });
  }
}

/** Takes items from a queue for ever. Ending it stops a wait that is under way, and no item is lost. */
class QueueIterator<T> implements AsyncIterableIterator<T> {
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
