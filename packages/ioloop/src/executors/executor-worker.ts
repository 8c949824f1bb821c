/**
 * Runs in each thread of {@link ThreadPoolExecutor}: the default export is called once for each task. It returns
 * failures instead of throwing them, so a call that throws means that the thread itself has failed.
 *
 * This file is an entry point of the build. It imports as little as possible, since every thread must load it.
 */
import { cloneError, cloneFault, copyThrown, isError, type ThrownCopy } from './cloning.ts';
import type { TaskAddress } from './executor.ts';
import type { ExecutorUsageError, ExecutorUsageErrorCode } from './executor-errors.ts';
import { importTask, unwrapTransfer } from './task-function.ts';

/** The request that is posted to a thread. */
export interface WorkerTask {
  readonly address: TaskAddress;
  readonly args: readonly unknown[];
}

/** The outcome that a thread posts back. */
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
    if (fault !== undefined) return refusal(cloneError('the value that the task threw', fault.cause));
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

/**
 * Marks the objects that piscina is to transfer. Piscina recognises only its own markers; it is loaded on demand,
 * because few tasks transfer anything.
 */
async function handOver(answer: WorkerAnswer, transferList: readonly unknown[]): Promise<unknown> {
  const { default: Piscina } = await import('piscina');
  return Piscina.move({
    [Piscina.transferableSymbol]: [...transferList],
    [Piscina.valueSymbol]: answer,
  } as never);
}
