import { ProcessUsageError } from '@landspout/ioloop/processes';
import { afterAll, describe, expect, it } from 'vitest';
import { Subprocess } from '../../src/subprocess/subprocess.ts';

/** Runs until its stdin ends, for the methods of a child that runs. */
const running = Subprocess.spawn('cat', [], { stdin: 'stream', stdout: 'ignore' });
afterAll(async () => (await running).close());

const spawnAny = Subprocess.spawn as unknown as (...args: unknown[]) => Promise<Subprocess>;

const WRONG_TO_SPAWN: readonly (readonly [what: string, args: readonly unknown[]])[] = [
  ['no command', []],
  ['an empty command', ['']],
  ['a command with NUL', ['cat\0/etc/passwd']],
  ['a command in an array', [['cat']]],
  ['arguments as one text', ['cat', '-n']],
  ['arguments of null', ['cat', null]],
  ['an argument that is a number', ['cat', [1]]],
  ['an argument with NUL', ['cat', ['a\0b']]],
  ['options of null', ['cat', [], null]],
  ['options in an array', ['cat', [], []]],
  ['an unknown stdin', ['cat', [], { stdin: 'pipe' }]],
  ['a stdout of null', ['cat', [], { stdout: null }]],
  ['a negative descriptor', ['cat', [], { stderr: -1 }]],
  ['a broken descriptor', ['cat', [], { stdout: 1.5 }]],
  ['a descriptor that is no number', ['cat', [], { stdout: Number.NaN }]],
  ['an empty cwd', ['cat', [], { cwd: '' }]],
  ['a cwd with NUL', ['cat', [], { cwd: '/\0' }]],
  ['a cwd that is no file', ['cat', [], { cwd: new URL('http://localhost/') }]],
  ['a cwd on another machine', ['cat', [], { cwd: new URL('file://elsewhere/a') }]],
  ['variables of null', ['cat', [], { env: null }]],
  ['variables in an array', ['cat', [], { env: ['A=1'] }]],
  ['a variable without a name', ['cat', [], { env: { '': 'a' } }]],
  ['a variable with = in its name', ['cat', [], { env: { 'A=B': 'a' } }]],
  ['a variable with NUL in its name', ['cat', [], { env: { 'A\0': 'a' } }]],
  ['a variable with NUL', ['cat', [], { env: { A: '\0' } }]],
  ['a variable that is a number', ['cat', [], { env: { A: 1 } }]],
  ['a signal that is none', ['cat', [], { signal: 'SIGTERM' }]],
  ['a negative killAfterMs', ['cat', [], { killAfterMs: -1 }]],
  ['an endless killAfterMs', ['cat', [], { killAfterMs: Number.POSITIVE_INFINITY }]],
  ['a loop that is none', ['cat', [], { loop: {} }]],
];

describe('Subprocess, wrong arguments', () => {
  it.each(WRONG_TO_SPAWN)('spawn refuses %s', async (_, args) => {
    const error: unknown = await spawnAny(...args).catch((e) => e);
    expect(error).toBeInstanceOf(ProcessUsageError);
    expect(error).toMatchObject({ code: 'ERR_PROCESS_USAGE', message: expect.stringMatching(/^spawn: /) });
  });

  it('spawn refuses options that no stream can have', async () => {
    const error = { name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' };
    await expect(spawnAny('cat', [], { maxReadBufferBytes: 0 })).rejects.toMatchObject(error);
    await expect(spawnAny('cat', [], { writeOverflow: 'drop' })).rejects.toMatchObject(error);
  });

  it.each([null, 'SIGNONE', 'toString', 1_000, -9, 9.5, Number.NaN, {}])(
    'kill refuses %o',
    async (signal) => {
      const child = await running;
      const kill = (): boolean => child.kill(signal as never);
      expect(kill).toThrow(expect.objectContaining({ code: 'ERR_PROCESS_USAGE' }));
      expect(child.returnCode).toBeUndefined();
    },
  );

  it('setExitCallback refuses what cannot be called', async () => {
    const child = await running;
    const set = (): void => child.setExitCallback('exit' as never);
    expect(set).toThrow(expect.objectContaining({ code: 'ERR_PROCESS_USAGE' }));
  });

  it.each([
    [null, 'ERR_PROCESS_USAGE'],
    [{ raiseError: 1 }, 'ERR_PROCESS_USAGE'],
    [{ timeoutMs: -1 }, 'ERR_LOOP_USAGE'],
    [{ timeoutMs: Number.NaN }, 'ERR_LOOP_USAGE'],
    [{ signal: {} }, 'ERR_LOOP_USAGE'],
  ])('waitForExit refuses %o', async (options, code) => {
    const child = await running;
    await expect(child.waitForExit(options as never)).rejects.toMatchObject({ code });
  });

  it.each([
    [[1], 'ERR_PROCESS_USAGE'],
    [[null], 'ERR_PROCESS_USAGE'],
    [['a', null], 'ERR_PROCESS_USAGE'],
    [[undefined, { maxBytes: -1 }], 'ERR_PROCESS_USAGE'],
    [[undefined, { maxBytes: Number.POSITIVE_INFINITY }], 'ERR_PROCESS_USAGE'],
    [[undefined, { timeoutMs: 'soon' }], 'ERR_LOOP_USAGE'],
    [[undefined, { signal: 1 }], 'ERR_LOOP_USAGE'],
  ])('communicate refuses %o, and has written and ended nothing', async (args, code) => {
    const child = await running;
    const communicate = child.communicate.bind(child) as unknown as (...args: unknown[]) => Promise<unknown>;
    await expect(communicate(...args)).rejects.toMatchObject({ code });
    expect(child.stdin?.isWriteEnded).toBe(false);
    expect(child.returnCode).toBeUndefined();
  });
});
