import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { during, startClient } from './child.mjs';
import { startGroup } from './group.mjs';
import { memoryAtRest } from './measure.mjs';
import { stopwatch, timeServer } from './process-readings.mjs';
import { isSteady } from './statistics.mjs';

/** Connections, and how long they get records, before memory is read: what compiles lazily and grows once is there. */
const WARM_UP = { connections: 64, ms: 300 };
/** For the server to notice that connections are gone. */
const GONE_MS = 500;
/** At most so many times all come back before it counts. */
const WARM_UPS = 3;
/** How often the time of a round: a server that checks many idle topics in turn takes seconds to check them all. */
const IDLE_TIMES = 10;

/**
 * Records of topics that go to all connections.
 *
 * @typedef {object} TopicsLoad
 * @property {'bare' | 'topics' | 'socket.io' | 'stream'} protocol @property {number} connections
 * @property {number} burst - records that are published before all connections must have them; or
 * @property {number} [perSecond] - records that are published in a second, whatever connections have.
 * @property {number} textBytes - of each record.
 */

/** The data of a record, in which the number and the time differ. @param {TopicsLoad} load */
function dataText({ textBytes }) {
  const text = 'All work and no play. '.repeat(textBytes).slice(0, textBytes);
  return JSON.stringify({ n: 1_000_000_000, at: '0'.repeat(16), text });
}

/** Starts the load client of a server of topics, without connections. @param most - connections. */
function startTopicsClient({ row, ports, first }, stage, most) {
  const { load } = row;
  const file = path.join(stage.folder, 'topics-data');
  writeFileSync(file, dataText(load));
  const program = stage.native('topics-load');
  return startClient(row, stage, [program, ports, first.control, load.protocol, most, load.burst, file]);
}

/** Publishes for some time; the first time it opens the connections, to stay for as long as the server. */
export async function runTopics(load, server, stage, ms) {
  if (server.visitors === undefined) {
    server.visitors = server.stopBefore(startTopicsClient(server, stage, load.connections));
    await subscribe(server.visitors, load.connections);
  }
  return server.visitors.ask(load.perSecond === undefined ? `run ${ms}` : `pace ${ms} ${load.perSecond}`);
}

async function subscribe(client, connections, what = '1 shared') {
  await client.ask(`open ${connections}`);
  await client.ask(`subscribe ${what}`);
}

/** One round of a row whose clients come back, each with so many records to receive; the first times to warm up. */
export async function measureResume(row, stage, { warmups = WARM_UPS }) {
  const { connections } = row.load;
  const { behind } = row.settings;
  return during(await startGroup(row, stage), (server) =>
    during(startTopicsClient(server, stage, connections), async (client) => {
      await subscribe(client, connections);
      const comeBack = async () => {
        await client.ask(`leave ${behind}`);
        const withTimes = timeServer(server);
        return withTimes(await client.ask('return'));
      };
      const costs = [];
      while (costs.length < Math.min(warmups, WARM_UPS) && !isSteady(costs)) {
        const { cpuNs, count } = await comeBack();
        costs.push(cpuNs / count);
      }
      return comeBack();
    }),
  );
}

/** What an idle connection costs, and above it each of its subscriptions: the growth of memory over many of them. */
export async function measureSubscriptions(row, stage) {
  const { idle, load } = row;
  const { each, own } = row.subscriptions;
  return during(await startGroup(row, stage, ['--expose-gc']), (server) =>
    during(startTopicsClient(server, stage, Math.max(idle, WARM_UP.connections)), async (client) => {
      await subscribe(client, WARM_UP.connections);
      await client.ask(`run ${WARM_UP.ms}`);
      await client.ask('close');
      await sleep(GONE_MS);
      const before = await memoryAtRest(server);
      await client.ask(`open ${idle}`);
      const open = await memoryAtRest(server);
      const connection = memoryOf(before, open, idle);
      if (load.protocol === 'stream') return { connection };
      await client.ask(`subscribe ${each} ${own ? 'own' : 'shared'}`);
      const subscribed = await memoryAtRest(server);
      if (!own) await client.ask('run 1'); // Each connection must get the record of the topic that all have.
      return { connection, subscription: memoryOf(open, subscribed, idle * each) };
    }),
  );
}

/**
 * What idle topics cost that one connection of each server process has subscribed to: CPU time of the processes and of
 * Redis in a second, and without the topics; and the growth of memory over many topics.
 */
export async function measureIdleTopics(row, stage, { measureMs }) {
  const { idle, subscriptions } = row;
  return during(await startGroup(row, stage, ['--expose-gc']), (server) =>
    during(startTopicsClient(server, stage, Math.max(idle, WARM_UP.connections)), async (client) => {
      await subscribe(client, WARM_UP.connections);
      await client.ask(`run ${WARM_UP.ms}`);
      await client.ask('close');
      await sleep(GONE_MS);
      await client.ask(`open ${idle}`);
      const readings = async () => {
        const memory = await memoryAtRest(server);
        const [cpu, redisCpu] = [server.pids, server.redis ? [server.redis.pid] : []].map((pids) =>
          stopwatch(...pids),
        );
        await sleep(measureMs * IDLE_TIMES);
        const perSecond = ({ cpuNs }) => cpuNs / ((measureMs * IDLE_TIMES) / 1000);
        const times = { servers: perSecond(cpu()), redis: perSecond(redisCpu()) };
        return { ...times, ...memory, redisBytes: (await server.redis?.usedBytes()) ?? 0 };
      };
      const without = await readings();
      await client.ask(`subscribe ${subscriptions.each} each`);
      const having = await readings();
      await client.ask('run 1'); // The connections of the first topic must get a record.
      const each = (name) => (having[name] - without[name]) / subscriptions.topics;
      const bytes = { heap: each('heap'), resident: each('resident'), redis: each('redisBytes') };
      return { without, having, bytes };
    }),
  );
}

function memoryOf(before, after, count) {
  const each = (name) => (after[name] - before[name]) / count;
  return { residentBytes: each('resident'), heapBytes: each('heap') };
}
