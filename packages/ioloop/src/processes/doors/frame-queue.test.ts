import { describe, expect, it } from 'vitest';
import { FrameQueue } from './frame-queue.ts';
import { HEADER_BYTES } from './frames.ts';

/** Counts what has left of its frames. */
class Owner {
  bytes = 0;
  left(bytes: number): void {
    this.bytes += bytes;
  }
}

const message = (payload: Uint8Array, door = 1) => ({ kind: 'message', door, payload }) as const;
const bytesOf = (buffers: readonly Uint8Array[]) =>
  buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);

describe('FrameQueue', () => {
  it('keeps the frames in order, and the bytes of small ones as they were when they were queued', () => {
    const queue = new FrameQueue();
    const payload = Buffer.from('a');
    queue.append(new Owner(), message(payload));
    payload.fill('b');
    queue.append(new Owner(), message(payload));
    const bytes = Buffer.concat(queue.take(Infinity).buffers);
    expect(bytes.subarray(HEADER_BYTES, HEADER_BYTES + 1).toString()).toBe('a');
    expect(bytes.subarray(-1).toString()).toBe('b');
    expect(queue.isEmpty).toBe(true);
  });

  it('puts many small frames into few buffers, of little more memory than their bytes', () => {
    const queue = new FrameQueue();
    const owner = new Owner();
    for (let count = 0; count < 10_000; count += 1) queue.append(owner, message(Buffer.alloc(100)));
    const { buffers, byteLength } = queue.take(Infinity);
    expect(byteLength).toBe(10_000 * (100 + HEADER_BYTES));
    expect(bytesOf(buffers)).toBe(byteLength);
    expect(buffers.length).toBeLessThan(30);
    const memory = [...new Set(buffers.map(({ buffer }) => buffer))].reduce(
      (sum, one) => sum + one.byteLength,
      0,
    );
    expect(memory).toBeLessThan(1.2 * byteLength);
  });

  it('does not copy large payloads', () => {
    const queue = new FrameQueue();
    const payload = Buffer.alloc(100_000, 'x');
    queue.append(new Owner(), message(payload));
    const { buffers } = queue.take(Infinity);
    expect(buffers.map(({ byteLength }) => byteLength)).toEqual([HEADER_BYTES, 100_000]);
    expect(buffers[1]?.buffer).toBe(payload.buffer);
  });

  it('never changes bytes that were taken', () => {
    const queue = new FrameQueue();
    queue.append(new Owner(), message(Buffer.from('first')));
    const taken = queue.take(Infinity).buffers;
    const before = Buffer.concat(taken);
    for (let count = 0; count < 100; count += 1) queue.append(new Owner(), message(Buffer.alloc(100, 'x')));
    queue.take(Infinity);
    queue.append(new Owner(), message(Buffer.alloc(100, 'y')));
    expect(Buffer.concat(taken)).toEqual(before);
  });

  it('takes about as many bytes as it is asked for, and at least one piece', () => {
    const queue = new FrameQueue();
    for (let count = 0; count < 10; count += 1) queue.append(new Owner(), message(Buffer.alloc(10_000)));
    expect(queue.take(1).byteLength).toBeGreaterThanOrEqual(1);
    const first = queue.take(25_000);
    expect(first.byteLength).toBeGreaterThanOrEqual(25_000);
    expect(first.byteLength).toBeLessThan(25_000 + 10_000 + HEADER_BYTES);
    expect(queue.take(1_000_000).byteLength).toBeGreaterThan(0);
    expect(queue.take(1)).toMatchObject({ buffers: [], byteLength: 0 });
  });

  it('tells each owner how many bytes of its frames have left', () => {
    const queue = new FrameQueue();
    const [one, other] = [new Owner(), new Owner()];
    queue.append(one, message(Buffer.alloc(5)));
    queue.append(other, message(Buffer.alloc(7)));
    queue.append(one, message(Buffer.alloc(10_000)));
    const batch = queue.take(Infinity);
    expect([one.bytes, other.bytes]).toEqual([0, 0]);
    batch.left();
    expect([one.bytes, other.bytes]).toEqual([10_005 + 2 * HEADER_BYTES, 7 + HEADER_BYTES]);
  });

  it('takes over the frames of another queue, behind its own', () => {
    const [queue, other] = [new FrameQueue(), new FrameQueue()];
    queue.append(new Owner(), message(Buffer.from('1')));
    other.append(new Owner(), message(Buffer.from('2')));
    queue.absorb(other);
    queue.append(new Owner(), message(Buffer.from('3')));
    const bytes = Buffer.concat(queue.take(Infinity).buffers);
    const payloads = [0, 1, 2].map((at) => bytes[at * (HEADER_BYTES + 1) + HEADER_BYTES]);
    expect(Buffer.from(payloads as number[]).toString()).toBe('123');
    expect(other.isEmpty).toBe(true);
  });

  it('drops everything when it is cleared', () => {
    const queue = new FrameQueue();
    queue.append(new Owner(), message(Buffer.alloc(10_000)));
    queue.clear();
    expect(queue.isEmpty).toBe(true);
    queue.append(new Owner(), message(Buffer.from('1')));
    expect(queue.take(Infinity).byteLength).toBe(HEADER_BYTES + 1);
  });
});
