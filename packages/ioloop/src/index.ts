/**
 * The event loop of Landspout: descriptor readiness from a native epoll reactor inside Node's own loop,
 * timers, selectors and sockets, and a portable backend where there is no epoll.
 *
 * Knows descriptors and time. Does not know streams or protocols: `@landspout/iostream` has those.
 *
 * @packageDocumentation
 */

// What can go wrong.

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

// Time and records as arguments.

export { type Clock, type ClockTimer, systemClock } from './clock.ts';
export { consoleLogger, type Logger, type LogTarget, RateLimitedLog } from './logger.ts';

// The loop.

export { Deadline, type DeadlineEntry, DeadlineWheel } from './loop/deadline-wheel.ts';
export { type CloseOptions, IOLoop, type IOLoopOptions, type RunOptions } from './loop/io-loop.ts';
export type { LagStats, LoopStats, StatsOptions } from './loop/loop-stats.ts';
export type { Timeout } from './loop/loop-timers.ts';
export { PeriodicCallback, type PeriodicCallbackOptions } from './loop/periodic-callback.ts';
export type { Backend } from './reactor/backend.ts';
export type { ReadinessHandler } from './sockets/descriptor-handlers.ts';

// Hand-written loops.

export { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from './sockets/selector.ts';
export { Socket, type SocketTarget } from './sockets/socket.ts';

// Results of a program's callbacks. `isFuture` is Tornado's name.

export { callReporting, isThenable, isThenable as isFuture, reportRejection } from './thenable.ts';

// For the layers above.

export { withCallerStack } from './caller-stack.ts';
export { portNumber, portProblem } from './checks.ts';
export { runInRootContext } from './node-async-context.ts';
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
export type { BudgetedWriter, WriteBudget } from './reactor/write-budget.ts';

// Locks and queues.

export { Condition } from './locks/condition.ts';
export { Event } from './locks/event.ts';
export { Lock } from './locks/lock.ts';
export { BoundedSemaphore, Semaphore, type SemaphoreGuard } from './locks/semaphore.ts';
export type { WaitableOptions, WaitOptions } from './locks/wait-options.ts';
export type { ItemOrder } from './queues/item-order.ts';
export { type Compare, PriorityQueue, type PriorityQueueOptions } from './queues/priority-queue.ts';
export { LifoQueue, Queue, type QueueOptions } from './queues/queue.ts';

// Coroutines.

export { isCancellation, onAbort } from './abort.ts';
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
export { transfer } from './executors/task-function.ts';
export { ThreadPoolExecutor, type ThreadPoolExecutorOptions } from './executors/thread-pool-executor.ts';
export { type RunOnExecutorOptions, runOnExecutor } from './loop/run-on-executor.ts';
export type { LoopBlock } from './watchdog/loop-block.ts';
export { LOOP_BLOCK_CHANNEL, type LoopWatch } from './watchdog/loop-watch.ts';
export { WATCH_ERRORS, type WatchErrorCode, WatchUsageError } from './watchdog/watch-errors.ts';
export type { LoopWatchOptions } from './watchdog/watch-options.ts';

// Many processes.

export {
  FORK_OPTIONS,
  type ForkProcessesOptions,
  forkProcesses,
  type ProcessTask,
  taskId,
} from './processes/fork-processes.ts';
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
export { ProcessSupervisor } from './processes/supervisor/process-supervisor.ts';
export type { RestartPolicyOptions } from './processes/supervisor/restart-policy.ts';
export type { SupervisedChild } from './processes/supervisor/supervised-task.ts';
export {
  type AskOptions,
  cpuCount,
  type ProcessSupervisorOptions,
  type RollingRestartOptions,
  type SupervisorHooks,
} from './processes/supervisor/supervisor-options.ts';
export type { ProcessExit } from './processes/supervisor/task-child.ts';
