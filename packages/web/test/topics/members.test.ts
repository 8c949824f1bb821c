// Members of a topic that read it over HTTP.

import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { Topics } from '../../../topics/src/index.ts';
import { LogRecorder } from '../../src/testing/index.ts';
import { TopicRequestHandler } from '../../src/topics/index.ts';
import { openStream, until } from '../fixtures/event-streams.ts';
import { MemoryLogs } from '../fixtures/memory-log.ts';
import { ask, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

const EVENTS = 'Accept: text/event-stream';
const LEAVE_MS = 5_000;

interface Room {
  readonly topics: Topics;
  readonly clock: VirtualClock;
  readonly log: LogRecorder;
  readonly running: Running;
  isAllowed: boolean;
  member: () => unknown;
}

/** Serves topics at `/live` whose clients are the member `bob`. */
async function withRoom(test: (room: Room) => Promise<void>, maxMembers = 10): Promise<void> {
  const clock = new VirtualClock();
  const log = new LogRecorder();
  const topics = new Topics({ clock, maxMembers, leaveDelayMs: LEAVE_MS });
  const room = { topics, clock, log, isAllowed: true, member: (): unknown => ({ member: 'bob', meta: 1 }) };
  class Live extends TopicRequestHandler {
    override readonly topics = topics;
    override authorize(): boolean {
      return room.isAllowed;
    }
    override member(): undefined {
      return room.member() as undefined;
    }
  }
  try {
    const settings = { clock, logger: log };
    await withApp([['/live', Live]], (running) => test(Object.assign(room, { running })), settings);
  } finally {
    await topics.close();
  }
}

describe('TopicRequestHandler, member', () => {
  it('is present while an event stream is open', () =>
    withRoom(async ({ topics, clock, running: { port } }) => {
      const stream = await openStream(port, '/live?topic=news&presence=true');
      await stream.until('event: presence\ndata: {"members":[{"member":"bob","meta":1}]}\n\n');
      expect(topics.stats()).toMatchObject({ subscriptions: 1, members: 1 });
      stream.close();
      await until(() => topics.stats().members === 0);
      expect(await topics.topic('news').members()).toHaveLength(1);
      await clock.advance(LEAVE_MS);
      expect(await topics.topic('news').members()).toEqual([]);
    }));

  it('is present while a long poll waits, and until the next one', () =>
    withRoom(async ({ topics, clock, running: { port } }) => {
      const cursor = await topics.topic('news').publish(1);
      for (const data of [2, 3]) {
        const polling = ask(port, `/live?topic=news&after=${cursor}`);
        if (data === 2) {
          await until(() => topics.stats().subscriptions === 1);
          expect(topics.stats().members).toBe(1);
          await topics.topic('news').publish(data);
        }
        expect(statusOf(await polling)).toBe(200);
        await until(() => topics.stats().members === 0);
        await clock.advance(LEAVE_MS - 1);
        expect(await topics.topic('news').members()).toHaveLength(1);
      }
      await clock.advance(1);
      expect(await topics.topic('news').members()).toEqual([]);
    }));

  it('leaves when a client of a long poll has gone', () =>
    withRoom(async ({ topics, running: { port } }) => {
      const cursor = await topics.topic('news').publish(1);
      const client = await RawClient.connect(port, requestText(`/live?topic=news&after=${cursor}`));
      await until(() => topics.stats().subscriptions === 1);
      expect(topics.stats().members).toBe(1);
      client.reset();
      await until(() => topics.stats().members === 0 && topics.stats().subscriptions === 0);
    }));

  it.each([
    ['event streams', EVENTS],
    ['long polls', 'Accept: application/json'],
  ])('leaves when %s are ended by the stop of the server', (_, accept) =>
    withRoom(async ({ topics, running: { port, server } }) => {
      const cursor = await topics.topic('news').publish(1);
      const text = requestText(`/live?topic=news&after=${cursor}`, 'GET', accept);
      const client = await RawClient.connect(port, text);
      await until(() => topics.stats().subscriptions === 1);
      expect(topics.stats().members).toBe(1);
      const stopped = server.stop({ graceMs: 0 });
      await client.untilEnd();
      await stopped;
      expect(topics.stats()).toMatchObject({ subscriptions: 0, members: 0 });
    }),
  );

  it('leaves when its event stream is revoked, or its topic is deleted', () =>
    withRoom(async ({ topics, running: { port } }) => {
      for (const end of ['revoke', 'delete'] as const) {
        const stream = await openStream(port, '/live?topic=news', 'Connection: close');
        await stream.until('retry');
        expect(topics.stats().members).toBe(1);
        await topics[end]('news');
        expect(await stream.untilEnd()).toContain('event: end');
        await until(() => topics.stats().members === 0);
      }
    }));

  it.each([
    ['an event stream', EVENTS],
    ['a long poll', 'Accept: application/json'],
  ])('does not stay when %s is refused', (_, accept) =>
    withRoom(async (room) => {
      const { topics, running } = room;
      let asked = 0;
      const { member } = room;
      room.member = () => {
        asked += 1;
        return member();
      };
      expect(statusOf(await ask(running.port, '/live?topic=news&after=%21', 'GET', accept))).toBe(400);
      await until(() => topics.stats().members === 0);
      expect(asked).toBe(1);
      room.member = async () => {
        // A revocation between the decision and the subscription.
        room.isAllowed = false;
        await topics.revoke('news');
        return member();
      };
      expect(statusOf(await ask(running.port, '/live?topic=news', 'GET', accept))).toBe(404);
      await until(() => topics.stats().members === 0);
      room.member = () => {
        throw new Error('not to be called');
      };
      expect(statusOf(await ask(running.port, '/live?topic=news', 'GET', accept))).toBe(404);
      expect(topics.stats()).toMatchObject({ subscriptions: 0, members: 0 });
    }),
  );

  it('does not join for a HEAD request, without a member, or if the client has gone meanwhile', () =>
    withRoom(async (room) => {
      const { topics, running } = room;
      const { port } = running;
      let joined = 0;
      const topic = topics.topic('news');
      await topic.publish(1);
      const seen = await topic.subscribe({ presence: true });
      void (async () => {
        for await (const event of seen) if (event.kind === 'presence' && event.joined) joined += 1;
      })();
      expect(statusOf(await ask(port, '/live?topic=news', 'HEAD', EVENTS))).toBe(200);
      room.member = () => undefined;
      expect(statusOf(await ask(port, '/live?topic=news'))).toBe(200);
      let returned = 0;
      let come = (_: unknown): void => {};
      room.member = () => {
        returned += 1;
        return new Promise((resolve) => {
          come = resolve;
        });
      };
      const client = await openStream(port, '/live?topic=news');
      await until(() => returned === 1);
      client.reset();
      await until(() => running.server.connectionCount === 0);
      come({ member: 'bob' });
      room.member = () => ({ member: 'ada' });
      expect(statusOf(await ask(port, '/live?topic=news'))).toBe(200);
      await until(() => joined > 0 && topics.stats().members === 0);
      expect(joined).toBe(1);
      seen.close();
    }));

  it.each([
    ['text', 'bob'],
    ['null', null],
    ['an invalid member', { member: '' }],
    ['meta that is no JSON', { member: 'bob', meta: 1n }],
  ])('is a 500 and logged if %s is returned', (_, returned) =>
    withRoom(async (room) => {
      room.member = () => returned;
      for (const accept of [EVENTS, 'Accept: application/json'])
        expect(statusOf(await ask(room.running.port, '/live?topic=news', 'GET', accept))).toBe(500);
      const messages = room.log.records.map(({ details }) => String((details as { error?: unknown }).error));
      expect(messages.filter((message) => message.includes('member must return'))).toHaveLength(2);
      expect(room.topics.stats()).toMatchObject({ subscriptions: 0, members: 0 });
    }),
  );

  it('is to try again later if the topic has too many members', () =>
    withRoom(async ({ topics, running: { port } }) => {
      await topics.topic('news').join('ada');
      expect(statusOf(await ask(port, '/live?topic=news'))).toBe(503);
      const stream = await openStream(port, '/live?topic=news', 'Connection: close');
      expect(await stream.untilEnd()).toMatch(/^HTTP\/1.1 200[\s\S]*retry: \d+/);
    }, 1));

  it('needs topics with members', async () => {
    const log = new LogRecorder();
    class Live extends TopicRequestHandler {
      override readonly topics = new MemoryLogs();
      override authorize(): boolean {
        return true;
      }
      override member() {
        return { member: 'bob' };
      }
    }
    await withApp(
      [['/live', Live]],
      async ({ port }) => expect(statusOf(await ask(port, '/live?topic=news'))).toBe(500),
      { logger: log },
    );
  });
});
