import { createHook } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { SystemResolver } from '../../src/index.ts';

describe('SystemResolver', () => {
  it("has four look-ups at most on Node's pool of threads at once [NET-05]", async () => {
    const running = new Set<number>();
    let started = 0;
    let most = 0;
    // Each look-up of Node's is a resource of this type, whose callback says that it is over.
    const hook = createHook({
      init(id, type) {
        if (type !== 'GETADDRINFOREQWRAP') return;
        running.add(id);
        started += 1;
        most = Math.max(most, running.size);
      },
      before: (id) => void running.delete(id),
    }).enable();
    try {
      const resolver = new SystemResolver();
      const names = Array.from({ length: 12 }, () => resolver.resolve('localhost', { family: 4 }));
      for (const addresses of await Promise.all(names)) expect(addresses.length).toBeGreaterThan(0);
    } finally {
      hook.disable();
    }
    expect({ started, most }).toEqual({ started: 12, most: 4 });
  });
});
