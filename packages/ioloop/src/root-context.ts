import { AsyncResource } from 'node:async_hooks';

/** Made when the module is loaded, which is before any request: it stands for "nobody's context". */
const root = new AsyncResource('Landspout');

/**
 * Calls `callback` outside of every `AsyncLocalStorage` context. For what outlives or has nothing to do with the
 * request that happens to set it off: a shared timer, the flush of everybody's writes, another request's turn.
 */
export function runInRootContext<This>(callback: (this: This) => void, receiver: This): void {
  root.runInAsyncScope(callback, receiver);
}
