import { describe, expect, it } from 'vitest';
import { Countdown } from './countdown.ts';

function outputOf(isTTY: boolean) {
  const written: string[] = [];
  return { written, output: { isTTY, write: (text: string) => written.push(text) } };
}

/** Shows the counts one after the other, the last one until the end. */
async function show(isTTY: boolean, counts: readonly (number | Error)[]): Promise<string[]> {
  const { written, output } = outputOf(isTTY);
  const left = [...counts];
  await new Promise<void>((resolve) => {
    const countdown = new Countdown({
      drainMs: 3_600_000,
      output,
      count: async () => {
        const count = left.shift();
        if (left.length === 0)
          setImmediate(() => {
            countdown.end();
            resolve();
          });
        if (typeof count === 'number') return count;
        throw count;
      },
    });
  });
  return written;
}

describe('Countdown', () => {
  it('writes a line for each change if it is not on a terminal', async () => {
    expect(await show(false, [3, 3, 1])).toEqual([
      'stopping: 3 connections left, at most 3600 s; Ctrl-C again stops at once\n',
      'stopping: 1 connection left, at most 3600 s; Ctrl-C again stops at once\n',
      'stopped\n',
    ]);
  });

  it('rewrites one line on a terminal', async () => {
    const written = await show(true, [2, 0]);
    expect(written.map((text) => text.startsWith('\r\x1b[2K'))).toEqual([true, true, true, false]);
    expect(written.at(-2)).toBe('\r\x1b[2Kstopped');
    expect(written.at(-1)).toBe('\n');
  });

  it('goes on if a count fails', async () => {
    const written = await show(false, [2, new Error('it is busy'), 1]);
    expect(written.map((line) => line.match(/\d+/)?.[0])).toEqual(['2', '1', undefined]);
  });

  it('says once that it is over', () => {
    const { written, output } = outputOf(false);
    const countdown = new Countdown({ drainMs: 1_000, output, count: () => new Promise(() => {}) });
    countdown.end();
    countdown.end();
    expect(written).toEqual(['stopped\n']);
  });
});
