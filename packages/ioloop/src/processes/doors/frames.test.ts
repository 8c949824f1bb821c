import { describe, expect, it } from 'vitest';
import { FrameQueue } from './frame-queue.ts';
import { type Frame, FrameDecoder, HEADER_BYTES, MAX_DOOR, writeHeader } from './frames.ts';
import { MAX_MESSAGE_BYTES } from './message-door.ts';

const OWNER = { left() {} };
const FRAMES = [
  { kind: 'open', door: 1, payload: 'topics' },
  { kind: 'accept', door: 1, payload: '' },
  { kind: 'message', door: 1, payload: 'first' },
  { kind: 'message', door: MAX_DOOR, payload: '' },
  { kind: 'message', door: 0x010203, payload: 'x'.repeat(300) },
  { kind: 'refuse', door: 2, payload: '' },
  { kind: 'close', door: 1, payload: '' },
] as const;

/** The bytes of {@link FRAMES}. */
function wire(): Buffer {
  const queue = new FrameQueue();
  for (const frame of FRAMES) queue.append(OWNER, { ...frame, payload: Buffer.from(frame.payload) });
  return Buffer.concat(queue.take(Infinity).buffers);
}

/** Decodes bytes that arrive in parts. */
function decode(...parts: Buffer[]): { kind: string; door: number; payload: string }[] {
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  for (const part of parts) {
    decoder.receive(part);
    for (let decoded = decoder.next(); decoded.kind !== 'need-data'; decoded = decoder.next()) {
      if (decoded.kind === 'corrupt') throw new Error(decoded.problem);
      frames.push(decoded);
    }
  }
  return frames.map(({ kind, door, payload }) => ({ kind, door, payload: Buffer.from(payload).toString() }));
}

function header(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  writeHeader(bytes, 0, { kind: 'open', door: 7, length });
  bytes[4] = kind;
  return bytes;
}

describe('FrameDecoder', () => {
  it('decodes the same frames however their bytes are split', () => {
    const bytes = wire();
    expect(decode(bytes)).toEqual(FRAMES);
    expect(decode(...Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(FRAMES);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(decode(bytes.subarray(0, at), bytes.subarray(at)), `split at ${at}`).toEqual(FRAMES);
    }
  });

  it('returns no part of a frame', () => {
    const bytes = wire();
    expect(decode(bytes.subarray(0, -1))).toEqual(FRAMES.slice(0, -1));
    expect(decode(bytes.subarray(0, HEADER_BYTES + 3))).toEqual([]);
  });

  it('returns payloads that belong to the receiver, also if they arrived in parts', () => {
    const bytes = wire();
    const decoder = new FrameDecoder();
    decoder.receive(Buffer.from(bytes.subarray(0, HEADER_BYTES + 2)));
    expect(decoder.next().kind).toBe('need-data');
    const rest = Buffer.from(bytes.subarray(HEADER_BYTES + 2, HEADER_BYTES + 6));
    decoder.receive(rest);
    const { payload } = decoder.next() as Frame;
    rest.fill(0);
    expect(Buffer.from(payload).toString()).toBe('topics');
  });

  it.each([
    ['an unknown kind', header(5, 0), /^a kind of 4 at most was expected, not 5$/],
    ['a message that is too long', header(3, MAX_MESSAGE_BYTES + 1), /^at most 67108864 bytes were expected/],
    [
      'a name that is too long',
      header(0, 257),
      /^at most 256 bytes were expected in a frame of the kind open/,
    ],
    [
      'a payload where there is none',
      header(4, 1),
      /^at most 0 bytes were expected in a frame of the kind close/,
    ],
    ['text', Buffer.from('GET / HTTP/1.1\r\n'), /kind/],
  ])('reports %s', (_, bytes, problem) => {
    const decoder = new FrameDecoder();
    decoder.receive(bytes);
    expect(decoder.next()).toEqual({ kind: 'corrupt', problem: expect.stringMatching(problem) });
  });
});
