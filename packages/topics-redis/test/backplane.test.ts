import { inspect } from 'node:util';
import { Runs, Topics } from '@landspout/topics';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane, type RedisBackplaneOptions } from '../src/index.ts';
import { follow, kept, publish, SETTINGS, topic, WHOLE } from './support/recorder.ts';
import { newPrefix } from './support/redis-nodes.ts';
import { type RedisServer, startRedis } from './support/redis-server.ts';
import { atTheEnd } from './support/scratch.ts';
import { SILENT } from './support/test-link.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

async function connect(options: RedisBackplaneOptions): Promise<RedisBackplane> {
  const backplane = await RedisBackplane.connect({ logger: SILENT, ...options });
  atTheEnd(() => backplane.close());
  return backplane;
}

describe('RedisBackplane.connect', () => {
  it('refuses options that are unknown or invalid, and connects to nothing', async () => {
    const url = redis.url;
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ url, prefixes: 'a' }, /prefixes.*prefix/],
      [{ url, prefix: '' }, /prefix/],
      [{ url, prefix: 'a{b}' }, /prefix/],
      [{ url, prefix: 'x'.repeat(101) }, /prefix/],
      [{ url, leaseMs: 999 }, /leaseMs/],
      [{ url, maxRuns: 0 }, /maxRuns/],
      [{}, /exactly one of url/],
      [{ host: 'localhost', port: 6379 }, /"host"; write url, or client: \{ socket: \{ host, port \} \}$/],
      [{ client: { port: 6379 } }, /client: unknown option "port"; write socket: \{ host, port \}$/],
      ['redis://localhost' as unknown as object, /an object of options/],
      [{ url, client: {} }, /exactly one of url/],
    ];
    for (const [options, problem] of wrong) {
      await expect(RedisBackplane.connect(options as RedisBackplaneOptions)).rejects.toMatchObject({
        name: 'RedisUsageError',
        code: 'ERR_TOPICS_REDIS_USAGE',
        message: expect.stringMatching(new RegExp(`^RedisBackplane.connect: .*${problem.source}`)),
      });
    }
  });

  it('has a type for exactly one target', async () => {
    const url = redis.url;
    const wrong = [
      // @ts-expect-error no target
      () => RedisBackplane.connect({}),
      // @ts-expect-error settings alone
      () => RedisBackplane.connect({ prefix: 'a' }),
      // @ts-expect-error two targets
      () => RedisBackplane.connect({ url, client: {} }),
      // @ts-expect-error an address that may be missing
      () => RedisBackplane.connect({ url: undefined }),
    ];
    for (const connectWrongly of wrong) await expect(connectWrongly()).rejects.toThrow(/exactly one of url/);
  });

  it('rejects if Redis cannot be reached, with the address in the message', async () => {
    const gone = await startRedis();
    await gone.kill();
    await expect(RedisBackplane.connect({ url: gone.url, logger: SILENT })).rejects.toMatchObject({
      name: 'RedisBackplaneError',
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining(`127.0.0.1:${gone.port}`),
    });
  });

  it('warns of a Redis that evicts keys', async () => {
    const warnings: string[] = [];
    const logger = { ...SILENT, warn: (_: object, message: string) => void warnings.push(message) };
    const prefix = newPrefix();
    await connect({ url: redis.url, prefix, logger });
    expect(warnings).toEqual([]);
    const evicting = await startRedis({
      config: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'],
    });
    await connect({ url: evicting.url, prefix, logger });
    expect(warnings).toEqual([expect.stringContaining('noeviction')]);
  });
});

describe('RedisBackplane', () => {
  it('uses only keys that begin with its prefix, and keeps prefixes apart', async () => {
    const own = await startRedis();
    const [a, b] = [
      await connect({ url: own.url, prefix: 'app:a' }),
      await connect({ url: own.url, prefix: 'app:b' }),
    ];
    await a.append('a room/{1}: 😀', { payload: '"a"', id: 'x' }, SETTINGS);
    await a.join('a room/{1}: 😀', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    const settings = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };
    await a.claimRun({ id: 'run', owner: 'ada', input: undefined, settings });
    await a.revoke('a room/{1}: 😀', 'ada');
    const keys = (await own.command('KEYS', '*')).split('\n');
    expect(keys.length).toBeGreaterThan(5);
    for (const key of keys) expect(key).toMatch(/^app:a:\{[^{}]+\}(:[a-z]+(:[\w-]+)?)?$/);
    expect(keys).toContain('app:a:{t:a%20room%2F%7B1%7D%3A%20%F0%9F%98%80}:log');
    expect(await kept(b, 'a room/{1}: 😀')).toEqual([]);
    await expect(b.runInfo('run')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });

  it('needs only the keys and channels of its prefix, and no dangerous commands', async () => {
    const own = await startRedis();
    const rules = ['on', '>secret', '~app:*', '&app:*', '+@all', '-@dangerous'];
    await own.command('ACL', 'SETUSER', 'app', ...rules);
    const client = { url: own.url, username: 'app', password: 'secret' };
    const backplane = await connect({ client, prefix: 'app' });
    const follower = await follow(backplane, topic('news'), { presence: true });
    await publish(backplane, 'news', [1]);
    await backplane.join('news', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    await backplane.revoke('news', 'ada');
    await backplane.leave('news', 'ada', { maxMembers: 9, leaveDelayMs: 0 });
    expect(await kept(backplane, 'news')).toEqual([1]);
    const settings = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };
    const { token } = await backplane.claimRun({ id: 'run', owner: 'ada', input: undefined, settings });
    await backplane.endRun('run', token as number, { how: 'finished' });
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    await backplane.delete('news');
    expect(follower.notes).toEqual(['1', 'revoked ada', 'end deleted']);
    expect(follower.changes[0]).toEqual({ joined: { member: 'ada' } });
  });

  it('counts what this process follows, and its members', async () => {
    const backplane = await connect({ url: redis.url, prefix: newPrefix() });
    await publish(backplane, 'other', [1, 2, 3]);
    const topics = new Topics({ backplane });
    const subscriptions = [await topics.topic('a').subscribe(), await topics.topic('a').subscribe()];
    await topics.topic('b').join('ada');
    expect(backplane.stats()).toEqual({ topics: 1, runs: 0, records: 0, historyBytes: 0, members: 1 });
    for (const subscription of subscriptions) subscription.close();
    await topics.close();
    expect(backplane.stats()).toEqual({ topics: 0, runs: 0, records: 0, historyBytes: 0, members: 0 });
    expect(inspect(backplane)).toContain('redis');
  });

  it('carries topics and runs of several processes', async () => {
    const prefix = newPrefix();
    const nodes = [
      await connect({ url: redis.url, prefix }),
      await connect({ url: redis.url, prefix }),
    ] as const;
    const topics = nodes.map((backplane) => new Topics({ backplane, logger: SILENT }));
    const [here, there] = topics.map((each) => each.topic<{ text: string }>('room'));
    const subscription = await there?.subscribe({ presence: true });
    await here?.join('ada', { meta: { colour: 'red' } });
    const cursor = await here?.publish({ text: 'hello' });
    await here?.publish({ text: 'how are you?' });
    const seen: unknown[] = [];
    for await (const event of subscription ?? []) {
      seen.push(event.kind === 'record' ? event.data.text : event.kind);
      if (seen.length === 4) break;
    }
    expect(seen.toSorted()).toEqual(['hello', 'how are you?', 'presence', 'presence']);
    const missed = await there?.history({ after: cursor as string });
    expect(missed?.records.map(({ data }) => data)).toEqual([{ text: 'how are you?' }]);

    const runs = nodes.map((backplane) => new Runs({ backplane, logger: SILENT }));
    const handle = await runs[0]?.start('answer', { owner: 'ada' }, async (run) => {
      for (const token of ['to', ' be']) await run.write(token);
      return { tokens: 2 };
    });
    const reader = await runs[1]?.read('answer');
    const read: unknown[] = [];
    for await (const event of reader ?? []) {
      if (event.kind === 'record') read.push(event.data);
      if (event.kind === 'end') read.push(event.how, event.result);
    }
    expect([read, (await handle?.ended)?.how]).toEqual([
      ['to', ' be', 'finished', { tokens: 2 }],
      'finished',
    ]);
    for (const each of [...topics, ...runs]) await each.close();
  });

  it('may be closed while Redis is away, and rejects every call then', async () => {
    const server = await startRedis();
    const backplane = await connect({ url: server.url });
    await backplane.follow(topic('news'), { record() {}, gap() {}, ended() {} }, { presence: false });
    await backplane.join('news', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    await server.kill();
    await expect(publish(backplane, 'news', [1])).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_TOPICS_(UNAVAILABLE|OUTCOME_UNKNOWN)$/),
    });
    await backplane.close();
    await expect(backplane.read(topic('news'), { start: true }, WHOLE)).rejects.toMatchObject({
      code: 'ERR_TOPICS_CLOSED',
    });
  });
});
