import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Supervised } from './fixtures/supervised.ts';

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

  it('leaves nobody behind when the children are stopped meanwhile', async () => {
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

  it('is refused while nothing runs, and with a time that cannot be', async () => {
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
    expect(await supervisor.ask('fault')).toEqual(new Map());
    expect(await supervisor.ask('nothing')).toEqual(new Map());
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
});
