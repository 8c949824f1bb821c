import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { requestLog, responseLog } from '../../testdata/event-log.ts';
import { readVectors } from '../../testdata/read-vectors.ts';

const ITERATIONS = 4_000;
/** Bytes that mean something to the grammar, and so break more than random ones. */
const SHARP = Buffer.from('\r\n\r\n:, ;\t\0\x7f\xff09aAfF/HTTP1.', 'latin1');

/** A small generator (mulberry32): the same seed gives the same run, so a failure can be repeated. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(wire: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(wire);
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = random(bytes.length + 1);
    const byte = Buffer.from([random(2) === 0 ? (SHARP[random(SHARP.length)] ?? 0) : random(256)]);
    const kind = random(4);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at + 1)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(3))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1))]);
  }
  return bytes;
}

function cut(wire: Buffer, random: (below: number) => number): Buffer[] {
  const segments: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const end = Math.min(wire.length, at + 1 + random(random(2) === 0 ? 3 : 40));
    segments.push(wire.subarray(at, end));
    at = end;
  }
  return segments;
}

describe('mutated messages', () => {
  it('decode the same however they are cut, and fail by Http1ProtocolError alone: requests', () => {
    const vectors = [...readVectors('requests.md'), ...readVectors('refused-requests.md')];
    for (let seed = 0; seed < ITERATIONS; seed += 1) {
      const random = randomOf(seed);
      const wire = mutate(vectors[seed % vectors.length]?.wire ?? Buffer.alloc(0), random);
      const limits = random(3) === 0 ? { maxHeadBytes: 60, maxBodyBytes: 8, maxTrailerBytes: 12 } : {};
      const whole = requestLog([wire], limits);
      expect(requestLog(cut(wire, random), limits), `seed ${seed}`).toEqual(whole);
    }
  });

  it('decode the same however they are cut, and fail by Http1ProtocolError alone: responses', () => {
    const vectors = readVectors('responses.md');
    for (let seed = 0; seed < ITERATIONS; seed += 1) {
      const random = randomOf(seed);
      const vector = vectors[seed % vectors.length];
      const wire = mutate(vector?.wire ?? Buffer.alloc(0), random);
      const methods = (vector?.options.get('expect') ?? 'GET').split(',');
      const whole = responseLog([wire], methods, seed % 2 === 0);
      expect(responseLog(cut(wire, random), methods, seed % 2 === 0), `seed ${seed}`).toEqual(whole);
    }
  });
});
