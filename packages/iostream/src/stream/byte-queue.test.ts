import { describe, expect, it } from 'vitest';
import { ByteQueue } from './byte-queue.ts';

const append = (queue: ByteQueue, text: string): void => {
  const bytes = Buffer.from(text, 'latin1');
  queue.append(bytes, 0, bytes.length);
};

/** Runs `work` and counts the bytes that searches for delimiters were given. */
function searchedBytes(work: () => void): number {
  const { indexOf } = Buffer.prototype;
  let searched = 0;
  Buffer.prototype.indexOf = function (this: Buffer, value: Uint8Array, from: number): number {
    searched += this.length - from;
    return indexOf.call(this, value, from);
  } as typeof indexOf;
  try {
    work();
  } finally {
    Buffer.prototype.indexOf = indexOf;
  }
  return searched;
}

describe('ByteQueue', () => {
  it('searches each byte once, and a delimiter less one byte again, however they come [STR-06]', () => {
    const total = 100_000;
    const delimiter = Buffer.from('\r\n\r\n');
    const queue = new ByteQueue();
    const searched = searchedBytes(() => {
      for (let i = 0; i < total; i += 1) {
        append(queue, 'x');
        expect(queue.endOf(delimiter)).toBe(-1);
      }
    });
    expect(searched).toBeLessThanOrEqual(total * delimiter.length);
    append(queue, '\r\n\r\n');
    expect(queue.endOf(delimiter)).toBe(total + 4);
  });

  it('gives back what was put in, through any sequence of takes and puts', () => {
    const queue = new ByteQueue();
    let expected = '';
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    for (let i = 0; i < 5_000; i += 1) {
      const piece = String.fromCharCode(random(256)).repeat(random(2_000));
      if (random(10) === 0) {
        queue.prepend(Buffer.from(piece, 'latin1'));
        expected = piece + expected;
      } else {
        append(queue, piece);
        expected += piece;
      }
      const length = random(Math.min(queue.byteLength, 3_000) + 1);
      if (random(2) === 0) {
        expect(queue.take(length).toString('latin1')).toBe(expected.slice(0, length));
      } else {
        const target = Buffer.alloc(length + 2);
        queue.takeInto(target, 1, length);
        expect(target.toString('latin1')).toBe(`\0${expected.slice(0, length)}\0`);
      }
      expected = expected.slice(length);
      expect(queue.byteLength).toBe(expected.length);
    }
    expect(queue.take(expected.length).toString('latin1')).toBe(expected);
  });

  it('gives away memory that it never writes to again', () => {
    const queue = new ByteQueue();
    append(queue, 'first');
    const taken = queue.take(5);
    append(queue, 'other');
    expect(taken.toString()).toBe('first');
    append(queue, 'x'.repeat(1_000));
    const part = queue.take(5);
    append(queue, 'y'.repeat(10_000));
    expect(part.toString()).toBe('other');
  });

  it('looks at what is new, and as far back as a match can reach', () => {
    const queue = new ByteQueue();
    const pattern = /ab+c/g;
    append(queue, `${'x'.repeat(1_000)}abb`);
    expect(queue.endOfMatch(pattern, 5, 10_000)).toBe(-1);
    append(queue, 'bc');
    // Five bytes back, one more as context, and the two new ones.
    expect(queue.bytesToSearch(5)).toBe(8);
    expect(queue.endOfMatch(pattern, 5, 10_000)).toBe(1_005);
  });

  it('starts each search anew when told to, when bytes are taken, and when some are put before', () => {
    const queue = new ByteQueue();
    const end = Buffer.from(';');
    for (const change of [
      () => queue.restartSearch(),
      () => queue.take(1),
      () => queue.prepend(Buffer.from(';')),
    ]) {
      append(queue, 'a.b');
      expect(queue.endOf(Buffer.from('|'))).toBe(-1);
      change();
      expect(queue.bytesToSearch(1)).toBe(queue.byteLength);
    }
    expect(queue.endOf(end)).toBe(1);
  });
});
