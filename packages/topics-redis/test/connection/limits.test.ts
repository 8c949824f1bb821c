import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { APPEND, listOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const KEY = '{a}:list';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

describe('limits of a link', () => {
  it('refuse more calls than may wait, and take others when these have replies', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    redis.pause();
    const calls = numbers(12_000).map((text) => link.run(APPEND, [KEY], [text]));
    await expect(calls.at(-1)).rejects.toThrow(
      'append: maxWaitingCalls (10000) calls wait for Redis already',
    );
    redis.resume();
    const outcomes = await outcomesOf(calls);
    expect(outcomes).toEqual(
      numbers(12_000).map((_, index) => (index < 10_000 ? 'done' : 'ERR_TOPICS_BUSY')),
    );
    expect(await listOf(link, KEY)).toEqual(numbers(10_000));
    expect(await link.run(APPEND, [KEY], ['more'])).toBe(10_001);
  });

  it('refuse more bytes than may wait', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url, maxWaitingBytes: 10_000 });
    redis.pause();
    const calls = numbers(20).map(() => link.send(KEY, ['APPEND', KEY, 'é'.repeat(500)]));
    await expect(calls.at(-1)).rejects.toMatchObject({
      code: 'ERR_TOPICS_BUSY',
      message: expect.stringMatching(
        /^APPEND: its 1014 bytes and the \d+ that wait .* maxWaitingBytes \(10000\)$/,
      ),
    });
    redis.resume();
    expect((await outcomesOf(calls)).filter((outcome) => outcome === 'done')).toHaveLength(9);
    expect(await outcomesOf([link.send(KEY, ['APPEND', KEY, 'x'.repeat(9_900)])])).toEqual(['done']);
    expect(await outcomesOf([link.send(KEY, ['APPEND', KEY, 'x'.repeat(10_000)])])).toEqual([
      'ERR_TOPICS_BUSY',
    ]);
  });

  it('count calls that failed no more', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url, maxWaitingCalls: 5 });
    for (let round = 0; round < 3; round += 1) {
      redis.pause();
      const outcomes = outcomesOf(numbers(5).map((text) => link.run(APPEND, [KEY], [text])));
      await redis.restart();
      expect(await outcomes).not.toContain('ERR_TOPICS_BUSY');
      await until('it is connected again', async () => (await link.send(KEY, ['PING'])) !== null);
    }
    expect(await outcomesOf(numbers(5).map((text) => link.run(APPEND, [KEY], [text])))).toEqual(
      numbers(5).map(() => 'done'),
    );
  });
});
