import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { LoopBlock } from '../../src/watchdog/loop-block.ts';
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
    const record = await program.onErrors(recordOf('spin'));
    const place = `watched-program\\.mjs:${lineOf('while (!existsSync(gate))')}:\\d+\\)`;
    expect(record).toMatch(
      /^\[W \d{4}-[^\]]+Z\] the event loop has been blocked for \d+ ms and still is, in .*\n/,
    );
    expect(record).toMatch(new RegExp(`\\n {4}at spin \\(/.*${place}\\n {4}at handler \\(/`));
    expect(program.heard.filter(({ block }) => block !== undefined && inSpin(block))).toEqual([]);
    program.openGate();
    await program.about('listener', inSpin);
  });

  it('writes function, file and line of a regular expression while it backtracks', async () => {
    const record = await run('match').onErrors(recordOf('match'));
    expect(record).toMatch(new RegExp(`at match \\(/.*watched-program\\.mjs:${lineOf('.test(')}:\\d+\\)\\n`));
  });

  it('says that native code blocks while it does, and where it was called when it returns', async () => {
    const program = run('fifo');
    execFileSync('mkfifo', [program.gate]);
    program.child.stdin.write('begin\n');
    await program.onErrors(
      /^\[W [^\]]+\] the event loop has been blocked for \d+ ms and still is, in native code/m,
    );
    expect(program.heard.filter(({ block }) => block?.cause === 'native')).toEqual([]);
    writeFileSync(program.gate, 'text'); // the other end
    const { block } = await program.about('listener', ({ stack = '' }) => stack.includes('at readFifo '));
    expect(block).toMatchObject({ cause: 'native', ongoing: false });
    expect(block.stack).toMatch(/^at readFifo \(\/.*watched-program\.mjs:\d+:\d+\)$/m);
    expect(block.where).toContain('watched-program.mjs');
  });

  it('tells the logger and the listener the whole length when the block has ended', async () => {
    const program = run('spin');
    const [, soFar] = /for (\d+) ms and still/.exec(await program.onErrors(recordOf('spin'))) ?? [];
    program.openGate();
    const { block } = await program.about('listener', inSpin);
    expect(block).toMatchObject({ ongoing: false, suppressed: 0 });
    expect(block.blockedMs).toBeGreaterThanOrEqual(Number(soFar));
    expect(block.stack).toMatch(/^at (?:existsSync|spin) .*(?:\n.*)*at handler /);
    expect(block.where).toMatch(/^spin \(\/.*watched-program\.mjs:\d+:\d+\)$/);
    const logged = await program.about('logger', inSpin);
    expect(logged).toMatchObject({ level: 'warn', block });
    expect(logged.text).toMatch(/^the event loop was blocked for \d+ ms, in [^\n]*spin \([^\n]*\)$/);
  });

  it('publishes the block on its diagnostics channel', async () => {
    const program = run('channel');
    await program.onErrors(recordOf('spin'));
    program.openGate();
    expect((await program.about('landspout.ioloop.block', inSpin)).block.ongoing).toBe(false);
  });

  it('calls the immediate module while the block lasts', async () => {
    // This module opens the gate, and nobody else does.
    const program = run('spin', { watch: { immediateModule: moduleUrl(OPENS_GATE) } });
    const { block } = await program.about('listener', inSpin);
    expect(block.ongoing).toBe(false);
    expect(JSON.parse(readFileSync(program.gate, 'utf8'))).toMatchObject({
      where: block.where,
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

  it('logs that the call of the immediate module rejects', async () => {
    const rejecting = `export default () => ({ then: (_, fail) => fail(new Error('of the module')) });`;
    const program = run('module fails while it blocks', { watch: { immediateModule: moduleUrl(rejecting) } });
    await program.onErrors(recordOf('spin'));
    program.openGate();
    expect(await program.from('error log')).toMatchObject({
      text: "the watchdog's immediate module failed",
      message: 'of the module',
    });
  });

  it('logs the stack with the block when nothing was to be said at once', async () => {
    const watch = { immediate: false, immediateModule: moduleUrl(OPENS_GATE) };
    const program = run('console logger', { watch });
    const record = await program.onErrors(/^\[W .* in .*spin \(.*\n(?: {4}.*\n)+/m);
    expect(record).toMatch(/^\[W [^\]]+\] the event loop was blocked for \d+ ms, in .*\n(?: {4}at .*\n)+$/);
    expect(await program.end()).toBe(0);
    expect(program.errors).not.toMatch(/still is/);
  });

  it.each(['throws', 'rejects'])('logs the failure of a listener that %s', async (how) => {
    const program = run(`listener ${how}`);
    await program.onErrors(recordOf('spin'));
    program.openGate();
    expect(await program.from('error log')).toMatchObject({ message: 'of the listener' });
  });

  it('leaves the pause of another debugger alone, and reports it without a stack', async () => {
    for (const scenario of ['paused by a debugger', 'stopped at a debugger statement']) {
      const program = run(scenario);
      await program.onErrors(
        /^\[I [^\]]+\] the event loop has been held by a debugger for \d+ ms; no stack/m,
      );
      program.openGate();
      const { block } = await program.about('listener', ({ cause }) => cause === 'debugger');
      expect(block.ongoing).toBe(false);
      expect(block.stack).toBeUndefined();
      await program.from('main');
      // The main thread went on when its own debugger let it, not before.
      const order = program.heard.map(({ by }) => by).filter((by) => by === 'debugger' || by === 'main');
      expect(order).toEqual(['debugger', 'main']);
      const logged = await program.about('logger', ({ cause }) => cause === 'debugger');
      expect(logged.level).toBe('info');
    }
  });

  it('does not blame the program for time in which the whole process was stopped', async () => {
    const thresholdMs = 300;
    const program = run('idle', { watch: { thresholdMs } });
    await program.from('main');
    program.child.stdin.write('turn\n'); // by the answer, the watchdog has seen many beats
    await program.from('main', 2);
    const { errors, heard } = program; // whatever a slow start has caused
    program.child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3 * thresholdMs)); // for so long it stands still
    program.child.kill('SIGCONT');
    program.child.stdin.write('turn\n');
    await program.from('main', 3);
    expect(await program.end()).toBe(0);
    expect(program.errors).toBe(errors);
    expect(program.heard).toEqual([...heard, { by: 'main' }]);
  });

  it('keeps no process alive', async () => {
    const program = run('nothing to do');
    await program.from('main');
    expect(await program.end()).toBe(0);
  });

  it('lets a process exit right out of a block', async () => {
    const program = run('exits while blocked');
    await program.onErrors(recordOf('spin'));
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
  export default (block) => {
    if (block.stack?.includes('at spin ')) writeFileSync(process.env.GATE, JSON.stringify(block));
  };`;

/** The record with its stack, written while a function blocks. */
function recordOf(functionName: string): RegExp {
  const frame = ' {4}at .*\\n';
  return new RegExp(
    `^\\[W .* still is, in .*\\n(?:${frame})*? {4}at ${functionName} .*\\n(?:${frame})+`,
    'm',
  );
}

function inSpin({ stack = '' }: LoopBlock): boolean {
  return stack.includes('at spin ');
}

function lineOf(code: string): number {
  const lines = readFileSync(PROGRAM, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(code)) + 1;
}

function moduleUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
