import { startProxy } from '../../support/fault-proxy.ts';
import { type RedisSentinels, startSentinels } from '../../support/redis-sentinels.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/scratch.ts';
import type { Accounts } from '../counting.ts';
import type { Scenario, Tools } from '../scenario.ts';
import { redisTrial } from './redis-trial.ts';

const REPLICATION = {
  gaps: ['reset', 'future', 'trimmed'],
  losses: 'anywhere',
} as const;

async function withSentinels(
  tools: Tools,
  failover: (sentinels: RedisSentinels) => Promise<void>,
): Promise<{ readonly accounts: Accounts }> {
  const sentinels = await startSentinels();
  const sentinel = { name: sentinels.name, sentinelRootNodes: [...sentinels.rootNodes] };
  const { trial } = await redisTrial(tools, () => ({ sentinel }));
  await trial.begin();
  await failover(sentinels);
  await trial.progress();
  return { accounts: await trial.finish() };
}

/** Another server of Redis takes over. What it had not been sent yet is lost with the old one. */
export const FAILOVERS: readonly Scenario[] = [
  {
    name: 'failover by sentinels',
    expected: {
      text: 'What the new primary has is lost or doubled nowhere; what it does not have is lost',
      ...REPLICATION,
    },
    run: (tools) => withSentinels(tools, (sentinels) => sentinels.failover()),
  },
  {
    name: 'kill -9 of the primary; the sentinels choose another',
    expected: {
      text: 'What the new primary has is lost or doubled nowhere; what it does not have is lost',
      ...REPLICATION,
    },
    run: (tools) => withSentinels(tools, async (sentinels) => (await sentinels.primary()).kill()),
  },
  {
    name: 'a replica that lags becomes the primary',
    expected: {
      text: 'What it does not have is lost; readers that had it get a gap, and all that follows',
      ...REPLICATION,
      isLossSure: true,
    },
    async run(tools) {
      const [primary, replica] = [await startRedis(), await startRedis()];
      const [replication, address] = [await startProxy(primary), await startProxy(primary)];
      await replica.command('REPLICAOF', '127.0.0.1', String(replication.port));
      await until('the replica is connected', async () => {
        return (await replica.command('INFO', 'replication')).includes('master_link_status:up');
      });
      const { trial } = await redisTrial(tools, () => ({ url: address.url }));
      await trial.begin();
      replication.halt('toClient');
      await trial.progress();
      await primary.kill();
      await replication.close();
      await replica.command('REPLICAOF', 'NO', 'ONE');
      address.retarget(replica);
      await trial.progress();
      return { accounts: await trial.finish() };
    },
  },
];
