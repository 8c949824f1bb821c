import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunOptions, WatchedProgram } from './fixtures/watched-program.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/watched-program.mjs', import.meta.url));

/**
 * The programs run on the built package. None of them ends its block by itself: whatever is seen before the test
 * opens the gate was said while the block lasted, however slow the machine is.
 */
describe('watchLoop', () => {
  const programs: WatchedProgram[] = [];
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.discard();
  });

  function run(scenario: string, options?: RunOptions): WatchedProgram {
    const program = new WatchedProgram(scenario, options);
    programs.push(program);
    return program;
  }

  it('writes function, file and line of a loop to standard error while it runs', async () => {
    const program = run('spin');
    const record = await program.onErrors(/^\[W .*\n(?: {4}.*\n)+/m);
    const line = lineOf('while (!existsSync(gate))');
    expect(record).toMatch(
      /^\[W \d{4}-[^\]]+Z\] the event loop has been blocked for \d+ ms and still is, in \w+ \(\/.*\)\n/,
    );
    expect(record).toMatch(
      new RegExp(`\\bat spin \\(.*fixtures/watched-program\\.mjs:${line}:\\d+\\)\n {4}at handler `),
    );
    expect(program.heard).toEqual([]); // the main thread has not been able to say anything
    program.openGate();
    await program.from('listener');
  });

  it('writes function, file and line of a regular expression while it backtracks', async () => {
    const program = run('match');
    const record = await program.onErrors(/^\[W .*\n(?: {4}.*\n)+/m);
    expect(record).toMatch(
      new RegExp(`still is, in match \\(.*watched-program\\.mjs:${lineOf('.test(')}:\\d+\\)\n`),
    );
  });

  it('says that native code blocks while it does, and where it was called when it returns', async () => {
    const program = run('fifo');
    execFileSync('mkfifo', [program.gate]);
    await program.onErrors(
      /^\[W [^\]]+\] the event loop has been blocked for \d+ ms and still is, in native code/m,
    );
    expect(program.heard).toEqual([]);
    writeFileSync(program.gate, 'text'); // the other end
    const { block } = await program.from('listener');
    expect(block).toMatchObject({ cause: 'native', ongoing: false });
    expect(block?.stack).toMatch(/^at readFifo \(.*watched-program\.mjs:\d+:\d+\)$/m);
    expect(block?.where).toContain('watched-program.mjs');
  });

  it('tells the logger and the listener the whole length when the block has ended', async () => {
    const program = run('spin');
    const [, soFar] = /for (\d+) ms and still/.exec(await program.onErrors(/for \d+ ms and still is/)) ?? [];
    program.openGate();
    const { block } = await program.from('listener');
    expect(block).toMatchObject({ cause: 'javascript', ongoing: false, suppressed: 0 });
    expect(block?.blockedMs).toBeGreaterThanOrEqual(Number(soFar));
    expect(block?.stack).toMatch(/^at (?:existsSync|spin) .*(?:\n.*)*at handler /);
    expect(block?.where).toMatch(/^spin \(.*watched-program\.mjs:\d+:\d+\)$/);
    const logged = await program.from('logger');
    expect(logged).toMatchObject({ level: 'warn', block });
    expect(logged.text).toMatch(/^the event loop was blocked for \d+ ms, in spin \([^\n]*\)$/);
  });

  it('publishes the block on its diagnostics channel', async () => {
    const program = run('channel');
    await program.onErrors(/still is/);
    program.openGate();
    expect((await program.from('landspout.ioloop.block')).block).toMatchObject({
      cause: 'javascript',
      ongoing: false,
    });
  });

  it('calls the immediate module while the block lasts', async () => {
    // This module opens the gate, and nobody else does.
    const program = run('spin', { watch: { immediateModule: moduleUrl(OPENS_GATE) } });
    const { block } = await program.from('listener');
    expect(block).toMatchObject({ cause: 'javascript', ongoing: false });
    expect(JSON.parse(readFileSync(program.gate, 'utf8'))).toMatchObject({
      cause: 'javascript',
      ongoing: true,
    });
  });

  it('logs that the immediate module fails, and watches on without it', async () => {
    const program = run('module fails', { watch: { immediateModule: moduleUrl('export default 1;') } });
    expect(await program.from('error log')).toEqual({
      by: 'error log',
      text: "the watchdog's immediate module failed",
      message: 'its default export is not a function',
    });
  });

  it('logs the stack with the block when nothing was to be said at once', async () => {
    const watch = { immediate: false, immediateModule: moduleUrl(OPENS_GATE) };
    const program = run('console logger', { watch });
    const record = await program.onErrors(/^\[W .*\n(?: {4}.*\n)+/m);
    expect(record).toMatch(
      /^\[W [^\]]+\] the event loop was blocked for \d+ ms, in spin \(.*\)\n(?: {4}at .*\n)+$/,
    );
    expect(await program.end()).toBe(0);
    expect(program.errors).toBe(record);
  });

  it('logs what the listener throws', async () => {
    const program = run('listener throws');
    await program.onErrors(/still is/);
    program.openGate();
    expect(await program.from('error log')).toMatchObject({ message: 'thrown by the listener' });
  });

  it('leaves the pause of another debugger alone, and says that it blames nobody', async () => {
    for (const scenario of ['paused by a debugger', 'stopped at a debugger statement']) {
      const program = run(scenario);
      await program.onErrors(
        /^\[I [^\]]+\] the event loop is held by a debugger, so far for \d+ ms; no stack/m,
      );
      program.openGate();
      const { block } = await program.from('listener');
      expect(block).toMatchObject({ cause: 'debugger', ongoing: false });
      expect(block?.stack).toBeUndefined();
      await program.from('main');
      // The main thread went on when its own debugger let it, not before.
      const order = program.heard.map(({ by }) => by).filter((by) => by === 'debugger' || by === 'main');
      expect(order).toEqual(['debugger', 'main']);
      expect(await program.from('logger')).toMatchObject({ level: 'info' });
      expect(program.errors).not.toMatch(/blocked/);
    }
  });

  it('does not blame the program for time in which the whole process was stopped', async () => {
    const thresholdMs = 300;
    const program = run('idle', { watch: { thresholdMs } });
    await program.from('main');
    program.child.stdin.write('turn\n'); // by the answer, the watchdog has seen many beats
    await program.from('main', 2);
    program.child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3 * thresholdMs)); // for so long it stands still
    program.child.kill('SIGCONT');
    program.child.stdin.write('turn\n');
    await program.from('main', 3);
    expect(await program.end()).toBe(0);
    expect(program.errors).toBe('');
    expect(program.heard.map(({ by }) => by)).toEqual(['main', 'main', 'main']);
  });

  it('keeps no process alive', async () => {
    const program = run('nothing to do');
    await program.from('main');
    expect(await program.end()).toBe(0);
    expect(program.errors).toBe('');
  });

  it('lets a process exit right out of a block', async () => {
    const program = run('exits while blocked');
    await program.onErrors(/still is/);
    program.openGate();
    expect(await program.end()).toBe(3);
  });

  it('has ended when close says so', async () => {
    const program = run('nothing to do, closed');
    await program.from('main');
    expect(await program.end()).toBe(0);
  });

  it('refuses to watch a worker thread', async () => {
    const program = run('in a worker thread');
    expect(await program.from('worker')).toEqual({
      by: 'worker',
      name: 'WatchUsageError',
      code: 'ERR_WATCH_THREAD',
    });
  });
});

/** An immediate module that opens the gate, and leaves there what it was told. */
const OPENS_GATE = `import { writeFileSync } from 'node:fs';
  export default (block) => writeFileSync(process.env.GATE, JSON.stringify(block));`;

function lineOf(code: string): number {
  const lines = readFileSync(PROGRAM, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(code)) + 1;
}

function moduleUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
