import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { TopicAuthorization } from '../../src/topics/index.ts';
import { until } from '../fixtures/running-application.ts';
import { withDoor } from '../fixtures/topic-client.ts';

describe('TopicHandler, limits', () => {
  it('limits how fast a client publishes, and says when to try again', async () => {
    const clock = new VirtualClock();
    const options = { publishesPerSecond: 10, publishBurst: 2, clock };
    await withDoor({ options }, async ({ client, topics }) => {
      const [one, other] = [await client(), await client()];
      await one.publish('t', 1);
      await one.publish('u', 2);
      const refused = await one.request({ op: 'pub', topic: 't', data: 3 });
      expect(refused).toEqual({
        op: 'err',
        id: 3,
        topic: 't',
        code: 'ERR_TOPICS_RATE_LIMIT',
        message: expect.any(String),
        retryMs: 100,
      });
      await other.publish('t', 'of another client');
      await clock.advance(99);
      expect((await one.request({ op: 'pub', topic: 't', data: 3 })).retryMs).toBe(1);
      await clock.advance(1);
      await one.publish('t', 3);
      expect((await one.request({ op: 'pub', topic: 't', data: 4 })).op).toBe('err');
      await clock.advance(1_000_000);
      for (const op of ['ok', 'ok', 'err']) {
        expect((await one.request({ op: 'pub', topic: 't', data: 5 })).op).toBe(op);
      }
      expect(topics.stats().published).toBe(6);
    });
  });

  it('limits how fast all clients together publish', async () => {
    const clock = new VirtualClock();
    const options = { totalPublishesPerSecond: 1, totalPublishBurst: 3, clock };
    await withDoor({ options }, async ({ client }) => {
      const clients = [await client(), await client(), await client(), await client()];
      const ops = [];
      for (const one of clients) ops.push((await one.request({ op: 'pub', topic: 't', data: 1 })).op);
      expect(ops).toEqual(['ok', 'ok', 'ok', 'err']);
      await clock.advance(1_000);
      await clients[3]?.publish('t', 1);
    });
  });

  it('does not count what authorize refuses', async () => {
    const clock = new VirtualClock();
    const authorize = ({ topic }: TopicAuthorization) => topic === 'mine';
    await withDoor({ authorize, options: { publishBurst: 1, clock } }, async ({ client }) => {
      const one = await client();
      for (let n = 0; n < 3; n += 1) {
        expect((await one.request({ op: 'pub', topic: 'other', data: 1 })).code).toBe('ERR_TOPICS_REFUSED');
      }
      await one.publish('mine', 1);
    });
  });

  it('limits the subscriptions of a connection, those that wait included', async () => {
    let allow: (allowed: boolean) => void = () => {};
    const decision = new Promise<boolean>((resolve) => {
      allow = resolve;
    });
    const options = { maxSubscriptions: 2 };
    await withDoor({ options, authorize: () => decision }, async ({ client, topics }) => {
      const one = await client();
      for (const id of [1, 2, 3]) one.send({ op: 'sub', topic: `t${id}`, id });
      const code = 'ERR_TOPICS_TOO_MANY_SUBSCRIPTIONS';
      expect(await one.next()).toMatchObject({ op: 'err', id: 3, topic: 't3', code });
      allow(true);
      await one.nextFrames(4);
      expect((await one.request({ op: 'sub', topic: 't3' })).code).toBe(code);
      expect((await one.request({ op: 'unsub', topic: 't1' })).op).toBe('ok');
      await one.subscribe('t3');
      expect(topics.stats().subscriptions).toBe(2);
    });
  });

  it('frees the place of a subscription that is refused', async () => {
    const authorize = async ({ topic }: TopicAuthorization) => topic === 'mine';
    await withDoor({ authorize, options: { maxSubscriptions: 1 } }, async ({ client }) => {
      const one = await client();
      expect((await one.request({ op: 'sub', topic: 'other' })).code).toBe('ERR_TOPICS_REFUSED');
      expect((await one.request({ op: 'sub', topic: 'mine', after: '?' })).code).toBe('ERR_TOPICS_CURSOR');
      await one.subscribe('mine');
    });
  });

  it('does not read a client while too many of its operations are pending', async () => {
    let allow: (allowed: boolean) => void = () => {};
    let asked = 0;
    const decision = new Promise<boolean>((resolve) => {
      allow = resolve;
    });
    const authorize = () => {
      asked += 1;
      return decision;
    };
    await withDoor({ authorize, options: { maxPending: 3 } }, async ({ client }) => {
      const [one, other] = [await client(), await client()];
      for (let id = 1; id <= 10; id += 1) one.send({ op: 'sub', topic: `t${id}`, id });
      await until(() => asked === 3);
      // Sent after the frames of the first client, and read although that one is not.
      other.send({ op: 'sub', topic: 't', id: 1 });
      await until(() => asked === 4);
      allow(true);
      const frames = await one.nextFrames(20);
      expect(frames.filter(({ op }) => op === 'ok').map(({ id }) => id)).toEqual(
        [...Array(11).keys()].slice(1),
      );
      expect(asked).toBe(11);
    });
  });

  it('replies to a member hook that returns nonsense with an error, and logs it', async () => {
    await withDoor({ member: () => ({ name: 'ann' }) }, async ({ client, topics, log }) => {
      const one = await client();
      expect(await one.request({ op: 'sub', topic: 't' })).toMatchObject({
        op: 'err',
        code: 'ERR_TOPICS_INTERNAL',
      });
      expect(String(log.problems[0]?.error)).toContain('member must return');
      expect(topics.stats().subscriptions).toBe(0);
    });
  });
});
