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

export { beforeParentExit } from './supervisor/parent-exit.ts';
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

// Binary messages between parent and child.

export type { DoorOptions } from './doors/door-options.ts';
export { type DoorEnd, type DoorHandler, MAX_MESSAGE_BYTES, type MessageDoor } from './doors/message-door.ts';
export { isTaskChild, openDoor } from './doors/open-door.ts';
export { serveDoor } from './supervisor/serve-door.ts';

// Errors.

export {
  PROCESS_ERRORS,
  type ProcessErrorCode,
  ProcessLimitError,
  ProcessNotReadyError,
  ProcessTimeoutError,
  ProcessUsageError,
} from './launching/process-errors.ts';
