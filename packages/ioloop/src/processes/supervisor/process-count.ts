import { availableParallelism } from 'node:os';
import { shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';

/** More processes than any machine has use for are a mistake of the caller's. */
const MAX_PROCESSES = 1024;

/** How many CPUs this process may use: those of the machine, less what an affinity mask takes away. At least 1. */
export function cpuCount(): number {
  return availableParallelism();
}

/**
 * The number of processes that a caller means.
 *
 * @param count - 1 to 1,024; 0, less, or nothing means one for each CPU.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE`.
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
