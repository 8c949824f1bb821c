/**
 * What a package between the loop and a program needs: the reactor and its descriptors, deadlines by the thousand, and
 * how to call a callback of the program. `@landspout/iostream` and the packages above it use it.
 *
 * A program uses `@landspout/ioloop` instead.
 *
 * @packageDocumentation
 */

// The reactor: readiness of descriptors, and native calls.

export type { NativeAddress, NativeBinding } from './native-binding.ts';
export {
  checked,
  type Descriptor,
  type Reactor,
  type ReactorStats,
  type ReadyHandler,
  systemError,
} from './reactor.ts';
export type { TlsLoad } from './tls-availability.ts';
export {
  TLS_BARE,
  TLS_BYTES,
  TLS_COMPLETE,
  TLS_ENDED,
  TLS_FULL,
  TLS_KEPT,
  TLS_KEY_LINES,
  TLS_NEEDS_INPUT,
  TLS_SESSION,
  TLS_WAITING,
  TLS_WANTS_CONTEXT,
  TLS_WANTS_READ,
  type TlsBinding,
  type TlsFacts,
} from './tls-binding.ts';

// Writes, which are sent at the end of a loop iteration, in batches and within a budget.

export type { Flushable } from './flush-queue.ts';
export type { BatchedSender, SendBatch } from './send-batch.ts';
export type { BudgetedWriter, WriteBudget } from './write-budget.ts';

// Deadlines and abort.

export { onAbort } from '../abort.ts';
export { Deadline, type DeadlineEntry, DeadlineWheel } from '../loop/deadline-wheel.ts';

// Callbacks of the program, and reports about them.

export { withCallerStack } from '../caller-stack.ts';
export { RateLimitedLog } from '../logger.ts';
export { runInContextOf, runInRootContext } from '../node-async-context.ts';
export { callReporting, isThenable, reportRejection } from '../thenable.ts';
export { type ContextWrapper, publishStart, type StartMessage } from './start-channel.ts';

// Loggers of the program, and details that define the text of their record.

export { acceptLogger, bindLogger } from '../bound-logger.ts';
export { LOG_TEXT, type Paint, type TextDetails } from '../log-line.ts';

// The service manager, for servers.

export { SystemdService } from '../systemd/systemd-service.ts';

// Checks of arguments.

export { portNumber, portProblem } from '../checks.ts';
