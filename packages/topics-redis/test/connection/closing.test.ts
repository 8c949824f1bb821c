import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { openSockets, until } from '../support/scratch.ts';
import { APPEND, eventsOf, openTestLink, outcomesOf } from '../support/test-link.ts';

const KEY = '{a}:list';
const MEBIBYTE = 1024 * 1024;

describe('closing a link', () => {
  it('rejects calls that wait, and those that come later', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const events = eventsOf(link);
    redis.pause();
    const calls = Array.from({ length: 30 }, (_, index) => {
      return link.run(APPEND, [KEY], [`${index}:`.padEnd(MEBIBYTE, 'x')]);
    });
    const outcomes = outcomesOf(calls);
    const subscribing = outcomesOf([link.subscribe('{a}', () => {})]);
    await new Promise((resolve) => setImmediate(resolve)); // what can be sent is sent now
    await link.close();
    expect(new Set(await outcomes)).toEqual(new Set(['ERR_TOPICS_OUTCOME_UNKNOWN', 'ERR_TOPICS_CLOSED']));
    expect(await subscribing).toEqual(['ERR_TOPICS_UNAVAILABLE']);
    const later = [link.run(APPEND, [KEY], ['1']), link.send(KEY, ['PING']), link.subscribe('{b}', () => {})];
    expect(await outcomesOf(later)).toEqual(later.map(() => 'ERR_TOPICS_CLOSED'));
    link.unsubscribe('{a}');
    expect(link.isConnected).toBe(false);
    expect(events).toEqual([]);
    await link.close();
  });

  it('leaves no socket and no timer', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const clock = new VirtualClock();
    const link = await openTestLink({ url: proxy.url, clock });
    expect(proxy.connections).toBe(2);
    await link.close();
    await until('the sockets are closed', () => proxy.connections === 0 && openSockets() === 1);
    expect(clock.pending).toBe(0);
  });

  it.each(['pausing', 'connecting'] as const)('ends attempts to connect (%s)', async (stage) => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const clock = new VirtualClock();
    const link = await openTestLink({ url: proxy.url, clock });
    proxy.halt();
    const { accepted } = proxy;
    proxy.cut();
    await until('the loss is noticed', () => !link.isConnected);
    if (stage === 'connecting') {
      await until('an attempt has begun', async () => {
        await clock.advance(10);
        return proxy.accepted > accepted && proxy.connections > 0;
      });
    }
    await link.close();
    await until('the sockets are closed', () => proxy.connections === 0 && openSockets() === 1);
    expect(clock.pending).toBe(0);
  });
});
