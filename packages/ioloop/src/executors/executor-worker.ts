/**
 * What runs in a thread of {@link ThreadPoolExecutor}: one call of this function for each task. It answers instead of
 * throwing, so that whatever else ends a call says that the thread itself has failed.
 *
 * This file is an entry of the build, and imports as little as it can: every thread pays for it.
 */
import { cloneError, cloneFault, copyThrown, isError, type ThrownCopy } from './cloning.ts';
import type { TaskAddress } from './executor.ts';
import type { ExecutorUsageError, ExecutorUsageErrorCode } from './executor-errors.ts';
import { importTask, unwrapTransfer } from './task-function.ts';

/** What a thread is asked. */
export interface WorkerTask {
  readonly address: TaskAddress;
  readonly args: readonly unknown[];
}

/** What a thread answers. */
export type WorkerAnswer =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly thrown: ThrownCopy }
  | {
      readonly kind: 'refused';
      readonly code: ExecutorUsageErrorCode;
      readonly message: string;
      readonly cause: ThrownCopy | undefined;
    };

export default async function runTask({ address, args }: WorkerTask): Promise<unknown> {
  let run: (...args: unknown[]) => unknown;
  try {
    run = await importTask(address);
  } catch (error) {
    return refusal(error as ExecutorUsageError);
  }
  let result: unknown;
  try {
    result = await run(...args);
  } catch (thrown) {
    const fault = isError(thrown) ? undefined : cloneFault(thrown, []);
    if (fault !== undefined) return refusal(cloneError('what the task threw', fault.cause));
    return { kind: 'threw', thrown: copyThrown(thrown) } satisfies WorkerAnswer;
  }
  const { value, transferList } = unwrapTransfer(result);
  const fault = cloneFault(value, transferList);
  if (fault !== undefined) return refusal(cloneError('the result', fault.cause));
  const answer: WorkerAnswer = { kind: 'returned', value };
  return transferList.length === 0 ? answer : handOver(answer, transferList);
}

function refusal({ code, message, cause }: ExecutorUsageError): WorkerAnswer {
  return { kind: 'refused', code, message, cause: cause === undefined ? undefined : copyThrown(cause) };
}

/** Tells the pool to transfer; it knows its own marks only, and this is rare enough to load it at need. */
async function handOver(answer: WorkerAnswer, transferList: readonly unknown[]): Promise<unknown> {
  const { default: Piscina } = await import('piscina');
  return Piscina.move({
    [Piscina.transferableSymbol]: [...transferList],
    [Piscina.valueSymbol]: answer,
  } as never);
}
