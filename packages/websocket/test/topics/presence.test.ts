import { VirtualClock } from '@landspout/ioloop/testing';
import { Topics } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { TopicHandler } from '../../src/topics/index.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { TopicClient, withDoor } from '../fixtures/topic-client.ts';

const LEAVE_MS = 5_000;

/** Clients say who they are in the query. */
async function withMembers(
  use: (room: {
    clock: VirtualClock;
    topics: Topics;
    join: (name: string) => Promise<TopicClient>;
  }) => Promise<void>,
) {
  const clock = new VirtualClock();
  const topics = new Topics({ clock, leaveDelayMs: LEAVE_MS });
  class Live extends TopicHandler {
    override readonly topics = topics;
    override authorize() {
      return true;
    }
    override member() {
      const name = this.getArgument('name', undefined);
      return name === undefined ? undefined : { member: name, meta: { colour: 'red' } };
    }
  }
  await withApp([['/live', Live]], async ({ url }) => {
    const clients: TopicClient[] = [];
    await use({
      clock,
      topics,
      async join(name) {
        const client = await TopicClient.open(new URL(`/live?name=${name}`, url).href);
        clients.push(client);
        return client;
      },
    });
    for (const { connection } of clients) connection.abort();
  });
  await topics.close();
}

describe('TopicHandler, presence', () => {
  it('sends all members first, then those that join and leave', async () => {
    await withMembers(async ({ clock, topics, join }) => {
      const ann = await join('ann');
      await ann.subscribe('room', { presence: true });
      const red = { meta: { colour: 'red' } };
      expect(await ann.next()).toEqual({
        op: 'presence',
        topic: 'room',
        members: [{ member: 'ann', ...red }],
      });
      const bob = await join('bob');
      await bob.subscribe('room', { presence: true });
      const both = [
        { member: 'ann', ...red },
        { member: 'bob', ...red },
      ];
      expect(await bob.next()).toEqual({ op: 'presence', topic: 'room', members: both });
      expect(await ann.next()).toEqual({ op: 'presence', topic: 'room', joined: 'bob', ...red });
      await bob.request({ op: 'unsub', topic: 'room' });
      await clock.advance(LEAVE_MS - 1);
      expect(await ann.hasNothing()).toBe(true);
      await clock.advance(1);
      expect(await ann.next()).toEqual({ op: 'presence', topic: 'room', left: 'bob' });
      expect(await topics.topic('room').members()).toHaveLength(1);
    });
  });

  it('announces nothing if a member that was cut off comes back in time', async () => {
    await withMembers(async ({ clock, topics, join }) => {
      const ann = await join('ann');
      await ann.subscribe('room', { presence: true });
      await ann.next();
      const bob = await join('bob');
      const cursor = await bob.subscribe('room');
      expect((await ann.next()).joined).toBe('bob');
      bob.connection.abort();
      await until(() => topics.stats().subscriptions === 1);
      await clock.advance(LEAVE_MS - 1);
      const back = await join('bob');
      await back.subscribe('room', { after: cursor });
      await clock.advance(LEAVE_MS * 2);
      expect(await ann.hasNothing()).toBe(true);
      back.connection.abort();
      await until(() => topics.stats().subscriptions === 1);
      await clock.advance(LEAVE_MS);
      expect((await ann.next()).left).toBe('bob');
    });
  });

  it('counts the connections of a member', async () => {
    await withMembers(async ({ clock, topics, join }) => {
      const ann = await join('ann');
      await ann.subscribe('room', { presence: true });
      await ann.next();
      const [one, two] = [await join('bob'), await join('bob')];
      await one.subscribe('room');
      await two.subscribe('room');
      expect((await ann.next()).joined).toBe('bob');
      one.connection.abort();
      await until(() => topics.stats().subscriptions === 2);
      await clock.advance(LEAVE_MS * 2);
      expect(await ann.hasNothing()).toBe(true);
      two.connection.abort();
      await until(() => topics.stats().subscriptions === 1);
      await clock.advance(LEAVE_MS);
      expect((await ann.next()).left).toBe('bob');
    });
  });

  it('lets a member leave whose subscription is revoked', async () => {
    await withMembers(async ({ clock, topics, join }) => {
      const ann = await join('ann');
      await ann.subscribe('room');
      expect(topics.stats().members).toBe(1);
      await topics.revoke('room');
      expect((await ann.next()).how).toBe('revoked');
      await until(() => topics.stats().members === 0);
      await clock.advance(LEAVE_MS);
      expect(await topics.topic('room').members()).toEqual([]);
    });
  });

  it.each([
    ['text', 'ann'],
    ['null', null],
    ['a promise of an object without member', Promise.resolve({ name: 'ann' })],
    ['an invalid member', { member: 'a\u0000' }],
    ['meta that is no JSON', { member: 'ann', meta: 1n }],
  ])('responds with an error to a subscription for which member returns %s', async (_, returned) => {
    await withDoor({ member: () => returned }, async ({ client, topics, log }) => {
      const one = await client();
      const refusal = { op: 'err', id: 1, topic: 'room', code: 'ERR_TOPICS_INTERNAL' };
      expect(await one.request({ op: 'sub', topic: 'room' })).toMatchObject(refusal);
      expect(log.problems).toHaveLength(1);
      expect(topics.stats()).toMatchObject({ subscriptions: 0, members: 0 });
      expect(await one.hasNothing()).toBe(true);
    });
  });

  it('refuses a subscription whose member has no place', async () => {
    let name = 0;
    const member = () => {
      name += 1;
      return { member: `m${name}` };
    };
    await withDoor({ member, topicsOptions: { maxMembers: 1 } }, async ({ client, topics }) => {
      await (await client()).subscribe('room');
      const late = await client();
      const code = 'ERR_TOPICS_TOO_MANY_MEMBERS';
      expect(await late.request({ op: 'sub', topic: 'room' })).toMatchObject({ op: 'err', code });
      expect(topics.stats()).toMatchObject({ subscriptions: 1, members: 1 });
    });
  });
});
