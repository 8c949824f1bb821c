import { backplaneCompliance } from '@landspout/topics/compliance';
import { beforeAll, describe, it } from 'vitest';
import { cursorBeyond } from './support/cursor-beyond.ts';
import { nodesOver } from './support/redis-nodes.ts';
import { type RedisSentinels, startSentinels } from './support/redis-sentinels.ts';

let sentinels: RedisSentinels;

beforeAll(async () => {
  sentinels = await startSentinels();
});

const makeNodes = () =>
  nodesOver({ sentinel: { name: sentinels.name, sentinelRootNodes: [...sentinels.rootNodes] } });

backplaneCompliance('a primary behind sentinels', { describe, it }, makeNodes, {
  nodes: 'several',
  clock: false,
  storeLimits: false,
  countsStore: false,
  cursorBeyond,
  seeds: [5],
});
