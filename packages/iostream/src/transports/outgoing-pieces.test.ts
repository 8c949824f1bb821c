import { describe, expect, it } from 'vitest';
import { OutgoingPieces } from './outgoing-pieces.ts';

const KIB = 1024;

function queueOf(...pieces: (string | Uint8Array)[]): OutgoingPieces {
  const queue = new OutgoingPieces();
  for (const piece of pieces) queue.push(piece);
  return queue;
}

/** Everything that is left, chunk after chunk. */
function drain(queue: OutgoingPieces, maxBytes?: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let chunk = queue.take(maxBytes); chunk !== undefined; chunk = queue.take(maxBytes)) {
    chunks.push(Buffer.from(chunk as string, 'latin1'));
  }
  return chunks;
}

describe('OutgoingPieces', () => {
  it('has nothing to give when it is empty', () => {
    expect(new OutgoingPieces().take()).toBeUndefined();
  });

  it('gives a single piece as it is, without a copy', () => {
    const bytes = Buffer.from('bytes');
    expect(queueOf(bytes).take()).toBe(bytes);
    expect(queueOf('text').take()).toBe('text');
  });

  it('gives small pieces as one chunk, strings as latin1 [STR-16]', () => {
    expect(drain(queueOf('caf\xe9', Buffer.from([0, 255]), '!'))).toEqual([
      Buffer.from('caf\xe9\0\xff!', 'latin1'),
    ]);
  });

  it('gives large pieces alone, without a copy [STR-16]', () => {
    const large = Buffer.alloc(17 * KIB, 'x');
    const queue = queueOf('head', large, 'tail');
    expect(queue.take()).toBe('head');
    expect(queue.take()).toBe(large);
    expect(queue.take()).toBe('tail');
    expect(queue.take()).toBeUndefined();
  });

  it('gives no more at once than it may', () => {
    const pieces = ['abcdefghij', Buffer.from('klm'), 'nopqrs', 't', Buffer.from('uvwxyz')];
    for (let maxBytes = 1; maxBytes < 30; maxBytes += 1) {
      const chunks = drain(queueOf(...pieces), maxBytes);
      expect(Buffer.concat(chunks).toString(), `at most ${maxBytes}`).toBe('abcdefghijklmnopqrstuvwxyz');
      for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(maxBytes);
    }
  });

  it('splits what is larger than one chunk', () => {
    const huge = Buffer.alloc(300 * KIB, 'abc');
    const chunks = drain(queueOf(huge, 'end'));
    expect(chunks.every((chunk) => chunk.length <= 128 * KIB)).toBe(true);
    expect(Buffer.concat(chunks).equals(Buffer.concat([huge, Buffer.from('end')]))).toBe(true);
  });

  it('keeps the order of a very long queue', () => {
    const pieces = Array.from({ length: 5_000 }, (_, i) => `${i},`);
    expect(Buffer.concat(drain(queueOf(...pieces), 1_000)).toString()).toBe(pieces.join(''));
  });

  it('forgets everything when cleared, in the middle of a piece too', () => {
    const queue = queueOf('abcdef', 'ghi');
    queue.take(2);
    queue.clear();
    queue.push('new');
    expect(queue.take()).toBe('new');
  });
});
