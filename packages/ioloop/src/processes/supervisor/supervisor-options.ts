import { availableParallelism } from 'node:os';
import { MAX_DELAY_MS } from '../../clock.ts';
import type { IOLoop } from '../../loop/io-loop.ts';
import { type OptionNames, optionsProblem } from '../../option-names.ts';
import { shownValue } from '../../shown-value.ts';
import type { ChildProgramOptions } from '../launching/child-program.ts';
import type { ProcessListenOptions } from '../launching/listen-requests.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { RESTART_OPTIONS, type RestartPolicyOptions } from './restart-policy.ts';
import type { SupervisedChild } from './supervised-task.ts';
import type { ProcessExit } from './task-child.ts';

/** Callbacks that notify the parent of events in its children. An error in one of them is logged. */
export interface SupervisorHooks {
  /** Called after a child was started or restarted. */
  readonly onStarted?: (child: SupervisedChild) => unknown;
  /** Called after a child has ended or could not be started. */
  readonly onExited?: (child: SupervisedChild, exit: ProcessExit) => unknown;
  /** Called with each message that a child sends with `process.send(message)`. */
  readonly onMessage?: (child: SupervisedChild, message: unknown) => unknown;
}

export interface ProcessSupervisorOptions extends RestartPolicyOptions, ChildProgramOptions, SupervisorHooks {
  /** The number of children: 1 to 1,024. 0, a negative number, `null` or `undefined` means one for each CPU. */
  readonly count?: number | null;
  /** The program to start. Default: the one that this process runs. */
  readonly program?: string;
  /** Where each child can listen; see `forkProcesses`. Default: nowhere. */
  readonly listen?: readonly ProcessListenOptions[];
  /**
   * How long children may take to end after they are stopped, or after their parent has died, before they are killed.
   * Default: 35 s, which is longer than the 30 s that a server drains by default.
   */
  readonly stopTimeoutMs?: number;
  /**
   * The loop whose clock measures lifetimes and delays, and whose logger gets the log records. Default: the loop of
   * this thread.
   */
  readonly loop?: IOLoop;
}

export interface RollingRestartOptions {
  /** How long a new child may take to become ready; see {@link ProcessSupervisor.restart}. Default: 30 s. */
  readonly readyTimeoutMs?: number;
}

export interface AskOptions {
  /** How long to wait for answers. Default: 1 s. */
  readonly timeoutMs?: number;
}

/** The options that `ProcessSupervisor` and `forkProcesses` have in common. */
export const SHARED_OPTIONS: OptionNames<Omit<ProcessSupervisorOptions, 'count' | 'program'>> = {
  ...RESTART_OPTIONS,
  args: true,
  execArgv: true,
  env: true,
  onStarted: true,
  onExited: true,
  onMessage: true,
  listen: true,
  stopTimeoutMs: true,
  loop: true,
};
export const SUPERVISOR_OPTIONS: OptionNames<ProcessSupervisorOptions> = {
  ...SHARED_OPTIONS,
  count: true,
  program: true,
};
export const ROLLING_OPTIONS: OptionNames<RollingRestartOptions> = { readyTimeoutMs: true };
export const ASK_OPTIONS: OptionNames<AskOptions> = { timeoutMs: true };

/** @throws ProcessUsageError `ERR_PROCESS_USAGE` if `options` is not an object of options or has an unknown name. */
export function requireProcessOptions<Options extends object>(
  options: Options,
  known: OptionNames<Options>,
  operation: string,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined) throw new ProcessUsageError(`${operation}: ${problem}`);
}

const DELAYS = {
  stopTimeoutMs: 35_000,
  readyTimeoutMs: 30_000,
  timeoutMs: 1_000,
} as const;

/** Returns one of the time options, or its default. @throws ProcessUsageError if it is invalid. */
export function resolveDelay<Name extends keyof typeof DELAYS>(
  options: { readonly [Key in Name]?: number },
  name: Name,
): number {
  const value: number = options[name] ?? DELAYS[name];
  if (typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS) return value;
  throw new ProcessUsageError(`${name} of 0 to ${MAX_DELAY_MS} was expected, not ${shownValue(value)}`);
}

/** Maximum number of processes: no machine can make use of more, so a higher number is a mistake of the caller. */
const MAX_PROCESSES = 1024;

/**
 * Returns how many CPUs this process may use: those of the machine, except any that its CPU affinity excludes. At least
 * 1.
 */
export function cpuCount(): number {
  return availableParallelism();
}

/**
 * Resolves the number of processes.
 *
 * @param count - 1 to 1,024. 0, a negative number, `null` or `undefined` means one for each CPU.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` if `count` is not an integer or is too large.
 */
export function resolveProcessCount(count: number | null | undefined): number {
  if (count === undefined || count === null) return Math.min(cpuCount(), MAX_PROCESSES);
  if (!Number.isInteger(count) || count > MAX_PROCESSES) {
    throw new ProcessUsageError(
      `a whole number of at most ${MAX_PROCESSES} processes was expected, not ${shownValue(count)}`,
    );
  }
  return count > 0 ? count : Math.min(cpuCount(), MAX_PROCESSES);
}
