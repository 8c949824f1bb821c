import { describe, expect, it } from 'vitest';
import { LuaScript } from '../../src/connection/lua-script.ts';
import { openLink } from '../../src/connection/open-link.ts';
import { startRedis } from '../support/redis-server.ts';

const APPEND = new LuaScript('append', "return redis.call('RPUSH', KEYS[1], ARGV[1])");

describe('link', () => {
  it('runs', async () => {
    const redis = await startRedis();
    const link = await openLink({ url: redis.url });
    expect(await link.run(APPEND, ['{a}:x'], ['1'])).toBe(1);
    expect(await link.run(APPEND, ['{a}:x'], [new Uint8Array([1, 255])])).toBe(2);
    expect(await link.send('{a}:x', ['LRANGE', '{a}:x', '0', '-1'])).toEqual([
      Buffer.from('1'),
      Buffer.from([1, 255]),
    ]);
    const got: string[] = [];
    await link.subscribe('{a}', (m) => got.push(m.toString()));
    await link.send('{a}', ['PUBLISH', '{a}', 'hello']);
    await expect.poll(() => got).toEqual(['hello']);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await Promise.all([1, 2, 3].map((n) => link.run(APPEND, ['{a}:x'], [String(n)])))).toEqual([
      3, 4, 5,
    ]);
    const events: string[] = [];
    link.watch({ lost: () => events.push('lost'), restored: () => events.push('restored') });
    await redis.restart();
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    await link.send('{a}', ['PUBLISH', '{a}', 'again']);
    await expect.poll(() => got).toEqual(['hello', 'again']);
    await link.close();
  });
});
