import { backplaneCompliance } from '@landspout/topics/compliance';
import { beforeAll, describe, it } from 'vitest';
import { cursorBeyond } from './support/cursor-beyond.ts';
import { RedisClock } from './support/redis-clock.ts';
import { nodesOverServer } from './support/redis-nodes.ts';
import { type RedisServer, startRedis } from './support/redis-server.ts';

let clock: RedisClock;
let redis: RedisServer;

beforeAll(async () => {
  clock = new RedisClock();
  redis = await startRedis({ env: clock.env });
});

backplaneCompliance('one server', { describe, it }, () => nodesOverServer(redis, clock), {
  nodes: 'several',
  durable: 'killed',
  storeLimits: false,
  countsStore: false,
  cursorBeyond,
});
