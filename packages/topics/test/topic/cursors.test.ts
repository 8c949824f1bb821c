import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { Topics } from '../../src/index.ts';
import { numbers, readEvents } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

/** A topic with records, and the cursors of these. */
async function withRecords(topics: Topics, count: number, name = 'room') {
  const room = topics.topic<number>(name);
  const cursors: string[] = [];
  for (const number of numbers(count)) cursors.push(await room.publish(number));
  return { room, cursors };
}

const beyond = (cursor: string, by: number) =>
  cursor.replace(/\d+$/, (digits) => String(Number(digits) + by));

const NO_CURSORS: readonly unknown[] = [
  '',
  ' ',
  'a b',
  'x'.repeat(65),
  'é',
  'a\n',
  'a\0',
  'a/b',
  '../../etc/passwd',
  "' OR 1=1",
  '{"a":1}',
  '😀',
  7,
  null,
  {},
];

describe('Topic.subscribe with a cursor', () => {
  it.each(NO_CURSORS)('rejects %j, which is no cursor', async (after) => {
    await using topics = new Topics();
    const { room } = await withRecords(topics, 2);
    await expect(room.subscribe({ after: after as string })).rejects.toMatchObject({
      name: 'TopicsUsageError',
      code: 'ERR_TOPICS_CURSOR',
    });
    await expect(room.attach(new RecordingSink(), { after: after as string })).rejects.toMatchObject({
      code: 'ERR_TOPICS_CURSOR',
    });
    expect(topics.stats()).toMatchObject({ topics: 0, subscriptions: 0 });
  });

  it.each(NO_CURSORS)('reports %j as a gap if asked to, and starts with the oldest record', async (after) => {
    await using topics = new Topics();
    const { room } = await withRecords(topics, 2);
    const subscription = await room.subscribe({ after: after as string, invalidCursor: 'gap' });
    expect(await readEvents(subscription, 3)).toEqual(['gap reset', 0, 1]);
  });

  it.each(['x', 'AAAAAAAAAAAA.1', '__proto__.1', '1700000000000-0', '.'.repeat(64)])(
    'reports the foreign cursor %s as a gap with reason reset',
    async (after) => {
      await using topics = new Topics();
      const { room } = await withRecords(topics, 2);
      const subscription = await room.subscribe({ after });
      const gap = (await subscription.next()).value;
      expect(gap).toMatchObject({ kind: 'gap', reason: 'reset' });
      expect(subscription.cursor).toBe((gap as { cursor: string }).cursor);
      expect(await readEvents(subscription, 2)).toEqual([0, 1]);
      // The cursor of the gap leads to the same records without one.
      const again = await room.subscribe({ after: (gap as { cursor: string }).cursor });
      expect(await readEvents(again, 2)).toEqual([0, 1]);
    },
  );

  it('reports a cursor of another topic as a gap with reason reset', async () => {
    await using topics = new Topics();
    const { cursors } = await withRecords(topics, 5, 'secret room');
    const { room } = await withRecords(topics, 3);
    for (const after of cursors) {
      expect(await readEvents(await room.subscribe({ after }), 4)).toEqual(['gap reset', 0, 1, 2]);
    }
  });

  it('reports a cursor beyond the end as a gap with reason future', async () => {
    await using topics = new Topics();
    const { room, cursors } = await withRecords(topics, 2);
    for (const by of [1, 2, 1_000_000]) {
      const subscription = await room.subscribe({ after: beyond(cursors[1] as string, by) });
      expect(await readEvents(subscription, 3)).toEqual(['gap future', 0, 1]);
    }
  });

  it('reports a cursor older than the history as a gap with reason trimmed', async () => {
    await using topics = new Topics({ maxRecords: 2 });
    const { room, cursors } = await withRecords(topics, 5);
    for (const [index, after] of cursors.entries()) {
      const expected = index < 2 ? ['gap trimmed', 3, 4] : numbers(5).slice(index + 1);
      expect(await readEvents(await room.subscribe({ after }), expected.length)).toEqual(expected);
    }
  });

  it('goes on live after a gap', async () => {
    await using topics = new Topics();
    const { room } = await withRecords(topics, 2);
    const subscription = await room.subscribe({ after: 'foreign' });
    const read = readEvents(subscription, 5);
    await room.publish(2);
    await room.publish(3);
    expect(await read).toEqual(['gap reset', 0, 1, 2, 3]);
  });

  it('reports a cursor of a topic that was deleted as a gap with reason reset', async () => {
    await using topics = new Topics();
    const { room, cursors } = await withRecords(topics, 3);
    await topics.delete('room');
    await room.publish(7);
    expect(await readEvents(await room.subscribe({ after: cursors[2] as string }), 2)).toEqual([
      'gap reset',
      7,
    ]);
  });

  it('has a cursor before its first record, from which another subscription reads on', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('empty');
    const first = await room.subscribe();
    const { cursor } = first;
    expect(cursor).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    await room.publish(0);
    await room.publish(1);
    expect(await readEvents(await room.subscribe({ after: cursor }), 2)).toEqual([0, 1]);
    expect(first.cursor).toBe(cursor);
    const { value } = await first.next();
    expect(first.cursor).toBe((value as { cursor: string }).cursor);
  });

  it('takes either after or last, and only whole numbers of records', async () => {
    await using topics = new Topics();
    const { room, cursors } = await withRecords(topics, 3);
    const usage = { code: 'ERR_TOPICS_USAGE', name: 'TopicsUsageError' };
    await expect(room.subscribe({ after: cursors[0] as string, last: 1 })).rejects.toMatchObject(usage);
    for (const last of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
      await expect(room.subscribe({ last })).rejects.toMatchObject(usage);
    }
    expect(await readEvents(await room.subscribe({ last: 2 }), 2)).toEqual([1, 2]);
    expect(await readEvents(await room.subscribe({ last: 20 }), 3)).toEqual([0, 1, 2]);
    expect(await readEvents(await room.subscribe({ after: 'start' }), 3)).toEqual([0, 1, 2]);
    const now = await room.subscribe({ after: 'now' });
    const none = await room.subscribe({ last: 0 });
    await room.publish(3);
    expect(await readEvents(now, 1)).toEqual([3]);
    expect(await readEvents(none, 1)).toEqual([3]);
  });
});

describe('a topic that is not in use', () => {
  it('keeps its cursor valid for clients that come back within a minute', async () => {
    const clock = new VirtualClock();
    await using topics = new Topics({ clock });
    const room = topics.topic<number>('room');
    const first = await room.subscribe();
    first.close();
    for (let round = 0; round < 3; round += 1) {
      await clock.advance(40_000);
      const again = await room.subscribe({ after: first.cursor });
      expect(again.cursor).toBe(first.cursor);
      again.close();
    }
    expect(topics.stats().backplane.topics).toBe(0);
    await clock.advance(120_000);
    const late = await room.subscribe({ after: first.cursor });
    expect((await late.next()).value).toMatchObject({ kind: 'gap', reason: 'reset' });
  });
});
