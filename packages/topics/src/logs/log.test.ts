import { describe, expect, it } from 'vitest';
import type { LogFollower } from '../backplane/backplane.ts';
import { cursorOf, newEpoch } from '../cursor.ts';
import { TopicRecord } from '../record.ts';
import { Log } from './log.ts';

const WHOLE = { maxRecords: 1_000_000, maxBytes: 2 ** 40 };
const KEEP_ALL = { maxRecords: 1_000_000, maxBytes: 2 ** 40, maxAgeMs: 2 ** 40 };

/** A log with the records 0 up to `count`, whose stamps are their numbers. */
function logOf(count: number): Log {
  const log = new Log({ kind: 'topic', name: 'news' }, newEpoch());
  for (let number = 0; number < count; number += 1) append(log, number);
  return log;
}

function append(log: Log, data: unknown, stamp = Number(data)): string {
  const cursor = cursorOf(log.epoch, log.lastPosition + 1);
  log.add(new TopicRecord(cursor, 0, undefined, JSON.stringify(data)), stamp);
  return cursor;
}

const after = (log: Log, cursor: string) => {
  const { records, gap } = log.read({ after: cursor }, WHOLE);
  return { data: records.map(({ data }) => data), gap: gap?.reason };
};

const all = (log: Log) => log.read({ start: true }, WHOLE).records.map(({ data }) => data);

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

const followerOf = (notes: string[], name: string, onRecord?: (data: unknown) => void): LogFollower => ({
  record({ data }) {
    notes.push(`${name} ${data}`);
    onRecord?.(data);
  },
  gap() {},
  ended() {},
});

describe('Log', () => {
  it('keeps its positions while the oldest records are dropped, however many there are', () => {
    const log = logOf(0);
    const cursors: string[] = [];
    for (let number = 0; number < 1_000; number += 1) {
      cursors.push(append(log, number));
      log.trim({ ...KEEP_ALL, maxRecords: 70 }, 0);
      const first = Math.max(0, number - 69);
      expect(log.length).toBe(number + 1 - first);
      for (const at of [first, Math.floor((first + number) / 2), number]) {
        expect(after(log, cursors[at] as string)).toEqual({
          data: numbers(at + 1, number + 1),
          gap: undefined,
        });
      }
      if (first > 1) expect(after(log, cursors[first - 2] as string).gap).toBe('trimmed');
    }
    expect(log.bytes).toBe(log.read({ start: true }, WHOLE).records.length * 153);
  });

  it('is empty and keeps its position after all records were dropped', () => {
    const log = logOf(200);
    const { cursor } = log;
    while (log.length > 0) log.dropOldest();
    log.dropOldest();
    expect([log.length, log.bytes, log.cursor]).toEqual([0, 0, cursor]);
    expect(after(log, cursor)).toEqual({ data: [], gap: undefined });
    append(log, 200);
    expect(after(log, cursor)).toEqual({ data: [200], gap: undefined });
  });

  it('drops what is as old as maxAgeMs', () => {
    const log = logOf(10);
    log.trim({ ...KEEP_ALL, maxAgeMs: 5 }, 10);
    expect(all(log)).toEqual([6, 7, 8, 9]);
    expect(log.bytes).toBe(4 * 151);
  });

  it('reads from each epoch up to its last position, and from the present one on', () => {
    const log = logOf(3);
    const first = log.epoch;
    const last = log.cursor;
    log.beginEpoch(newEpoch());
    expect(log.cursor).toBe(last);
    const next = append(log, 3);
    expect(next.startsWith(log.epoch)).toBe(true);
    expect(after(log, cursorOf(first, 1))).toEqual({ data: [1, 2, 3], gap: undefined });
    expect(after(log, last)).toEqual({ data: [3], gap: undefined });
    // This position was given in the other epoch: what the client has seen there is lost.
    expect(after(log, cursorOf(first, 4))).toEqual({ data: [0, 1, 2, 3], gap: 'future' });
    expect(after(log, cursorOf(log.epoch, 5)).gap).toBe('future');
    const cursors = log.read({ start: true }, WHOLE).records.map(({ cursor }) => cursor.split('.')[0]);
    expect(cursors).toEqual([first, first, first, log.epoch]);
  });

  it('keeps cursors valid over several epochs, and forgets those that are older than its records', () => {
    const log = logOf(1);
    const cursors = [log.cursor];
    for (let number = 1; number < 6; number += 1) {
      log.beginEpoch(newEpoch());
      cursors.push(append(log, number));
    }
    for (const [index, cursor] of cursors.entries()) {
      expect(after(log, cursor)).toEqual({ data: numbers(index + 1, 6), gap: undefined });
    }
    log.trim({ ...KEEP_ALL, maxRecords: 2 }, 0);
    expect(log.pastEpochs.length).toBeLessThanOrEqual(3);
    expect(after(log, cursors[0] as string)).toMatchObject({ data: [4, 5] });
    expect(after(log, cursors[0] as string).gap).toMatch(/reset|trimmed/);
    expect(after(log, cursors[3] as string)).toEqual({ data: [4, 5], gap: undefined });
  });

  it('puts the cursor of a gap where the records kept begin, also at the start of an epoch', () => {
    const log = logOf(3);
    log.beginEpoch(newEpoch());
    append(log, 3);
    log.trim({ ...KEEP_ALL, maxRecords: 1 }, 0);
    const page = log.read({ after: 'foreign' }, WHOLE);
    expect(page.gap?.cursor).toBe(page.start);
    expect(after(log, page.start)).toEqual({ data: [3], gap: undefined });
  });

  it('ends at a position of its own', () => {
    const log = logOf(2);
    const { cursor } = log;
    const end = log.finish({ kind: 'end', how: 'finished' });
    expect(log.cursor).toBe(end.cursor);
    expect(after(log, cursor)).toEqual({ data: [], gap: undefined });
    expect(after(log, end.cursor)).toEqual({ data: [], gap: undefined });
    expect(all(log)).toEqual([0, 1]);
    const page = log.read({ after: end.cursor }, WHOLE);
    expect([page.start, page.cursor, page.end]).toEqual([end.cursor, end.cursor, end]);
    expect(log.read({ start: true }, { ...WHOLE, maxRecords: 1 }).end).toBeUndefined();
  });

  it('notifies each follower of everything that comes after it has started, in one order', () => {
    const log = logOf(0);
    const notes: string[] = [];
    const late = followerOf(notes, 'late');
    const notify = (data: unknown) => {
      append(log, data, 0);
      const record = log.read({ last: 1 }, WHOLE).records[0] as TopicRecord;
      log.notify((follower) => follower.record(record));
    };
    log.follow(followerOf(notes, 'first'));
    log.follow(
      followerOf(notes, 'second', (data) => {
        if (data !== 1) return;
        notify(2);
        log.follow(late);
        notify(3);
      }),
    );
    log.follow(followerOf(notes, 'third'));
    notify(1);
    expect(notes).toEqual([
      ...['first 1', 'second 1', 'third 1'],
      ...['first 2', 'second 2', 'third 2'],
      ...['first 3', 'second 3', 'third 3', 'late 3'],
    ]);
    log.unfollow(late);
    notify(4);
    expect(notes.slice(-3)).toEqual(['first 4', 'second 4', 'third 4']);
    expect(log.followerCount).toBe(3);
  });

  it('goes on after a follower that threw against the rules', () => {
    const log = logOf(0);
    const notes: string[] = [];
    const throwing = followerOf(notes, 'throwing', () => {
      throw new Error('broken');
    });
    log.follow(throwing);
    const record = new TopicRecord(append(log, 1), 0, undefined, '1');
    expect(() => log.notify((follower) => follower.record(record))).toThrow('broken');
    log.unfollow(throwing);
    log.follow(followerOf(notes, 'next'));
    log.notify((follower) => follower.record(record));
    expect(notes).toEqual(['throwing 1', 'next 1']);
  });
});
