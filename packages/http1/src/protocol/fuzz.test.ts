import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CASE_BYTES } from '../../testdata/fuzz-case.ts';
import { caseFromText, caseToText, check, seeds } from '../../testdata/fuzz-target.ts';

const ITERATIONS = 8_000;
/** Bytes that mean something to the grammar, and so break more than random ones. */
const SHARP = Buffer.from('\r\n\r\n:, ;\t\0\x7f\xff09aAfF/HTTP1."=\\#[]', 'latin1');

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

function mutate(input: Uint8Array, random: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = CASE_BYTES + random(Math.max(1, bytes.length - CASE_BYTES + 1));
    const byte = Buffer.from([random(2) === 0 ? (SHARP[random(SHARP.length)] ?? 0) : random(256)]);
    const kind = random(4);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at + 1)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(3))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(CASE_BYTES + random(at))]);
  }
  return bytes;
}

/** Checks an input, and says in a failure which one it was. */
function expectToHold(input: Uint8Array): void {
  try {
    check(input);
  } catch (error) {
    throw new Error(caseToText(input), { cause: error });
  }
}

describe('the properties of the codec', () => {
  it('hold for every golden vector, within each set of limits', () => {
    for (const input of seeds()) expectToHold(input);
  });

  it('hold for what the fuzzer kept', () => {
    const corpus = readFileSync(new URL('../../testdata/fuzz-corpus.txt', import.meta.url), 'utf8');
    const lines = corpus.split('\n').filter(Boolean);
    expect(lines.length).toBeGreaterThan(500);
    for (const line of lines) expectToHold(caseFromText(line));
  });

  it('hold for vectors that were changed', () => {
    const inputs = seeds();
    for (let seed = 0; seed < ITERATIONS; seed += 1) {
      const random = randomOf(seed);
      expectToHold(mutate(inputs[random(inputs.length)] ?? Buffer.alloc(CASE_BYTES), random));
    }
  });

  it('are written as text and read again', () => {
    for (const input of seeds())
      expect(Buffer.from(caseFromText(caseToText(input)))).toEqual(Buffer.from(input));
  });
});
