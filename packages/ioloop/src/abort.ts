/** The callbacks of one signal, behind the one listener that it has while there are any. */
const LISTENERS = new WeakMap<AbortSignal, AbortListener>();

const nothing = (): void => {};

/**
 * Calls `callback` with the reason when the signal is aborted; at once if it is aborted already. Without a signal,
 * never.
 *
 * However many wait with one signal, it has one listener: Node walks through all of them to add another, and warns of
 * a leak from the eleventh on. Callbacks are called in the order of their calls to `onAbort`. If one throws, the others
 * are called all the same, and the signal reports the first error as that of its listener.
 *
 * @param callback - a function of its own for each call: the same one twice is called once.
 * @returns a function that forgets the callback. Harmless after it was called.
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
 * A class and not a few closures: those made in one call share their scope, so that the listener, which lives as long
 * as anybody waits, would keep the first callback and all that it knows alive too.
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
    if (LISTENERS.get(this.#signal) !== this) return; // it is calling, and was taken off by that
    LISTENERS.delete(this.#signal);
    this.#signal.removeEventListener('abort', this);
  }
}

/** Most causes that are followed: a chain may be a ring. */
const MAX_CAUSES = 16;

/**
 * Whether a failure only says that the work was told to stop: it is the reason that the work was given, or an
 * `AbortError`, or one of those is among its causes.
 */
export function isCancellation(error: unknown, reason?: unknown): boolean {
  let failure = error;
  for (let depth = 0; depth <= MAX_CAUSES; depth += 1) {
    if (reason !== undefined && failure === reason) return true;
    if (!(failure instanceof Error)) return false;
    if (failure.name === 'AbortError') return true;
    failure = failure.cause;
  }
  return false;
}
