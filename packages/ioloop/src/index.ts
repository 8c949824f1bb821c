/**
 * The event loop of Landspout: descriptor readiness from a native epoll reactor inside Node's own loop,
 * timers, selectors and sockets, and a portable backend where there is no epoll.
 *
 * This package handles descriptors and time. Streams are in `@landspout/iostream`, which builds on it.
 *
 * @packageDocumentation
 */

// The loop.

export { type CloseOptions, IOLoop, type IOLoopOptions, type RunOptions } from './loop/io-loop.ts';
export type { Timeout } from './loop/loop-timers.ts';
export { PeriodicCallback, type PeriodicCallbackOptions } from './loop/periodic-callback.ts';
export type { Backend } from './reactor/backend.ts';
export type { ReadinessHandler } from './sockets/descriptor-handlers.ts';

// Loops written by hand.

export { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from './sockets/selector.ts';
export { Socket, type SocketTarget } from './sockets/socket.ts';

// Coroutines. `isFuture` is the name that Tornado has for `isThenable`.

export { isCancellation } from './abort.ts';
export {
  convertYielded,
  coroutine,
  isCoroutineFunction,
  registerYielded,
  type YieldedConverter,
} from './coroutines/coroutine.ts';
export type { FailureReport } from './coroutines/failure-report.ts';
export { chainFuture, Future } from './coroutines/future.ts';
export { type MultiOptions, type MultiResult, multi, type WaitItems } from './coroutines/multi.ts';
export { type SleepOptions, sleep } from './coroutines/sleep.ts';
export {
  WaitIterator,
  type WaitIteratorOptions,
  type WaitOutcome,
  type WaitOutcomes,
} from './coroutines/wait-iterator.ts';
export { type WithTimeoutOptions, withTimeout } from './coroutines/with-timeout.ts';
export { isThenable as isFuture } from './thenable.ts';

// Locks and queues.

export { Condition } from './locks/condition.ts';
export { Event } from './locks/event.ts';
export { Lock } from './locks/lock.ts';
export { BoundedSemaphore, Semaphore, type SemaphoreGuard } from './locks/semaphore.ts';
export type { WaitableOptions, WaitOptions } from './locks/wait-options.ts';
export type { ItemOrder } from './queues/item-order.ts';
export { type Compare, PriorityQueue, type PriorityQueueOptions } from './queues/priority-queue.ts';
export { LifoQueue, Queue, type QueueOptions } from './queues/queue.ts';

// Measurements: the statistics of a loop, and the watchdog that reports what blocks it.

export type { LagStats, LoopStats, StatsOptions } from './loop/loop-stats.ts';
export type { LoopBlock } from './watchdog/loop-block.ts';
export { LOOP_BLOCK_CHANNEL, type LoopWatch } from './watchdog/loop-watch.ts';
export type { LoopWatchOptions } from './watchdog/watch-options.ts';

// Messages on diagnostics channels, by which a subscriber chooses an async context.

export type { ContextWrapper, StartMessage } from './reactor/start-channel.ts';

// The service manager of this process.

export type { SystemdNotice } from './systemd/notice.ts';
export { notifySystemd } from './systemd/notify-systemd.ts';
export { SYSTEMD_ERRORS, type SystemdErrorCode, SystemdNotifyError } from './systemd/systemd-errors.ts';
export {
  type SystemdWatchdog,
  type SystemdWatchdogOptions,
  startSystemdWatchdog,
} from './systemd/systemd-watchdog.ts';

// Clocks and loggers, which other packages take as options.

export { type Clock, type ClockTimer, systemClock } from './clock.ts';
export {
  type ConsoleLogger,
  type ConsoleLoggerOptions,
  consoleLogger,
  createConsoleLogger,
  type LogFormat,
} from './console-logger.ts';
export type { LogLevel } from './log-line.ts';
export type { Logger, LogTarget } from './logger.ts';

// Errors.

export { CodedError, SystemError } from './errors.ts';
export {
  LOOP_ERRORS,
  LoopClosedError,
  type LoopErrorCode,
  LoopStoppedError,
  LoopTimeoutError,
  LoopUsageError,
  type LoopUsageErrorCode,
  QueueEmptyError,
  QueueFullError,
} from './loop-errors.ts';
export { WATCH_ERRORS, type WatchErrorCode, WatchUsageError } from './watchdog/watch-errors.ts';
