import { describe, expect, it } from 'vitest';
import { DedupeIds } from './dedupe.ts';

const append = (id: string, cursor: string, at: number, position = 1) => ({ id, cursor, position, at });
const LIMITS = { dedupeMs: 1_000, maxDedupeIds: 3 };

describe('DedupeIds', () => {
  it('remembers the cursor of an id for dedupeMs, and not longer', () => {
    const ids = new DedupeIds();
    ids.add(append('a', 'cursor a', 100), LIMITS);
    expect(ids.cursorOf('a', 100, 1_000)).toBe('cursor a');
    expect(ids.cursorOf('a', 1_099, 1_000)).toBe('cursor a');
    expect(ids.cursorOf('a', 1_100, 1_000)).toBeUndefined();
    expect(ids.cursorOf('b', 100, 1_000)).toBeUndefined();
  });

  it('forgets the oldest ids beyond maxDedupeIds', () => {
    const ids = new DedupeIds();
    for (const id of ['a', 'b', 'c', 'd']) ids.add(append(id, id, 0), LIMITS);
    expect(['a', 'b', 'c', 'd'].map((id) => ids.cursorOf(id, 0, 1_000))).toEqual([undefined, 'b', 'c', 'd']);
    expect(ids.size).toBe(3);
  });

  it('makes an id that is added again the newest', () => {
    const ids = new DedupeIds();
    for (const id of ['a', 'b', 'c', 'a', 'd']) ids.add(append(id, id, 0), LIMITS);
    expect(['a', 'b', 'c', 'd'].map((id) => ids.cursorOf(id, 0, 1_000))).toEqual(['a', undefined, 'c', 'd']);
  });

  it('frees the memory of ids whose time has passed', () => {
    const ids = new DedupeIds();
    ids.add(append('a', 'a', 0), LIMITS);
    ids.add(append('b', 'b', 600), LIMITS);
    ids.add(append('c', 'c', 1_000), LIMITS);
    expect(ids.size).toBe(2);
    ids.expire(1_600, 1_000);
    expect(ids.size).toBe(1);
    ids.expire(9_000, 1_000);
    expect(ids.size).toBe(0);
  });

  it('remembers nothing with dedupeMs or maxDedupeIds of 0', () => {
    const ids = new DedupeIds();
    ids.add(append('a', 'a', 0), { dedupeMs: 0, maxDedupeIds: 3 });
    ids.add(append('b', 'b', 0), { dedupeMs: 1_000, maxDedupeIds: 0 });
    expect([ids.cursorOf('a', 0, 0), ids.cursorOf('b', 0, 1_000), ids.size]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });

  it('keeps ids apart that objects would mix up', () => {
    const ids = new DedupeIds();
    expect(ids.cursorOf('__proto__', 0, 1_000)).toBeUndefined();
    expect(ids.cursorOf('constructor', 0, 1_000)).toBeUndefined();
    ids.add(append('__proto__', 'x', 0), LIMITS);
    expect(ids.cursorOf('__proto__', 0, 1_000)).toBe('x');
  });
});
