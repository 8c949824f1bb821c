import { backplaneCompliance } from '@landspout/topics/compliance';
import { beforeAll, describe, it } from 'vitest';
import { cursorBeyond } from './support/cursor-beyond.ts';
import { type RedisCluster, startCluster } from './support/redis-cluster.ts';
import { nodesOver } from './support/redis-nodes.ts';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

// Its time is real, and the cases in which time is advanced run over one server.
const makeNodes = () => nodesOver({ cluster: { rootNodes: cluster.rootNodes } });

backplaneCompliance('a cluster of three nodes', { describe, it }, makeNodes, {
  nodes: 'several',
  clock: false,
  storeLimits: false,
  countsStore: false,
  cursorBeyond,
  seeds: [4],
});
