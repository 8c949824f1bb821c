import { BackplaneError } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { RedisBackplane, type RedisBackplaneOptions } from '../../src/index.ts';
import { startProxy } from '../support/fault-proxy.ts';
import { follow, kept, publish, SETTINGS, topic } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { startRedis } from '../support/redis-server.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

async function connect(options: RedisBackplaneOptions): Promise<RedisBackplane> {
  const backplane = await RedisBackplane.connect({ logger: SILENT, ...options });
  atTheEnd(() => backplane.close());
  return backplane;
}

/** Publishes with an id, again and again until the outcome is known. */
async function publishSurely(backplane: RedisBackplane, name: string, number: number): Promise<string> {
  for (;;) {
    try {
      return await backplane.append(name, { payload: String(number), id: `id ${number}` }, SETTINGS);
    } catch (error) {
      expect(error).toBeInstanceOf(BackplaneError);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);

describe('a connection that is lost', () => {
  it('loses no record that is published meanwhile', async () => {
    const redis = await startRedis();
    const prefix = newPrefix();
    const proxy = await startProxy(redis);
    const [reader, writer] = [
      await connect({ url: proxy.url, prefix }),
      await connect({ url: redis.url, prefix }),
    ];
    const followers = [await follow(reader, topic('a')), await follow(reader, topic('b'))];
    for (const name of ['a', 'b']) await publish(writer, name, [1]);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await proxy.refuse();
    proxy.cut();
    await publish(writer, 'a', [2, 3]);
    await proxy.accept();
    await until('the reader has caught up', () => followers[0]?.records.length === 3);
    await publish(writer, 'a', [4]);
    await publish(writer, 'b', [2]);
    await until('both go on', () => followers[0]?.records.length === 4 && followers[1]?.records.length === 2);
    expect(followers.map(({ notes }) => notes)).toEqual([
      ['1', '2', '3', '4'],
      ['1', '2'],
    ]);
  });

  it('lists the members again when it is back', async () => {
    const redis = await startRedis();
    const backplane = await connect({ url: redis.url });
    const follower = await follow(backplane, topic('room'), { presence: true });
    await backplane.join('room', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('the members are listed', () => follower.changes.length === 2);
    expect(follower.changes).toEqual([{ joined: { member: 'ada' } }, { members: [{ member: 'ada' }] }]);
  });

  it('neither loses nor doubles a record that is published again until its outcome is known', async () => {
    const redis = await startRedis();
    const prefix = newPrefix();
    const proxies = [await startProxy(redis), await startProxy(redis)] as const;
    const [reader, writer] = [
      await connect({ url: proxies[0].url, prefix }),
      await connect({ url: proxies[1].url, prefix }),
    ];
    const follower = await follow(reader, topic('news'));
    let isDone = false;
    const faults = (async () => {
      for (let round = 0; !isDone; round += 1) {
        const proxy = proxies[round % 2];
        if (round % 3 === 0) proxy?.cutAfter(200 + round * 37, round % 4 === 0 ? 'toClient' : 'toServer');
        else proxy?.cut(round % 2 === 0 ? 'end' : 'reset');
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    })();
    const cursors: string[] = [];
    for (const number of numbers(300)) cursors.push(await publishSurely(writer, 'news', number));
    isDone = true;
    await faults;
    await until('the reader has caught up', () => follower.records.length >= 300);
    expect(follower.notes).toEqual(numbers(300).map(String));
    expect(follower.records.map(({ cursor }) => cursor)).toEqual(cursors);
  });
});

describe('a Redis that is restarted', () => {
  it('goes on without a gap if it keeps its data', async () => {
    const redis = await startRedis({ persistence: 'aof' });
    const backplane = await connect({ url: redis.url });
    const follower = await follow(backplane, topic('news'));
    const [first] = await publish(backplane, 'news', [1]);
    await redis.kill();
    await expect(publish(backplane, 'news', [2])).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_TOPICS_(UNAVAILABLE|OUTCOME_UNKNOWN)$/),
    });
    await redis.start();
    await until('it publishes again', async () => (await publish(backplane, 'news', [3])).length === 1);
    await until('the follower has caught up', () => follower.notes.at(-1) === '3');
    const { records, gap } = await backplane.read(topic('news'), { after: first as string }, SIZE);
    expect(follower.notes).toEqual(['1', ...records.map(({ payload }) => payload)]);
    expect([gap, follower.gaps]).toEqual([undefined, []]);
  });

  it('is a gap with reason reset if it has lost its data', async () => {
    const redis = await startRedis({ persistence: 'none' });
    const backplane = await connect({ url: redis.url });
    const [news, quiet] = [await follow(backplane, topic('news')), await follow(backplane, topic('quiet'))];
    const [old] = await publish(backplane, 'news', [1]);
    await redis.restart();
    await until('it publishes again', async () => (await publish(backplane, 'news', [2])).length === 1);
    await until('the followers know it', () => news.notes.at(-1) === '2' && quiet.gaps.length === 1);
    expect([news.notes, quiet.notes]).toEqual([['1', 'gap reset', '2'], ['gap reset']]);
    const { gap } = await backplane.read(topic('news'), { after: old as string }, SIZE);
    expect(gap).toEqual(news.gaps[0]);
    // The quiet one goes on where its gap says.
    const from = { after: quiet.gaps[0]?.cursor as string };
    expect((await backplane.read(topic('quiet'), from, SIZE)).gap).toBeUndefined();
  });

  it('is no end for what is published to it while it is stopped for some time', async () => {
    const redis = await startRedis();
    const prefix = newPrefix();
    const limits = { pingIntervalMs: 200, pingTimeoutMs: 300, connectTimeoutMs: 300 };
    const [reader, writer] = [
      await connect({ url: redis.url, prefix, ...limits }),
      await connect({ url: redis.url, prefix }),
    ];
    const follower = await follow(reader, topic('news'));
    await publish(writer, 'news', [0]);
    redis.pause();
    const waiting = numbers(20).map((number) => publishSurely(writer, 'news', number + 1));
    // The reader gives its connections up; the writer waits for its replies.
    await expect(reader.append('other', { payload: '1' }, SETTINGS)).rejects.toMatchObject({
      code: 'ERR_TOPICS_OUTCOME_UNKNOWN',
    });
    redis.resume();
    await Promise.all(waiting);
    await until('the reader has caught up', () => follower.records.length === 21);
    expect(follower.notes).toEqual(numbers(21).map(String));
  });
});

describe('FLUSHALL', () => {
  it('is a gap for all followers, who then agree again while publishing goes on', async () => {
    const redis = await startRedis();
    const prefix = newPrefix();
    const nodes = [await connect({ url: redis.url, prefix }), await connect({ url: redis.url, prefix })];
    const followers = await Promise.all(
      nodes.flatMap((node) => [follow(node, topic('news')), follow(node, topic('news'))]),
    );
    let isDone = false;
    const publishing = nodes.map(async (node, at) => {
      for (let number = 0; !isDone; number += 1) await publish(node, 'news', [`${at}:${number}`]);
    });
    for (let flush = 1; flush <= 5; flush += 1) {
      await redis.command('FLUSHALL');
      await until('all have a gap', () => followers.every(({ gaps }) => gaps.length >= flush));
    }
    isDone = true;
    await Promise.all(publishing);
    const [last] = await publish(nodes[0] as RedisBackplane, 'news', ['last']);
    await until('all have the last', () => followers.every(({ records }) => records.at(-1)?.cursor === last));
    const present = await kept(nodes[1] as RedisBackplane, 'news');
    for (const { notes } of followers) {
      const since = notes.slice(notes.lastIndexOf('gap reset') + 1);
      expect(since).toEqual(present.map((data) => JSON.stringify(data)));
    }
    for (const { gaps } of followers)
      expect(gaps.map(({ reason }) => reason)).toEqual(Array(5).fill('reset'));
  });
});

const SIZE = { maxRecords: 1000, maxBytes: 1 << 20 };
