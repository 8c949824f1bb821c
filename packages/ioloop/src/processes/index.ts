/**
 * Many processes: `forkProcesses` and the supervisor that starts, watches, restarts and stops them.
 *
 * @packageDocumentation
 */

// Forking.

export {
  FORK_OPTIONS,
  type ForkProcessesOptions,
  forkProcesses,
  type ProcessTask,
  taskId,
} from './fork-processes.ts';
export type { ChildProgramOptions } from './launching/child-program.ts';
export type { ProcessListenOptions } from './launching/listen-requests.ts';
export { cpuCount } from './supervisor/supervisor-options.ts';

// Supervising.

export { ProcessSupervisor } from './supervisor/process-supervisor.ts';
export type { RestartPolicyOptions } from './supervisor/restart-policy.ts';
export type { SupervisedChild } from './supervisor/supervised-task.ts';
export type {
  AskOptions,
  ProcessSupervisorOptions,
  RollingRestartOptions,
  SupervisorHooks,
} from './supervisor/supervisor-options.ts';
export type { ProcessExit } from './supervisor/task-child.ts';

// For servers: messages between a child and its supervisor.

export { type SharedSecret, sharedSecret } from './messages/shared-secret.ts';
export { announceListening, explainAddressInUse } from './messages/task-readiness.ts';
export type { TaskListener } from './messages/task-record.ts';

// Errors.

export {
  PROCESS_ERRORS,
  type ProcessErrorCode,
  ProcessLimitError,
  ProcessNotReadyError,
  ProcessTimeoutError,
  ProcessUsageError,
} from './launching/process-errors.ts';
