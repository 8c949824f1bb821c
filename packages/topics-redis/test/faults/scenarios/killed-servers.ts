import { startRedis } from '../../support/redis-server.ts';
import type { Accounts } from '../counting.ts';
import type { Scenario, Tools } from '../scenario.ts';
import { redisTrial, SERVERS } from './redis-trial.ts';

/** Records of the run, and how many are written before its server is killed. */
const RUN = { records: 60, before: 20, pauseMs: 10 };

async function killProducer(tools: Tools, isContinued: boolean): Promise<{ readonly accounts: Accounts }> {
  const redis = await startRedis();
  const { trial, processes } = await redisTrial(tools, () => ({ url: redis.url }), {
    own: () => ({ isContinued }),
  });
  await trial.beginRun('run', 0, RUN.records, RUN.pauseMs);
  await trial.written('run', RUN.before);
  await processes.kill(0);
  return { accounts: await trial.finish() };
}

/** Servers that are killed, or come back; Redis is well all the time. */
export const KILLED_SERVERS: readonly Scenario[] = [
  {
    name: 'kill -9 of one of three servers',
    expected: {
      text: 'Nothing is lost or doubled; its clients go on elsewhere',
    },
    async run(tools) {
      const redis = await startRedis();
      const { trial, processes } = await redisTrial(tools, () => ({ url: redis.url }));
      await trial.begin();
      await processes.kill(0);
      await trial.progress();
      await processes.revive(0);
      await trial.progress();
      return { accounts: await trial.finish() };
    },
  },
  {
    name: "kill -9 of a run's server, with onInterrupted",
    expected: { text: 'Another server continues the run; all readers get all of it', end: 'finished' },
    run: (tools) => killProducer(tools, true),
  },
  {
    name: "kill -9 of a run's server, without it",
    expected: {
      text: 'The run ends as interrupted at all readers, with all that was written',
      end: 'interrupted',
    },
    run: (tools) => killProducer(tools, false),
  },
  {
    name: 'kill -9 of all servers; their clients come back at once',
    expected: { text: 'Nothing is lost or doubled' },
    async run(tools) {
      const redis = await startRedis();
      const { trial, processes } = await redisTrial(tools, () => ({ url: redis.url }), {
        size: tools.crowdSize,
      });
      await trial.begin();
      await Promise.all(SERVERS.map((server) => processes.kill(server)));
      await Promise.all(SERVERS.map((server) => processes.revive(server)));
      await trial.progress();
      return { accounts: await trial.finish() };
    },
  },
  {
    name: 'a server whose clock is an hour fast',
    expected: {
      text: 'Nothing is lost or doubled; times and leases are those of Redis, so no run is interrupted',
      end: 'finished',
    },
    async run(tools) {
      const redis = await startRedis();
      const own = (server: number) => ({ clockOffsetMs: server === 2 ? HOUR_MS : 0 });
      const { trial } = await redisTrial(tools, () => ({ url: redis.url }), { own });
      // Longer than leases are.
      for (const home of SERVERS) await trial.beginRun(`run ${home}`, home, 60, 50);
      await trial.begin();
      for (const home of SERVERS) await trial.written(`run ${home}`, 60);
      await trial.progress();
      const accounts = await trial.finish();
      return { accounts, problems: wrongTimes(accounts) };
    },
  },
];

const HOUR_MS = 3_600_000;

function wrongTimes({ readers }: Accounts): string[] {
  const latest = Date.now() + HOUR_MS / 2;
  const earliest = latest - HOUR_MS;
  let wrong = 0;
  for (const { seen } of readers) {
    for (const event of seen) {
      if (event.kind !== 'record' || event.time === undefined) continue;
      if (event.time < earliest || event.time > latest) wrong += 1;
    }
  }
  return wrong === 0 ? [] : [`${wrong} records have a wrong time`];
}
