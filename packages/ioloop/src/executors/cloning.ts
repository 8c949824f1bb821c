import { types } from 'node:util';
import type { Transferable } from './executor.ts';
import { ExecutorUsageError } from './executor-errors.ts';

/**
 * Checks whether a value can be copied to another thread, without transferring anything. Clones the value, followed by
 * an object whose getter throws: if the getter is reached, the value can be cloned.
 *
 * @returns the error of cloning as `cause`; `undefined` if the value can be copied.
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
 * Copies the arguments of a call that has to wait, so that the caller may change the originals as soon as `run`
 * returns.
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

/** Returns an error that names the part of a call that cannot be copied. */
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

/** @param what - for example `the result`. */
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

/**
 * The copy of an error that is passed between threads. Structured cloning keeps the message and stack of an error, but
 * neither its class name nor its own properties such as `code`.
 */
export interface ErrorCopy {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its other own properties that can be copied: `code`, `errno`, … */
  readonly properties: readonly (readonly [string, unknown])[];
  /** The `cause`, and the `errors` of an AggregateError. Errors among them are copied in the same way. */
  readonly cause: ThrownCopy | undefined;
  readonly errors: readonly ThrownCopy[] | undefined;
}

/** A copy of any thrown value. */
export type ThrownCopy = { readonly error: ErrorCopy } | { readonly value: unknown };

/** Maximum depth of nested causes. Deeper ones are omitted, so circular causes do no harm. */
const MAX_DEPTH = 8;
const MAX_ERRORS = 100;

const BUILT_IN: Readonly<Record<string, new (message?: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/**
 * Makes a copy that can be posted to another thread. Parts of an error that cannot be copied are omitted; any other
 * value that cannot be copied is replaced by a description.
 */
export function copyThrown(thrown: unknown, depth = 0): ThrownCopy {
  if (!isError(thrown)) {
    const fault = cloneFault(thrown, []);
    return { value: fault === undefined ? thrown : `a ${typeof thrown} that cannot be copied` };
  }
  const { cause, errors } = thrown as { cause?: unknown; errors?: unknown };
  const deeper = depth < MAX_DEPTH;
  return {
    error: {
      name: className(thrown),
      message: String(thrown.message),
      stack: typeof thrown.stack === 'string' ? thrown.stack : undefined,
      properties: Object.entries(thrown).filter(
        ([key, value]) => !['name', 'cause', 'errors'].includes(key) && cloneFault(value, []) === undefined,
      ),
      cause: deeper && 'cause' in thrown ? copyThrown(cause, depth + 1) : undefined,
      errors:
        deeper && Array.isArray(errors)
          ? errors.slice(0, MAX_ERRORS).map((one) => copyThrown(one, depth + 1))
          : undefined,
    },
  };
}

/**
 * Restores an error from its copy: an instance of the same class if that is built in, otherwise an `Error` with the
 * same name.
 */
export function restoreThrown(copy: ThrownCopy): unknown {
  if (!('error' in copy)) return copy.value;
  const { name, message, stack, properties, cause, errors } = copy.error;
  const Class = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  const error =
    name === 'AggregateError' && errors !== undefined
      ? new AggregateError(errors.map(restoreThrown), message)
      : new (Class ?? Error)(message);
  if (error.name !== name) define(error, 'name', name);
  if (stack !== undefined) define(error, 'stack', stack);
  if (cause !== undefined) define(error, 'cause', restoreThrown(cause));
  if (errors !== undefined) define(error, 'errors', errors.map(restoreThrown));
  for (const [key, value] of properties) {
    Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return error;
}

/** An error of another realm, for example one from `node:vm`, is not an instance of this realm's `Error`. */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

/** Many classes never set `name`, and inherit "Error" or "TypeError" from their parent class. */
function className(error: Error): string {
  if (Object.hasOwn(error, 'name')) return String(error.name);
  const prototype: object | null = Object.getPrototypeOf(error);
  if (prototype !== null && Object.hasOwn(prototype, 'name')) return String(error.name);
  return error.constructor?.name || String(error.name);
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}
