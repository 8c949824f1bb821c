import { loopChecks } from '../checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { isThenable } from '../thenable.ts';
import { checkReport, type FailureReport } from './failure-report.ts';
import { isList, isRecord, multi } from './multi.ts';

/** Every function that {@link coroutine} has returned. */
const COROUTINES = new WeakSet<object>();

/** The body of a coroutine. TypeScript cannot infer the result of a `yield`: annotate the variable that receives it. */
type CoroutineBody<This, Args extends unknown[], R> = (
  this: This,
  ...args: Args
  // biome-ignore lint/suspicious/noExplicitAny: `unknown` would require a cast at each yield.
) => Generator<unknown, R, any>;

/**
 * Turns a generator function into an async function, for code that is ported from `gen.coroutine`. New code should use
 * `async` and `await`, which infer the types.
 *
 * A `yield` waits for a promise or another object with `then`, for an object of a type registered with
 * {@link registerYielded}, or, by means of {@link multi}, for all items of an array or a plain object. An error is
 * thrown at the `yield`, where the body can catch it. If anything else is yielded, the `yield` throws `LoopUsageError`
 * `ERR_LOOP_USAGE`. This includes a generator: delegate to it with `yield*`. `this` and the arguments are passed
 * through, and each step runs in the async context of the call.
 *
 * Where Tornado code raises `gen.Return`, return the value; where it yields `gen.moment`, yield `sleep(0)`. A call
 * keeps running even if its promise is discarded: the object that it waits for keeps it alive.
 *
 * @param report - if several items of one yield fail, how the errors after the first are reported; see {@link multi}.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `body` is not a function or `report` is invalid. The promise of a call
 *   rejects with it if `body` is not a generator function.
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
  // So that stack traces and tools show the name of the body.
  return Object.defineProperty(run, 'name', { value: body.name, configurable: true });
}

/** Whether `value` is a function that {@link coroutine} returned. False for an async function. */
export function isCoroutineFunction(value: unknown): boolean {
  return typeof value === 'function' && COROUTINES.has(value);
}

/**
 * Also refuses async generators: each of their steps is a promise, which has no `done`, so the loop would never end.
 */
function requireGenerator(value: unknown): void {
  const generator = value as Partial<Generator> | null | undefined;
  const isGenerator =
    typeof generator?.[Symbol.iterator] === 'function' && typeof generator.throw === 'function';
  if (!isGenerator) throw loopChecks.wrong('coroutine', 'a function that returns a generator', value);
}

/** Converts an object that a coroutine yielded into a promise. */
export type YieldedConverter<T> = (yielded: T) => PromiseLike<unknown>;

/** Any class, including abstract ones and those with a private constructor. */
type ClassOf<T> = { readonly prototype: T };

/** Indexed by prototype, so that objects of a subclass are found too. */
const CONVERTERS = new WeakMap<object, YieldedConverter<never>>();

/**
 * Makes coroutines of this thread wait for the objects of a class that has no `then`, such as an observable or another
 * library's task. If several registered classes match an object, the most derived one is used.
 *
 * Only values that a `coroutine` yields are converted, directly or as items of an array or a plain object; elsewhere,
 * call {@link convertYielded}. A library should leave the registration to the program.
 *
 * @param convert - if it throws, or the promise that it returns rejects, the error is thrown at the yield.
 * @returns a function that undoes the registration.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `type` is not a class or `convert` not a function; for `Object`, of which
 *   almost every object is an instance; and for a class that is already registered.
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
    throw new LoopUsageError('ERR_LOOP_USAGE', 'registerYielded: the class is already registered');
  }
  CONVERTERS.set(prototype, convert);
  return () => {
    if (CONVERTERS.get(prototype) === convert) CONVERTERS.delete(prototype);
  };
}

/**
 * Returns the promise that a `coroutine` waits for if `yielded` is yielded: the object itself if it has `then`;
 * otherwise the result of its converter; or the result of `multi` for an array or a plain object, whose items are
 * converted too. Items that are not promises are used as values.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for any other value. The promise rejects with it if a converter does not
 *   return a promise.
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

/** Returns a promise of the converter's result for `value`, or `value` itself if there is nothing to convert. */
function converterResult(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isThenable(value)) return value;
  for (let type: object | null = value; type !== null; type = Object.getPrototypeOf(type)) {
    const convert = CONVERTERS.get(type);
    if (convert !== undefined) return convertWith(convert, value as never);
  }
  return value;
}

/** Async, so that an exception of one converter does not prevent the other items from being handled. */
async function convertWith(convert: YieldedConverter<never>, value: never): Promise<unknown> {
  const result: unknown = convert(value);
  if (!isThenable(result)) throw loopChecks.wrong('registerYielded', 'a promise from the converter', result);
  return await result;
}
