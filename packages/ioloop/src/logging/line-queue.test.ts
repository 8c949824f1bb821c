import { describe, expect, it } from 'vitest';
import { LineQueue } from './line-queue.ts';

const newQueue = (maxBytes: number): LineQueue => new LineQueue(maxBytes, (count) => `dropped ${count}\n`);

describe('LineQueue', () => {
  it('returns whole lines in order', () => {
    const queue = newQueue(100);
    for (const line of ['one\n', 'two\n', 'thrée\n']) queue.push(line);
    expect(queue.byteLength).toBe(15);
    expect(queue.take(3).toString()).toBe('');
    expect(queue.firstLength).toBe(4);
    expect(queue.take(10).toString()).toBe('one\ntwo\n');
    expect(queue.take(100).toString()).toBe('thrée\n');
    expect(queue.isEmpty).toBe(true);
    expect(queue.byteLength).toBe(0);
  });

  it('drops what exceeds its limit, and says so in its place', () => {
    const queue = newQueue(8);
    for (const line of ['one\n', 'two\n', 'x\n', 'y\n']) queue.push(line);
    expect(queue.droppedCount).toBe(2);
    expect(queue.take(4).toString()).toBe('one\n');
    queue.push('z\n');
    expect(queue.take(100).toString()).toBe('two\ndropped 2\nz\n');
    expect(queue.isEmpty).toBe(true);
    expect(queue.droppedCount).toBe(2);
  });

  it('says so also if no line follows', () => {
    const queue = newQueue(3);
    queue.push('long\n');
    expect(queue.isEmpty).toBe(false);
    expect(queue.take(100).toString()).toBe('dropped 1\n');
    expect(queue.isEmpty).toBe(true);
  });

  it('keeps no lines that were taken, however many pass through', () => {
    const queue = newQueue(1_000);
    for (let count = 0; count < 10_000; count += 1) {
      queue.push(`${count}\n`);
      expect(queue.take(1_000).toString()).toBe(`${count}\n`);
    }
    expect(queue.droppedCount).toBe(0);
  });

  it('counts what is cleared', () => {
    const queue = newQueue(8);
    for (const line of ['one\n', 'two\n', 'x\n']) queue.push(line);
    queue.clear();
    expect([queue.isEmpty, queue.droppedCount, queue.byteLength]).toEqual([true, 3, 0]);
  });
});
