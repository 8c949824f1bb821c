import { usage } from '../checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { isThenable } from '../thenable.ts';
import type { FailureReport } from './failure-report.ts';
import { multi } from './multi.ts';
import { isList, isRecord } from './wait-items.ts';

/** Makes something to wait for of an object that a coroutine yielded. */
export type YieldedConverter<T> = (yielded: T) => PromiseLike<unknown>;

/** Any class, abstract ones and those with private constructors included. */
type ClassOf<T> = { readonly prototype: T };

/** By prototype, so that the objects of a subclass are found too. */
const CONVERTERS = new WeakMap<object, YieldedConverter<never>>();

/**
 * Teaches coroutines of this thread to wait for the objects of a class that has no `then`, such as an observable or
 * another library's task. Of several classes that an object belongs to, the most derived one counts.
 *
 * Only what a `coroutine` yields is converted, by itself or as an item of an array or a plain object; elsewhere, call
 * {@link convertYielded}. A library should leave the registration to the program.
 *
 * @param convert - what it throws, and what its promise fails with, is thrown at the yield.
 * @returns a function that takes the registration back.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for what is not a class or a function; for `Object`, which nearly everything
 *   belongs to; and for a class that is registered already.
 *
 * @example
 * class Job {
 *   readonly finished = Promise.resolve('done');
 * }
 * registerYielded(Job, (job) => job.finished);
 */
export function registerYielded<T extends object>(
  type: ClassOf<T>,
  convert: YieldedConverter<T>,
): () => void {
  const prototype: unknown = typeof type === 'function' ? (type as ClassOf<T>).prototype : undefined;
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) {
    throw usage('registerYielded', 'a class other than Object', type);
  }
  if (typeof convert !== 'function') throw usage('registerYielded', 'a function', convert);
  if (CONVERTERS.has(prototype)) {
    throw new LoopUsageError('ERR_LOOP_USAGE', 'registerYielded: the class is registered already');
  }
  CONVERTERS.set(prototype, convert);
  return () => {
    if (CONVERTERS.get(prototype) === convert) CONVERTERS.delete(prototype);
  };
}

/**
 * The promise that a `coroutine` waits for when `yielded` is yielded: itself when it has `then`, what its converter
 * makes of it, or that of `multi` for an array or a plain object, whose items are converted too. Items that nobody
 * can wait for count as settled.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for anything else. The promise rejects with it when a converter makes
 *   something else.
 */
export function convertYielded(yielded: unknown, report: FailureReport = {}): PromiseLike<unknown> {
  const converted = converterResult(yielded);
  if (isThenable(converted)) return converted;
  if (isList(converted)) return multi(Array.from(converted, converterResult), report);
  if (isRecord(converted)) {
    const items = Object.entries(converted).map(([key, item]) => [key, converterResult(item)] as const);
    return multi(Object.fromEntries(items), report);
  }
  throw usage('coroutine', 'a yield of a promise, an array or a plain object', yielded);
}

/** A promise of what the converter makes of `value`, or `value` where there is nothing to convert. */
function converterResult(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isThenable(value)) return value;
  for (let type: object | null = value; type !== null; type = Object.getPrototypeOf(type)) {
    const convert = CONVERTERS.get(type);
    if (convert !== undefined) return convertWith(convert, value as never);
  }
  return value;
}

/** Async, so that what the converter of one item throws stops no other item from being listened to. */
async function convertWith(convert: YieldedConverter<never>, value: never): Promise<unknown> {
  const result: unknown = convert(value);
  if (!isThenable(result)) throw usage('registerYielded', 'a promise from the converter', result);
  return await result;
}
