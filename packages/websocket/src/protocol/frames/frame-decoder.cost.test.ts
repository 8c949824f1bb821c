import { describe, expect, it, vi } from 'vitest';
import { FrameDecoder, MESSAGE, NEED_DATA } from './frame-decoder.ts';
import { encodeFrame, encodeFrameHead, encodeMessage } from './frame-encoder.ts';
import { OPCODES } from './frame-head.ts';

/**
 * A hundred times the bytes take a hundred times the time if decoding is linear, and ten thousand times if it is
 * quadratic. Caches and garbage collection slow the large input further, so the limit leaves room for them.
 */
const TIMES_AT_MOST = 4_000;

/** The fastest of several runs, which other work on the machine disturbs least. */
function fastestMs(run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i += 1) {
    const start = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

/** One message of `count` one-byte fragments. */
function fragmented(opcode: number, bytes: Uint8Array): Buffer {
  const frames = Array.from(bytes, (byte, i) =>
    encodeFrame(i === 0 ? opcode : OPCODES.continuation, Uint8Array.of(byte), {
      fin: i === bytes.length - 1,
    }),
  );
  return Buffer.concat(frames);
}

function decodeOne(wire: Buffer, pieceBytes: number): string | Uint8Array {
  const decoder = new FrameDecoder({ role: 'client', maxFragments: 1_000_000 });
  for (let at = 0; at < wire.length; at += pieceBytes) {
    decoder.receive(wire, at, Math.min(at + pieceBytes, wire.length));
    if (decoder.next() === MESSAGE) return decoder.message;
  }
  throw new Error('the message is incomplete');
}

describe('FrameDecoder under attack', () => {
  it.each([
    ['ASCII', 'a'],
    ['three-byte characters', '€'],
  ])('assembles 100,000 one-byte fragments of %s in linear time [WS-14 ATT-29]', (_, char) => {
    const text = char.repeat(Math.ceil(100_000 / Buffer.byteLength(char)));
    const big = fragmented(OPCODES.text, Buffer.from(text));
    const small = fragmented(OPCODES.text, Buffer.from(text.slice(0, text.length / 100)));
    expect(decodeOne(big, big.length)).toBe(text);
    const bigMs = fastestMs(() => decodeOne(big, 65_536));
    const smallMs = fastestMs(() => decodeOne(small, 65_536));
    expect(bigMs).toBeLessThan(smallMs * TIMES_AT_MOST);
  });

  it('moves the bytes of many fragments only when its room doubles [WS-14 ATT-29]', () => {
    const wire = fragmented(OPCODES.binary, new Uint8Array(100_000));
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      decodeOne(wire, wire.length);
      const rooms = allocate.mock.calls.map(([room]) => room);
      expect(rooms.length).toBeLessThan(12);
      expect(Math.max(...rooms)).toBeLessThanOrEqual(200_000);
    } finally {
      allocate.mockRestore();
    }
  });

  it('copies what is held once, however often it is told to hold', () => {
    const decoder = new FrameDecoder({ role: 'client' });
    const wire = Buffer.concat(Array.from({ length: 1000 }, () => encodeMessage('hi')));
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      decoder.receive(wire, 0, wire.length);
      while (decoder.next() === MESSAGE) decoder.hold();
      expect(allocate.mock.calls).toEqual([[wire.length - 4]]);
    } finally {
      allocate.mockRestore();
    }
  });

  it('takes a big frame byte by byte in linear time [WS-14]', () => {
    const big = encodeMessage(new Uint8Array(400_000));
    const small = encodeMessage(new Uint8Array(4_000));
    const bigMs = fastestMs(() => decodeOne(big, 1));
    const smallMs = fastestMs(() => decodeOne(small, 1));
    expect(bigMs).toBeLessThan(smallMs * TIMES_AT_MOST);
  });

  it('allocates for bytes that came, not for bytes that were announced [ATT-30]', () => {
    const before = process.memoryUsage().arrayBuffers;
    const head = encodeFrameHead(OPCODES.binary, 10 * 1024 * 1024);
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new FrameDecoder({ role: 'client' });
      decoder.receive(head, 0, head.length);
      expect(decoder.next()).toBe(NEED_DATA);
      const some = Buffer.alloc(1000);
      decoder.receive(some, 0, some.length);
      expect(decoder.next()).toBe(NEED_DATA);
      return decoder;
    });
    const used = process.memoryUsage().arrayBuffers - before;
    expect(decoders).toHaveLength(200);
    expect(used).toBeLessThan(200 * 8192);
  });
});
