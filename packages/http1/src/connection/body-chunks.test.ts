import { describe, expect, it } from 'vitest';
import { BodyChunks } from './body-chunks.ts';

const bytes = (length: number, value = 0x78): Uint8Array => new Uint8Array(length).fill(value);

function queueOf(...sizes: readonly number[]): { readonly queue: BodyChunks; readonly all: Buffer } {
  const queue = new BodyChunks();
  const chunks = sizes.map((size, at) => bytes(size, at % 251));
  for (const chunk of chunks) queue.push(chunk);
  return { queue, all: Buffer.concat(chunks) };
}

function taken(queue: BodyChunks): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) chunks.push(chunk);
  return chunks;
}

describe('BodyChunks', () => {
  it.each([
    ['nothing', []],
    ['one small chunk', [1]],
    ['small chunks', [1, 2, 1023, 5]],
    ['large chunks', [1024, 70_000]],
    ['large chunks between small ones', [1, 2048, 1, 1, 2048, 1023, 1023, 1024, 7, 7, 7]],
    ['empty chunks', [0, 1, 0, 1, 0]],
    ['many small chunks', new Array<number>(5000).fill(37)],
  ])('keeps the bytes of %s in their order', (_, sizes) => {
    const whole = queueOf(...sizes);
    expect(whole.queue.byteLength).toBe(whole.all.length);
    expect(whole.all.equals(whole.queue.takeAll())).toBe(true);
    const piecewise = queueOf(...sizes);
    expect(piecewise.all.equals(Buffer.concat(taken(piecewise.queue)))).toBe(true);
    for (const { queue } of [whole, piecewise]) {
      expect([queue.length, queue.byteLength, queue.shift()]).toEqual([0, 0, undefined]);
    }
  });

  it('keeps 2 MB that are pushed byte by byte in few chunks, whose memory is not larger', () => {
    const queue = new BodyChunks();
    for (let at = 0; at < 2_000_000; at += 1) queue.push(bytes(1));
    expect(queue.length).toBeLessThan(50);
    const memory = taken(queue).reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    expect(memory).toBeLessThan(2_200_000);
  });

  it('keeps no more than a few times as much memory if small and large chunks alternate', () => {
    const { queue, all } = queueOf(...new Array<readonly number[]>(1000).fill([1, 1, 1024]).flat());
    expect(queue.length).toBe(2000);
    const buffers = new Set(taken(queue).map(({ buffer }) => buffer));
    const memory = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(memory).toBeLessThan(3 * all.length);
  });

  it('does not copy large chunks, nor a small one that is alone', () => {
    const given = [bytes(1024), bytes(5), bytes(4096)];
    const queue = new BodyChunks();
    for (const chunk of given) queue.push(chunk);
    const shifted = taken(queue);
    expect(shifted.map((chunk, at) => chunk === given[at])).toEqual([true, true, true]);
    queue.push(given[1] as Uint8Array);
    expect(queue.takeAll()).toBe(given[1]);
  });

  it('never writes to bytes that were taken', () => {
    const { queue } = queueOf(1, 1);
    const first = queue.shift();
    queue.push(bytes(1, 9));
    queue.push(bytes(1, 9));
    expect([first, queue.shift()].map((chunk) => [...(chunk as Uint8Array)])).toEqual([
      [0, 1],
      [9, 9],
    ]);
  });

  it('goes on after it was cleared', () => {
    const { queue } = queueOf(1, 1);
    queue.clear();
    expect([queue.length, queue.byteLength]).toEqual([0, 0]);
    queue.push(bytes(2, 7));
    expect([...queue.takeAll()]).toEqual([7, 7]);
  });
});
