// Queues between producers and consumers: the order of items, the limit on their number, and the calls that wait. Uses
// the waits and timeouts of locks/. Does not use loops, threads or processes.

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
  /** Decides which item is taken next; must not be shared with another queue. Default: first in, first out. */
  readonly order?: ItemOrder<T> | undefined;
}

const QUEUE_OPTIONS: OptionNames<QueueOptions<unknown>> = { clock: true, order: true };

/**
 * Passes items from producers to consumers, and makes producers wait while the queue is full.
 *
 * Waiting calls are served first come, first served. An item that is put while a consumer waits is not passed to that
 * consumer directly: the consumer resumes a microtask after the put, and then takes the next item in the order of the
 * queue. Until then one item is reserved for the consumer and is not counted in `size`. If the consumer is aborted and
 * no other waits, the item stays in the queue and is counted again. If other items were put in the meantime, `size` may
 * then exceed `maxSize` by one for each aborted consumer.
 *
 * Without `maxSize` producers never wait. Set it if a peer controls the producer.
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
  /** Maximum number of items before producers have to wait; 0 means no limit. */
  readonly maxSize: number;
  readonly #order: ItemOrder<T>;
  readonly #getters: WaitList<T>;
  readonly #putters: WaitList<void, T>;
  /** Set while all items are finished. */
  readonly #finished: Event;
  readonly #reservation: Grant<T> = { deliver: () => this.#takeReserved(), passOn: () => this.#passOn() };
  /** Number of items reserved for getters that have been woken but have not taken their item yet. */
  #reserved = 0;
  #unfinished = 0;

  /**
   * @param maxSize - maximum number of items before producers have to wait. Default: 0, no limit.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `maxSize` is negative or not a whole number, or an option is invalid.
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
      throw new LoopTimeoutError(`get: no item was put within ${timeoutMs} ms`);
    });
    this.#putters = new WaitList(clock, (timeoutMs) => {
      throw new LoopTimeoutError(`put: the queue stayed full for ${timeoutMs} ms`);
    });
    this.#finished = new Event({ clock });
    this.#finished.set();
  }

  /** Number of items that can be taken now. */
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
   * Puts an item into the queue; waits while the queue is full.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if there is no room within `timeoutMs`; LoopUsageError `ERR_LOOP_USAGE`
   *   if an option is invalid; the reason of `signal` if it is aborted. In each case the item is not in the queue. If
   *   the `order` throws because it cannot place the item, that error is passed on unchanged.
   */
  async put(item: T, options: WaitOptions = {}): Promise<void> {
    checkWait('put', options);
    if (this.isFull) await this.#putters.wait(options, item);
    else this.#accept(item);
  }

  /** Puts an item into the queue without waiting. @throws QueueFullError `ERR_QUEUE_FULL` if the queue is full. */
  putNowait(item: T): void {
    if (this.isFull) throw new QueueFullError(`putNowait: the queue is full (maxSize: ${this.maxSize})`);
    this.#accept(item);
  }

  /**
   * Takes the next item; waits while the queue is empty.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if there is no item within `timeoutMs`; LoopUsageError `ERR_LOOP_USAGE`
   *   if an option is invalid; the reason of `signal` if it is aborted. In each case no item was taken.
   */
  async get(options: WaitOptions = {}): Promise<T> {
    checkWait('get', options);
    if (this.isEmpty) return await this.#getters.wait(options, undefined);
    return this.#take();
  }

  /** Takes the next item without waiting. @throws QueueEmptyError `ERR_QUEUE_EMPTY` if the queue is empty. */
  getNowait(): T {
    if (this.isEmpty) throw new QueueEmptyError('getNowait: the queue is empty');
    return this.#take();
  }

  /**
   * Reports that the processing of a taken item is finished; {@link join} waits for this.
   *
   * @throws LoopUsageError `ERR_QUEUE_TASK_DONE` if it is called more often than items were put.
   */
  taskDone(): void {
    if (this.#unfinished === 0) {
      throw new LoopUsageError('ERR_QUEUE_TASK_DONE', 'taskDone: called more often than items were put');
    }
    this.#unfinished -= 1;
    if (this.#unfinished === 0) this.#finished.set();
  }

  /**
   * Waits until {@link taskDone} has been called for each item that was put; returns immediately if all are finished.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if that takes longer than `timeoutMs`; LoopUsageError `ERR_LOOP_USAGE`
   *   if an option is invalid; the reason of `signal` if it is aborted.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    await this.#finished.wait(options);
  }

  /** Iterates over items without end. Leaving the `for await` loop does not change the queue. */
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

  /**
   * Takes an item from a queue that is not empty. First adds the item of a waiting producer, since that may be the next
   * one to take.
   */
  #take(): T {
    while (this.maxSize > 0 && this.size <= this.maxSize) {
      const putter = this.#putters.take();
      if (putter === undefined) break;
      try {
        this.#accept(putter.attached);
        putter.resolve();
        break;
      } catch (error) {
        putter.reject(error); // the order cannot place this item; try the next one in its place
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
      this.#wakeGetters(); // the item is still there, and another getter may take it
      throw error;
    }
  }

  #passOn(): void {
    this.#reserved -= 1;
    this.#wakeGetters();
  }
}

/** A queue that returns the newest item first. */
export class LifoQueue<T> extends Queue<T> {
  /**
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `maxSize` is negative or not a whole number, or an option is invalid.
   */
  constructor(maxSize = 0, options: WaitableOptions = {}) {
    super(maxSize, { clock: clockOf('LifoQueue', options), order: new StackOrder() });
  }
}

/** Takes items from a queue without end. Ending it cancels a pending wait; no item is lost. */
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
