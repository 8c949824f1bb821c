import { describe, expect, it } from 'vitest';
import { describeBlock, type LoopBlock } from '../../src/watchdog/loop-block.ts';

const BLOCK: LoopBlock = {
  blockedMs: 250,
  cause: 'javascript',
  stack: 'at spin (/app/a.js:1:2)\nat main (/app/a.js:9:1)',
  where: 'spin (/app/a.js:1:2)',
  note: undefined,
  ongoing: false,
  suppressed: 0,
};

describe('describeBlock', () => {
  it('names the place, and the stack only where it is asked for', () => {
    expect(describeBlock(BLOCK, false)).toBe(
      'the event loop was blocked for 250 ms, in spin (/app/a.js:1:2)',
    );
    expect(describeBlock({ ...BLOCK, ongoing: true }, true)).toBe(
      `the event loop has been blocked for 250 ms and still is, in spin (/app/a.js:1:2)\n${BLOCK.stack}`,
    );
  });

  it('says that a stack was taken behind native code, or why there is none', () => {
    expect(describeBlock({ ...BLOCK, cause: 'native' }, false)).toBe(
      'the event loop was blocked for 250 ms, in native code that returned to spin (/app/a.js:1:2)',
    );
    const none = { ...BLOCK, stack: undefined, where: undefined, note: 'why' };
    expect(describeBlock({ ...none, cause: 'native' }, true)).toBe(
      'the event loop was blocked for 250 ms, in native code (why)',
    );
    expect(describeBlock({ ...none, cause: 'unknown' }, true)).toBe(
      'the event loop was blocked for 250 ms (why)',
    );
  });

  it('says how many blocks were held back before it', () => {
    expect(describeBlock({ ...BLOCK, suppressed: 3 }, false)).toMatch(/\(earlier blocks not reported: 3\)$/);
  });
});
