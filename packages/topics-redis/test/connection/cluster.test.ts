import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { hashTag, slotOf } from '../../src/connection/hash-slot.ts';
import { type FaultProxy, startProxy } from '../support/fault-proxy.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { APPEND, eventsOf, listOf, messagesOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));
const append = (key: string, text: string) => [APPEND, [key], [text]] as const;

/** Returns a node that does not have the slot of a key. */
async function otherNode(cluster: RedisCluster, key: string): Promise<RedisServer> {
  const owner = await cluster.nodeOf(key);
  return cluster.nodes.find((node) => node !== owner) as RedisServer;
}

/** Returns keys, one on each node. */
async function keysOfNodes(cluster: RedisCluster): Promise<string[]> {
  const keys = new Map<RedisServer, string>();
  for (let count = 0; keys.size < cluster.nodes.length; count += 1) {
    const node = await cluster.nodeOf(`{${count}}:list`);
    if (!keys.has(node)) keys.set(node, `{${count}}:list`);
  }
  return cluster.nodes.map((node) => keys.get(node) as string);
}

describe('a link to a cluster', () => {
  it('sends each call to the node that has its keys', async () => {
    const cluster = await startCluster();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes.slice(0, 1) } });
    const tags = [...numbers(200), 'a{b}c', '{}x', '', 'é', 'x{y', '}{'];
    const keys = tags.map((tag) => `p:{${tag}}:list`);
    expect(await outcomesOf(keys.map((key) => link.run(...append(key, key))))).toEqual(
      keys.map(() => 'done'),
    );
    expect(await Promise.all(keys.map((key) => listOf(link, key)))).toEqual(keys.map((key) => [key]));
    for (const key of keys.slice(-20)) expect(slotOf(hashTag(key)), key).toBe(await cluster.slotOf(key));
    for (const node of cluster.nodes) expect(Number(await node.command('DBSIZE'))).toBeGreaterThan(30);
  });

  it('receives announcements of every node', async () => {
    const cluster = await startCluster();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const heard = await messagesOf(link, 'x');
    const publish = await keysOfNodes(cluster);
    await Promise.all(
      publish.map((key) => link.send(key, ['EVAL', "redis.call('PUBLISH', 'x', KEYS[1])", '1', key])),
    );
    await expect.poll(() => heard.toSorted()).toEqual(publish.toSorted());
  });

  it('follows a slot that has moved, with calls in flight, in their order', async () => {
    const cluster = await startCluster();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const key = '{a}:list';
    const calls: Promise<unknown>[] = [];
    let isMoving = true;
    const moves = (async () => {
      for (let round = 0; round < 4; round += 1) await cluster.moveSlotOf(key, await otherNode(cluster, key));
      isMoving = false;
    })();
    while (isMoving || calls.length < 1000) {
      for (let count = 0; count < 20; count += 1) calls.push(link.run(...append(key, String(calls.length))));
      await Promise.race([moves, Promise.allSettled(calls.slice(-10))]);
    }
    await moves;
    const outcomes = await outcomesOf(calls);
    const done = numbers(calls.length).filter((_, index) => outcomes[index] === 'done');
    expect(new Set(outcomes)).toEqual(new Set(['done']));
    expect(await listOf(link, key)).toEqual(done);
  });

  it('follows ASK to the node that gets the keys, and waits for those that are in between', async () => {
    const cluster = await startCluster();
    const clock = new VirtualClock();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes }, clock });
    await link.run(...append('{a}:1', 'x'));
    const to = await otherNode(cluster, '{a}');
    const move = await cluster.beginMove('{a}', to);
    // Keys that the old node has are used there; keys that it does not have, on the new one.
    expect(await link.run(...append('{a}:1', 'y'))).toBe(2);
    expect(await link.run(...append('{a}:2', 'x'))).toBe(1);
    expect(await move.from.command('EXISTS', '{a}:2').catch(String)).toContain('ASK');
    // With one key here and one there, the node replies TRYAGAIN until all are moved.
    const both = link.send('{a}:1', ['LMOVE', '{a}:1', '{a}:2', 'LEFT', 'RIGHT']);
    await until('it was sent', async () =>
      (await move.from.command('INFO', 'errorstats')).includes('TRYAGAIN'),
    );
    await move.moveKeys();
    let reply: unknown;
    void both.then((value) => {
      reply = value;
    });
    await until('it was sent again', async () => {
      await clock.advance(10);
      return reply !== undefined;
    });
    expect(await both).toEqual(Buffer.from('x'));
    await move.end();
    expect(await link.run(...append('{a}:1', 'z'))).toBe(2);
    expect(await listOf(link, '{a}:2')).toEqual(['x', 'x']);
  });

  it('connects to a node that joins, and leaves one that has no slots any more', async () => {
    const cluster = await startCluster();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const [key = ''] = await keysOfNodes(cluster);
    await link.run(...append(key, '1'));
    const leaving = cluster.nodes[0] as RedisServer;
    await cluster.drain(leaving, cluster.nodes[1] as RedisServer);
    await until('the node is left', async () => {
      await link.run(...append(key, 'x'));
      return (await clientsOf(leaving)) === 0;
    });
    expect(await link.run(...append(key, '2'))).toBeGreaterThan(1);
    await until('announcements arrive', () => link.isConnected);
  });

  it('goes on with the other nodes when one dies, and with that when it is back', async () => {
    const cluster = await startCluster({ isPartlyUsable: true });
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const keys = await keysOfNodes(cluster);
    await Promise.all(keys.map((key) => link.run(...append(key, '1'))));
    const events = eventsOf(link);
    await cluster.nodes[0]?.kill();
    await until('the loss is noticed', async () => {
      return (
        (await outcomesOf(keys.map((key) => link.run(...append(key, '2'))))).join() ===
        'ERR_TOPICS_UNAVAILABLE,done,done'
      );
    });
    await until('announcements arrive', () => link.isConnected);
    await cluster.nodes[0]?.restart();
    await cluster.reached('ok');
    await until(
      'the node is used again',
      async () => (await link.run(...append(keys[0] as string, '3'))) === 1,
    );
    expect(events).toEqual(events.length === 0 ? [] : ['lost', 'restored']);
  });

  it('fails calls while the cluster is down, and goes on after it', async () => {
    const cluster = await startCluster();
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const keys = await keysOfNodes(cluster);
    await cluster.nodes[0]?.kill();
    await cluster.reached('fail');
    await expect(link.run(...append(keys[1] as string, '1'))).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: expect.stringContaining('CLUSTERDOWN'),
    });
    await cluster.nodes[0]?.restart();
    await cluster.reached('ok');
    for (const key of keys) {
      await until('the node is used again', async () => (await link.run(...append(key, '3'))) === 1);
    }
  });

  it('follows a replica that takes the place of its primary', async () => {
    const cluster = await startCluster({ replica: true });
    const link = await openTestLink({ cluster: { rootNodes: cluster.rootNodes } });
    const [key = ''] = await keysOfNodes(cluster);
    await link.run(...append(key, '1'));
    await until('the replica has it', async () => (await cluster.replica?.command('DBSIZE')) === '1');
    const heard = await messagesOf(link, 'x');
    await cluster.nodes[0]?.kill();
    await cluster.promoted();
    await until('the replica is used', async () => (await link.run(...append(key, '2'))) === 2);
    await until('announcements arrive', () => link.isConnected);
    await cluster.replica?.command('PUBLISH', 'x', 'y');
    await expect.poll(() => heard).toEqual(['y']);
  });

  it('authenticates at each node, and gives up one that is half-open', async () => {
    const cluster = await startCluster({ password: 'secret' });
    const proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)));
    const address = ({ port }: { readonly port: number }) => ({ host: '127.0.0.1', port });
    const addresses = cluster.nodes.map((node, index) => {
      return [`127.0.0.1:${node.port}`, address(proxies[index] as FaultProxy)] as const;
    });
    const defaults = { password: 'secret' };
    const rootNodes = proxies.map((proxy) => ({ socket: address(proxy) }));
    const refused = openTestLink({ cluster: { rootNodes } });
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('NOAUTH') });
    const clock = new VirtualClock();
    const nodeAddressMap = Object.fromEntries(addresses);
    const link = await openTestLink({ cluster: { rootNodes, defaults, nodeAddressMap }, clock });
    const keys = await keysOfNodes(cluster);
    const events = eventsOf(link);
    proxies[0]?.halt();
    const calls = keys.map((key) => link.run(...append(key, '1')));
    await Promise.all(calls.slice(1));
    const outcomes = outcomesOf(calls);
    await clock.advance(10_000);
    expect(await outcomes).toEqual(['ERR_TOPICS_OUTCOME_UNKNOWN', 'done', 'done']);
    proxies[0]?.pass();
    await until('the node is used again', async () => {
      await clock.advance(100);
      return (await outcomesOf([link.run(...append(keys[0] as string, '3'))])).join() === 'done';
    });
    await until('announcements arrive', () => link.isConnected);
    expect(events).toEqual(events.length === 0 ? [] : ['lost', 'restored']);
  });

  it('knows no node of a server that is none', async () => {
    const redis = await startRedis();
    await expect(openTestLink({ cluster: { rootNodes: [{ url: redis.url }] } })).rejects.toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining('cluster support disabled'),
    });
  });
});

/** Number of clients of a server that are not `redis-cli`. */
async function clientsOf(redis: RedisServer): Promise<number> {
  const list = await redis.command('CLIENT', 'LIST');
  return list.split('\n').filter((line) => !line.includes('cmd=client|list')).length;
}
