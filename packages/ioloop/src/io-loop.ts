import { AsyncResource } from 'node:async_hooks';
import { type Clock, type ClockTimer, systemClock } from './clock.ts';
import { MAX_DELAY_MS, requireDelay } from './delay.ts';
import { DescriptorWatch, type ReadinessHandler } from './descriptor-watch.ts';
import { type Flushable, FlushQueue } from './flush-queue.ts';
import { loadNative } from './load-native.ts';
import { consoleLogger, type Logger } from './logger.ts';
import { LoopTimeoutError, LoopUsageError } from './loop-errors.ts';
import { Reactor } from './reactor.ts';
import type { Socket } from './socket.ts';

/** Which of the two backends carries the streams. */
export type Backend = 'native' | 'portable';

export interface IOLoopOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Hears of errors that no caller can be told. Default: standard error. */
  readonly logger?: Logger;
}

export interface RunOptions {
  /** Most milliseconds to wait for the result; default: no limit. */
  readonly timeoutMs?: number;
}

/** A pending {@link IOLoop.callLater}; give it to {@link IOLoop.removeTimeout}. */
export interface Timeout {
  cancel(): void;
}

/** The reactor of this thread: one epoll instance serves every loop object that is made here. */
let threadReactor: Reactor | undefined;
let threadFlushes: FlushQueue | undefined;
let currentLoop: IOLoop | undefined;

/**
 * The event loop of one thread. It lives inside Node's own loop, never instead of it: promises, timers and
 * Node's sockets work beside it, and nothing needs to be started.
 *
 * With the native backend, descriptor readiness comes from epoll; with the portable one, streams stand on
 * Node's sockets, and what only readiness can do ({@link addHandler}, `Selector`, `Socket`) refuses with
 * `ERR_LOOP_NOT_SUPPORTED`.
 */
export class IOLoop {
  /** Event bits of {@link addHandler}, which may be or-ed. */
  static readonly READ = 0x01;
  static readonly WRITE = 0x04;
  static readonly ERROR = 0x18;

  readonly clock: Clock;
  readonly logger: Logger;
  readonly backend: Backend;
  /** Why this backend runs, in words for a person. */
  readonly backendReason: string;
  /** The layer below the streams; `undefined` on the portable backend. Programs use {@link addHandler}. */
  readonly reactor: Reactor | undefined;

  readonly #flushes: FlushQueue;
  readonly #watches = new Map<number | Socket, DescriptorWatch>();

  /** The loop of this thread, made at the first call. */
  static current(): IOLoop {
    currentLoop ??= new IOLoop();
    return currentLoop;
  }

  /** @throws LoopUsageError `ERR_LOOP_BACKEND` when `LANDSPOUT_BACKEND` asks for what cannot be had. */
  constructor(options: IOLoopOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? consoleLogger;
    threadFlushes ??= new FlushQueue(consoleLogger);
    this.#flushes = threadFlushes;
    const native = loadNative();
    if ('binding' in native) {
      threadReactor ??= new Reactor(native.binding, this.#flushes, consoleLogger);
      this.reactor = threadReactor;
      this.backend = 'native';
      this.backendReason = 'the native reactor is here and this system has epoll';
    } else {
      this.reactor = undefined;
      this.backend = 'portable';
      this.backendReason = native.reason;
    }
  }

  /** Milliseconds on the loop's clock; never goes backwards. */
  time(): number {
    return this.clock.now();
  }

  /**
   * Calls `callback(...args)` on the next turn of the loop, in the order of the calls, in the caller's async
   * context. A throw or rejection is logged and stops nothing.
   */
  addCallback<Args extends unknown[]>(callback: (...args: Args) => unknown, ...args: Args): void {
    requireFunction(callback, 'addCallback');
    setImmediate(() => this.#call(callback, args));
  }

  /**
   * Calls `callback(...args)` once, not before `delayMs` have passed, in the caller's async context.
   *
   * @param delayMs - 0 to 2,147,483,647 (about 24 days).
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a delay out of range.
   */
  callLater<Args extends unknown[]>(
    delayMs: number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): Timeout {
    requireFunction(callback, 'callLater');
    requireDelay(delayMs, 'callLater');
    // A clock of the caller's own may call back in any context, so the context is kept here.
    const run = AsyncResource.bind(() => this.#call(callback, args));
    return this.clock.setTimeout(run, delayMs);
  }

  /**
   * Calls `callback(...args)` once, not before {@link time} says `whenMs`; on the next turn where that has passed.
   * Otherwise as {@link callLater}.
   */
  callAt<Args extends unknown[]>(
    whenMs: number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): Timeout {
    if (!Number.isFinite(whenMs)) {
      throw new LoopUsageError('ERR_LOOP_USAGE', `callAt: a time of the loop was expected, not ${whenMs}`);
    }
    return this.callLater(Math.max(0, whenMs - this.time()), callback, ...args);
  }

  /**
   * Calls `callback(promise)` on a later turn when `promise` has settled, in the caller's async context. What it
   * settles with is the callback's business: a rejection counts as handled.
   */
  addFuture<T>(promise: PromiseLike<T>, callback: (promise: PromiseLike<T>) => unknown): void {
    requireFunction(callback, 'addFuture');
    const settled = (): void => this.addCallback(callback, promise);
    promise.then(settled, settled);
  }

  /** Forgets a pending {@link callLater}. Harmless after it ran. */
  removeTimeout(timeout: Timeout): void {
    timeout.cancel();
  }

  /**
   * Calls `handler(target, events)` whenever the descriptor is ready, until {@link removeHandler}. Level-triggered:
   * an event that is not dealt with comes again. The handler runs in the async context of this call.
   *
   * @param target - a {@link Socket}, or the number of a descriptor that stays yours: the loop watches a
   *   duplicate of it, so that closing yours first is safe.
   * @param events - {@link READ}, {@link WRITE}, or both. {@link ERROR} is always reported.
   * @throws LoopUsageError `ERR_LOOP_ALREADY_REGISTERED`; `ERR_LOOP_NOT_SUPPORTED` on the portable backend.
   * @throws SystemError such as `EBADF`, or `EPERM` for a regular file, which is always ready.
   */
  addHandler<Target extends number | Socket>(
    target: Target,
    events: number,
    handler: ReadinessHandler<Target>,
  ): void {
    const reactor = this.#requireReactor('addHandler');
    requireFunction(handler, 'addHandler');
    requireEvents(events, 'addHandler');
    if (this.#watches.has(target)) {
      throw new LoopUsageError(
        'ERR_LOOP_ALREADY_REGISTERED',
        'addHandler: the descriptor already has a handler',
      );
    }
    const run = AsyncResource.bind((ready: number) => this.#call(handler, [target, ready]));
    this.#watches.set(target, new DescriptorWatch(reactor, target, events, run));
  }

  /** Changes which events a handler hears of. @throws LoopUsageError `ERR_LOOP_NOT_REGISTERED`. */
  updateHandler(target: number | Socket, events: number): void {
    this.#requireReactor('updateHandler');
    requireEvents(events, 'updateHandler');
    const watch = this.#watches.get(target);
    if (watch === undefined) {
      throw new LoopUsageError('ERR_LOOP_NOT_REGISTERED', 'updateHandler: the descriptor has no handler');
    }
    watch.update(events);
  }

  /** Stops watching a descriptor; one without a handler is left alone. An event of this batch is dropped. */
  removeHandler(target: number | Socket): void {
    this.#requireReactor('removeHandler');
    this.#watches.get(target)?.close();
    this.#watches.delete(target);
  }

  /**
   * Runs `main` and waits for its result. The process stays alive meanwhile.
   *
   * @param main - is given a signal that aborts at the timeout, so that it can stop its own work.
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for one
   *   out of range. What `main` throws passes unchanged.
   */
  async run<T>(main: (signal: AbortSignal) => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    requireFunction(main, 'run');
    if (options.timeoutMs !== undefined) requireDelay(options.timeoutMs, 'run');
    const controller = new AbortController();
    const keepAlive = setInterval(() => {}, MAX_DELAY_MS);
    let timer: ClockTimer | undefined;
    try {
      const { timeoutMs } = options;
      const result = Promise.resolve(main(controller.signal));
      if (timeoutMs === undefined) return await result;
      const expired = new Promise<never>((_, reject) => {
        timer = this.clock.setTimeout(() => {
          const error = new LoopTimeoutError(`run: no result within ${timeoutMs} ms`);
          reject(error);
          controller.abort(error);
        }, timeoutMs);
      });
      return await Promise.race([result, expired]);
    } finally {
      timer?.cancel();
      clearInterval(keepAlive);
    }
  }

  /** Has `flushable.flush()` called at the end of this batch or turn. For transports. */
  scheduleFlush(flushable: Flushable): void {
    this.#flushes.schedule(flushable);
  }

  #call<Args extends unknown[]>(callback: (...args: Args) => unknown, args: Args): void {
    try {
      const result = callback(...args);
      if (result instanceof Promise) result.catch((error) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    this.logger.error({ error }, 'a callback of the loop failed');
  }

  #requireReactor(operation: string): Reactor {
    if (this.reactor !== undefined) return this.reactor;
    throw new LoopUsageError(
      'ERR_LOOP_NOT_SUPPORTED',
      `${operation}: descriptor readiness needs the native backend, and the portable one runs: ${this.backendReason}`,
    );
  }
}

function requireFunction(value: unknown, operation: string): void {
  if (typeof value === 'function') return;
  throw new LoopUsageError('ERR_LOOP_USAGE', `${operation}: a function was expected, not ${typeof value}`);
}

function requireEvents(events: number, operation: string): void {
  const known = IOLoop.READ | IOLoop.WRITE | IOLoop.ERROR;
  if (Number.isInteger(events) && events > 0 && (events & ~known) === 0) return;
  throw new LoopUsageError(
    'ERR_LOOP_USAGE',
    `${operation}: IOLoop.READ and IOLoop.WRITE were expected, not ${events}`,
  );
}
