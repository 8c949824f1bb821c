import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { withDoor } from '../fixtures/topic-client.ts';

const LONG = 'x'.repeat(257);

/** What is wrong, the frame, and the code and topic of the reply. */
const BAD: readonly [string, string, string, object?][] = [
  ['text that is not JSON', '{"op":"sub"', 'ERR_TOPICS_BAD_FRAME'],
  ['empty text', '', 'ERR_TOPICS_BAD_FRAME'],
  ['null', 'null', 'ERR_TOPICS_BAD_FRAME'],
  ['an array', '[{"op":"sub"}]', 'ERR_TOPICS_BAD_FRAME'],
  ['a number', '42', 'ERR_TOPICS_BAD_FRAME'],
  [
    'deep JSON',
    `{"id":1,"op":"pub","topic":"t","data":${'['.repeat(600)}${']'.repeat(600)}}`,
    'ERR_TOPICS_BAD_FRAME',
  ],
  ['no id', '{"op":"sub","topic":"t"}', 'ERR_TOPICS_BAD_FRAME'],
  ['an id that is not whole', '{"op":"sub","topic":"t","id":1.5}', 'ERR_TOPICS_BAD_FRAME'],
  ['an id that is text', '{"op":"sub","topic":"t","id":"1"}', 'ERR_TOPICS_BAD_FRAME'],
  ['no op', '{"topic":"t","id":1}', 'ERR_TOPICS_UNKNOWN_OP', { id: 1 }],
  ['an unknown op', '{"op":"toString","topic":"t","id":1}', 'ERR_TOPICS_UNKNOWN_OP', { id: 1 }],
  ['no topic', '{"op":"sub","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['topic and run', '{"op":"sub","topic":"t","run":"r","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['a topic that is no text', '{"op":"sub","topic":["t"],"id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['an empty topic', '{"op":"sub","topic":"","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['a long topic', `{"op":"sub","topic":"${LONG}","id":1}`, 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  [
    'a topic of too many bytes',
    `{"op":"sub","topic":"${'ü'.repeat(129)}","id":1}`,
    'ERR_TOPICS_BAD_FRAME',
    { id: 1 },
  ],
  ['a control character', '{"op":"sub","topic":"a\\nb","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['a lone surrogate', '{"op":"sub","topic":"\\ud800","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1 }],
  ['pub to a run', '{"op":"pub","run":"r","data":1,"id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1, run: 'r' }],
  ['pub without data', '{"op":"pub","topic":"t","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1, topic: 't' }],
  [
    'a ref that is no text',
    '{"op":"pub","topic":"t","data":1,"ref":1,"id":1}',
    'ERR_TOPICS_BAD_FRAME',
    { id: 1, topic: 't' },
  ],
  [
    'a long ref',
    `{"op":"pub","topic":"t","data":1,"ref":"${LONG}","id":1}`,
    'ERR_TOPICS_BAD_FRAME',
    { id: 1, topic: 't' },
  ],
  ['cancel of a topic', '{"op":"cancel","topic":"t","id":1}', 'ERR_TOPICS_BAD_FRAME', { id: 1, topic: 't' }],
  [
    'a last below zero',
    '{"op":"sub","topic":"t","last":-1,"id":1}',
    'ERR_TOPICS_BAD_FRAME',
    { id: 1, topic: 't' },
  ],
  [
    'presence that is no boolean',
    '{"op":"sub","topic":"t","presence":1,"id":1}',
    'ERR_TOPICS_BAD_FRAME',
    { id: 1, topic: 't' },
  ],
  [
    'a cursor that is no text',
    '{"op":"sub","topic":"t","after":null,"id":1}',
    'ERR_TOPICS_CURSOR',
    { id: 1, topic: 't' },
  ],
  [
    'a cursor of other characters',
    '{"op":"sub","topic":"t","after":"a b","id":1}',
    'ERR_TOPICS_CURSOR',
    { id: 1, topic: 't' },
  ],
  [
    'an empty cursor',
    '{"op":"sub","topic":"t","after":"","id":1}',
    'ERR_TOPICS_CURSOR',
    { id: 1, topic: 't' },
  ],
  [
    'a long cursor',
    `{"op":"sub","topic":"t","after":"${'a'.repeat(65)}","id":1}`,
    'ERR_TOPICS_CURSOR',
    { id: 1, topic: 't' },
  ],
  [
    'data beyond the limit',
    `{"op":"pub","topic":"t","data":"${'x'.repeat(1024 * 1024)}","id":1}`,
    'ERR_TOPICS_RECORD_TOO_LARGE',
    { id: 1, topic: 't' },
  ],
];

describe('TopicHandler, with invalid frames', () => {
  it.each(BAD)('replies to %s with an error, and goes on', async (_, text, code, about = {}) => {
    await withDoor({}, async ({ client, log, topics }) => {
      const reader = await client();
      reader.send(text);
      expect(await reader.next()).toEqual({ op: 'err', code, message: expect.any(String), ...about });
      await reader.subscribe('t');
      await topics.topic('t').publish('later');
      expect(await reader.next()).toMatchObject({ op: 'msg', data: 'later' });
      expect(topics.stats()).toMatchObject({ subscriptions: 1, published: 1 });
      expect(log.problems).toEqual([]);
    });
  });

  it('replies to a binary frame with an error', async () => {
    await withDoor({}, async ({ client }) => {
      const reader = await client();
      reader.send(Buffer.from('{"op":"sub","topic":"t","id":1}'));
      expect(await reader.next()).toMatchObject({ op: 'err', code: 'ERR_TOPICS_BAD_FRAME' });
      expect(await reader.hasNothing()).toBe(true);
    });
  });

  it('answers forged, foreign and future cursors with a gap, and goes on from there', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const last = await topics.topic('t').publish('kept');
      const foreign = await topics.topic('other').publish('foreign');
      const [epoch] = last.split('.');
      const cursors = [
        ['AAAAAAAAAAAA.1', 'reset'],
        [foreign, 'reset'],
        [`${epoch}.999999`, 'future'],
        ['garbage', 'reset'],
        ['._-', 'reset'],
      ];
      for (const [after, reason] of cursors) {
        const reader = await client();
        const start = await reader.subscribe('t', { after });
        expect(await reader.next()).toEqual({ op: 'gap', topic: 't', reason, cursor: start });
        expect(await reader.next()).toMatchObject({ op: 'msg', data: 'kept', cursor: last });
        expect(await reader.hasNothing()).toBe(true);
      }
    });
  });

  it('survives seeded garbage, and serves other clients meanwhile', async () => {
    const options = { framesPerSecond: 1_000_000, frameBurst: 100_000 };
    await withDoor({ options }, async ({ client, topics, log }) => {
      const [other, garbler] = [await client(), await client()];
      await other.subscribe('t');
      let state = 42;
      const random = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return (state >>> 8) % below;
      };
      const valid = '{"op":"sub","topic":"t","after":"abc.1","last":3,"presence":true,"id":12}';
      const count = 1_000;
      for (let n = 0; n < count; n += 1) {
        const at = random(valid.length);
        const junk = ['"', '{', '}', '\\', ':', '1e999', 'null', '\u0000', 'ü', ''][random(10)] as string;
        garbler.send(valid.slice(0, at) + junk + valid.slice(at + random(4)));
      }
      const ops = new Set<string>();
      for (let replies = 0; replies < count; ) {
        const { op } = await garbler.next();
        ops.add(op);
        if (op === 'ok' || op === 'err') replies += 1;
      }
      expect(ops).toContain('err');
      await topics.topic('t').publish('still here');
      expect(await other.next()).toMatchObject({ op: 'msg', data: 'still here' });
      expect(log.problems).toEqual([]);
    });
  });

  it('closes a client that sends too many frames in a second', async () => {
    const clock = new VirtualClock();
    const options = { framesPerSecond: 10, frameBurst: 3, clock };
    await withDoor({ options }, async ({ client }) => {
      const flooder = await client();
      for (let n = 0; n < 3; n += 1) flooder.send('garbage');
      expect((await flooder.nextFrames(3)).map(({ op }) => op)).toEqual(['err', 'err', 'err']);
      await clock.advance(100);
      flooder.send('garbage');
      expect((await flooder.next()).op).toBe('err');
      flooder.send('garbage');
      expect(await flooder.closed()).toBe(1008);
    });
  });

  it('closes with 1009 if a message exceeds the limit of the connection', async () => {
    await withDoor({}, async ({ client }) => {
      const writer = await client();
      writer.send({ op: 'pub', topic: 't', data: 'x'.repeat(2 * 1024 * 1024), id: 1 });
      expect(await writer.closed()).toBe(1009);
    });
  });
});
