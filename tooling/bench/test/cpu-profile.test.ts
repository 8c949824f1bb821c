import { describe, expect, it } from 'vitest';
import { selfTimes, sumByGroup } from '../cpu-profile.mjs';

const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 4, columnNumber: 2 });
const PROFILE = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame('(idle)', '') },
    { id: 2, callFrame: frame('parse', 'file:///repo/packages/http1/dist/gone.js') },
    { id: 3, callFrame: frame('parse', 'file:///repo/packages/http1/dist/gone.js') },
    { id: 4, callFrame: frame('onread', 'node:internal/streams') },
    { id: 5, callFrame: frame('send', 'file:///repo/node_modules/.pnpm/x@1/node_modules/@scope/x/y.js') },
  ],
  //        at 1100, 1200, 1300, 1400, 1500, 1600
  samples: [1, 2, 3, 4, 5, 1],
  timeDeltas: [100, 100, 100, 100, 100, 100],
};
const WHOLE = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };

describe('selfTimes', () => {
  it('adds up one function however it was called', () => {
    expect(selfTimes(PROFILE, WHOLE)[0]).toEqual({
      group: 'packages/http1',
      name: 'parse',
      where: 'packages/http1/dist/gone.js:5',
      us: 200,
    });
  });

  it('leaves out what lies outside of the window', () => {
    const names = selfTimes(PROFILE, { fromUs: 1_350, toUs: 1_450 }).map(({ name }) => name);
    expect(names).toEqual(['onread']);
  });
});

describe('sumByGroup', () => {
  it('sums by package, by node itself and by what V8 calls its own', () => {
    expect(sumByGroup(selfTimes(PROFILE, WHOLE))).toEqual([
      ['packages/http1', 200],
      ['(idle)', 100],
      ['node itself', 100],
      ['@scope/x', 100],
    ]);
  });
});
