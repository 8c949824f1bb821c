import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  keepsStoresInResources,
  mayHaveStores,
  runInBatch,
  runInContextOf,
  runInRootContext,
} from '../src/node-async-context.ts';

const storage = new AsyncLocalStorage<string>();

/** Whether this Node has frames of contexts, by its version and the flags that it was started with. */
function hasContextFrames(): boolean {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  if (flags.includes('--no-async-context-frame')) return false;
  return (
    flags.includes('--experimental-async-context-frame') || Number.parseInt(process.versions.node, 10) >= 24
  );
}

describe("what node-async-context.ts relies on of Node's internals", () => {
  it('`enterWith` writes into the current resource before Node 24, and into a frame since', () => {
    const internal = 'Node keeps the stores of enterWith in another place than this version is known for';
    expect(keepsStoresInResources, internal).toBe(!hasContextFrames());
  });

  it('stores are under symbols of the current resource, or not in it at all', () => {
    const resource = new AsyncResource('Canary');
    const added = resource.runInAsyncScope(() => {
      expect(executionAsyncResource(), 'the receiver is not the current resource').toBe(resource);
      const before = Object.getOwnPropertySymbols(resource);
      storage.enterWith('entered');
      return Object.getOwnPropertySymbols(resource).filter((symbol) => !before.includes(symbol));
    });
    const values = added.map((symbol) => (resource as unknown as Record<symbol, unknown>)[symbol]);
    const internal = 'enterWith does not keep its store under one symbol of the current resource';
    expect(values, internal).toEqual(keepsStoresInResources ? ['entered'] : []);
  });

  it('a batch whose stores were taken away gives none to the next callback', () => {
    const batch = new AsyncResource('Canary');
    const seen: (string | undefined)[] = [];
    const handle = (name: string): void => {
      seen.push(storage.getStore());
      storage.enterWith(name);
      seen.push(storage.getStore());
    };
    batch.runInAsyncScope(() => {
      runInBatch(batch, handle, 'first', 0);
      runInBatch(batch, handle, 'second', 0);
    });
    const internal = 'a store is left after the symbols of the current resource were deleted';
    expect(seen, internal).toEqual([undefined, 'first', undefined, 'second']);
  });

  it('a new resource has the stores of the one that it is made in, and keeps what is entered to itself', () => {
    const seen: (string | undefined)[] = [];
    const enter = (): void => {
      seen.push(storage.getStore());
      storage.enterWith('entered');
    };
    const resource = storage.run('own', () => new AsyncResource('Canary'));
    storage.run('of the caller', () => {
      for (let round = 0; round < 2; round += 1) {
        runInContextOf(resource, enter, undefined);
        seen.push(storage.getStore());
      }
    });
    const internal = 'a store is lost on the way into a resource, or left behind in it';
    expect(seen, internal).toEqual(['own', 'of the caller', 'own', 'of the caller']);
  });

  it('a resource that was made at the start has no stores', () => {
    let seen: string | undefined = 'nothing yet';
    storage.run('of the caller', () =>
      runInRootContext(() => {
        seen = storage.getStore();
      }, undefined),
    );
    expect(seen, 'the root context has the store of its caller').toBeUndefined();
  });

  it('a channel with subscribers has a map of the stores that are bound to it', () => {
    const events = channel('landspout.test.canary');
    const listener = (): void => {};
    events.subscribe(listener);
    const internal =
      'a channel without stores cannot be told from one with stores, so each message costs more';
    try {
      expect(mayHaveStores(events), internal).toBe(false);
      events.bindStore(storage);
      expect(mayHaveStores(events), 'a store that is bound would have no effect').toBe(true);
      events.unbindStore(storage);
      expect(mayHaveStores(events), internal).toBe(false);
    } finally {
      events.unsubscribe(listener);
    }
  });
});
