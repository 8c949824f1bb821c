import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CASE_BYTES } from '../../testdata/fuzz-case.ts';
import { caseFromText, caseToText, check, seeds } from '../../testdata/multipart-target.ts';
import { mutate } from '../../testdata/mutate-input.ts';
import { randomOf } from '../../testdata/random.ts';

const ITERATIONS = 8_000;

/** Checks an input, and says in a failure which one it was. */
function expectToHold(input: Uint8Array): string {
  try {
    return check(input);
  } catch (error) {
    throw new Error(caseToText(input), { cause: error });
  }
}

describe('the properties of MultipartDecoder', () => {
  it('hold for every golden vector, within each set of limits', () => {
    for (const input of seeds()) expectToHold(input);
  });

  it('hold for what the fuzzer kept', () => {
    const corpus = readFileSync(new URL('../../testdata/multipart-corpus.txt', import.meta.url), 'utf8');
    const lines = corpus.split('\n').filter(Boolean);
    expect(lines.length).toBeGreaterThan(100);
    for (const line of lines) expectToHold(caseFromText(line));
  });

  it('hold for vectors that were changed', () => {
    const inputs = seeds();
    const outcomes = new Set<string>();
    for (let seed = 0; seed < ITERATIONS; seed += 1) {
      const random = randomOf(seed);
      const input = mutate(inputs[random(inputs.length)] ?? Buffer.alloc(CASE_BYTES), random);
      outcomes.add(expectToHold(input));
    }
    expect(outcomes.size).toBeGreaterThan(8);
  });
});
