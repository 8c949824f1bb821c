/** What is called for each signal, while there is something to call. */
const CALLBACKS = new WeakMap<
  AbortSignal,
  { readonly set: Set<() => void>; readonly listener: () => void }
>();

/**
 * Calls `callback` when the signal is aborted.
 *
 * However many wait with one signal, it has one listener: Node walks through all of them to add another, and warns of
 * a leak from the eleventh on.
 *
 * @returns a function that forgets the callback.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let callbacks = CALLBACKS.get(signal);
  if (callbacks === undefined) {
    const set = new Set<() => void>();
    const listener = () => {
      CALLBACKS.delete(signal);
      for (const call of set) call();
    };
    callbacks = { set, listener };
    CALLBACKS.set(signal, callbacks);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { set, listener } = callbacks;
  set.add(callback);
  return () => {
    set.delete(callback);
    if (set.size > 0 || CALLBACKS.get(signal)?.set !== set) return;
    CALLBACKS.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}
