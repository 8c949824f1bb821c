// The loop of a thread: what it calls and when, timers, and statistics. Puts the rooms below together. Does not know
// streams, protocols or other processes.

import { loopChecks } from '../checks.ts';
import { type Clock, requireClock, systemClock } from '../clock.ts';
import type { Executor, ExecutorTask, TaskFunction, UnknownTaskFunction } from '../executors/executor.ts';
import { LoopExecutors, type RunInExecutorOptions } from '../executors/loop-executors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { consoleLogger, type Logger } from '../logger.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import type { OptionNames } from '../option-names.ts';
import { type Backend, threadBackend } from '../reactor/backend.ts';
import type { Flushable, FlushQueue } from '../reactor/flush-queue.ts';
import type { Reactor } from '../reactor/reactor.ts';
import type { WriteBudget } from '../reactor/write-budget.ts';
import {
  DescriptorHandlers,
  ERROR,
  READ,
  type ReadinessHandler,
  WRITE,
} from '../sockets/descriptor-handlers.ts';
import type { Socket } from '../sockets/socket.ts';
import { isThenable } from '../thenable.ts';
import { type LoopWatch, watchLoop } from '../watchdog/loop-watch.ts';
import type { LoopWatchOptions } from '../watchdog/watch-options.ts';
import { CallbackQueue } from './callback-queue.ts';
import { LoopRuns } from './loop-runs.ts';
import { LoopLag, type LoopStats, STATS_OPTIONS, type StatsOptions } from './loop-stats.ts';
import { LoopTimers, type Timeout } from './loop-timers.ts';

export interface IOLoopOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Hears of errors that no caller can be told. Default: standard error. */
  readonly logger?: Logger;
}

const LOOP_OPTIONS: OptionNames<IOLoopOptions> = { clock: true, logger: true };

export interface RunOptions {
  /** Most milliseconds to wait for the result; default: no limit. */
  readonly timeoutMs?: number;
}

const RUN_OPTIONS: OptionNames<RunOptions> = { timeoutMs: true };

export interface CloseOptions {
  /** Also closes the descriptors and sockets that {@link IOLoop.addHandler} watches. Default false. */
  readonly allFds?: boolean;
}

const CLOSE_OPTIONS: OptionNames<CloseOptions> = { allFds: true };

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
  static readonly READ = READ;
  static readonly WRITE = WRITE;
  static readonly ERROR = ERROR;

  readonly clock: Clock;
  readonly logger: Logger;
  readonly backend: Backend;
  /** Why this backend runs, in words for a person. */
  readonly backendReason: string;
  /** The layer below the streams; `undefined` on the portable backend. Programs use {@link addHandler}. */
  readonly reactor: Reactor | undefined;

  readonly #flushes: FlushQueue;
  readonly #callbacks: CallbackQueue;
  readonly #timers: LoopTimers;
  readonly #handlers: DescriptorHandlers | undefined;
  readonly #runs = new LoopRuns();
  readonly #lag = new LoopLag();
  readonly #executors = new LoopExecutors();
  /** The one that watches: there is one at a time in a process. */
  #watch: LoopWatch | undefined;
  #closed = false;

  /** The loop of this thread, made at the first call, and again after that one was closed. */
  static current(): IOLoop {
    currentLoop ??= new IOLoop();
    return currentLoop;
  }

  /** @throws LoopUsageError `ERR_LOOP_BACKEND` when `LANDSPOUT_BACKEND` asks for what cannot be had. */
  constructor(options: IOLoopOptions = {}) {
    loopChecks.options('IOLoop', options, LOOP_OPTIONS);
    const { clock = systemClock, logger = consoleLogger } = options;
    this.clock = requireClock('IOLoop', clock);
    this.logger = loopChecks.withMethods('IOLoop', 'a logger', logger, 'error', 'warn');
    const report = (error: unknown): void => this.#report(error);
    this.#callbacks = new CallbackQueue(report);
    this.#timers = new LoopTimers(this.clock, report);
    const { backend, reason, reactor, flushes } = threadBackend();
    this.backend = backend;
    this.backendReason = reason;
    this.reactor = reactor;
    this.#flushes = flushes;
    this.#handlers = reactor === undefined ? undefined : new DescriptorHandlers(reactor, report);
  }

  /** Milliseconds on the loop's clock; never goes backwards. */
  time(): number {
    return this.clock.now();
  }

  /**
   * Calls `callback(...args)` on the next turn of the loop, in the order of the calls, in the caller's async
   * context. A throw or rejection is logged and stops nothing. Promises that one callback of a turn settles go on
   * after the last callback of that turn.
   */
  addCallback<Args extends unknown[]>(callback: (...args: Args) => unknown, ...args: Args): void {
    loopChecks.callback('addCallback', 'callback', callback);
    if (this.#closed) this.#refuse('addCallback');
    this.#callbacks.add(callback, args);
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
    loopChecks.callback('callLater', 'callback', callback);
    loopChecks.durationMs('callLater', 'delayMs', delayMs);
    if (this.#closed) this.#refuse('callLater');
    return this.#timers.add(delayMs, callback, args);
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
      throw loopChecks.wrong('callAt', 'a time of the loop', whenMs);
    }
    return this.callLater(Math.max(0, whenMs - this.time()), callback, ...args);
  }

  /**
   * Calls `callback(promise)` on a later turn when `promise` has settled, in the caller's async context. What it
   * settles with is the callback's business: a rejection counts as handled.
   */
  addFuture<T>(promise: PromiseLike<T>, callback: (promise: PromiseLike<T>) => unknown): void {
    loopChecks.callback('addFuture', 'callback', callback);
    if (!isThenable(promise)) throw loopChecks.wrong('addFuture', 'a promise', promise);
    if (this.#closed) this.#refuse('addFuture');
    // A loop that was closed meanwhile has dropped what waited on it, and this with it.
    const settled = (): void => {
      if (!this.#closed) this.#callbacks.add(callback, [promise]);
    };
    Promise.resolve(promise).then(settled, settled);
  }

  /** Forgets a pending {@link callLater}. Harmless after it ran. */
  removeTimeout(timeout: Timeout): void {
    if (typeof timeout?.cancel !== 'function')
      throw loopChecks.wrong('removeTimeout', 'what callLater returned', timeout);
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
    const handlers = this.#requireHandlers('addHandler');
    loopChecks.callback('addHandler', 'handler', handler);
    if (this.#closed) this.#refuse('addHandler');
    handlers.add(target, events, handler);
  }

  /** Changes which events a handler hears of. @throws LoopUsageError `ERR_LOOP_NOT_REGISTERED`. */
  updateHandler(target: number | Socket, events: number): void {
    this.#requireHandlers('updateHandler').update(target, events);
  }

  /** Stops watching a descriptor; one without a handler is left alone. An event of this batch is dropped. */
  removeHandler(target: number | Socket): void {
    this.#requireHandlers('removeHandler').remove(target);
  }

  /**
   * Keeps the process alive until {@link stop}. Node's loop turns without it: a program whose servers or timers
   * keep it alive needs neither.
   *
   * @throws LoopUsageError `ERR_LOOP_RUNNING` when started already.
   */
  async start(): Promise<void> {
    if (this.#closed) this.#refuse('start');
    return this.#runs.start();
  }

  /**
   * Ends {@link start}, and cuts {@link run} short. Nothing else is touched: callbacks that were added before still
   * run, sockets and timers stay open.
   *
   * @throws LoopUsageError `ERR_LOOP_NOT_RUNNING` when neither waits. Tornado lets a stop before the start end that
   *   start at once; here it is a mistake that is told.
   */
  stop(): void {
    if (this.#closed) this.#refuse('stop');
    this.#runs.stop();
  }

  /**
   * Runs `main` and waits for its result. The process stays alive meanwhile.
   *
   * @param main - is given a signal that aborts at the timeout or the stop, so that it can stop its own work.
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopStoppedError `ERR_LOOP_STOPPED` at a
   *   {@link stop}; LoopUsageError `ERR_LOOP_USAGE` for a timeout out of range. What `main` throws passes unchanged.
   */
  async run<T>(main: (signal: AbortSignal) => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    loopChecks.callback('run', 'main', main);
    loopChecks.options('run', options, RUN_OPTIONS);
    if (options.timeoutMs !== undefined) loopChecks.durationMs('run', 'timeoutMs', options.timeoutMs);
    if (this.#closed) this.#refuse('run');
    return this.#runs.run(main, this.clock, options.timeoutMs);
  }

  /**
   * Runs an exported function outside of this thread, in the default executor: a pool of threads, made at the first
   * need. Options: another `executor`, a `signal`, a `transferList`. {@link ExecutorTask} says what can be a task.
   *
   * @throws what the executor's `run` rejects with, such as ExecutorLimitError `ERR_EXECUTOR_QUEUE_FULL`.
   */
  async runInExecutor<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options: RunInExecutorOptions = {},
  ): Promise<Awaited<ReturnType<Fn>>> {
    if (this.#closed) this.#refuse('runInExecutor');
    return this.#executors.run(task, args, options);
  }

  /** Sets where {@link runInExecutor} runs from now on. It is closed with this loop. */
  setDefaultExecutor(executor: Executor): void {
    if (this.#closed) this.#refuse('setDefaultExecutor');
    this.#executors.setDefault(executor);
  }

  /**
   * Watches this loop from another thread: when it stands still for `thresholdMs` (default 100), the JavaScript
   * stack of who blocks it is reported, while the block lasts. See `watchLoop` in full. Closed with this loop.
   *
   * @throws WatchUsageError `ERR_WATCH_OPTIONS`, `ERR_WATCH_THREAD`, `ERR_WATCH_ACTIVE`, `ERR_WATCH_WORKER`.
   */
  watch(options: LoopWatchOptions = {}): LoopWatch {
    if (this.#closed) this.#refuse('watch');
    const watch = watchLoop(this, options);
    if (watch.isWatching) this.#watch = watch;
    return watch;
  }

  /**
   * What this loop has done, and how it fares. Reading costs some microseconds; collecting counts only, and from the
   * first call on one unref'd timer of Node's measures the lag.
   */
  stats(options: StatsOptions = {}): LoopStats {
    loopChecks.options('stats', options, STATS_OPTIONS);
    if (this.#closed) this.#refuse('stats');
    const { active, idle } = performance.eventLoopUtilization();
    const stats: LoopStats = {
      callbacks: { run: this.#callbacks.ran, waiting: this.#callbacks.waiting },
      timers: { fired: this.#timers.fired, pending: this.#timers.pending },
      reactor: this.reactor?.stats(),
      lag: this.#lag.read(),
      busyMs: active,
      idleMs: idle,
    };
    if (options.resetLag === true) this.#lag.reset();
    return stats;
  }

  /**
   * Ends this loop: handlers are removed, pending callbacks and timers are dropped, its watch ends, and so does its
   * executor when the tasks that run there have. Streams and servers stay: they belong to the thread. Harmless when
   * closed; every other use of a closed loop throws `ERR_LOOP_CLOSED`.
   *
   * @throws LoopUsageError `ERR_LOOP_RUNNING` while {@link start} or {@link run} waits.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    loopChecks.options('close', options, CLOSE_OPTIONS);
    if (this.#closed) return;
    if (this.#runs.running) {
      throw new LoopUsageError('ERR_LOOP_RUNNING', 'close: the loop is running; stop it first');
    }
    this.#closed = true;
    if (currentLoop === this) currentLoop = undefined;
    this.#callbacks.close();
    this.#timers.close();
    this.#lag.close();
    this.#handlers?.close(options.allFds === true);
    await Promise.all([this.#executors.close(), this.#watch?.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Has `flushable.flush()` called at the end of this batch or turn. For transports. */
  scheduleFlush(flushable: Flushable): void {
    if (typeof flushable?.flush !== 'function')
      throw loopChecks.wrong('scheduleFlush', 'something to flush', flushable);
    this.#flushes.schedule(flushable);
  }

  /** Has `flushable.flush()` called in a later turn: its {@link writeBudget} for this one is spent. For transports. */
  deferFlush(flushable: Flushable): void {
    this.#flushes.defer(flushable);
  }

  /** How much this thread writes in one turn. For transports. */
  get writeBudget(): WriteBudget {
    return this.#flushes.budget;
  }

  [INSPECT](): object {
    return inspection(this, ['backend', 'backendReason'], () => ({
      isRunning: this.#runs.running,
      isClosed: this.#closed,
      callbacks: this.#callbacks.waiting,
      timers: this.#timers.pending,
      clock: undefined,
      logger: undefined,
      reactor: undefined,
    }));
  }

  #report(error: unknown): void {
    this.logger.error({ error }, 'a callback of the loop failed');
  }

  #refuse(operation: string): never {
    throw new LoopClosedError(`${operation}: the loop is closed`);
  }

  #requireHandlers(operation: string): DescriptorHandlers {
    if (this.#handlers !== undefined) return this.#handlers;
    throw new LoopUsageError(
      'ERR_LOOP_NOT_SUPPORTED',
      `${operation}: descriptor readiness needs the native backend, and the portable one runs: ${this.backendReason}`,
    );
  }
}
