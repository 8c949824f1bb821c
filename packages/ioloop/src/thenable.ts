/**
 * Whether `await` would wait for `value`: a promise, a `Future`, or any other object or function with a `then` method.
 *
 * Reading `then` may throw, so call this inside the `try` that contains the call that returned `value`.
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
 * @throws the error, if reading `then` throws.
 */
export function reportRejection(result: unknown, report: (error: unknown) => void): void {
  // Does not call `then` directly, since another library's `then` may throw, or call back twice.
  if (isThenable(result)) Promise.resolve(result).then(undefined, report);
}

/**
 * Calls `callback`, and calls `report` with the error if it throws or rejects.
 *
 * @param args - pass `undefined` if there are none, which costs least.
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
