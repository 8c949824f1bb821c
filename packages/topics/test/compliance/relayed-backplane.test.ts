import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, it } from 'vitest';
import { backplaneCompliance, type StoreLimitsUnderTest } from '../../src/compliance/index.ts';
import { MemoryBackplane } from '../../src/index.ts';
import { RelayedBackplane } from './support/relayed-backplane.ts';

/** Three nodes over one store that none of them takes along when it is killed. */
async function makeCluster(limits: StoreLimitsUnderTest) {
  const clock = new VirtualClock(1_700_000_000_000);
  const store = new MemoryBackplane({ ...limits, clock });
  const start = () => [1, 2, 3].map(() => new RelayedBackplane(store, clock));
  let nodes = start();
  return {
    get nodes() {
      return nodes;
    },
    advance: (ms: number) => clock.advance(ms),
    async kill(node: number) {
      for (const killed of nodes.splice(node, 1)) killed.kill();
    },
    async restart(how: 'close' | 'kill') {
      for (const node of nodes) {
        if (how === 'close') await node.close();
        else node.kill();
      }
      nodes = start();
    },
    async close() {
      for (const node of nodes) await node.close();
      await store.close();
    },
  };
}

// The suite itself: its cases of several nodes and of restarts are met by a store that is asynchronous and durable.
backplaneCompliance('several nodes over one store', { describe, it }, makeCluster, {
  nodes: 'several',
  durable: 'killed',
});
