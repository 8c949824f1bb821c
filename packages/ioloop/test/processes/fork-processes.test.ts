import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { forkProcesses, taskId } from '../../src/processes/fork-processes.ts';
import type { TaskListener } from '../../src/processes/messages/task-record.ts';
import { ask } from './fixtures/ask.ts';
import { type Line, RunningProgram } from './fixtures/running-program.ts';

const LISTEN = { listen: [{ host: '127.0.0.1' }] };
const has = (key: string) => (line: Line) => key in line;

describe('forkProcesses', () => {
  it('runs the program again in each child, what stands above the call too [PROC-01]', async () => {
    const program = new RunningProgram('finish', { count: 3 });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    const above = program.lines.filter(has('above'));
    expect(above.map((line) => line.above)).toEqual(expect.arrayContaining(['parent', 0, 1, 2]));
    expect(above).toHaveLength(4);
    // Below it, only the children are.
    const finished = program.lines.filter(has('finished'));
    expect(finished.map(({ id }) => id).sort()).toEqual([0, 1, 2]);
    expect(finished.map(({ pid }) => pid)).not.toContain(program.process.pid);
  });

  it('starts a child that was killed again, with its task id and its port [PROC-01]', async () => {
    const program = new RunningProgram('serve', { count: 2, ...LISTEN });
    const before = await program.heard(has('port'), 2);
    const killed = before[0] as Line;
    process.kill(killed.pid as number, 'SIGKILL');
    const again = (await program.heard(has('port'), 3))[2] as Line;
    expect(again).toMatchObject({ id: killed.id, port: killed.port, restarts: 1 });
    expect(again.pid).not.toBe(killed.pid);
    expect(await ask(killed.port as number)).toMatchObject({ taskId: expect.any(Number) });
  });

  it('ends with an error code when children died too often, and leaves none [PROC-01]', async () => {
    const program = new RunningProgram('fail', { count: 2, maxRestarts: 3, restartDelayMs: 0 });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.lines.at(-1)).toMatchObject({ error: 'ERR_PROCESS_RESTARTS' });
    expect(program.lines.filter(({ above }) => typeof above === 'number').length).toBeLessThanOrEqual(2 + 3);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'stops its children at %s, and exits with 0 when all are gone',
    async (signal) => {
      const program = new RunningProgram('serve', { count: 2, ...LISTEN });
      await program.heard(has('port'), 2);
      program.process.kill(signal);
      expect(await program.ended).toEqual({ code: 0, signal: null });
      expect(program.lines.filter(has('port'))).toHaveLength(2);
    },
  );

  it('exits with 0 after a stop, even when it had to kill a child', async () => {
    const program = new RunningProgram('stubborn', { count: 1, stopTimeoutMs: 50 });
    await program.heard(has('idle'));
    program.process.kill('SIGTERM');
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  it('waits for the callbacks of beforeParentExit after the last child has ended', async () => {
    const program = new RunningProgram('finish', { count: 2 });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toEqual({ isExiting: true });
    expect(program.lines.filter(has('isExiting'))).toHaveLength(1);
  });

  it('kills its children when the same signal comes again', async () => {
    const program = new RunningProgram('stubborn', { count: 2 });
    await program.heard(has('idle'), 2);
    program.process.kill('SIGINT');
    await program.heard(has('ignored'), 2);
    program.process.kill('SIGINT');
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  it('replaces its children at SIGHUP, and supervises the new ones [PROC-01]', async () => {
    const program = new RunningProgram('ready', { count: 2 });
    const pids = async (count: number) => (await program.heard(has('started'), count)).map(({ pid }) => pid);
    await pids(2);
    program.process.kill('SIGHUP');
    const all = await pids(4);
    expect(new Set(all).size).toBe(4);
    process.kill(all[3] as number, 'SIGKILL');
    expect(new Set(await pids(5)).size).toBe(5);
    program.process.kill('SIGTERM');
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  it('takes its children along when it is killed itself, and lets them drain', async () => {
    const program = new RunningProgram('serve', { count: 2, ...LISTEN });
    await program.heard(has('port'), 2);
    program.process.kill('SIGKILL');
    // It ends for us once the last child has closed its standard output.
    expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(program.lines.flatMap(({ orphan }) => orphan ?? []).sort()).toEqual([0, 1]);
  });

  it('takes children along that ignore SIGTERM', async () => {
    const program = new RunningProgram('stubborn', { count: 2, stopTimeoutMs: 50 });
    await program.heard(has('idle'), 2);
    program.process.kill('SIGKILL');
    expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says which address is in use before it starts any child [PROC-01]', async () => {
    const first = new RunningProgram('serve', { count: 1, ...LISTEN });
    const [line] = await first.heard(has('port'));
    const port = line?.port as number;
    const second = new RunningProgram('serve', { count: 1, listen: [{ host: '127.0.0.1', port }] });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.lines.filter(has('above'))).toHaveLength(1);
    expect(second.lines.at(-1)).toMatchObject({ error: 'EADDRINUSE' });
  });

  it('refuses a second call in a child', async () => {
    const program = new RunningProgram('twice', { count: 1 });
    const [line] = await program.heard(has('again'));
    expect(line?.again).toBe('ERR_PROCESS_USAGE');
    expect((await program.ended).code).toBe(0);
  });

  it('refuses to run in a worker thread', async () => {
    const program = new RunningProgram('thread');
    expect((await program.ended).code).toBe(1);
    expect(program.lines).toContainEqual(expect.objectContaining({ error: 'ERR_PROCESS_USAGE' }));
  });

  it('may be called again where it failed, and has left no handler of signals', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const handlers = () => ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal));
    const before = handlers();
    for (let round = 0; round < 2; round += 1) {
      const call = forkProcesses(1, { listen: [{ host: '127.0.0.1', port }] });
      expectTypeOf(call).resolves.toHaveProperty('listeners').toEqualTypeOf<readonly [TaskListener]>();
      await expect(forkProcesses(1)).rejects.toMatchObject({ code: 'ERR_PROCESS_USAGE' }); // one at a time
      await expect(call).rejects.toMatchObject({ code: 'EADDRINUSE' });
    }
    expect(handlers()).toEqual(before);
    taken.close();
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
  ])('fails, and starts no child, if onSupervising %s', async (_how, onSupervising) => {
    let started = 0;
    const onStarted = () => (started += 1);
    await expect(forkProcesses(1, { onSupervising, onStarted })).rejects.toThrow('a bug');
    await expect(forkProcesses(1, { onSupervising, onStarted })).rejects.toThrow('a bug');
    expect(started).toBe(0);
  });

  it.each([
    [1025, {}],
    [Number.NaN, {}],
    [1, { maxRestarts: 0.5 }],
    [1, { stopTimeoutMs: -1 }],
    [1, { listen: [{ path: '/tmp/landspout.sock' } as object] }],
  ])('refuses %s processes with %j', async (count, options) => {
    await expect(forkProcesses(count, options)).rejects.toMatchObject({ code: 'ERR_PROCESS_USAGE' });
  });
});

describe('taskId', () => {
  const NAMES = ['LANDSPOUT_TASK_ID', 'LANDSPOUT_TASK_COUNT', 'LANDSPOUT_TASK'] as const;
  afterEach(() => {
    for (const name of NAMES) delete process.env[name];
  });

  it('is nothing in a process that forkProcesses did not start [PROC-02]', () => {
    expect(taskId()).toBeUndefined();
  });

  it('does not believe variables that were written for somebody else, or by somebody else', () => {
    process.env.LANDSPOUT_TASK_ID = '3';
    expect(taskId()).toBeUndefined();
    process.env.LANDSPOUT_TASK_COUNT = '4';
    process.env.LANDSPOUT_TASK = 'no JSON';
    expect(taskId()).toBeUndefined();
    process.env.LANDSPOUT_TASK = JSON.stringify({ parent: process.pid });
    expect(taskId()).toBeUndefined();
  });
});
