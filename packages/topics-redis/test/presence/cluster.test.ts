import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { BackplaneProcess } from '../support/backplane-process.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { PRESENCE, WatchedMembers } from '../support/redis-trial.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const AT_ONCE = { ...PRESENCE, leaveDelayMs: 0 };

describe('members in a cluster', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startCluster({ replica: true });
  });

  const options = (prefix: string) => ({ cluster: { rootNodes: cluster.rootNodes }, prefix, leaseMs: 1000 });

  const open = async (prefix: string): Promise<RedisBackplane> => {
    const backplane = await RedisBackplane.connect({ ...options(prefix), logger: SILENT });
    atTheEnd(() => backplane.close());
    return backplane;
  };

  /** Returns topics whose keys are on each of the three nodes. */
  const topicsOnAllNodes = async (prefix: string): Promise<string[]> => {
    const topics = new Map<number, string>();
    for (let number = 0; topics.size < 3; number += 1) {
      const { port } = await cluster.nodeOf(`${prefix}:{t:room-${number}}`);
      if (!topics.has(port)) topics.set(port, `room-${number}`);
    }
    return [...topics.values()];
  };

  it('announces the leaves of a killed process once, whatever nodes the topics are on', async () => {
    const backplanes = [await open('kill'), await open('kill')] as const;
    const other = await BackplaneProcess.start(options('kill'));
    const topics = await topicsOnAllNodes('kill');
    const watched = await Promise.all(
      topics.flatMap((topic) => backplanes.map((each) => WatchedMembers.of(each, topic))),
    );
    for (const topic of topics) await other.call('join', topic, { member: 'ada' }, AT_ONCE);
    for (const topic of topics) await backplanes[0].join(topic, { member: 'bob' }, AT_ONCE);
    await other.kill();
    await expect
      .poll(() => watched.map(({ notes }) => notes))
      .toEqual(watched.map(() => ['joined ada', 'joined bob', 'left ada']));
    // Both have looked for it.
    for (const topic of topics) await backplanes[0].leave(topic, 'bob', AT_ONCE);
    await expect
      .poll(() => watched.map(({ notes }) => notes))
      .toEqual(watched.map(() => ['joined ada', 'joined bob', 'left ada', 'left bob']));
  });

  it('joins members anew on a node that has lost its memory', async () => {
    const [backplane, other] = [await open('memory'), await open('memory')];
    const topics = await topicsOnAllNodes('memory');
    for (const topic of topics) await backplane.join(topic, { member: 'ada' }, AT_ONCE);
    const node = await cluster.nodeOf(`memory:{t:${topics[1]}}`);
    await node.command('FLUSHALL');
    for (const topic of topics) {
      await expect
        .poll(async () => {
          const watched = await WatchedMembers.of(other, topic);
          watched.close();
          return watched.present;
        })
        .toEqual(['ada']);
    }
  });

  it('has all members after a replica has taken the place of a node', async () => {
    const [backplane, other] = [await open('failover'), await open('failover')];
    const topics = await topicsOnAllNodes('failover');
    const watched = await Promise.all(topics.map((topic) => WatchedMembers.of(other, topic)));
    for (const topic of topics) await backplane.join(topic, { member: 'ada' }, PRESENCE);
    await expect.poll(() => watched.map(({ present }) => present)).toEqual([['ada'], ['ada'], ['ada']]);
    await cluster.nodes[0]?.kill();
    await cluster.promoted();
    await expect.poll(() => watched.map(({ present }) => present)).toEqual([['ada'], ['ada'], ['ada']]);
    for (const topic of topics) {
      await expect
        .poll(() => backplane.join(topic, { member: 'bob' }, AT_ONCE).catch(() => 'failed'))
        .toBe(undefined);
    }
    await expect
      .poll(() => watched.map(({ present }) => present))
      .toEqual([
        ['ada', 'bob'],
        ['ada', 'bob'],
        ['ada', 'bob'],
      ]);
    for (const topic of topics) await backplane.leave(topic, 'ada', AT_ONCE);
    await expect.poll(() => watched.map(({ present }) => present)).toEqual([['bob'], ['bob'], ['bob']]);
  });
});
