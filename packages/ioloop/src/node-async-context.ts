// Async contexts that outlive a request. What is relied on of Node's internals is in this file alone: each function says
// what that is, and what breaks if it goes. node-async-context.canary.test.ts checks that this version of Node has it.

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/** Made when the module is loaded, which is before any request: it stands for "nobody's context". */
const root = new AsyncResource('Landspout');

/**
 * Whether `enterWith` writes into the resource that is current, under symbols of its own, as before Node 24, so that
 * what runs in the same resource later finds it there. Since Node 24 it sets the frame of the context that is current,
 * which ends with it. Tried out, since flags of Node decide it too.
 *
 * If Node keeps stores in a third way, the context of one request may reach another on the same connection or batch.
 */
export const keepsStoresInResources = probe();

/**
 * Calls `callback` outside of every `AsyncLocalStorage` context. For what outlives or has nothing to do with the
 * request that happens to set it off: a shared timer, the flush of everybody's writes, another request's turn.
 *
 * Relies on an `AsyncResource` keeping the context it was made in, as documented.
 */
export function runInRootContext<This>(callback: (this: This) => void, receiver: This): void {
  runInContextOf(root, callback, receiver);
}

/**
 * Calls `callback` in the async context of `resource`. What the callback enters by `enterWith` is neither found by
 * later calls in the same context, nor left behind for the caller.
 *
 * Relies, where stores are kept in resources, on a new resource copying those of the current one when it is made (seen in
 * Node 20 and 22). Otherwise the callback runs outside of every context.
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
 * Relies, where stores are kept in resources, on the receiver of a native callback being the current resource, and on
 * its symbols being nothing but stores (seen in Node 20 and 22). Otherwise the context of one connection reaches others.
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
