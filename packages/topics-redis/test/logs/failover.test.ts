import { BackplaneError } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { RedisBackplane, type RedisBackplaneOptions } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { follow, kept, publish, type Recorder, SETTINGS, topic } from '../support/recorder.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { startSentinels } from '../support/redis-sentinels.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const PAUSE_MS = 5;

async function connect(options: RedisBackplaneOptions): Promise<RedisBackplane> {
  const backplane = await RedisBackplane.connect({ logger: SILENT, ...options });
  atTheEnd(() => backplane.close());
  return backplane;
}

/** Publishes one number after the other, each until its outcome is known, until it is stopped. */
function publishOn(backplane: RedisBackplane, name: string) {
  let isStopped = false;
  let published = 0;
  const done = (async () => {
    while (!isStopped) {
      const record = { payload: String(published), id: `id ${published}` };
      try {
        await backplane.append(name, record, SETTINGS);
        published += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(BackplaneError);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    get count() {
      return published;
    },
    /** @returns how many were published. */
    async stop(): Promise<number> {
      isStopped = true;
      await done;
      return published;
    },
  };
}

/** What a follower knows is, since its last gap, what is kept. */
async function expectAgreement(follower: Recorder, backplane: RedisBackplane, name: string): Promise<void> {
  await publish(backplane, name, ['last']);
  await until('the follower has the last one', () => follower.notes.at(-1) === '"last"');
  const lastGap = follower.notes.findLastIndex((note) => note.startsWith('gap'));
  const present = (await kept(backplane, name)).map((data) => JSON.stringify(data));
  if (lastGap === -1) expect(follower.notes).toEqual(present);
  else expect(follower.notes.slice(lastGap + 1)).toEqual(present);
}

describe('a failover by sentinels', () => {
  it('leaves followers with what the new primary has, or with a gap', async () => {
    const sentinels = await startSentinels();
    const sentinel = { name: sentinels.name, sentinelRootNodes: [...sentinels.rootNodes] };
    const prefix = newPrefix();
    const [reader, writer] = [await connect({ sentinel, prefix }), await connect({ sentinel, prefix })];
    const follower = await follow(reader, topic('news'));
    const publishing = publishOn(writer, 'news');
    await until('it is published', () => publishing.count > 20);
    await sentinels.failover();
    const count = publishing.count;
    await until('publishing goes on', () => publishing.count > count + 20);
    await publishing.stop();
    await expectAgreement(follower, writer, 'news');
  });
});

describe('a cluster', () => {
  it('loses nothing when the slot of a topic is moved', async () => {
    const cluster = await startCluster();
    const prefix = newPrefix();
    const options = { cluster: { rootNodes: cluster.rootNodes }, prefix };
    const [reader, writer] = [await connect(options), await connect(options)];
    const follower = await follow(reader, topic('news'));
    const publishing = publishOn(writer, 'news');
    const { channel } = keysOf(prefix, topic('news'));
    for (const node of cluster.nodes) {
      const { count } = publishing;
      await until('it is published', () => publishing.count > count + 5);
      if ((await cluster.nodeOf(channel)) !== node) await cluster.moveSlotOf(channel, node);
    }
    const count = await publishing.stop();
    await expectAgreement(follower, writer, 'news');
    expect(follower.notes).toEqual([
      ...Array.from({ length: count }, (_, number) => String(number)),
      '"last"',
    ]);
  });

  it('leaves followers with what the replica has, or with a gap, when the primary of a topic dies', async () => {
    const cluster = await startCluster({ replica: true });
    const prefix = newPrefix();
    const options = { cluster: { rootNodes: cluster.rootNodes }, prefix };
    const limits = { pingIntervalMs: 300, pingTimeoutMs: 600, connectTimeoutMs: 600 };
    const [reader, writer] = [
      await connect({ ...options, ...limits }),
      await connect({ ...options, ...limits }),
    ];
    const [primary] = cluster.nodes;
    let name = 'news';
    // A topic of the node that has a replica.
    for (
      let number = 0;
      (await cluster.nodeOf(keysOf(prefix, topic(name)).channel)) !== primary;
      number += 1
    ) {
      name = `news ${number}`;
    }
    const follower = await follow(reader, topic(name));
    const publishing = publishOn(writer, name);
    await until('it is published', () => publishing.count > 20);
    await primary?.kill();
    await cluster.promoted();
    const { count } = publishing;
    await until('publishing goes on', () => publishing.count > count + 20);
    await publishing.stop();
    await expectAgreement(follower, writer, name);
  });
});
