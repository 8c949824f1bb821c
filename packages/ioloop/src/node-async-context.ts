// Async contexts that outlive a request. This file relies on Node's internals: before Node 24, `enterWith` keeps its stores
// under symbols of the resource that is current.

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/** Made when the module is loaded, which is before any request: it stands for "nobody's context". */
const root = new AsyncResource('Landspout');

/**
 * Whether `enterWith` writes into the resource that is current, as before Node 24, so that whoever runs in the same
 * resource later finds it there. Tried out, since flags of Node decide it too.
 */
const keepsStoresInResources = probe();

/**
 * Calls `callback` outside of every `AsyncLocalStorage` context. For what outlives or has nothing to do with the
 * request that happens to set it off: a shared timer, the flush of everybody's writes, another request's turn.
 */
export function runInRootContext<This>(callback: (this: This) => void, receiver: This): void {
  runInContextOf(root, callback, receiver);
}

/**
 * Calls `callback` in the async context of `resource`. What the callback enters by `enterWith` is neither found by
 * later calls in the same context, nor left behind for the caller.
 */
export function runInContextOf<This>(
  resource: AsyncResource,
  callback: (this: This) => void,
  receiver: This,
): void {
  if (keepsStoresInResources)
    resource.runInAsyncScope(runInFreshResource<This>, undefined, callback, receiver);
  else resource.runInAsyncScope(callback, receiver);
}

/** The stores that `callback` enters are kept in this resource, in which nothing runs again. */
function runInFreshResource<This>(callback: (this: This) => void, receiver: This): void {
  new AsyncResource('Landspout').runInAsyncScope(callback, receiver);
}

/**
 * Calls `callback` so that what it leaves behind by `enterWith` does not reach the next one of the same batch.
 *
 * @param batch - the receiver of the native callback: where Node before 24 keeps the stores of the batch.
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
