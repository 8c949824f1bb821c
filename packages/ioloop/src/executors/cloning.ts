import type { Transferable } from './executor.ts';
import { ExecutorUsageError } from './executor-errors.ts';

/**
 * Says whether a value can be copied to another thread, without copying it and without transferring anything: behind
 * the value stands a getter that throws, so that coming as far as the getter means that the value passed.
 *
 * @returns what stands in the way, or `undefined`.
 */
export function cloneFault(
  value: unknown,
  transferList: readonly Transferable[],
): { cause: unknown } | undefined {
  if (transferList.length === 0 && isPrimitive(value)) return undefined;
  const passed = new Error('passed');
  const stop = {
    get here(): never {
      throw passed;
    },
  };
  try {
    structuredClone([value, stop], { transfer: [...transferList] });
  } catch (cause) {
    return cause === passed ? undefined : { cause };
  }
  return undefined;
}

/**
 * The copy of arguments that will wait, so that the caller may change the originals at once.
 *
 * @throws ExecutorUsageError `ERR_EXECUTOR_CLONE`; nothing was transferred.
 */
export function copyArguments(args: readonly unknown[], transferList: readonly Transferable[]) {
  try {
    return structuredClone({ args, transferList }, { transfer: [...transferList] });
  } catch (cause) {
    throw argumentFault(args, transferList, cause);
  }
}

/** The error that names what it is in a call that cannot be copied. */
export function argumentFault(
  args: readonly unknown[],
  transferList: readonly Transferable[],
  cause: unknown,
): ExecutorUsageError {
  const at = args.findIndex((argument) => cloneFault(argument, transferList) !== undefined);
  const listed = cloneFault(undefined, transferList) !== undefined;
  const what = listed || at === -1 ? 'the transferList' : `argument ${at + 1} of ${args.length}`;
  return cloneError(what, cause);
}

/** @param what - such as `the result`. */
export function cloneError(what: string, cause: unknown): ExecutorUsageError {
  const detail = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
  return new ExecutorUsageError(
    'ERR_EXECUTOR_CLONE',
    `${what} cannot be copied to another thread: ${detail}`,
    {
      cause,
    },
  );
}

function isPrimitive(value: unknown): boolean {
  return (
    value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
  );
}
