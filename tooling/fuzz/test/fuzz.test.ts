import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { bundle } from '../bundle.mjs';
import { Coverage } from '../coverage.mjs';
import { instrument } from '../instrument.mjs';
import { MAX_INPUT_BYTES, mutate } from '../mutate.mjs';
import { randomOf } from '../random.mjs';

const PLANTED = {
  module: 'tooling/fuzz/test/fixtures/planted-target.ts',
  covered: 'tooling/fuzz/test/fixtures/covered/',
  corpus: 'tooling/fuzz/test/fixtures/none.txt',
  saves: false,
  headerBytes: 0,
  words: ['x'],
};

/** Runs instrumented code, and names the branches that it took. */
function branchesOf(code: string, argument: number): { result: unknown; taken: number[] } {
  let branches = 0;
  const taken: number[] = [];
  const marked = instrument('a.js', code, () => (branches += 1));
  const run = new Function('__branch', `${marked}; return f;`)((branch: number) => taken.push(branch));
  return { result: run(argument), taken: taken.sort((a, b) => a - b) };
}

describe('instrument', () => {
  const code = `function f(x) {
    if (x > 2) return 'large';
    else if (x < 0) { x = -x; }
    let sum = x === 1 ? 10 : 20;
    for (let at = 0; at < x; at += 1) sum += at;
    switch (x) { case 1: sum += 1; default: }
    return x && (sum || 0);
  }`;

  it.each([
    [3, 'large'],
    [1, 11],
    [0, 0],
    [-2, 21],
  ])('keeps what the code answers for %s', (argument, answer) => {
    expect(branchesOf(code, argument).result).toBe(answer);
  });

  it('tells different ways through the code apart', () => {
    const ways = [3, 1, 0, -2].map((argument) => branchesOf(code, argument).taken.join());
    expect(new Set(ways).size).toBe(4);
  });
});

describe('Coverage', () => {
  it('learns a way once, and again when it is gone more often', () => {
    const coverage = new Coverage();
    const go = (times: number): boolean => {
      coverage.begin();
      for (let at = 0; at < times; at += 1) coverage.branch(7);
      return coverage.learn();
    };
    expect([go(1), go(1), go(20), go(20)]).toEqual([true, false, true, false]);
    expect(coverage.steps).toBe(20);
  });
});

describe('mutate', () => {
  it('makes the same of the same seed, and nothing too long', () => {
    const inputs = [1, 2].map(() => {
      const random = randomOf(9);
      let input = new Uint8Array(MAX_INPUT_BYTES - 1);
      for (let round = 0; round < 200; round += 1)
        input = Uint8Array.from(mutate(input, input, PLANTED, random));
      return input;
    });
    expect(inputs[0]).toEqual(inputs[1]);
    expect(inputs[0]?.length).toBeLessThanOrEqual(MAX_INPUT_BYTES);
  });
});

describe('the fuzzer', () => {
  it('finds a fault that only a search by branches comes to', async () => {
    const { folder, file } = await bundle(PLANTED);
    const worker = new Worker(new URL('../worker.mjs', import.meta.url), {
      workerData: {
        target: PLANTED,
        file,
        corpusFile: PLANTED.corpus,
        seed: 1,
        minutes: 0.4,
        save: false,
        shared: new SharedArrayBuffer(8),
        inputBytes: new SharedArrayBuffer(MAX_INPUT_BYTES),
      },
    });
    try {
      const message = await new Promise((resolve, reject) => {
        worker.on('message', resolve);
        worker.on('error', reject);
      });
      expect(message).toMatchObject({ kind: 'finding', input: expect.stringMatching(/^66757a7a/) });
    } finally {
      await worker.terminate();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
