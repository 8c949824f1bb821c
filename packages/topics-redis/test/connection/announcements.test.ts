import { describe, expect, it } from 'vitest';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { eventsOf, messagesOf, openTestLink } from '../support/test-link.ts';

describe('announcements of a link', () => {
  it('arrive as bytes from the moment in which subscribe resolves', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const other = await openTestLink({ url: redis.url });
    const heard: Buffer[] = [];
    await link.subscribe('{a}', (message) => heard.push(message));
    const bytes = new Uint8Array([0, 13, 10, 255]);
    expect(await other.send('{a}', ['PUBLISH', '{a}', bytes])).toBe(1);
    await other.send('{a}', ['PUBLISH', '{b}', 'to another channel']);
    await other.send('{a}', ['PUBLISH', '{a}', 'é']);
    await expect.poll(() => heard).toEqual([Buffer.from(bytes), Buffer.from('é')]);
  });

  it('arrive on all channels again after the connection was lost, and watchers learn of both', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const link = await openTestLink({ url: proxy.url });
    const events = eventsOf(link);
    const names = Array.from({ length: 1200 }, (_, index) => `channel-${index}`);
    const heard: string[] = [];
    await Promise.all(
      names.map((name) => link.subscribe(name, (message) => heard.push(`${name} ${message}`))),
    );
    for (const round of [1, 2, 3]) {
      proxy.cut(round === 2 ? 'reset' : 'end');
      await expect.poll(() => events.length).toBe(round * 2);
      expect(link.isConnected).toBe(true);
      // All are subscribed: each reply counts the one receiver.
      const publish = (name: string) => link.send(name, ['PUBLISH', name, String(round)]);
      await until('commands are sent again', async () => (await publish('none')) === 0);
      expect(await Promise.all(names.map(publish))).toEqual(names.map(() => 1));
      await expect.poll(() => heard.length).toBe(names.length);
      expect(heard.splice(0)).toEqual(names.map((name) => `${name} ${round}`));
    }
    expect(events).toEqual(['lost', 'restored', 'lost', 'restored', 'lost', 'restored']);
  });

  it('are restored once if the connection is lost while channels are subscribed again', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const link = await openTestLink({ url: proxy.url });
    const heard = await messagesOf(link, '{a}');
    const events = eventsOf(link);
    for (let round = 1; round <= 5; round += 1) {
      const subscribing = proxy.seen('subscribe');
      proxy.halt('toClient');
      proxy.cut();
      await expect.poll(() => link.isConnected).toBe(false);
      proxy.pass();
      await subscribing;
      proxy.cut('reset');
      await expect.poll(() => link.isConnected).toBe(true);
    }
    expect(events.filter((event) => event === 'lost').length).toBe(
      events.filter((event) => event === 'restored').length,
    );
    expect(events.every((event, index) => event === (index % 2 === 0 ? 'lost' : 'restored'))).toBe(true);
    await redis.command('PUBLISH', '{a}', 'again');
    await expect.poll(() => heard).toEqual(['again']);
  });

  it('end with unsubscribe, also while the connection is lost', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const link = await openTestLink({ url: proxy.url });
    const [first, second] = [await messagesOf(link, 'first'), await messagesOf(link, 'second')];
    await messagesOf(link, 'third');
    link.unsubscribe('first');
    link.unsubscribe('none');
    await until('it is unsubscribed', async () => (await redis.command('PUBLISH', 'first', 'x')) === '0');
    await proxy.refuse();
    proxy.cut();
    await until('the loss is noticed', () => !link.isConnected);
    link.unsubscribe('third');
    await proxy.accept();
    await until('it is connected again', () => link.isConnected);
    expect(await redis.command('PUBSUB', 'CHANNELS')).toBe('second');
    await redis.command('PUBLISH', 'second', 'y');
    await expect.poll(() => second).toEqual(['y']);
    expect(first).toEqual([]);
  });

  it('end with unsubscribe while channels are subscribed again', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const link = await openTestLink({ url: proxy.url });
    await messagesOf(link, 'first');
    await messagesOf(link, 'second');
    const subscribing = proxy.seen('subscribe').then(() => proxy.halt('toClient'));
    const unsubscribing = proxy.seen('unsubscribe').then(() => proxy.halt('toClient'));
    proxy.cut();
    await subscribing;
    link.unsubscribe('first');
    proxy.pass();
    await unsubscribing;
    // The other channels are subscribed, and the connection is not ready yet.
    link.unsubscribe('second');
    proxy.pass();
    await until('it is connected again', () => link.isConnected);
    await until('all are unsubscribed', async () => (await redis.command('PUBSUB', 'CHANNELS')) === '');
  });

  it('go on when a channel is subscribed again at once', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const heard: string[] = [];
    for (let round = 0; round < 50; round += 1) {
      const subscribed = link.subscribe('{a}', (message) => heard.push(`${round} ${message}`));
      if (round % 2 === 0) await subscribed;
      if (round < 49) link.unsubscribe('{a}');
      else await subscribed;
    }
    await link.send('{a}', ['PUBLISH', '{a}', 'x']);
    await expect.poll(() => heard).toEqual(['49 x']);
  });

  it('that a receiver refuses do not end the connection', async () => {
    const redis = await startRedis();
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn: (_: object, text: string) => warnings.push(text),
      error() {},
    };
    const link = await openTestLink({ url: redis.url, logger });
    const heard = await messagesOf(link, 'second');
    await link.subscribe('first', () => {
      throw new Error('a bug');
    });
    await redis.command('PUBLISH', 'first', 'x');
    await redis.command('PUBLISH', 'second', 'y');
    await expect.poll(() => heard).toEqual(['y']);
    expect(warnings).toEqual(['the receiver of an announcement threw']);
  });

  it('are refused for a channel that the user may not read', async () => {
    const redis = await startRedis({
      config: ['user limited on >secret allkeys +@all resetchannels &open*'],
    });
    const link = await openTestLink({ client: { url: redis.url, username: 'limited', password: 'secret' } });
    await expect(link.subscribe('closed', () => {})).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: expect.stringContaining('refused subscribe: NOPERM'),
    });
    const heard = await messagesOf(link, 'open');
    await redis.command('PUBLISH', 'open', 'x');
    await expect.poll(() => heard).toEqual(['x']);
  });

  it('are not watched any more after the function that watch returns', async () => {
    const redis = await startRedis();
    const link = await openTestLink({ url: redis.url });
    const events: string[] = [];
    const stop = link.watch({ lost: () => events.push('lost'), restored: () => events.push('restored') });
    const others = eventsOf(link);
    stop();
    await redis.restart();
    await expect.poll(() => others).toEqual(['lost', 'restored']);
    expect(events).toEqual([]);
  });
});
