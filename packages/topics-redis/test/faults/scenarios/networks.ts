import { startProxy } from '../../support/fault-proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import type { Scenario } from '../scenario.ts';
import { redisTrial } from './redis-trial.ts';

const OTHERS = [1, 2] as const;
/** Less than what a connection may be silent for. */
const DELAY_MS = 400;

/** One of three servers is connected to Redis by a proxy. */
export const NETWORKS: readonly Scenario[] = [
  {
    name: 'the connections of one server are cut, dropped, delayed and half open',
    expected: {
      text: 'Nothing is lost or doubled; publishes of that server fail meanwhile with typed errors',
    },
    async run(tools) {
      const redis = await startRedis();
      const proxy = await startProxy(redis);
      const { trial } = await redisTrial(tools, (server) => ({ url: server === 0 ? proxy.url : redis.url }));
      await trial.begin();
      for (const how of ['reset', 'end'] as const) {
        proxy.cut(how);
        await trial.progress();
      }
      proxy.cutAfter(1000, 'toClient');
      await trial.progress();
      for (const direction of ['toClient', 'toServer', 'both'] as const) {
        const failed = trial.failures([0]);
        proxy.halt(direction);
        await Promise.all([failed, trial.progress(OTHERS)]);
        proxy.pass();
        await trial.progress();
      }
      const refused = trial.failures([0]);
      await proxy.refuse();
      proxy.cut('reset');
      await Promise.all([refused, trial.progress(OTHERS)]);
      await proxy.accept();
      await trial.progress();
      proxy.delay(DELAY_MS);
      await trial.progress(OTHERS);
      proxy.pass();
      await trial.progress();
      return { accounts: await trial.finish() };
    },
  },
];
