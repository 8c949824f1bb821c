import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/listeners-program.mjs', import.meta.url));

describe('the packages', () => {
  it('add no listener for errors of the process, by being imported or by serving', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM]);
    expect(JSON.parse(stdout)).toEqual({ body: 'hello', afterImport: [], whileServing: [] });
  });
});
