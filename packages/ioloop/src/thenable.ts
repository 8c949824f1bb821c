/**
 * Whether `await` would wait for `value`: a promise, a `Future`, or any other object or function with a `then` method.
 *
 * Reads `then`, which may throw. Call this where an error thrown by the function that returned `value` is also caught.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  return typeof (value as { readonly then?: unknown }).then === 'function';
}

/**
 * Calls `report` with the reason if `result` is a thenable that rejects or whose `then` throws. For any other result,
 * this costs two comparisons and no promise.
 *
 * @param report - called at most once, in a later microtask. Must not throw.
 * @throws the error of reading `then`, if that throws.
 */
export function reportRejection(result: unknown, report: (error: unknown) => void): void {
  // Does not call `then` directly: that of another library may throw, or call back twice.
  if (isThenable(result)) Promise.resolve(result).then(undefined, report);
}

/**
 * Calls `callback`, and calls `report` with the error if it throws or rejects.
 *
 * @param args - `undefined` for no arguments, which costs least.
 * @param report - called at most once. Must not throw.
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
