import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Supervised } from '../fixtures/supervised.ts';

/** A name that only the first child of a test finds free. */
function freeName(): string {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-restart-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'taken');
}

describe('ProcessSupervisor.restart', () => {
  it('replaces the children one by one, each when its successor is ready [PROC-01]', async () => {
    const supervised = new Supervised('ready', { count: 2 });
    const { supervisor, story } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true }, 2);
    const before = supervisor.children.map(({ pid }) => pid);
    await supervisor.restart();
    const after = supervisor.children.map(({ pid }) => pid);
    expect(new Set([...before, ...after]).size).toBe(4);
    expect(supervisor.restarts).toBe(0);
    const events = story.filter(({ event }) => event !== 'message').map(({ event, pid }) => [event, pid]);
    expect(events).toEqual([
      ['started', before[0]],
      ['started', before[1]],
      ['started', after[0]],
      ['exited', before[0]],
      ['started', after[1]],
      ['exited', before[1]],
    ]);
    expect(supervised.logged).toEqual([]);
  });

  it('takes those for its children that it has started last', async () => {
    const supervised = new Supervised('ready', { count: 1 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    await supervisor.restart();
    await supervised.heard({ started: true }, 2);
    const [successor] = supervisor.children;
    process.kill(successor?.pid as number, 'SIGKILL');
    await supervised.heard({ event: 'exited', pid: successor?.pid });
    await clock.advance(100);
    await supervised.heard({ started: true }, 3);
    expect(supervisor.restarts).toBe(1);
  });

  it('joins the restart that is under way', async () => {
    const supervised = new Supervised('ready', { count: 1 });
    await supervised.supervisor.start();
    await supervised.heard({ started: true });
    await Promise.all([supervised.supervisor.restart(), supervised.supervisor.restart()]);
    expect(supervised.story.filter(({ event }) => event === 'started')).toHaveLength(2);
  });

  it('ends with a typed error when a successor dies, and its child goes on', async () => {
    const env = { EXTRA: freeName(), EXTRA_FATE: 'dies' };
    const supervised = new Supervised('readyOnce', { count: 1, env });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const before = supervisor.children;
    await expect(supervisor.restart()).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_READY',
      message: 'the successor of task 0 ended with exit code 5',
    });
    expect(supervisor.children).toEqual(before);
    expect(await supervisor.ask('pid')).toEqual(new Map([[0, before[0]?.pid]]));
  });

  it('ends with a typed error when a successor is not ready in time, and kills that', async () => {
    const env = { EXTRA: freeName(), EXTRA_FATE: 'waits' };
    const supervised = new Supervised('readyOnce', { count: 1, env });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const before = supervisor.children;
    const refused = expect(supervisor.restart({ readyTimeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_READY',
      message: 'the successor of task 0 was not ready within 5000 ms',
    });
    const [late] = await supervised.heard({ late: true });
    await clock.advance(5_000);
    await refused;
    expect(await supervised.heard({ event: 'exited', pid: late?.pid })).toMatchObject([
      { signal: 'SIGKILL' },
    ]);
    expect(supervisor.children).toEqual(before);
  });

  it('shows both children of a task, and kills the old one when that does not end in time', async () => {
    const supervised = new Supervised('lingering', { count: 1, stopTimeoutMs: 5_000 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const [before] = supervisor.children;
    const restarted = supervisor.restart();
    await supervised.heard({ terms: 1, pid: before?.pid });
    const [after, ...others] = supervisor.children;
    expect(after).toMatchObject({ taskId: 0, restarts: 0 });
    expect(others).toEqual([before]);
    await clock.advance(5_000);
    await restarted;
    await supervised.heard({ event: 'exited', pid: before?.pid, signal: 'SIGKILL' });
    expect(supervisor.children).toEqual([after]);
    expect(supervised.logged).toEqual(['the child of task 0 did not end within 5000 ms; killing it']);
  });

  it('tells a child once that it shall end, when all are stopped while it is replaced', async () => {
    const supervised = new Supervised('lingering', { count: 1 });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const [before] = supervisor.children;
    const restarted = supervisor.restart();
    await supervised.heard({ terms: 1, pid: before?.pid });
    const stopped = supervisor.stop();
    const [after] = supervisor.children;
    await supervised.heard({ terms: 1, pid: after?.pid });
    expect(supervised.story.filter(({ terms }) => terms !== undefined)).toHaveLength(2);
    // Who calls for the second time wants it said again.
    void supervisor.stop();
    await supervised.heard({ terms: 2, pid: before?.pid });
    await supervised.heard({ terms: 2, pid: after?.pid });
    await supervisor.stop('SIGKILL');
    await Promise.all([stopped, restarted]);
  });

  it('goes on when a child dies while its successor gets ready', async () => {
    const supervised = new Supervised('takesOver', {
      count: 1,
      listen: [{ host: '127.0.0.1' }, { host: '127.0.0.1' }],
    });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const [before] = supervisor.children;
    const restarted = supervisor.restart();
    const [, successor] = await supervised.heard({ started: true }, 2);
    process.kill(before?.pid as number, 'SIGKILL');
    await supervised.heard({ event: 'exited', pid: before?.pid });
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([undefined, successor?.pid]);
    process.kill(successor?.pid as number, 'SIGUSR2');
    await restarted;
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([successor?.pid]);
    // The successor took the place of the restart that was due.
    await clock.advance(60_000);
    expect(supervisor.restarts).toBe(0);
  });

  it('takes a child for ready when servers listen on all of its listeners', async () => {
    const supervised = new Supervised('takesOver', {
      count: 1,
      listen: [{ host: '127.0.0.1' }, { host: '127.0.0.1' }],
    });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const [before] = supervisor.children;
    const restarted = supervisor.restart();
    const [, successor] = await supervised.heard({ started: true }, 2);
    // What it has said before has been heard, and was not enough.
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([before?.pid, successor?.pid]);
    process.kill(successor?.pid as number, 'SIGUSR2');
    await restarted;
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([successor?.pid]);
  });

  it('leaves no child behind when a hook stops the children as soon as a successor has started', async () => {
    let starts = 0;
    const supervised = new Supervised('ready', {
      count: 1,
      onStarted: () => {
        starts += 1;
        if (starts === 2) void supervised.supervisor.stop();
      },
    });
    const { supervisor, story } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    await expect(supervisor.restart()).rejects.toMatchObject({ code: 'ERR_PROCESS_NOT_READY' });
    await supervisor.wait();
    expect(story.filter(({ event }) => event === 'exited')).toHaveLength(2);
  });

  it('leaves no child behind when the children are stopped meanwhile', async () => {
    const env = { EXTRA: freeName(), EXTRA_FATE: 'waits' };
    const supervised = new Supervised('readyOnce', { count: 1, env });
    const { supervisor, story } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    const refused = expect(supervisor.restart()).rejects.toMatchObject({ code: 'ERR_PROCESS_NOT_READY' });
    await supervised.heard({ late: true });
    await supervisor.stop();
    await refused;
    expect(story.filter(({ event }) => event === 'exited')).toHaveLength(2);
  });

  it('is refused while nothing runs, and with an invalid time', async () => {
    const { supervisor } = new Supervised('ready', { count: 1 });
    const refusal = { code: 'ERR_PROCESS_USAGE' };
    await expect(supervisor.restart()).rejects.toMatchObject(refusal);
    await expect(supervisor.restart({ readyTimeoutMs: -1 })).rejects.toMatchObject(refusal);
    await expect(supervisor.ask('pid', { timeoutMs: Number.NaN })).rejects.toMatchObject(refusal);
  });
});

describe('ProcessSupervisor.ask', () => {
  it('gathers what the children answer, and nothing where they have no answer', async () => {
    const supervised = new Supervised('ready', { count: 2 });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true }, 2);
    const pids = new Map(supervisor.children.map(({ taskId, pid }) => [taskId, pid]));
    expect(await supervisor.ask('pid')).toEqual(pids);
    expect([...(await supervisor.ask('later')).values()]).toEqual(['late', 'late']);
    for (const topic of ['fault', 'unspeakable', 'nothing'])
      expect(await supervisor.ask(topic)).toEqual(new Map());
  });

  it('waits for a child that does not answer no longer than it was told to', async () => {
    const supervised = new Supervised('idle', { count: 1 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true });
    const asked = supervisor.ask('pid', { timeoutMs: 300 });
    await clock.advance(300);
    expect(await asked).toEqual(new Map());
  });

  it('does not wait for a child that dies', async () => {
    const supervised = new Supervised('idle', { count: 1 });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true });
    const pid = supervisor.children[0]?.pid as number;
    process.kill(pid, 'SIGSTOP');
    const asked = [supervisor.ask('pid'), supervisor.askTask(0, 'pid')];
    process.kill(pid, 'SIGKILL');
    expect(await Promise.all(asked)).toEqual([new Map(), undefined]);
    expect(supervised.clock.pending).toBe(2); // the restart, and the renewal of the shared secret
    expect(await supervisor.ask('pid')).toEqual(new Map());
  });

  it('is heard by no handler of the program, nor is its answer', async () => {
    const supervised = new Supervised('ready', { count: 1 });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true });
    expect(await supervisor.ask('pid')).toHaveProperty('size', 1);
    supervisor.send(0, 'of the program');
    await supervised.heard({ heard: 'of the program' });
    const messages = supervised.story.filter(({ event }) => event === 'message');
    expect(messages).toMatchObject([{ above: 0 }, { started: true }, { heard: 'of the program' }]);
  });
});

describe('ProcessSupervisor.askTask', () => {
  it('asks one child, and says when it does not answer in time', async () => {
    const supervised = new Supervised('ready', { count: 2 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ started: true }, 2);
    const pid = supervisor.children[1]?.pid as number;
    expect(await supervisor.askTask(1, 'pid')).toBe(pid);
    expect(await supervisor.askTask(1, 'nothing')).toBeUndefined();
    expect(await supervisor.askTask(2, 'pid')).toBeUndefined();
    process.kill(pid, 'SIGSTOP');
    const late = expect(supervisor.askTask(1, 'pid', { timeoutMs: 300 })).rejects.toMatchObject({
      name: 'ProcessTimeoutError',
      code: 'ERR_PROCESS_TIMEOUT',
      message: 'the child of task 1 did not answer about pid within 300 ms',
    });
    await clock.advance(300);
    await late;
    process.kill(pid, 'SIGCONT');
    expect(await supervisor.askTask(1, 'pid')).toBe(pid);
  });
});
