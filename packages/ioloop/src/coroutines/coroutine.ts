import { LoopUsageError } from '../loop-errors.ts';
import { shownValue } from '../shown-value.ts';
import { convertYielded } from './convert-yielded.ts';
import { checkReport, type FailureReport } from './failure-report.ts';

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
    throw usageError(`a generator function was expected, not ${shownValue(body)}`);
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
  if (!isGenerator)
    throw usageError(`a generator function was expected, and this one returned ${shownValue(value)}`);
}

function usageError(detail: string): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_USAGE', `coroutine: ${detail}`);
}
