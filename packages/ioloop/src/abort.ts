/** The abort listener of each signal, which calls all callbacks of that signal. */
const LISTENERS = new WeakMap<AbortSignal, AbortListener>();

const nothing = (): void => {};

/**
 * Calls `callback` with the reason when `signal` is aborted, or immediately if it already is. Without a signal, it is
 * never called.
 *
 * All callbacks for a signal share one listener: to add a listener, Node searches all existing ones, and from the
 * eleventh on it warns of a leak. Callbacks are called in the order in which they were added. If one throws, the others
 * are still called, and the signal reports the first error as an error of its listener.
 *
 * @param callback - must be a new function for each call: one that is added twice is called only once.
 * @returns a function that removes the callback. Does nothing after the callback was called.
 *
 * @example
 * const forget = onAbort(signal, (reason) => socket.destroy(reason));
 */
export function onAbort(signal: AbortSignal | undefined, callback: (reason: unknown) => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    callback(signal.reason);
    return nothing;
  }
  let listener = LISTENERS.get(signal);
  if (listener === undefined) {
    listener = new AbortListener(signal);
    LISTENERS.set(signal, listener);
  }
  return listener.add(callback);
}

/**
 * This is a class because closures created in one call share their scope. A listener made of closures would keep the
 * first callback, and everything that it references, in memory for as long as any callback is pending.
 */
class AbortListener {
  readonly #signal: AbortSignal;
  readonly #callbacks = new Set<(reason: unknown) => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this, { once: true });
  }

  add(callback: (reason: unknown) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#forget(callback);
  }

  handleEvent(): void {
    LISTENERS.delete(this.#signal);
    const { reason } = this.#signal;
    const errors: unknown[] = [];
    for (const callback of this.#callbacks) {
      try {
        callback(reason);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#callbacks.clear();
    if (errors.length > 0) throw errors[0];
  }

  #forget(callback: (reason: unknown) => void): void {
    if (!this.#callbacks.delete(callback) || this.#callbacks.size > 0) return;
    if (LISTENERS.get(this.#signal) !== this) return; // the callbacks are running; the listener is already removed
    LISTENERS.delete(this.#signal);
    this.#signal.removeEventListener('abort', this);
  }
}

/** Maximum number of causes to follow, since a chain of causes may be circular. */
const MAX_CAUSES = 16;

/**
 * Whether an error only means that the work was cancelled: the error or one of its causes is an `AbortError`, or is
 * `reason`, the reason with which the work was aborted. Never throws, whatever `error` is.
 */
export function isCancellation(error: unknown, reason?: unknown): boolean {
  let failure = error;
  try {
    for (let depth = 0; depth <= MAX_CAUSES; depth += 1) {
      if (reason !== undefined && failure === reason) return true;
      if (!(failure instanceof Error)) return false;
      if (failure.name === 'AbortError') return true;
      failure = failure.cause;
    }
  } catch {
    // A getter or a proxy that throws.
  }
  return false;
}
