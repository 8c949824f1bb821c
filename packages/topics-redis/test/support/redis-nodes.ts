import { VirtualClock } from '@landspout/ioloop/testing';
import type { BackplaneCluster } from '@landspout/topics/compliance';
import { RedisBackplane, type RedisBackplaneOptions } from '../../src/index.ts';
import { type FaultProxy, startProxy } from './fault-proxy.ts';
import type { RedisClock } from './redis-clock.ts';
import type { RedisServer } from './redis-server.ts';
import { SILENT } from './test-link.ts';

let prefixes = 0;

/** A prefix of its own for each trial, so that all can use one server. */
export function newPrefix(): string {
  prefixes += 1;
  return `t${process.pid}-${prefixes}`;
}

/** A backplane whose connections a test can cut. */
interface Node {
  readonly backplane: RedisBackplane;
  readonly proxy: FaultProxy;
}

/** Backplanes over one server, each behind a proxy of its own. Time is that of the test. */
export async function nodesOverServer(
  redis: RedisServer,
  redisClock: RedisClock,
  count = 2,
): Promise<BackplaneCluster> {
  const clock = new VirtualClock(redisClock.nowMs);
  const prefix = newPrefix();
  const start = async (): Promise<Node> => {
    const proxy = await startProxy(redis);
    const url = `redis://127.0.0.1:${proxy.port}`;
    return { proxy, backplane: await RedisBackplane.connect({ url, prefix, clock, logger: SILENT }) };
  };
  const startAll = () => Promise.all(Array.from({ length: count }, start));
  // It cannot tell Redis that it ends.
  const killNode = async ({ proxy, backplane }: Node): Promise<void> => {
    await proxy.close();
    await backplane.close();
  };
  let nodes = await startAll();
  return {
    get nodes() {
      return nodes.map(({ backplane }) => backplane);
    },
    async advance(ms) {
      // In steps, so that what is due happens in the order of time.
      for (let left = ms; left > 0; left -= STEP_MS) {
        const step = Math.min(left, STEP_MS);
        redisClock.advance(step);
        await clock.advance(step);
        for (const { backplane } of nodes) await settle(backplane);
      }
    },
    async kill(node) {
      for (const killed of nodes.splice(node, 1)) await killNode(killed);
    },
    async restart(how) {
      for (const node of nodes) await (how === 'kill' ? killNode(node) : node.backplane.close());
      nodes = await startAll();
    },
    async close() {
      for (const { backplane, proxy } of nodes) {
        await backplane.close();
        await proxy.close();
      }
    },
  };
}

const STEP_MS = 1000;

/** Waits for replies of Redis to what timers have called. */
async function settle(backplane: RedisBackplane): Promise<void> {
  // One that is closed calls nothing more.
  for (let call = 0; call < 3; call += 1)
    await backplane.read(NO_LOG, { start: true }, SMALL).catch(() => {});
}

const NO_LOG = { kind: 'topic', name: 'not used' } as const;
const SMALL = { maxRecords: 1, maxBytes: 1 };

/** Backplanes over what the options connect to, in real time and without restarts. */
export async function nodesOver(options: RedisBackplaneOptions, count = 2): Promise<BackplaneCluster> {
  const prefix = newPrefix();
  const start = () => RedisBackplane.connect({ ...options, prefix, logger: SILENT });
  const nodes = await Promise.all(Array.from({ length: count }, start));
  const notSupported = async (): Promise<never> => {
    throw new Error('a capability that this trial does not have');
  };
  return {
    nodes,
    advance: notSupported,
    kill: notSupported,
    restart: notSupported,
    async close() {
      for (const node of nodes) await node.close();
    },
  };
}
