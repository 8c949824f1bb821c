import { describe, expect, it } from 'vitest';
import { LuaScript } from '../../src/connection/lua-script.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { APPEND, listOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const KEY = '{a}:list';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));
const append = (text: string) => [APPEND, [KEY], [text]] as const;

describe('calls of a link', () => {
  it('return bytes, numbers, null, and arrays of these', async () => {
    const link = await openTestLink({ url: (await startRedis()).url });
    const bytes = new Uint8Array([0, 13, 10, 255]);
    const reply = "return {ARGV[1], 7, false, {'x', redis.status_reply('OK')}}";
    expect(await link.run(new LuaScript('reply', reply), ['{a}'], [bytes.subarray(1)])).toEqual([
      Buffer.from(bytes.subarray(1)),
      7,
      null,
      [Buffer.from('x'), Buffer.from('OK')],
    ]);
    expect(await link.send('{a}', ['SET', '{a}', bytes])).toEqual(Buffer.from('OK'));
    expect(await link.send('{a}', ['GET', '{a}'])).toEqual(Buffer.from(bytes));
    expect(await link.send('{a}', ['HGETALL', '{a}:none'])).toEqual([]);
  });

  it('are executed in their order, many at a time', async () => {
    const link = await openTestLink({ url: (await startRedis()).url });
    await Promise.all(numbers(2000).map((text) => link.run(...append(text))));
    expect(await listOf(link, KEY)).toEqual(numbers(2000));
  });

  it('name the script by its digest after the first time', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    await Promise.all(numbers(3).map((text) => link.run(...append(text))));
    expect(await redis.command('INFO', 'commandstats')).toMatch(/cmdstat_evalsha:calls=2,/);
  });

  it('keep their order when Redis forgets the scripts', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const calls: Promise<unknown>[] = [];
    const other = new LuaScript('other', `${APPEND.source} -- again`);
    for (const [index, text] of numbers(3000).entries()) {
      const script = index % 3 === 0 ? other : APPEND;
      calls.push(link.run(script, [KEY], [text]));
      if (index % 500 === 99) await Promise.all([redis.command('SCRIPT', 'FLUSH'), calls[index - 50]]);
    }
    expect(await outcomesOf(calls)).toEqual(calls.map(() => 'done'));
    expect(await listOf(link, KEY)).toEqual(numbers(3000));
  });

  it('are all executed, for many keys, when Redis forgets the scripts again and again', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const other = await openTestLink({ url: redis.url });
    const outcomes = new Set<string>();
    let isOver = false;
    const worker = async (key: string) => {
      while (!isOver) {
        const [outcome] = await outcomesOf([link.run(APPEND, [key], ['x'])]);
        outcomes.add(outcome as string);
      }
    };
    const workers = numbers(200).map((text) => worker(`{${Number(text) % 20}}:list`));
    for (let flushes = 0; flushes < 200; flushes += 1) {
      await other.send('x', ['SCRIPT', 'FLUSH']);
      await link.send('x', ['PING']);
    }
    isOver = true;
    await Promise.all(workers);
    expect([...outcomes]).toEqual(['done']);
  });

  it('fail rather than overtake each other when another client loads the script again', async () => {
    const link = await openTestLink({ url: (await startRedis()).url });
    await link.run(...append('0'));
    // Sent on one connection: what Redis has forgotten before the first call, it knows again before the third.
    const flush = link.send('{b}', ['SCRIPT', 'FLUSH']);
    const calls = [link.run(...append('1')), link.run(...append('2'))];
    const load = link.send('{b}', ['SCRIPT', 'LOAD', APPEND.source]);
    calls.push(link.run(...append('3')));
    await Promise.all([flush, load]);
    expect(await outcomesOf(calls)).toEqual(['ERR_TOPICS_UNAVAILABLE', 'ERR_TOPICS_UNAVAILABLE', 'done']);
    expect(await listOf(link, KEY)).toEqual(['0', '3']);
  });

  it('have done nothing if Redis refuses them for lack of memory', async () => {
    const redis = await startRedis({ maxMemory: '3mb' });
    const link = await openTestLink({ url: redis.url });
    const chunk = 'x'.repeat(100_000);
    const outcomes = await outcomesOf(numbers(100).map(() => link.run(...append(chunk))));
    expect(new Set(outcomes)).toEqual(new Set(['done', 'ERR_TOPICS_UNAVAILABLE']));
    const done = outcomes.filter((outcome) => outcome === 'done').length;
    expect(await link.send(KEY, ['LLEN', KEY])).toBe(done);
    const error = await link.run(...append(chunk)).catch((thrown: Error) => thrown);
    expect((error as Error).message).toBe(
      `Redis at 127.0.0.1:${redis.port} refused append: OOM command not allowed when used memory > 'maxmemory'; raise maxmemory of Redis, or let topics keep less (maxRecords, maxBytes, maxAgeMs)`,
    );
    expect((error as Error).cause).toMatchObject({ message: expect.stringMatching(/^OOM /) });
  });

  it('have done nothing if the server is a replica', async () => {
    const primary = await startRedis();
    const replica = await startRedis({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
    const link = await openTestLink({ url: replica.url });
    await expect(link.run(...append('1'))).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: expect.stringContaining('READONLY'),
    });
    // The connection is made anew, since the name of the server may stand for another one now.
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await until('the replica is a primary', async () => (await link.run(...append('2'))) === 1);
  });

  it('have done nothing while a script of another client runs for too long', async () => {
    const redis = await startRedis({ config: ['busy-reply-threshold 1'] });
    // However long this takes, the server is not taken for dead.
    const link = await openTestLink({ url: redis.url, pingIntervalMs: 50, pingTimeoutMs: 10_000 });
    const endless = redis.command('EVAL', 'while true do end', '0').catch(() => {});
    await until('the server is busy', async () => {
      return (await redis.command('PING').catch(String)).includes('BUSY');
    });
    const opening = openTestLink({ url: redis.url, connectTimeoutMs: 30_000 }).catch((error: Error) => error);
    expect(await opening).toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining('BUSY'),
    });
    await expect(link.run(...append('1'))).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    await redis.command('SCRIPT', 'KILL');
    await endless;
    expect(await link.run(...append('1'))).toBe(1);
  });

  it('have an unknown outcome if a script fails, and none if a command does', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const failing = new LuaScript('failing', `${APPEND.source.replace('return ', '')} error('it failed')`);
    await expect(link.run(failing, [KEY], ['1'])).rejects.toMatchObject({
      code: 'ERR_TOPICS_OUTCOME_UNKNOWN',
      message: expect.stringMatching(/^Redis at 127\.0\.0\.1:\d+ failed in the script failing: .*it failed/),
    });
    expect(await listOf(link, KEY)).toEqual(['1']);
    await expect(link.send(KEY, ['GET', KEY])).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: expect.stringContaining('refused GET: WRONGTYPE'),
    });
  });

  it('wait for a slow server', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const sleep = redis.command('DEBUG', 'SLEEP', '0.5');
    const calls = numbers(20).map((text) => link.run(...append(text)));
    expect(await outcomesOf(calls)).toEqual(calls.map(() => 'done'));
    await sleep;
  });

  it('go to the database and with the name that the options give', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ client: { url: `${redis.url}/3`, name: 'mine' } });
    await link.send('{a}', ['SET', '{a}', '1']);
    expect(await redis.command('-n', '3', 'GET', '{a}')).toBe('1');
    expect(await clientNames(redis)).toEqual(['mine', 'mine']);
  });
});

async function clientNames(redis: RedisServer): Promise<string[]> {
  const list = await redis.command('CLIENT', 'LIST');
  return list.split('\n').flatMap((line) => /name=(\w+)/.exec(line)?.[1] ?? []);
}
