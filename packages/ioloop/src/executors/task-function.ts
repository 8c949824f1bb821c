import type { TaskAddress, Transferable } from './executor.ts';
import { ExecutorUsageError } from './executor-errors.ts';

/** Known in every copy of this file: the thread of a task may have loaded another one. */
const TRANSFER_LIST: unique symbol = Symbol.for('landspout.executor.transferList') as never;

interface Handover {
  readonly value: unknown;
  readonly [TRANSFER_LIST]: readonly Transferable[];
}

/**
 * Imports the function of a task into this thread. A module is loaded once for each thread, as always.
 *
 * @throws ExecutorUsageError `ERR_EXECUTOR_MODULE` with the failure of the import as its cause, `ERR_EXECUTOR_EXPORT`.
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
    `"${exportName}" of ${url} is ${found === undefined ? 'not there' : `of type ${typeof found}`}; its functions: ${names.slice(0, 20).join(', ') || 'none'}`,
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Has the result of a task handed over to the caller's thread instead of copied: `return transfer(bytes,
 * [bytes.buffer])`. The task must not use what is on the list any more.
 *
 * @param value - the result, which contains what is on the list.
 */
export function transfer<T>(value: T, transferList: readonly Transferable[]): T {
  const handover: Handover = { value, [TRANSFER_LIST]: transferList };
  return handover as T;
}

/** What a task returned, and what of it is handed over. */
export function unwrapTransfer(result: unknown): { value: unknown; transferList: readonly Transferable[] } {
  if (typeof result !== 'object' || result === null || !(TRANSFER_LIST in result)) {
    return { value: result, transferList: [] };
  }
  const handover = result as Handover;
  return { value: handover.value, transferList: handover[TRANSFER_LIST] };
}
