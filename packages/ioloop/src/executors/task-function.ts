import { ExecutorUsageError } from './executor-errors.ts';
import type { TaskAddress } from './task-request.ts';

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
