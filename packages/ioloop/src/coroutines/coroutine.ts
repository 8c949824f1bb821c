import { LoopUsageError } from '../loop-errors.ts';
import type { FailureReport } from './failure-report.ts';
import { multi } from './multi.ts';
import { describeValue, isAwaitable, isList, isRecord } from './wait-items.ts';

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
 * A yield waits: for a promise or another object with `then`, or through {@link multi} for the items of an array
 * or a plain object. What it fails with is thrown at the yield, where the body can catch it. A yield of anything
 * else throws `LoopUsageError` `ERR_LOOP_USAGE` there. `this` and arguments pass through, the returned value
 * resolves the promise, and each step runs in the async context of the call.
 *
 * @param report - what becomes of the second error when several items of one yield fail: see {@link multi}.
 * @throws LoopUsageError `ERR_LOOP_USAGE` when `body` is not a function. The promise rejects with it when the
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
    throw usageError(`a generator function was expected, not ${describeValue(body)}`);
  }
  async function run(this: This, ...args: Args): Promise<Awaited<R>> {
    const steps = body.apply(this, args);
    requireGenerator(steps);
    let step = steps.next();
    while (step.done !== true) {
      let result: unknown;
      try {
        result = await awaited(step.value, report);
      } catch (error) {
        step = steps.throw(error);
        continue;
      }
      step = steps.next(result);
    }
    return await step.value;
  }
  // Stack traces and tools then show the name that the author gave.
  return Object.defineProperty(run, 'name', { value: body.name, configurable: true });
}

/** The promise for what was yielded. */
function awaited(yielded: unknown, report: FailureReport): PromiseLike<unknown> {
  if (isAwaitable(yielded)) return yielded;
  if (isList(yielded) || isRecord(yielded)) return multi(yielded, report);
  throw usageError(
    `a yield of a promise, an array or a plain object was expected, not of ${describeValue(yielded)}`,
  );
}

/** An async generator would otherwise be stepped for ever, as its steps are promises and never `done`. */
function requireGenerator(value: unknown): void {
  const generator = value as Partial<Generator> | null | undefined;
  const isGenerator =
    typeof generator?.[Symbol.iterator] === 'function' && typeof generator.throw === 'function';
  if (!isGenerator)
    throw usageError(`a generator function was expected, and this one returned ${describeValue(value)}`);
}

function usageError(detail: string): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_USAGE', `coroutine: ${detail}`);
}
