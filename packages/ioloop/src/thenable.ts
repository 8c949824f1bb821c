/**
 * Whether `await` would wait for `value`: a promise, a `Future`, or any other object or function with a `then` method.
 *
 * Reads `then`, which may throw: ask where a throw of the function that returned `value` would be caught.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  return typeof (value as { readonly then?: unknown }).then === 'function';
}

/**
 * Calls `report` with the reason if `result` is a thenable that rejects, or whose `then` throws. Any other result costs
 * two comparisons, and no promise.
 *
 * @param report - is called at most once, in a later microtask. Must not throw.
 * @throws what reading `then` throws.
 */
export function reportRejection(result: unknown, report: (error: unknown) => void): void {
  // Not by its own `then`: one of another library may throw, or call back twice.
  if (isThenable(result)) Promise.resolve(result).then(undefined, report);
}

/**
 * Calls `callback`, and `report` with what it throws or rejects with.
 *
 * @param args - `undefined` for none costs least.
 * @param report - is called at most once. Must not throw.
 */
export function callReporting(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[] | undefined,
  report: (error: unknown) => void,
): void {
  try {
    reportRejection(args === undefined ? callback() : callback(...(args as never[])), report);
  } catch (error) {
    report(error);
  }
}
