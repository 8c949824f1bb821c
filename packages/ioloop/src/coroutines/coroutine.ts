import { loopChecks } from '../checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { isThenable } from '../thenable.ts';
import { checkReport, type FailureReport } from './failure-report.ts';
import { isList, isRecord, multi } from './multi.ts';

/** Every function that {@link coroutine} made. */
const COROUTINES = new WeakSet<object>();

/** The body of a coroutine. What a `yield` gives back is not known to TypeScript: annotate it where it arrives. */
type CoroutineBody<This, Args extends unknown[], R> = (
  this: This,
  ...args: Args
  // biome-ignore lint/suspicious/noExplicitAny: `unknown` would ask for a cast at each yield.
) => Generator<unknown, R, any>;

/**
 * Makes an async function of a generator function, for code that is brought over from `gen.coroutine`. New code
 * should be written with `async` and `await`, which knows the types.
 *
 * A yield waits: for a promise or another object with `then`, for an object of a type that {@link registerYielded}
 * knows, or through {@link multi} for the items of an array or a plain object. What it fails with is thrown at the
 * yield, where the body can catch it. A yield of anything else throws `LoopUsageError` `ERR_LOOP_USAGE` there; that
 * includes a generator, whose steps are had by `yield*`. `this` and arguments pass through, and each step runs in the
 * async context of the call.
 *
 * Where Tornado raises `gen.Return`, return; where it yields `gen.moment`, yield `sleep(0)`. A call whose promise
 * nobody keeps runs on: what it waits for keeps it.
 *
 * @param report - what becomes of the second error when several items of one yield fail: see {@link multi}.
 * @throws LoopUsageError `ERR_LOOP_USAGE` when `body` is not a function, or `report` cannot be meant. The promise rejects with it when the
 *   function is not a generator function.
 *
 * @example
 * const total = coroutine(function* (ids: string[]) {
 *   const prices: number[] = yield ids.map(findPrice);
 *   return prices.reduce((sum, price) => sum + price, 0);
 * });
 */
export function coroutine<This, Args extends unknown[], R>(
  body: CoroutineBody<This, Args, R>,
  report: FailureReport = {},
): (this: This, ...args: Args) => Promise<Awaited<R>> {
  if (typeof body !== 'function') {
    throw loopChecks.wrong('coroutine', 'a generator function', body);
  }
  checkReport('coroutine', report);
  async function run(this: This, ...args: Args): Promise<Awaited<R>> {
    const steps = body.apply(this, args);
    requireGenerator(steps);
    let step = steps.next();
    while (step.done !== true) {
      let result: unknown;
      try {
        result = await convertYielded(step.value, report);
      } catch (error) {
        step = steps.throw(error);
        continue;
      }
      step = steps.next(result);
    }
    return await step.value;
  }
  COROUTINES.add(run);
  // Stack traces and tools then show the name that the author gave.
  return Object.defineProperty(run, 'name', { value: body.name, configurable: true });
}

/** Whether `value` is a function that {@link coroutine} made. An async function is not: nothing sets it apart. */
export function isCoroutineFunction(value: unknown): boolean {
  return typeof value === 'function' && COROUTINES.has(value);
}

/** An async generator would otherwise be stepped for ever, as its steps are promises and never `done`. */
function requireGenerator(value: unknown): void {
  const generator = value as Partial<Generator> | null | undefined;
  const isGenerator =
    typeof generator?.[Symbol.iterator] === 'function' && typeof generator.throw === 'function';
  if (!isGenerator) throw loopChecks.wrong('coroutine', 'a function that returns a generator', value);
}

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
    throw loopChecks.wrong('registerYielded', 'a class other than Object', type);
  }
  if (typeof convert !== 'function') throw loopChecks.wrong('registerYielded', 'a function', convert);
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
  throw loopChecks.wrong('coroutine', 'a yield of a promise, an array or a plain object', yielded);
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
  if (!isThenable(result)) throw loopChecks.wrong('registerYielded', 'a promise from the converter', result);
  return await result;
}
