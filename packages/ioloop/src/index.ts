/**
 * The event loop of Landspout: descriptor readiness from a native epoll reactor inside Node's own loop,
 * timers, selectors and sockets, and a portable backend where there is no epoll.
 *
 * Knows descriptors and time. Does not know streams or protocols: `@landspout/iostream` has those.
 *
 * @packageDocumentation
 */

// For the layers above.
export { withCallerStack } from './caller-stack.ts';
// Time and records as arguments.
export { type Clock, type ClockTimer, systemClock } from './clock.ts';
export { Deadline, type DeadlineEntry, DeadlineWheel } from './deadline-wheel.ts';
export type { ReadinessHandler } from './descriptor-watch.ts';
// What can go wrong.
export { CodedError, SystemError } from './errors.ts';
export type { Flushable } from './flush-queue.ts';
// The loop.
export { type CloseOptions, IOLoop, type IOLoopOptions, type RunOptions } from './io-loop.ts';
export { consoleLogger, type Logger, type LogTarget, RateLimitedLog } from './logger.ts';
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
export type { LagStats } from './loop-lag.ts';
export type { LoopStats, StatsOptions } from './loop-stats.ts';
export type { Timeout } from './loop-timers.ts';
export type { NativeAddress, NativeBinding } from './native-binding.ts';
export { PeriodicCallback, type PeriodicCallbackOptions } from './periodic-callback.ts';
// For the layers above.
export { portNumber, portProblem } from './port-number.ts';
export {
  checked,
  type Descriptor,
  type Reactor,
  type ReactorStats,
  type ReadyHandler,
  systemError,
} from './reactor.ts';
export { runInRootContext } from './root-context.ts';
// Hand-written loops.
export { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.ts';
export type { BatchedSender, SendBatch } from './send-batch.ts';
export { Socket, type SocketTarget } from './socket.ts';
// Results of a program's callbacks. `isFuture` is Tornado's name.
export { callReporting, isThenable, isThenable as isFuture, reportRejection } from './thenable.ts';
export type { Backend } from './thread-backend.ts';
export type { BudgetedWriter, WriteBudget } from './write-budget.ts';

// Locks and queues.

export { BoundedSemaphore } from './locks/bounded-semaphore.ts';
export { Condition } from './locks/condition.ts';
export { Event } from './locks/event.ts';
export { Lock } from './locks/lock.ts';
export { Semaphore } from './locks/semaphore.ts';
export type { SemaphoreGuard } from './locks/semaphore-guard.ts';
export type { WaitableOptions, WaitOptions } from './locks/wait-options.ts';
export type { Compare } from './queues/heap-order.ts';
export type { ItemOrder } from './queues/item-order.ts';
export { LifoQueue } from './queues/lifo-queue.ts';
export { PriorityQueue, type PriorityQueueOptions } from './queues/priority-queue.ts';
export { Queue, type QueueOptions } from './queues/queue.ts';

// Coroutines.

export { isCancellation } from './coroutines/cancellation.ts';
export { chainFuture } from './coroutines/chain-future.ts';
export { convertYielded, registerYielded, type YieldedConverter } from './coroutines/convert-yielded.ts';
export { coroutine, isCoroutineFunction } from './coroutines/coroutine.ts';
export type { FailureReport } from './coroutines/failure-report.ts';
export { Future } from './coroutines/future.ts';
export { type MultiOptions, type MultiResult, multi } from './coroutines/multi.ts';
export { type SleepOptions, sleep } from './coroutines/sleep.ts';
export type { WaitItems } from './coroutines/wait-items.ts';
export {
  WaitIterator,
  type WaitIteratorOptions,
  type WaitOutcome,
  type WaitOutcomes,
} from './coroutines/wait-iterator.ts';
export { type WithTimeoutOptions, withTimeout } from './coroutines/with-timeout.ts';

// Other threads: functions that compute there, and one that watches this one.

export type {
  Executor,
  ExecutorRunOptions,
  ExecutorTask,
  TaskFunction,
  Transferable,
  UnknownTaskFunction,
} from './executors/executor.ts';
export {
  EXECUTOR_ERRORS,
  ExecutorClosedError,
  type ExecutorErrorCode,
  ExecutorLimitError,
  ExecutorUsageError,
  ExecutorWorkerError,
} from './executors/executor-errors.ts';
export { InlineExecutor } from './executors/inline-executor.ts';
export type { RunInExecutorOptions } from './executors/loop-executors.ts';
export { type RunOnExecutorOptions, runOnExecutor } from './executors/run-on-executor.ts';
export type { CloseOptions as ExecutorCloseOptions } from './executors/running-tasks.ts';
export { ThreadPoolExecutor, type ThreadPoolExecutorOptions } from './executors/thread-pool-executor.ts';
export { transfer } from './executors/transfer.ts';
export type { LoopBlock } from './watchdog/loop-block.ts';
export { LOOP_BLOCK_CHANNEL, type LoopWatch } from './watchdog/loop-watch.ts';
export { WATCH_ERRORS, type WatchErrorCode, WatchUsageError } from './watchdog/watch-errors.ts';
export type { LoopWatchOptions } from './watchdog/watch-options.ts';
// Many processes.

export type { ChildProgramOptions } from './processes/child-program.ts';
export { FORK_OPTIONS, type ForkProcessesOptions, forkProcesses } from './processes/fork-processes.ts';
export type { ProcessListenOptions } from './processes/listen-requests.ts';
export { cpuCount } from './processes/process-count.ts';
export {
  PROCESS_ERRORS,
  type ProcessErrorCode,
  ProcessLimitError,
  ProcessNotReadyError,
  ProcessTimeoutError,
  ProcessUsageError,
} from './processes/process-errors.ts';
export { ProcessSupervisor } from './processes/process-supervisor.ts';
export { type ProcessTask, taskId } from './processes/process-task.ts';
export type { RestartPolicyOptions } from './processes/restart-policy.ts';
export type { SupervisedChild } from './processes/supervised-task.ts';
export type {
  AskOptions,
  ProcessSupervisorOptions,
  RollingRestartOptions,
  SupervisorHooks,
} from './processes/supervisor-options.ts';
export type { ProcessExit } from './processes/task-child.ts';
export { announceListening, explainAddressInUse } from './processes/task-readiness.ts';
export type { TaskListener } from './processes/task-record.ts';
