import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, IOLoop, LoopTimeoutError, SystemError, systemClock } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Subprocess } from '../../src/subprocess/subprocess.ts';
import { CalledProcessError } from '../../src/subprocess/subprocess-errors.ts';
import type { SubprocessOptions } from '../../src/subprocess/subprocess-options.ts';
import { until } from '../support/until.ts';

const FOLDER = realpathSync(mkdtempSync(join(tmpdir(), 'landspout-subprocess-')));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const children: Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await child.close();
  }
});

async function start(command: string, args: readonly string[], options: SubprocessOptions = {}) {
  const child = await Subprocess.spawn(command, args, options);
  children.push(child);
  return child;
}

const shell = (script: string, options?: SubprocessOptions) => start('sh', ['-c', script], options);

/** All that a script says. */
async function said(script: string, options: SubprocessOptions = {}): Promise<string> {
  const child = await shell(script, { stdout: 'stream', ...options });
  return String(await child.stdout?.readUntilClose());
}

/** The machine's clock, and what is asked of its timers. */
function recordingClock(): { clock: Clock; calls: string[] } {
  const calls: string[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimeout(callback, delayMs) {
      const timer = systemClock.setTimeout(callback, delayMs);
      const record = (name: 'cancel' | 'unref') => (): void => {
        calls.push(name);
        timer[name]();
      };
      calls.push(`set ${delayMs}`);
      return { cancel: record('cancel'), unref: record('unref') };
    },
  };
  return { clock, calls };
}

describe('Subprocess.spawn', () => {
  it('gives streams where they are asked for, and nothing elsewhere [PROC-02]', async () => {
    const child = await start('cat', [], { stdin: 'stream', stdout: 'stream' });
    expect(child.stderr).toBeUndefined();
    expect(child.pid).toBeGreaterThan(0);
    expect(child.returnCode).toBeUndefined();
    await child.stdin?.write('one line\n');
    expect(String(await child.stdout?.readUntil('\n'))).toBe('one line\n');
    expect(child.returnCode).toBeUndefined();
    child.stdin?.endWrite();
    expect(String(await child.stdout?.readUntilClose())).toBe('');
    expect(await child.waitForExit()).toBe(0);
    expect(child.returnCode).toBe(0);
  });

  it('keeps stdout and stderr apart', async () => {
    const child = await shell('echo out; echo err >&2', { stdout: 'stream', stderr: 'stream' });
    expect(String(await child.stderr?.readUntilClose())).toBe('err\n');
    expect(String(await child.stdout?.readUntilClose())).toBe('out\n');
  });

  it('passes bytes through unchanged, however many', async () => {
    const bytes = Buffer.alloc(
      3_000_000,
      Uint8Array.from({ length: 251 }, (_, at) => at),
    );
    const child = await start('cat', [], { stdin: 'stream', stdout: 'stream' });
    void child.stdin?.write(bytes);
    child.stdin?.endWrite();
    expect((await child.stdout?.readUntilClose())?.equals(bytes)).toBe(true);
  });

  it('passes arguments as they are, with no shell between', async () => {
    const args = ['a b', '$HOME', '"', '', '*', 'ä'];
    const program = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const child = await start(process.execPath, ['-e', program, '--', ...args], { stdout: 'stream' });
    expect(JSON.parse(String(await child.stdout?.readUntilClose()))).toEqual(args);
  });

  it('starts in the folder that is asked for', async () => {
    expect(await said('pwd', { cwd: FOLDER })).toBe(`${FOLDER}\n`);
    expect(await said('pwd', { cwd: pathToFileURL(FOLDER) })).toBe(`${FOLDER}\n`);
  });

  it('gives all of its own variables, or those that are asked for and no others', async () => {
    const PATH = process.env.PATH;
    process.env.LANDSPOUT_SUBPROCESS = 'ours';
    try {
      const script = 'echo "$LANDSPOUT_SUBPROCESS,$ONE,$TWO"';
      expect(await said(script)).toBe('ours,,\n');
      expect(await said(script, { env: { PATH, ONE: '1', TWO: undefined } })).toBe(',1,\n');
    } finally {
      delete process.env.LANDSPOUT_SUBPROCESS;
    }
  });

  it('gives a descriptor of ours, which stays ours, or nothing', async () => {
    const file = join(FOLDER, 'output');
    const fd = openSync(file, 'w');
    try {
      const first = await shell('cat; echo to a file', { stdin: 'ignore', stdout: fd, stderr: 'ignore' });
      await first.waitForExit();
      writeFileSync(fd, 'and ours\n');
    } finally {
      closeSync(fd);
    }
    expect(readFileSync(file, 'utf8')).toBe('to a file\nand ours\n');
  });

  it('inherits what nothing is said of', async () => {
    const child = await shell('readlink /proc/self/fd/0 /proc/$PPID/fd/0', { stdout: 'stream' });
    const [own, ours] = String(await child.stdout?.readUntilClose()).split('\n');
    expect(own).toBe(ours);
  });

  it('has room for the output of a child that ends before it is read', async () => {
    const child = await shell('echo early', { stdout: 'stream' });
    await child.waitForExit();
    expect(String(await child.stdout?.readUntilClose())).toBe('early\n');
  });
});

describe('Subprocess.spawn, refused', () => {
  const fails = async (command: string, options: SubprocessOptions = {}) => {
    const streams = { stdin: 'stream', stdout: 'stream', stderr: 'stream' } as const;
    const error: unknown = await Subprocess.spawn(command, [], { ...streams, ...options }).catch((e) => e);
    expect(error).toBeInstanceOf(SystemError);
    return error as SystemError;
  };

  it('says which program does not exist', async () => {
    const command = join(FOLDER, 'nothing');
    expect(await fails(command)).toMatchObject({ code: 'ENOENT', syscall: 'spawn', address: command });
    expect(await fails('landspout-no-such-program')).toMatchObject({ code: 'ENOENT' });
  });

  it('says which program may not run', async () => {
    const command = join(FOLDER, 'no-program');
    writeFileSync(command, 'text', { mode: 0o644 });
    expect(await fails(command)).toMatchObject({ code: 'EACCES', syscall: 'spawn', address: command });
  });

  it('names the folder where that is what does not exist', async () => {
    const cwd = join(FOLDER, 'nowhere');
    expect(await fails('cat', { cwd })).toMatchObject({ code: 'ENOENT', syscall: 'spawn', address: cwd });
  });

  it('says that a descriptor is not open, and that the arguments are too long', async () => {
    expect(await fails('cat', { stdout: 999_999 })).toMatchObject({ code: 'EBADF', syscall: 'spawn' });
    const error: unknown = await Subprocess.spawn('cat', ['x'.repeat(3_000_000)]).catch((e) => e);
    expect(error).toMatchObject({ name: 'SystemError', code: 'E2BIG' });
  });

  it('starts nothing for a signal that has aborted', async () => {
    const file = join(FOLDER, 'never');
    const reason = new Error('not any more');
    const spawned = Subprocess.spawn('touch', [file], { signal: AbortSignal.abort(reason) });
    await expect(spawned).rejects.toBe(reason);
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });
});

describe('Subprocess.waitForExit', () => {
  it('throws for a code other than 0 unless told not to [PROC-02]', async () => {
    const child = await shell('exit 3');
    const error: unknown = await child.waitForExit().catch((e) => e);
    expect(error).toBeInstanceOf(CalledProcessError);
    expect(error).toMatchObject({
      code: 'ERR_PROCESS_FAILED',
      command: 'sh',
      returnCode: 3,
      signal: undefined,
      message: '"sh" exited with 3',
    });
    expect(await child.waitForExit({ raiseError: false })).toBe(3);
  });

  it('gives the negative number of the signal [PROC-02]', async () => {
    const child = await start('cat', [], { stdin: 'stream' });
    expect(child.kill('SIGKILL')).toBe(true);
    expect(await child.waitForExit({ raiseError: false })).toBe(-9);
    expect(child).toMatchObject({ returnCode: -9, exitSignal: 'SIGKILL' });
    const error = { code: 'ERR_PROCESS_FAILED', returnCode: -9, signal: 'SIGKILL' };
    await expect(child.waitForExit()).rejects.toMatchObject(error);
  });

  it('does not wait for the streams, which a grandchild may hold', async () => {
    const child = await shell('exec 3<&0; cat <&3 & exit 0', { stdin: 'stream', stdout: 'stream' });
    void child.stdin?.write('to the grandchild\n');
    expect(await child.waitForExit()).toBe(0);
    expect(String(await child.stdout?.readUntilClose())).toBe('to the grandchild\n');
  });

  it('leaves to a grandchild what is queued for stdin at the exit', async () => {
    // The grandchild reads only when the child is gone, and has been waited for.
    const late = 'while kill -0 $$ 2>/dev/null; do sleep 0.01; done; wc -c <&3';
    const child = await shell(`exec 3<&0; (${late}) & exit 0`, { stdin: 'stream', stdout: 'stream' });
    void child.stdin?.write(Buffer.alloc(4_000_000));
    expect(await child.waitForExit()).toBe(0);
    expect(Number(await child.stdout?.readUntilClose())).toBe(4_000_000);
    await child.stdin?.waitClosed();
  });

  it('stops at the timeout and at the signal, and the child runs on', async () => {
    const clock = new VirtualClock();
    const child = await start('cat', [], { stdin: 'stream', loop: new IOLoop({ clock }) });
    const late = child.waitForExit({ timeoutMs: 1_000 }).catch((error) => error);
    await clock.advance(1_000);
    expect(await late).toBeInstanceOf(LoopTimeoutError);
    const reason = new Error('enough');
    const stopping = new AbortController();
    const stopped = child.waitForExit({ signal: stopping.signal });
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    expect(child.returnCode).toBeUndefined();
    child.stdin?.endWrite();
    expect(await child.waitForExit()).toBe(0);
  });

  it('tells all who wait', async () => {
    const child = await start('cat', [], { stdin: 'stream' });
    const waits = Array.from({ length: 20 }, () => child.waitForExit());
    child.stdin?.endWrite();
    expect(await Promise.all(waits)).toEqual(Array(20).fill(0));
  });
});

describe('Subprocess.setExitCallback', () => {
  it('calls back with the code, in the context of the call [PROC-02]', async () => {
    const context = new AsyncLocalStorage<string>();
    const child = await shell('read line; exit 4', { stdin: 'stream' });
    const told = new Promise((resolve) => {
      context.run('of the call', () => {
        child.setExitCallback((code) => resolve([code, context.getStore()]));
      });
    });
    child.stdin?.endWrite();
    expect(await told).toEqual([4, 'of the call']);
  });

  it('calls back a turn later when the child has exited already', async () => {
    const child = await shell('exit 5');
    await child.waitForExit({ raiseError: false });
    const told: number[] = [];
    child.setExitCallback((code) => told.push(code));
    expect(told).toEqual([]);
    await until(() => told.length > 0);
    expect(told).toEqual([5]);
  });

  it('keeps the last callback only, and calls it once', async () => {
    const child = await shell('read line', { stdin: 'stream' });
    const told: string[] = [];
    child.setExitCallback(() => told.push('first'));
    child.setExitCallback(() => told.push('second'));
    child.stdin?.endWrite();
    await child.waitForExit({ raiseError: false });
    child.setExitCallback(() => told.push('third'));
    await until(() => told.length === 2);
    expect(told).toEqual(['second', 'third']);
  });

  it('logs what the callback throws', async () => {
    const logged: unknown[] = [];
    const log = (record: object): void => void logged.push(record);
    const loop = new IOLoop({ logger: { error: log, warn: log, info: log, debug: log } as never });
    const child = await shell('exit 0', { loop });
    const error = new Error('of the callback');
    child.setExitCallback(() => Promise.reject(error));
    await until(() => logged.length > 0);
    expect(logged).toEqual([{ error }]);
  });

  it('is dropped with its loop, without harm to others', async () => {
    const loop = new IOLoop();
    const child = await shell('read line; exit 2', { stdin: 'stream', loop });
    let isTold = false;
    child.setExitCallback(() => {
      isTold = true;
    });
    await loop.close();
    child.stdin?.endWrite();
    expect(await child.waitForExit({ raiseError: false })).toBe(2);
    expect(isTold).toBe(false);
  });
});

describe('Subprocess.kill', () => {
  it('sends any signal by name or number, and reports whether there is a process', async () => {
    const child = await shell('trap "echo got it" USR1; echo ready; while :; do read line; done', {
      stdin: 'stream',
      stdout: 'stream',
    });
    await child.stdout?.readUntil('ready\n');
    expect(child.kill(0)).toBe(true);
    expect(child.kill('SIGUSR1')).toBe(true);
    void child.stdin?.write('\n'); // dash runs its traps when a command has ended
    expect(String(await child.stdout?.readUntil('\n'))).toBe('got it\n');
    expect(child.kill(15)).toBe(true);
    expect(await child.waitForExit({ raiseError: false })).toBe(-15);
    expect(child.kill()).toBe(false);
  });
});

describe('Subprocess with a signal', () => {
  it('ends the child when it aborts, and gives the reason', async () => {
    const stopping = new AbortController();
    const { clock, calls } = recordingClock();
    const loop = new IOLoop({ clock });
    const child = await start('sleep', ['1000'], { signal: stopping.signal, loop });
    const reason = new Error('the user has left');
    stopping.abort(reason);
    const error = { code: 'ERR_PROCESS_FAILED', returnCode: -15, signal: 'SIGTERM', cause: reason };
    await expect(child.waitForExit()).rejects.toMatchObject(error);
    expect(calls).toEqual(['set 5000', 'unref', 'cancel']);
  });

  it('ends the child once, however often it is told to', async () => {
    const stopping = new AbortController();
    const { clock, calls } = recordingClock();
    const loop = new IOLoop({ clock });
    const child = await start('sleep', ['1000'], { signal: stopping.signal, loop });
    stopping.abort();
    await Promise.all([child.close(), child.close()]);
    expect(child.returnCode).toBe(-15);
    expect(calls).toEqual(['set 5000', 'unref', 'cancel']);
  });

  it('kills a child that does not want to end, after its time', async () => {
    const clock = new VirtualClock();
    const stopping = new AbortController();
    const script = 'trap "echo no" TERM; echo ready; while :; do read line; done';
    const child = await shell(script, {
      stdin: 'stream',
      stdout: 'stream',
      signal: stopping.signal,
      killAfterMs: 700,
      loop: new IOLoop({ clock }),
    });
    await child.stdout?.readUntil('ready\n');
    stopping.abort();
    await until(() => clock.pending > 0);
    void child.stdin?.write('\n');
    await child.stdout?.readUntil('no\n');
    await clock.advance(699);
    expect(child.kill(0)).toBe(true);
    await clock.advance(1);
    expect(await child.waitForExit({ raiseError: false })).toBe(-9);
  });

  it('is one that many children may share, and leaves one that has ended alone', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const stopping = new AbortController();
      const options = { stdin: 'stream', signal: stopping.signal } as const;
      const running = await Promise.all(Array.from({ length: 15 }, () => start('cat', [], options)));
      const ended = await start('true', [], options);
      await ended.waitForExit();
      stopping.abort();
      const codes = await Promise.all(running.map((child) => child.waitForExit({ raiseError: false })));
      expect(codes).toEqual(Array(15).fill(-15));
      expect(await ended.waitForExit()).toBe(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', onWarning);
    }
  });
});

describe('Subprocess.close', () => {
  it('ends a running child, and closes its streams', async () => {
    const child = await start('cat', [], { stdin: 'stream', stdout: 'stream', stderr: 'stream' });
    const read = child.stdout?.readBytes(1);
    read?.catch(() => {});
    await child.close();
    await expect(read).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect(child.returnCode).toBeLessThan(1);
    for (const stream of [child.stdin, child.stdout, child.stderr]) expect(stream?.isClosed).toBe(true);
    await child.close();
  });

  it('resolves when the streams of a child that had ended have closed, and sets no deadline', async () => {
    const clock = new VirtualClock();
    const child = await start('true', [], { stdout: 'stream', loop: new IOLoop({ clock }) });
    await child.waitForExit();
    let isClosed = false;
    void child.stdout?.waitClosed().then(() => {
      isClosed = true;
    });
    await child.close();
    expect(isClosed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('is what disposing does', async () => {
    const child = await start('sleep', ['1000']);
    await child[Symbol.asyncDispose]();
    expect(child.returnCode).toBe(-15);
  });

  it('kills a child that does not want to end', async () => {
    const child = await shell('trap "" TERM; echo ready; while :; do sleep 0.01; done', {
      stdout: 'stream',
      killAfterMs: 0,
    });
    await child.stdout?.readUntil('\n');
    await child.close();
    expect(child.returnCode).toBe(-9);
  });
});

describe('Subprocess.unref', () => {
  it('lets go of the child and its streams, and ref takes hold again', async () => {
    const child = await start('cat', [], { stdin: 'stream', stdout: 'stream' });
    const read = child.stdout?.readBytes(1);
    read?.catch(() => {});
    const held = (): number =>
      process.getActiveResourcesInfo().filter((name) => /^(Process|Pipe)Wrap$/.test(name)).length;
    const before = held();
    child.unref();
    expect(held()).toBeLessThan(before - 1);
    child.ref();
    expect(held()).toBe(before);
    child.unref();
    const ofProcesses = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
    const others = ofProcesses();
    const closing = child.close(); // somebody waits for the exit now
    expect(ofProcesses()).toBe(others + 1);
    await closing;
  });
});
