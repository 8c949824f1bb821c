import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/pool-program.mjs', import.meta.url));
/** Fixtures that a program preloads, and its threads too. */
const preload = (name: string) => ['--import', new URL(`fixtures/${name}`, import.meta.url).href];

/** Each runs a program of its own on the built package, and waits for it to end by itself. */
describe('a program with a ThreadPoolExecutor', () => {
  async function run(scenario: string, ...flags: string[]): Promise<string[]> {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, PROGRAM, scenario]);
    expect(stderr).toBe('');
    return stdout.trimEnd().split('\n');
  }

  it('loads no pool before the first task', async () => {
    expect(await run('unused')).toEqual(['false']);
  });

  it('ends with an idle pool', async () => {
    expect(await run('idle')).toEqual(['ran', 'true']);
  });

  it('stays alive for a task that runs, and for one that waits', async () => {
    expect(await run('running')).toEqual(['ran', 'waited']);
  });

  it('stays alive until its executor is closed', async () => {
    expect(await run('closed')).toEqual(['closed']);
    expect(await run('disposed')).toEqual(['left', 'closed']);
  });

  it('rejects if no thread can be started, instead of waiting for one', async () => {
    const refusal = 'ERR_EXECUTOR_WORKER the thread for the task could not start: ';
    const failing = await run('unstartable', ...preload('fails-in-threads.mjs'));
    expect(failing).toEqual([`${refusal}no threads here`, `${refusal}no threads here`, 'closed']);
    const exiting = await run('unstartable', ...preload('exits-in-threads.mjs'));
    expect(exiting).toEqual([
      `${refusal}it ended without an error`,
      `${refusal}it ended without an error`,
      'closed',
    ]);
  });
});
