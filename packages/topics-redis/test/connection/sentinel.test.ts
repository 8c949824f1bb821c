import { describe, expect, it } from 'vitest';
import { type FaultProxy, startProxy } from '../support/fault-proxy.ts';
import { type RedisSentinels, startSentinels } from '../support/redis-sentinels.ts';
import { freePort, until } from '../support/scratch.ts';
import { APPEND, eventsOf, listOf, messagesOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const KEY = '{a}:list';
const append = (text: string) => [APPEND, [KEY], [text]] as const;

/**
 * Makes the replica the primary, as an operator does, while the old primary refuses to become a replica: as long as that
 * takes, it accepts writes that are lost.
 */
async function failOverWithoutDemotion({ name, primary, sentinels }: RedisSentinels): Promise<void> {
  const before = await primary();
  await before.command('ACL', 'SETUSER', 'default', '-slaveof', '-replicaof');
  await until('a failover begins', async () => {
    return (await sentinels[0]?.command('SENTINEL', 'FAILOVER', name)) === 'OK';
  });
  await until('there is a new primary', async () => (await primary()) !== before);
}

/** Sentinels that are reached through proxies, one for each. */
async function startProxiedSentinels() {
  const trial = await startSentinels();
  const proxies = new Map<string, FaultProxy>();
  for (const { port } of trial.sentinels) proxies.set(`127.0.0.1:${port}`, await startProxy({ port }));
  const sentinel = {
    name: trial.name,
    sentinelRootNodes: [...trial.rootNodes],
    nodeAddressMap: (address: string) => {
      const proxy = proxies.get(address);
      return proxy === undefined ? undefined : { host: '127.0.0.1', port: proxy.port };
    },
  };
  return { trial, sentinel, proxies: [...proxies.values()] };
}

describe('a link to the primary behind sentinels', () => {
  it('follows the primary through a failover', async () => {
    const { name, rootNodes, primary, failover } = await startSentinels();
    const link = await openTestLink({ sentinel: { name, sentinelRootNodes: [...rootNodes] } });
    const [events, heard] = [eventsOf(link), await messagesOf(link, '{a}')];
    expect(await link.run(...append('1'))).toBe(1);
    const before = await primary();
    await failover();
    const after = await primary();
    expect(after).not.toBe(before);
    await until('commands go to the new primary', async () => (await link.run(...append('2'))) === 2);
    expect(await after.command('LRANGE', KEY, '0', '-1')).toBe('1\n2');
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    await after.command('PUBLISH', '{a}', 'x');
    await expect.poll(() => heard).toEqual(['x']);
  });

  it('leaves the old primary while that one still accepts writes', async () => {
    const trial = await startSentinels();
    const { name, rootNodes, primary } = trial;
    const link = await openTestLink({ sentinel: { name, sentinelRootNodes: [...rootNodes] } });
    const [events, heard] = [eventsOf(link), await messagesOf(link, '{a}')];
    const before = await primary();
    await failOverWithoutDemotion(trial);
    const after = await primary();
    await until('commands go to the new primary', async () => {
      await link.run(...append('1'));
      return (await after.command('LLEN', KEY)) !== '0';
    });
    expect(await before.command('ROLE')).toMatch(/^master/);
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    await after.command('PUBLISH', '{a}', 'x');
    await expect.poll(() => heard).toEqual(['x']);
  });

  it('learns of a new primary when it reaches the sentinels again, and leaves no connection to them', async () => {
    const { trial, sentinel, proxies } = await startProxiedSentinels();
    const link = await openTestLink({ sentinel });
    await until('all are listened to', async () => {
      const lists = trial.sentinels.map((each) => each.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
      return (await Promise.all(lists)).every((clients) => clients.includes(' sub=1 '));
    });
    for (const proxy of proxies) await proxy.refuse();
    for (const proxy of proxies) proxy.cut();
    await failOverWithoutDemotion(trial);
    const after = await trial.primary();
    expect(await link.run(...append('1'))).toBe(1);
    expect(await after.command('LLEN', KEY)).toBe('0');
    for (const proxy of proxies) await proxy.accept();
    await until('commands go to the new primary', async () => {
      await link.run(...append('2'));
      return (await after.command('LLEN', KEY)) !== '0';
    });
    await link.close();
    await until('no connection is left', () => proxies.every((proxy) => proxy.connections === 0));
  });

  it('finds the new primary when the old one is killed, and a sentinel with it', async () => {
    const { name, rootNodes, primary, servers, sentinels } = await startSentinels();
    // A sentinel that is not there is passed over, and one that was not named is found.
    const named = [{ host: '127.0.0.1', port: await freePort() }, ...rootNodes.slice(0, 1)];
    const link = await openTestLink({ sentinel: { name, sentinelRootNodes: named } });
    const events = eventsOf(link);
    await link.run(...append('1'));
    const before = await primary();
    await until('the replica has it', async () => {
      const lengths = await Promise.all(servers.map((server) => server.command('LLEN', KEY)));
      return lengths.every((length) => length === '1');
    });
    await Promise.all([before.kill(), sentinels[0]?.kill()]);
    await until('the loss is noticed', () => !link.isConnected);
    expect(await outcomesOf([link.run(...append('2'))])).toEqual(['ERR_TOPICS_UNAVAILABLE']);
    await until('commands go to the new primary', async () => (await link.run(...append('3'))) === 2);
    expect(await primary()).not.toBe(before);
    expect(await listOf(link, KEY)).toEqual(['1', '3']);
    await until('announcements arrive again', () => link.isConnected);
    expect(events).toEqual(['lost', 'restored']);
  });

  it('needs no more rights than the README names', async () => {
    const rules = '~{a}* &{a}* +@all -@dangerous +role';
    const { name, rootNodes } = await startSentinels({ config: [`user app on >secret ${rules}`] });
    const nodeClientOptions = { username: 'app', password: 'secret' };
    const sentinel = { name, sentinelRootNodes: [...rootNodes], nodeClientOptions };
    const link = await openTestLink({ sentinel });
    expect(await link.run(...append('1'))).toBe(1);
    expect(link.isConnected).toBe(true);
  });

  it('is refused for a name that the sentinels do not know, and where no sentinel is', async () => {
    const { name, rootNodes, servers } = await startSentinels();
    const sentinelRootNodes = [...rootNodes];
    await expect(openTestLink({ sentinel: { name: 'other', sentinelRootNodes } })).rejects.toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringMatching(
        /^the primary other cannot be used: no sentinel knows the primary other: the sentinel at 127\.0\.0\.1:\d+ knows no/,
      ),
    });
    const wrong = [{ host: '127.0.0.1', port: servers[0].port }];
    await expect(openTestLink({ sentinel: { name, sentinelRootNodes: wrong } })).rejects.toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining('ERR unknown command'),
    });
  });
});
