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
// What can go wrong.
export { CodedError, SystemError } from './errors.ts';
export { consoleLogger, type Logger, type LogTarget, RateLimitedLog } from './logger.ts';
export { Deadline, type DeadlineEntry, DeadlineWheel } from './loop/deadline-wheel.ts';
// The loop.
export { type CloseOptions, IOLoop, type IOLoopOptions, type RunOptions } from './loop/io-loop.ts';
export type { LagStats } from './loop/loop-lag.ts';
export type { LoopStats, StatsOptions } from './loop/loop-stats.ts';
export type { Timeout } from './loop/loop-timers.ts';
export { PeriodicCallback, type PeriodicCallbackOptions } from './loop/periodic-callback.ts';
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
export { runInRootContext } from './node-async-context.ts';
// For the layers above.
export { portNumber, portProblem } from './port-number.ts';
export type { Flushable } from './reactor/flush-queue.ts';
export type { NativeAddress, NativeBinding } from './reactor/native-binding.ts';
export {
  checked,
  type Descriptor,
  type Reactor,
  type ReactorStats,
  type ReadyHandler,
  systemError,
} from './reactor/reactor.ts';
export type { BatchedSender, SendBatch } from './reactor/send-batch.ts';
export type { Backend } from './reactor/thread-backend.ts';
export type { BudgetedWriter, WriteBudget } from './reactor/write-budget.ts';
export type { ReadinessHandler } from './sockets/descriptor-watch.ts';
// Hand-written loops.
export { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from './sockets/selector.ts';
export { Socket, type SocketTarget } from './sockets/socket.ts';
// Results of a program's callbacks. `isFuture` is Tornado's name.
export { callReporting, isThenable, isThenable as isFuture, reportRejection } from './thenable.ts';

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
export type { CloseOptions as ExecutorCloseOptions } from './executors/running-tasks.ts';
export { ThreadPoolExecutor, type ThreadPoolExecutorOptions } from './executors/thread-pool-executor.ts';
export { transfer } from './executors/transfer.ts';
export { type RunOnExecutorOptions, runOnExecutor } from './loop/run-on-executor.ts';
export type { LoopBlock } from './watchdog/loop-block.ts';
export { LOOP_BLOCK_CHANNEL, type LoopWatch } from './watchdog/loop-watch.ts';
export { WATCH_ERRORS, type WatchErrorCode, WatchUsageError } from './watchdog/watch-errors.ts';
export type { LoopWatchOptions } from './watchdog/watch-options.ts';

// Many processes.

export { FORK_OPTIONS, type ForkProcessesOptions, forkProcesses } from './processes/fork-processes.ts';
export type { ChildProgramOptions } from './processes/launching/child-program.ts';
export type { ProcessListenOptions } from './processes/launching/listen-requests.ts';
export {
  PROCESS_ERRORS,
  type ProcessErrorCode,
  ProcessLimitError,
  ProcessNotReadyError,
  ProcessTimeoutError,
  ProcessUsageError,
} from './processes/launching/process-errors.ts';
export { announceListening, explainAddressInUse } from './processes/messages/task-readiness.ts';
export type { TaskListener } from './processes/messages/task-record.ts';
export { type ProcessTask, taskId } from './processes/process-task.ts';
export { cpuCount } from './processes/supervisor/process-count.ts';
export { ProcessSupervisor } from './processes/supervisor/process-supervisor.ts';
export type { RestartPolicyOptions } from './processes/supervisor/restart-policy.ts';
export type { SupervisedChild } from './processes/supervisor/supervised-task.ts';
export type {
  AskOptions,
  ProcessSupervisorOptions,
  RollingRestartOptions,
  SupervisorHooks,
} from './processes/supervisor/supervisor-options.ts';
export type { ProcessExit } from './processes/supervisor/task-child.ts';
