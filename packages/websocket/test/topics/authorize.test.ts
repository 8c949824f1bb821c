import { setTimeout as delay } from 'node:timers/promises';
import { VirtualClock } from '@landspout/ioloop/testing';
import { Topics } from '@landspout/topics';
import { Application, type HandlerClass } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { type TopicAuthorization, TopicHandler } from '../../src/topics/index.ts';
import { type Gate, gate } from '../fixtures/gate.ts';
import { RecordingLogger, until } from '../fixtures/running-application.ts';
import { withDoor } from '../fixtures/topic-client.ts';

const REFUSED = { op: 'err', code: 'ERR_TOPICS_REFUSED', message: expect.any(String) };

describe('TopicHandler, asking authorize', () => {
  it('names the action, the topic and the handler of each operation', async () => {
    const questions: TopicAuthorization[] = [];
    const authorize = (question: TopicAuthorization) => {
      questions.push(question);
      return true;
    };
    await withDoor({ authorize }, async ({ client, topics }) => {
      await topics.topic('a').publish('kept, and the epoch with it');
      const one = await client();
      const cursor = await one.subscribe('a');
      await one.request({ op: 'unsub', topic: 'a' });
      await one.subscribe('a', { after: cursor, presence: true });
      await one.next();
      await one.request({ op: 'pub', topic: 'b', data: 1 });
      const asked = questions.map(({ action, topic }) => `${action} ${topic}`);
      expect(asked).toEqual(['subscribe a', 'subscribe a', 'presence a', 'publish b']);
      expect(questions.every(({ handler }) => handler instanceof TopicHandler)).toBe(true);
    });
  });

  it.each([
    ['false', () => false],
    ['a promise of false', async () => false],
    ['undefined', () => undefined],
    ['a value that is only truthy', () => 1],
    ['a promise of a value that is only truthy', async () => 'true'],
    ['an object', () => ({})],
  ])('refuses if it returns %s', async (_, authorize) => {
    await withDoor({ authorize }, async ({ client, topics, log }) => {
      await topics.topic('exists').publish(1);
      const one = await client();
      for (const topic of ['exists', 'does not']) {
        expect(await one.request({ op: 'sub', topic, after: 'start' })).toEqual({
          ...REFUSED,
          id: expect.any(Number),
          topic,
        });
        expect(await one.request({ op: 'pub', topic, data: 1 })).toMatchObject(REFUSED);
      }
      expect(topics.stats()).toMatchObject({ subscriptions: 0, published: 1 });
      expect(log.problems).toEqual([]);
    });
  });

  const broken = new Error('the database is away');
  it.each([
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', () => Promise.reject(broken)],
  ])('refuses if it %s, and logs the error', async (_, authorize) => {
    await withDoor({ authorize }, async ({ client, log }) => {
      const one = await client();
      expect(await one.request({ op: 'sub', topic: 't' })).toMatchObject(REFUSED);
      expect(log.problems).toEqual([{ message: expect.stringContaining('authorize'), error: broken }]);
    });
  });

  it('refuses a subscription with presence if presence is not allowed', async () => {
    const authorize = ({ action }: TopicAuthorization) => action !== 'presence';
    await withDoor({ authorize }, async ({ client }) => {
      const one = await client();
      expect(await one.request({ op: 'sub', topic: 't', presence: true })).toMatchObject(REFUSED);
      await one.subscribe('t');
    });
  });

  it('asks again when a client resumes: a cursor is no permission', async () => {
    let isAllowed = true;
    await withDoor({ authorize: () => isAllowed }, async ({ client }) => {
      const one = await client();
      const after = await one.subscribe('t');
      one.close();
      isAllowed = false;
      const again = await client();
      expect(await again.request({ op: 'sub', topic: 't', after })).toMatchObject(REFUSED);
    });
  });

  it('keeps the order of operations on a topic while a promise is pending, and does not delay others', async () => {
    const { opened, open } = gate<boolean>();
    const authorize = ({ topic }: TopicAuthorization) => (topic === 'slow' ? opened : true);
    await withDoor({ authorize }, async ({ client, topics }) => {
      const one = await client();
      one.send({ op: 'sub', topic: 'slow', id: 1 });
      one.send({ op: 'pub', topic: 'slow', data: 'mine', id: 2 });
      one.send({ op: 'sub', topic: 'slow', id: 3 });
      one.send({ op: 'unsub', topic: 'slow', id: 4 });
      one.send({ op: 'sub', topic: 'fast', id: 5 });
      expect(await one.next()).toMatchObject({ op: 'ok', id: 5 });
      expect(await one.next()).toMatchObject({ op: 'pos', topic: 'fast' });
      open(true);
      const frames = await one.nextFrames(6);
      const shown = frames.map(({ op, id, data }) => [op, id ?? data]);
      expect(shown.filter(([, id]) => id !== 2)).toEqual([
        ['ok', 1],
        ['pos', undefined],
        ['msg', 'mine'],
        ['err', 3],
        ['ok', 4],
      ]);
      expect(topics.stats().subscriptions).toBe(1);
    });
  });

  it.each([
    ['allows', (decide: Gate<boolean>) => decide.open(true)],
    ['refuses', (decide: Gate<boolean>) => decide.open(false)],
    ['fails', (decide: Gate<boolean>) => decide.fail(new Error('aborted'))],
  ])('leaves nothing behind if the client has gone when it %s', async (_, decide) => {
    const decision = gate<boolean>();
    let asked = 0;
    let left = 0;
    const authorize = ({ handler }: TopicAuthorization) => {
      asked += 1;
      (handler as TopicHandler).signal.addEventListener('abort', () => {
        left += 1;
      });
      return decision.opened;
    };
    const member = () => ({ member: 'ann' });
    await withDoor({ authorize, member }, async ({ client, topics, log }) => {
      const one = await client();
      one.send({ op: 'sub', topic: 't', id: 1 });
      one.send({ op: 'pub', topic: 'u', data: 1, id: 2 });
      await until(() => asked === 2);
      one.connection.abort();
      await until(() => left === 2);
      decide(decision);
      // A later operation of another client, which needs as many steps.
      await topics.topic('t').join('witness');
      await delay(0);
      expect(topics.stats()).toMatchObject({ subscriptions: 0, published: 0 });
      expect((await topics.topic('t').members()).map(({ member: name }) => name)).toEqual(['witness']);
      expect(log.problems).toEqual([]);
    });
  });

  it.each(['before authorize has decided', 'while the member joins'])(
    'asks again if a subscription was revoked %s',
    async (when) => {
      const { opened, open } = gate<void>();
      let isAllowed = true;
      let asked = 0;
      const authorize = async () => {
        const decision = isAllowed;
        asked += 1;
        if (when === 'before authorize has decided') await opened;
        return decision;
      };
      let joins = 0;
      const member = async () => {
        joins += 1;
        if (when === 'while the member joins') await opened;
        return { member: 'ann' };
      };
      await withDoor({ authorize, member, subject: () => 'ann' }, async ({ client, topics }) => {
        const one = await client();
        const reply = one.request({ op: 'sub', topic: 't' });
        await until(() => asked + joins === (when === 'while the member joins' ? 2 : 1));
        isAllowed = false;
        await topics.revoke('t', 'ann');
        open();
        expect(await reply).toMatchObject(REFUSED);
        await topics.topic('t').publish('secret');
        expect(await one.hasNothing()).toBe(true);
        expect(topics.stats()).toMatchObject({ subscriptions: 0, members: 0 });
        isAllowed = true;
        await one.subscribe('t');
      });
    },
  );

  it('is asked again for each subscription, and a refusal ends it at once', async () => {
    const clock = new VirtualClock();
    const allowed = new Set(['a', 'b']);
    const asked: string[] = [];
    const authorize = async ({ topic }: TopicAuthorization) => {
      asked.push(topic);
      return allowed.has(topic);
    };
    await withDoor({ authorize, options: { reauthorizeMs: 1_000, clock } }, async ({ client, topics }) => {
      const one = await client();
      await one.subscribe('a');
      const cursor = await one.subscribe('b');
      await clock.advance(1_500);
      await until(() => asked.length === 4);
      expect(await one.hasNothing()).toBe(true);
      allowed.delete('b');
      await clock.advance(1_500);
      expect(await one.next()).toEqual({ op: 'end', topic: 'b', how: 'revoked', cursor });
      await topics.topic('b').publish('secret');
      await topics.topic('a').publish('public');
      expect(await one.next()).toMatchObject({ op: 'msg', topic: 'a' });
      expect(await one.request({ op: 'sub', topic: 'b' })).toMatchObject(REFUSED);
      allowed.clear();
      await clock.advance(1_500);
      expect(await one.next()).toMatchObject({ op: 'end', topic: 'a' });
      expect(topics.stats().subscriptions).toBe(0);
      expect(clock.pending).toBe(0);
    });
  });
});

describe('TopicHandler, the class', () => {
  const topics = new Topics();

  it('is refused by a route if it has no authorize or no topics', () => {
    // As in JavaScript, where no compiler insists on them.
    const Base = TopicHandler as unknown as new (...given: never[]) => object;
    const classes: [HandlerClass, RegExp][] = [
      [class Open extends Base {} as unknown as HandlerClass, /Open.* has no method authorize; define it/],
      [
        class Empty extends Base {
          authorize() {
            return true;
          }
        } as unknown as HandlerClass,
        /Empty.* has no topics; define it/,
      ],
    ];
    for (const [handler, message] of classes) {
      expect(() => new Application([['/live', handler]])).toThrow(message);
      expect(() => new handler({} as never)).toThrow(message);
    }
  });

  it('is refused for a request if the value of its topics is undefined', async () => {
    let late: Topics | undefined;
    class Late extends TopicHandler {
      override readonly topics = late as Topics;
      override authorize() {
        return true;
      }
    }
    const logger = new RecordingLogger();
    const server = await new Application([['/live', Late]], { logger }).listen({ host: '127.0.0.1' });
    const { status } = await fetch(`${server.url}/live?topic=room`);
    await server.closeAll();
    late = topics;
    expect(status).toBe(500);
    expect(logger.problems.map(({ error }) => String(error))).toEqual([
      expect.stringMatching(
        /Late.* has no topics; define it as a field: .*, or its value is undefined: it was made after/,
      ),
    ]);
  });

  it('may define both as fields or getters', () => {
    class Fields extends TopicHandler {
      override readonly topics = topics;
      override readonly authorize = () => false;
    }
    class Getter extends TopicHandler {
      override get topics() {
        return topics;
      }
      override authorize() {
        return false;
      }
    }
    expect(
      () =>
        new Application([
          ['/a', Fields],
          ['/b', Getter],
        ]),
    ).not.toThrow();
  });

  it('fails each upgrade if a field is not what it must be, or an option is invalid', async () => {
    for (const options of [{ maxSubscription: 1 }, { maxSubscriptions: 0 }, { framesPerSecond: 0 }]) {
      await withDoor({ options }, async ({ client, log }) => {
        await expect(client()).rejects.toMatchObject({ status: 500 });
        expect(log.problems[0]?.error).toMatchObject({ code: 'ERR_WEBSOCKET_BAD_OPTION' });
      });
    }
    for (const [given, shown] of [
      [5, '5'],
      ['topics', '"topics" (a string)'],
      [new Map(), 'an object of Map'],
    ]) {
      await withDoor({ topics: given as never }, async ({ client, log }) => {
        await expect(client()).rejects.toMatchObject({ status: 500 });
        const message = `topics of the class Live: a Topics object was expected, got ${shown}; define it`;
        expect(String(log.problems[0]?.error)).toContain(message);
      });
    }
  });
});
