/** Whether `await` would wait for `value`: a promise, a `Future`, or any other object with `then`. */
export function isFuture(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  return typeof (value as { readonly then?: unknown }).then === 'function';
}
