// The event loop of a thread: callbacks, timers and statistics. Uses the reactor, sockets, executors and watchdog of
// this package; streams, protocols and other processes are handled elsewhere.

import { acceptLogger } from '../bound-logger.ts';
import { loopChecks } from '../checks.ts';
import { type Clock, requireClock, systemClock } from '../clock.ts';
import { consoleLogger } from '../console-logger.ts';
import type { Executor, ExecutorTask, TaskFunction, UnknownTaskFunction } from '../executors/executor.ts';
import { LoopExecutors, type RunInExecutorOptions } from '../executors/loop-executors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
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
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Receives errors that cannot be reported to a caller. Default: standard error. */
  readonly logger?: Logger;
}

const LOOP_OPTIONS: OptionNames<IOLoopOptions> = { clock: true, logger: true };

export interface RunOptions {
  /** The maximum wait for the result, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

const RUN_OPTIONS: OptionNames<RunOptions> = { timeoutMs: true };

export interface CloseOptions {
  /** Also closes the descriptors and sockets that {@link IOLoop.addHandler} watches. Default: false. */
  readonly allFds?: boolean;
}

const CLOSE_OPTIONS: OptionNames<CloseOptions> = { allFds: true };

let currentLoop: IOLoop | undefined;

/**
 * The event loop of one thread. It runs inside Node's event loop and does not replace it: promises, timers and Node's
 * own sockets keep working beside it, and nothing has to be started.
 *
 * On the native backend, descriptor readiness comes from epoll. On the portable backend, streams use Node's sockets,
 * and features that need descriptor readiness ({@link addHandler}, `DefaultSelector`, `Socket`) throw
 * `ERR_LOOP_NOT_SUPPORTED`.
 */
export class IOLoop {
  /** Event bits for {@link addHandler}; combine them with `|`. */
  static readonly READ = READ;
  static readonly WRITE = WRITE;
  static readonly ERROR = ERROR;

  readonly clock: Clock;
  readonly logger: Logger;
  readonly backend: Backend;
  /** Why this backend was chosen, as readable text. */
  readonly backendReason: string;
  /**
   * The layer below the streams; `undefined` on the portable backend. Programs should use {@link addHandler} instead.
   */
  readonly reactor: Reactor | undefined;

  readonly #flushes: FlushQueue;
  readonly #callbacks: CallbackQueue;
  readonly #timers: LoopTimers;
  readonly #handlers: DescriptorHandlers | undefined;
  readonly #runs = new LoopRuns();
  readonly #lag = new LoopLag();
  readonly #executors = new LoopExecutors();
  /** The active watch. A process has at most one at a time. */
  #watch: LoopWatch | undefined;
  #closed = false;

  /**
   * Returns the loop of this thread. Creates one at the first call, and a new one after the previous loop was closed.
   */
  static current(): IOLoop {
    currentLoop ??= new IOLoop();
    return currentLoop;
  }

  /**
   * @throws LoopUsageError `ERR_LOOP_BACKEND` if `LANDSPOUT_BACKEND` has an invalid value, or asks for a backend that
   *   is not available.
   */
  constructor(options: IOLoopOptions = {}) {
    loopChecks.options('IOLoop', options, LOOP_OPTIONS);
    const { clock = systemClock, logger = consoleLogger } = options;
    this.clock = requireClock('IOLoop', clock);
    this.logger = acceptLogger(loopChecks.withMethods('IOLoop', 'a logger', logger, 'error', 'warn'));
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

  /**
   * Which TLS the streams of this loop use: `'native'` for OpenSSL's functions on the descriptors of the reactor, or
   * `'node'` for node:tls. Decided once per thread, when TLS is first used. The environment variable `LANDSPOUT_TLS`
   * selects one of them for the native backend; the portable one always uses node:tls.
   *
   * @throws LoopUsageError `ERR_LOOP_BACKEND` if `LANDSPOUT_TLS` has an invalid value, or asks for native TLS that is not
   *   available.
   */
  get tls(): 'native' | 'node' {
    return this.reactor !== undefined && 'binding' in this.reactor.tls ? 'native' : 'node';
  }

  /** Why {@link tls} was chosen, as readable text. @throws as {@link tls}. */
  get tlsReason(): string {
    if (this.reactor === undefined) return `the portable backend is used: ${this.backendReason}`;
    const load = this.reactor.tls;
    return 'binding' in load ? 'the functions of the OpenSSL in this process were found' : load.reason;
  }

  /** Milliseconds on the loop's clock. Never goes backwards. */
  time(): number {
    return this.clock.now();
  }

  /**
   * Calls `callback(...args)` in the next loop iteration, in the caller's async context. Callbacks run in the order in
   * which they were added. If one throws or rejects, the error is logged and the others still run. If a callback settles
   * a promise, code that awaits the promise runs after the last callback of the iteration.
   */
  addCallback<Args extends unknown[]>(callback: (...args: Args) => unknown, ...args: Args): void {
    loopChecks.callback('addCallback', 'callback', callback);
    if (this.#closed) this.#refuse('addCallback');
    this.#callbacks.add(callback, args);
  }

  /**
   * Calls `callback(...args)` once, after at least `delayMs` milliseconds, in the caller's async context.
   *
   * @param delayMs - 0 to 2,147,483,647 (about 24 days).
   * @throws LoopUsageError `ERR_LOOP_USAGE` if the delay is out of range.
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
   * Calls `callback(...args)` once, when {@link time} has reached `whenMs`. If that time has already passed, the call
   * is made in a later loop iteration, after at least 1 ms. In all other respects, it is like {@link callLater}.
   */
  callAt<Args extends unknown[]>(
    whenMs: number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): Timeout {
    if (!Number.isFinite(whenMs)) {
      throw loopChecks.wrong('callAt', 'a finite number (a time on the clock of the loop)', whenMs);
    }
    return this.callLater(Math.max(0, whenMs - this.time()), callback, ...args);
  }

  /**
   * Calls `callback(promise)` in a later loop iteration, after `promise` has settled, in the caller's async context.
   * The callback must handle a rejection itself: Node does not report it as unhandled.
   */
  addFuture<T>(promise: PromiseLike<T>, callback: (promise: PromiseLike<T>) => unknown): void {
    loopChecks.callback('addFuture', 'callback', callback);
    if (!isThenable(promise)) throw loopChecks.wrong('addFuture', 'a promise', promise);
    if (this.#closed) this.#refuse('addFuture');
    // If the loop is closed in the meantime, this callback is dropped, like everything else that was pending.
    const settled = (): void => {
      if (!this.#closed) this.#callbacks.add(callback, [promise]);
    };
    Promise.resolve(promise).then(settled, settled);
  }

  /** Cancels a pending {@link callLater} or {@link callAt}. Does nothing if the callback has already run. */
  removeTimeout(timeout: Timeout): void {
    if (typeof timeout?.cancel !== 'function')
      throw loopChecks.wrong('removeTimeout', 'the result of callLater or callAt', timeout);
    timeout.cancel();
  }

  /**
   * Calls `handler(target, events)` whenever the descriptor is ready, until {@link removeHandler}. Level-triggered: the
   * handler is called again as long as the descriptor stays ready. It runs in the async context of this call.
   *
   * @param target - a {@link Socket}, or the number of a descriptor, which the caller continues to own. The loop
   *   watches a duplicate of it, so you may close yours before you call `removeHandler`.
   * @param events - {@link READ}, {@link WRITE}, or both. {@link ERROR} is always reported.
   * @throws LoopUsageError `ERR_LOOP_ALREADY_REGISTERED` if the target has a handler already; `ERR_LOOP_NOT_SUPPORTED`
   *   on the portable backend.
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

  /** Changes the events that a handler is called for. @throws LoopUsageError `ERR_LOOP_NOT_REGISTERED`. */
  updateHandler(target: number | Socket, events: number): void {
    this.#requireHandlers('updateHandler').update(target, events);
  }

  /**
   * Stops watching a descriptor. Does nothing if it has no handler. An event of the current batch that is still
   * undelivered is dropped.
   */
  removeHandler(target: number | Socket): void {
    this.#requireHandlers('removeHandler').remove(target);
  }

  /**
   * Keeps the process alive until {@link stop} is called. The loop also works without `start`: if servers or timers
   * keep the program alive, call neither `start` nor `stop`.
   *
   * @throws LoopUsageError `ERR_LOOP_RUNNING` if the loop is already started.
   */
  async start(): Promise<void> {
    if (this.#closed) this.#refuse('start');
    return this.#runs.start();
  }

  /**
   * Ends {@link start}, and makes {@link run} reject. Nothing else changes: callbacks that were already added still
   * run, and sockets and timers stay open.
   *
   * @throws LoopUsageError `ERR_LOOP_NOT_RUNNING` if neither is active. In Tornado, a `stop` before `start` makes the
   *   next `start` return immediately; here it throws.
   */
  stop(): void {
    if (this.#closed) this.#refuse('stop');
    this.#runs.stop();
  }

  /**
   * Runs `main` and returns its result. Keeps the process alive until then.
   *
   * @param main - receives a signal that is aborted at the timeout or by {@link stop}, so that it can end its own work.
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if there is no result within `timeoutMs`; LoopStoppedError
   *   `ERR_LOOP_STOPPED` if {@link stop} is called first; LoopUsageError `ERR_LOOP_USAGE` if the timeout is out of
   *   range. Errors thrown by `main` pass through unchanged.
   */
  async run<T>(main: (signal: AbortSignal) => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    loopChecks.callback('run', 'main', main);
    loopChecks.options('run', options, RUN_OPTIONS);
    if (options.timeoutMs !== undefined) loopChecks.durationMs('run', 'timeoutMs', options.timeoutMs);
    if (this.#closed) this.#refuse('run');
    return this.#runs.run(main, this.clock, options.timeoutMs);
  }

  /**
   * Runs an exported function outside this thread, in the default executor: a pool of threads, created when first
   * needed. Options: another `executor`, a `signal`, a `transferList`. See {@link ExecutorTask} for what can be a task.
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

  /** Sets the executor that {@link runInExecutor} uses from now on. It is closed together with this loop. */
  setDefaultExecutor(executor: Executor): void {
    if (this.#closed) this.#refuse('setDefaultExecutor');
    this.#executors.setDefault(executor);
  }

  /**
   * Watches this loop from another thread. If the loop is blocked for `thresholdMs` (default: 100), the JavaScript
   * stack of the blocking code is reported while the block lasts. See `watchLoop` for details. The watch is closed
   * together with this loop. If `NODE_ENV` is `production`, this method does nothing unless the option `enabled` is
   * set.
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
   * Returns what this loop has done and how busy it is. A call takes a few microseconds; between calls, the loop only
   * increments counters. From the first call on, a timer also measures the lag. It does not keep the process alive.
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
   * Closes this loop: removes its handlers, drops pending callbacks and timers, ends its watch, and closes its
   * executor. The executor waits up to its `closeTimeoutMs` for the tasks that are running; tasks that are still
   * pending then reject with `ERR_EXECUTOR_CLOSED`. Streams and servers stay open, since the loop does not own them.
   * Does nothing if the loop is already closed; most other methods of a closed loop throw `ERR_LOOP_CLOSED`.
   * {@link removeHandler}, {@link removeTimeout}, {@link time}, {@link scheduleFlush} and {@link deferFlush} never
   * throw it.
   *
   * @throws LoopUsageError `ERR_LOOP_RUNNING` while {@link start} or {@link run} is active.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    loopChecks.options('close', options, CLOSE_OPTIONS);
    if (this.#closed) return;
    if (this.#runs.running) {
      throw new LoopUsageError('ERR_LOOP_RUNNING', 'close: the loop is still running; call stop first');
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

  /**
   * Schedules a call of `flushable.flush()`: for the end of the reactor's batch if one is being delivered, otherwise in
   * `process.nextTick`. For transports.
   */
  scheduleFlush(flushable: Flushable): void {
    if (typeof flushable?.flush !== 'function')
      throw loopChecks.wrong('scheduleFlush', 'an object with a flush method', flushable);
    this.#flushes.schedule(flushable);
  }

  /**
   * Schedules a call of `flushable.flush()` for a later loop iteration. Use it when the {@link writeBudget} of this
   * iteration is spent. For transports.
   */
  deferFlush(flushable: Flushable): void {
    this.#flushes.defer(flushable);
  }

  /** How much this thread may write in one loop iteration. For transports. */
  get writeBudget(): WriteBudget {
    return this.#flushes.budget;
  }

  [INSPECT](): object {
    return inspection(this, ['backend', 'backendReason'], () => ({
      ...this.#inspectedTls(),
      isRunning: this.#runs.running,
      isClosed: this.#closed,
      callbacks: this.#callbacks.waiting,
      timers: this.#timers.pending,
      clock: undefined,
      logger: undefined,
      reactor: undefined,
    }));
  }

  /** Does not decide which TLS is used, since that takes time and can fail. */
  #inspectedTls(): object {
    if (this.reactor?.isTlsDecided === false) return { tls: 'not used yet' };
    return { tls: this.tls, tlsReason: this.tlsReason };
  }

  #report(error: unknown): void {
    this.logger.error({ error }, 'a callback of the loop threw or rejected');
  }

  #refuse(operation: string): never {
    throw new LoopClosedError(`${operation}: the loop is closed`);
  }

  #requireHandlers(operation: string): DescriptorHandlers {
    if (this.#handlers !== undefined) return this.#handlers;
    throw new LoopUsageError(
      'ERR_LOOP_NOT_SUPPORTED',
      `${operation} needs the native backend, but this loop uses the portable one: ${this.backendReason}`,
    );
  }
}
