import type { TaskAddress, Transferable } from './executor.ts';
import { ExecutorUsageError } from './executor-errors.ts';

/** Registered globally, because the thread of a task may have loaded another copy of this file. */
const TRANSFER_LIST: unique symbol = Symbol.for('landspout.executor.transferList') as never;

interface Handover {
  readonly value: unknown;
  readonly [TRANSFER_LIST]: readonly Transferable[];
}

/**
 * Imports the function of a task into this thread. Each thread loads a module once.
 *
 * @throws ExecutorUsageError `ERR_EXECUTOR_MODULE` with the error of the import as its cause, `ERR_EXECUTOR_EXPORT`.
 */
export async function importTask({ url, exportName }: TaskAddress): Promise<(...args: unknown[]) => unknown> {
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } catch (cause) {
    throw new ExecutorUsageError('ERR_EXECUTOR_MODULE', `${url} cannot be loaded: ${reason(cause)}`, {
      cause,
    });
  }
  const found = Object.hasOwn(module, exportName) ? module[exportName] : undefined;
  if (typeof found === 'function') return found as (...args: unknown[]) => unknown;
  const names = Object.keys(module).filter((name) => typeof module[name] === 'function');
  throw new ExecutorUsageError(
    'ERR_EXECUTOR_EXPORT',
    `"${exportName}" of ${url} is ${found === undefined ? 'missing' : `of type ${typeof found}`}; its functions: ${names.slice(0, 20).join(', ') || 'none'}`,
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Makes a task transfer its result to the caller's thread instead of copying it:
 * `return transfer(bytes, [bytes.buffer])`. The task must not use the transferred objects after that.
 *
 * @param value - the result, which contains the objects of `transferList`.
 */
export function transfer<T>(value: T, transferList: readonly Transferable[]): T {
  const handover: Handover = { value, [TRANSFER_LIST]: transferList };
  return handover as T;
}

/** Returns the result of a task, and the objects in the result that are to be transferred. */
export function unwrapTransfer(result: unknown): { value: unknown; transferList: readonly Transferable[] } {
  if (typeof result !== 'object' || result === null || !(TRANSFER_LIST in result)) {
    return { value: result, transferList: [] };
  }
  const handover = result as Handover;
  return { value: handover.value, transferList: handover[TRANSFER_LIST] };
}
