import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { APPEND, listOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const KEY = '{a}:list';
const append = (text: string) => [APPEND, [KEY], [text]] as const;
const MEBIBYTE = 1024 * 1024;

/** A server, a proxy in front of it, and a link through the proxy. */
async function startTrial(options: { readonly clock?: VirtualClock } = {}) {
  const redis = await startRedis();
  const proxy = await startProxy(redis);
  const link = await openTestLink({ url: proxy.url, ...options });
  return { redis, proxy, link };
}

describe('a link that loses its connection', () => {
  it.each(['end', 'reset'] as const)(
    'does not know the outcome of calls that were sent (%s)',
    async (how) => {
      const { redis, proxy, link } = await startTrial();
      proxy.halt('toClient');
      const calls = [link.run(...append('1')), link.send(KEY, ['RPUSH', KEY, '2'])];
      await until('Redis has executed both', async () => (await redis.command('LLEN', KEY)) === '2');
      proxy.cut(how);
      expect(await outcomesOf(calls)).toEqual(calls.map(() => 'ERR_TOPICS_OUTCOME_UNKNOWN'));
      await expect(calls[0]).rejects.toThrow(
        `the connection to Redis at 127.0.0.1:${proxy.port} was lost before the reply to append, which may have been done: `,
      );
      proxy.pass();
      await until('it is connected again', async () => (await link.run(...append('3'))) === 3);
      // Nothing was repeated.
      expect(await listOf(link, KEY)).toEqual(['1', '2', '3']);
    },
  );

  it('knows which calls were not sent', async () => {
    const { redis, proxy, link } = await startTrial();
    redis.pause();
    // More than the buffers of the sockets between them contain.
    const texts = Array.from({ length: 30 }, (_, index) => `${index}:`.padEnd(MEBIBYTE, 'x'));
    const calls = texts.map((text) => link.run(...append(text)));
    await proxy.seen('0:xxx');
    proxy.cut();
    const outcomes = await outcomesOf(calls);
    redis.resume();
    await until('it is connected again', async () => (await link.send(KEY, ['PING'])) !== null);
    const executed = (await listOf(link, KEY)).map((text) => Number.parseInt(text, 10));
    const unsent = outcomes.indexOf('ERR_TOPICS_UNAVAILABLE');
    expect(unsent).toBeGreaterThan(0);
    expect(outcomes).toEqual(
      outcomes.map((_, index) => (index < unsent ? 'ERR_TOPICS_OUTCOME_UNKNOWN' : 'ERR_TOPICS_UNAVAILABLE')),
    );
    expect(Math.max(-1, ...executed)).toBeLessThan(unsent);
  });

  it('rejects a call whose reply ends in the middle', async () => {
    const { proxy, link } = await startTrial();
    await link.send(KEY, ['SET', KEY, 'x'.repeat(MEBIBYTE)]);
    proxy.cutAfter(MEBIBYTE / 2);
    await expect(link.send(KEY, ['GET', KEY])).rejects.toMatchObject({ code: 'ERR_TOPICS_OUTCOME_UNKNOWN' });
    await until('it is connected again', async () => (await link.send(KEY, ['STRLEN', KEY])) === MEBIBYTE);
  });

  it('rejects calls at once while it is not connected', async () => {
    const { redis, proxy, link } = await startTrial();
    await proxy.refuse();
    proxy.cut();
    await until('the loss is noticed', () => !link.isConnected);
    const error = await link.run(...append('1')).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: 'Redis is not connected: append was not sent; try again when it is back',
      cause: expect.any(Error),
    });
    await expect(link.subscribe('{a}', () => {})).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    await proxy.accept();
    await until('it is connected again', async () => (await link.run(...append('2'))) === 1);
    expect(await redis.command('LRANGE', KEY, '0', '-1')).toBe('2');
  });

  it('connects again to a server that was killed and started', async () => {
    const redis = await startRedis({ persistence: 'aof' });
    const link = await openTestLink({ url: redis.url });
    await link.run(...append('1'));
    await redis.kill();
    await redis.start();
    // The server does not know the script any more.
    await until('it is connected again', async () => (await link.run(...append('2'))) === 2);
    expect(await listOf(link, KEY)).toEqual(['1', '2']);
  });

  it('goes on trying when the server refuses its password meanwhile', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const link = await openTestLink({ url: proxy.url });
    await redis.command('CONFIG', 'SET', 'requirepass', 'secret');
    const { accepted } = proxy;
    proxy.cut();
    await until('it has tried several times', () => proxy.accepted > accepted + 4);
    expect((await link.run(...append('1')).catch((thrown: Error) => thrown)) as Error).toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      cause: { message: expect.stringMatching(/^NOAUTH /) },
    });
    await redis.command('-a', 'secret', '--no-auth-warning', 'CONFIG', 'SET', 'requirepass', '');
    await until('it is connected again', async () => (await link.run(...append('2'))) === 1);
  });
});

describe('a link whose connection is half-open', () => {
  /** Moves the clock in small steps, so that what the sockets do comes between them. */
  const advanceUntil = (clock: VirtualClock, what: string, condition: () => boolean | Promise<boolean>) =>
    until(what, async () => {
      await clock.advance(100);
      return condition();
    });

  it.each(['both', 'toClient', 'toServer'] as const)(
    'gives it up when no reply comes to a ping (%s)',
    async (how) => {
      const clock = new VirtualClock();
      const { proxy, link } = await startTrial({ clock });
      proxy.halt(how);
      const sent = proxy.seen('RPUSH');
      const call = link.run(...append('1'));
      const outcome = outcomesOf([call]);
      await sent;
      expect(link.isConnected).toBe(true);
      await clock.advance(9_900);
      expect(link.isConnected).toBe(true);
      await advanceUntil(clock, 'the loss is noticed', () => !link.isConnected);
      expect(await outcome).toEqual(['ERR_TOPICS_OUTCOME_UNKNOWN']);
      await expect(call).rejects.toThrow('no reply to PING within 5000 ms');
      // New connections are half-open too, until bytes pass again.
      proxy.pass();
      await advanceUntil(clock, 'it is connected again', async () => {
        const [done] = await outcomesOf([link.run(...append('2'))]);
        return link.isConnected && done === 'done';
      });
    },
  );
});
