import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { bindingPath, nativeIt } from '../fixtures/native-case.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/fuzz-program.mjs', import.meta.url));
const CALLS = 5000;
/** The first seed; each gives the same calls every time. Set LANDSPOUT_FUZZ_SEED to look elsewhere. */
const SEED = Number(process.env.LANDSPOUT_FUZZ_SEED ?? 1);

interface Outcome {
  readonly functions: number;
  readonly calls: number;
  readonly threw: number;
  readonly refused: number;
  readonly answered: number;
  readonly problems: readonly string[];
}

describe('the binding, called with anything', () => {
  for (const seed of [SEED, SEED + 1, SEED + 2, SEED + 3]) {
    nativeIt(`throws or refuses, harms nobody and leaks nothing: seed ${seed}`, async (binding) => {
      // A program of its own: an abort of the process is what this test looks for.
      const { stdout } = await promisify(execFile)(process.execPath, [
        PROGRAM,
        bindingPath(),
        String(seed),
        String(CALLS),
      ]);
      const { problems, functions, calls, threw, refused, answered } = JSON.parse(stdout) as Outcome;
      expect(problems).toEqual([]);
      expect(calls).toBe(CALLS);
      expect(functions).toBe(Object.values(binding).filter((value) => typeof value === 'function').length);
      // Else the arguments would be too wild, or too tame, to get anywhere.
      for (const count of [threw, refused, answered]) expect(count).toBeGreaterThan(CALLS / 20);
    });
  }
});
