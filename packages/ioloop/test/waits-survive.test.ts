import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/survival-program.mjs', import.meta.url));

describe('a wait without references to it', () => {
  it('comes to its end while memory is collected, also by a signal that only it holds [FUT-03] [LOCK-01] [Q-01]', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM]);
    expect(JSON.parse(stdout)).toEqual([
      'condition',
      'coroutine',
      'derivedSignal',
      'derivedSignalOfSleep',
      'derivedSignalOfTimeout',
      'getter',
      'timeoutSignal',
    ]);
  });
});
