// Runs callbacks in a chosen async context, for work that outlives a request. All code that relies on Node internals
// for this purpose is in this file. Each function documents the behaviour that it relies on, and what breaks without
// that behaviour. node-async-context.canary.test.ts checks this version of Node for it.

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { Channel } from 'node:diagnostics_channel';

/** The root context: created when the module is loaded, before any request, so it contains no context of a request. */
const root = new AsyncResource('Landspout');

/**
 * Whether `enterWith` stores its value on the current async resource, under its own symbols, as before Node 24. Code
 * that runs in the same resource later then still sees the value. Since Node 24, `enterWith` sets the current context
 * frame instead, and the value is gone when that frame ends. Detected by a trial call, because Node flags can change it
 * too.
 *
 * If Node adopts a third mechanism, the context of one request may leak into another on the same connection or batch.
 */
export const keepsStoresInResources = probe();

/**
 * Calls `callback` outside every `AsyncLocalStorage` context. For work that outlives the request that happens to start
 * it, or is unrelated to it: a shared timer, a flush for all writers, the handling of another request.
 *
 * Relies on documented behaviour: an `AsyncResource` keeps the context in which it was created.
 */
export function runInRootContext<This>(callback: (this: This) => void, receiver: This): void {
  runInContextOf(root, callback, receiver);
}

/**
 * Calls `callback` in the async context of `resource`, and returns its result. A context that the callback enters with `enterWith` is not
 * visible to later calls in the same context, nor to the caller afterwards.
 *
 * If stores are kept on resources, this relies on a new resource copying the stores of the current one (seen in Node 20
 * and 22). If it did not, the callback would run outside every context.
 */
export function runInContextOf<This, Result>(
  resource: AsyncResource,
  callback: (this: This) => Result,
  receiver: This,
): Result {
  if (keepsStoresInResources)
    return resource.runInAsyncScope(runInFreshResource<This, Result>, undefined, callback, receiver);
  return resource.runInAsyncScope(callback, receiver);
}

/** Values that `callback` sets with `enterWith` are kept on this new resource, which is not used again. */
function runInFreshResource<This, Result>(callback: (this: This) => Result, receiver: This): Result {
  return new AsyncResource('Landspout').runInAsyncScope(callback, receiver);
}

/**
 * Whether stores may be bound to a channel with `bindStore`, so that publishing a message must enter them.
 *
 * Relies on an internal property of channels that have subscribers: the map of their stores (seen in Node 20 to 26). If
 * there is none, the result is true, and a message costs a little more.
 */
export function mayHaveStores(channel: Channel): boolean {
  const { _stores: stores } = channel as { readonly _stores?: { readonly size?: unknown } };
  return stores?.size !== 0;
}

/**
 * Calls `callback` so that a context that it enters with `enterWith` does not leak into the next call of the same
 * batch.
 *
 * If stores are kept on resources, this relies on the receiver of a native callback being the current resource, and on
 * all symbol properties of that receiver being stores (seen in Node 20 and 22). Otherwise, the context of one
 * connection leaks into others.
 *
 * @param batch - the receiver of the native callback, on which Node before 24 keeps the stores of the batch.
 */
export function runInBatch<Handler>(
  batch: object,
  callback: (handler: Handler, events: number) => void,
  handler: Handler,
  events: number,
): void {
  if (!keepsStoresInResources) {
    root.runInAsyncScope(callback, undefined, handler, events);
    return;
  }
  callback(handler, events);
  const left = Object.getOwnPropertySymbols(batch);
  for (const symbol of left) delete (batch as Record<symbol, unknown>)[symbol];
}

function probe(): boolean {
  const storage = new AsyncLocalStorage<true>();
  const resource = new AsyncResource('Landspout');
  resource.runInAsyncScope(() => storage.enterWith(true));
  const found = resource.runInAsyncScope(() => storage.getStore());
  storage.disable();
  return found === true;
}
