import { setTimeout as wait } from 'node:timers/promises';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import type { Accounts } from '../counting.ts';
import type { Scenario, Tools } from '../scenario.ts';
import { redisTrial } from './redis-trial.ts';

const LOST_MEMORY = {
  text: 'What was published before is lost with the store; each reader gets a gap (reset), and all after it',
  gaps: ['reset'],
  isGapSure: true,
  losses: 'behind-gaps',
} as const;

/** A trial with one fault of the only Redis. */
async function withFault(
  tools: Tools,
  redis: RedisServer,
  fault: (failures: () => Promise<void>) => Promise<void>,
): Promise<{ readonly accounts: Accounts }> {
  const { trial } = await redisTrial(tools, () => ({ url: redis.url }));
  await trial.begin();
  await fault(() => trial.failures());
  await trial.progress();
  return { accounts: await trial.finish() };
}

/** What a single Redis can do. */
export const REDIS_OUTAGES: readonly Scenario[] = [
  {
    name: 'Redis is killed and restarted, with an append-only file',
    expected: { text: 'Nothing is lost or doubled; publishes meanwhile fail with typed errors' },
    async run(tools) {
      const redis = await startRedis({ persistence: 'aof' });
      return withFault(tools, redis, async (failures) => {
        const failed = failures();
        await redis.kill();
        await failed;
        await redis.start();
      });
    },
  },
  {
    name: 'Redis is restarted, without persistence',
    expected: LOST_MEMORY,
    async run(tools) {
      const redis = await startRedis();
      return withFault(tools, redis, () => redis.restart());
    },
  },
  {
    name: 'FLUSHALL',
    expected: LOST_MEMORY,
    async run(tools) {
      const redis = await startRedis();
      return withFault(tools, redis, async () => void (await redis.command('FLUSHALL')));
    },
  },
  {
    name: 'Redis is stopped for some seconds (SIGSTOP)',
    expected: {
      text: 'Nothing is lost or doubled; outcomes of publishes meanwhile are unknown',
      errors: ['ERR_TOPICS_OUTCOME_UNKNOWN'],
    },
    async run(tools) {
      const redis = await startRedis();
      return withFault(tools, redis, async (failures) => {
        const failed = failures();
        redis.pause();
        await Promise.all([failed, wait(tools.pauseMs)]);
        redis.resume();
      });
    },
  },
  {
    name: 'Redis is out of memory',
    expected: {
      text: 'Nothing is lost or doubled; publishes meanwhile are refused, and nothing of them is done',
      errors: ['ERR_TOPICS_UNAVAILABLE'],
    },
    async run(tools) {
      const redis = await startRedis();
      return withFault(tools, redis, async (failures) => {
        await redis.command('CONFIG', 'SET', 'maxmemory', '1');
        await failures();
        await redis.command('CONFIG', 'SET', 'maxmemory', '0');
      });
    },
  },
];
