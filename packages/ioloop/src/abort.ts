/** The callbacks of one signal, behind the one listener that it has while there are any. */
const LISTENERS = new WeakMap<AbortSignal, AbortListener>();

/**
 * Calls `callback` when the signal is aborted, which it must not be yet. The callback must not throw.
 *
 * However many wait with one signal, it has one listener: Node walks through all of them to add another, and warns of
 * a leak from the eleventh on.
 *
 * @returns a function that forgets the callback.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
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
  readonly #callbacks = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this, { once: true });
  }

  add(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#forget(callback);
  }

  handleEvent(): void {
    LISTENERS.delete(this.#signal);
    for (const callback of this.#callbacks) callback();
    this.#callbacks.clear();
  }

  #forget(callback: () => void): void {
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
