import { describe, expect, it, onTestFinished } from 'vitest';
import { JournalBackplane, Topics } from '../../src/index.ts';
import { removeFolder, scratchFolder } from '../journal/scratch.ts';
import { RunningFamily } from './running-family.ts';
import { numbers, textOf } from './support.ts';

const TOPIC = { topic: 'news' };
const LIMIT = 64 * 1024;

/** What each of these tasks has read, up to a last record that one of them publishes. */
async function seenBy(family: RunningFamily, tasks: readonly number[]): Promise<readonly string[][]> {
  family.tell(tasks[0] as number, 'publish', { ...TOPIC, name: 'last' });
  await family.told('isPublished');
  for (const task of tasks) family.tell(task, 'seen', { last: 'last' });
  return Promise.all(tasks.map((task) => family.told<string[]>('seen', task)));
}

/** Asserts that each record is there once, and each of those that were published. */
function expectAll(seen: readonly string[], published: readonly string[]): void {
  expect(new Set(seen).size).toBe(seen.length);
  const known = new Set(seen);
  expect(published.filter((name) => !known.has(name))).toEqual([]);
}

describe('a child that is killed while it publishes', () => {
  it('has lost nothing that it knew to be published, and nothing is doubled at the others', async () => {
    const family = await RunningFamily.start();
    for (const task of [1, 2]) family.tell(task, 'read', TOPIC);
    for (const task of [0, 1]) family.tell(task, 'load', TOPIC);
    await family.publishes(500, 0);
    family.signal(0, 'SIGKILL');
    await family.heard(({ exited }) => exited === 0);
    await family.publishes(500, 1);
    family.tell(1, 'stopLoad');
    await family.told('isIdle');
    const [first, second] = await seenBy(family, [1, 2]);
    expect(second).toEqual(first);
    expectAll(first as string[], family.published());
    // The child that replaces it finds the history.
    await family.heard(({ isReady, task }) => isReady === true && task === 0, 2);
    family.tell(0, 'history', TOPIC);
    expect(await family.told('history', 0)).toEqual(first);
  });

  it('is left by its members', async () => {
    const family = await RunningFamily.start();
    family.tell(0, 'join', { topic: 'room', member: 'ada' });
    await family.told('hasJoined');
    family.tell(1, 'watch', { topic: 'room' });
    await family.told('presence');
    family.signal(0, 'SIGKILL');
    const [, change] = await family.heard(({ presence }) => presence !== undefined, 2);
    expect(change?.presence).toMatchObject({ left: 'ada' });
  });

  it('has its runs continued in one other process', async () => {
    const family = await RunningFamily.start({ isContinued: true });
    family.tell(0, 'startRun', { id: 'run', records: 20 });
    await family.told('hasWritten');
    for (const task of [1, 2]) family.tell(task, 'readRun', { id: 'run' });
    family.signal(0, 'SIGKILL');
    const ends = await family.heard(({ run }) => run === 'run', 2);
    for (const end of ends) {
      expect(end).toMatchObject({ how: 'finished', result: 'done' });
      expect(end.data).toEqual([...numbers(20), 'from another process']);
    }
    expect(family.lines.filter(({ continued }) => continued === 'run')).toMatchObject([{ attempt: 1 }]);
  });

  it('has its runs interrupted without onInterrupted', async () => {
    const family = await RunningFamily.start();
    family.tell(0, 'startRun', { id: 'run', records: 5 });
    await family.told('hasWritten');
    family.signal(0, 'SIGKILL');
    await family.heard(({ exited }) => exited === 0);
    family.tell(2, 'readRun', { id: 'run' });
    const [end] = await family.heard(({ run }) => run === 'run');
    expect([end?.data, end?.how]).toEqual([numbers(5), 'interrupted']);
  });
});

describe('a rolling restart while all children publish', () => {
  it('loses no record, and the successors find the history', async () => {
    const family = await RunningFamily.start();
    family.tell('parent', 'read', TOPIC);
    const tasks = numbers(3);
    for (const task of tasks) family.tell(task, 'load', TOPIC);
    await family.publishes(500);
    const before = tasks.map((task) => family.pidOf(task));
    family.signal('parent', 'SIGHUP');
    for (const task of tasks) {
      await family.heard(({ isReady, task: own }) => isReady === true && own === task, 2);
      family.tell(task, 'load', TOPIC);
    }
    await family.heard(({ exited }) => exited !== undefined, 3);
    await family.publishes(300);
    for (const task of tasks) family.tell(task, 'stopLoad');
    await family.heard(({ isIdle }) => isIdle === true, 3);
    family.tell('parent', 'seen', { last: family.published().at(-1) });
    const seen = await family.told<string[]>('seen');
    expectAll(seen, family.published());
    for (const pid of before) {
      expect(family.lines.find(({ exited, pid: own }) => exited !== undefined && own === pid)).toMatchObject({
        code: 0,
      });
      expect(seen.some((name) => name.startsWith(`${pid}:`))).toBe(true);
    }
    family.tell(0, 'history', TOPIC);
    expect(await family.told('history', 0)).toEqual(seen);
    expect(family.lines.filter(({ log }) => log !== undefined)).toEqual([]);
  });
});

describe('a parent that is killed while its children publish', () => {
  it('takes its children and the history along', async () => {
    const family = await RunningFamily.start();
    for (const task of [0, 1]) family.tell(task, 'load', TOPIC);
    await family.publishes(500);
    family.signal('parent', 'SIGKILL');
    await family.ended;
    const next = await RunningFamily.start();
    next.tell(0, 'history', TOPIC);
    expect(await next.told('history')).toEqual([]);
  });

  it('keeps what was published, with a journal', async () => {
    const folder = scratchFolder();
    onTestFinished(() => removeFolder(folder));
    const family = await RunningFamily.start({ journal: { folder } });
    for (const task of [0, 1]) family.tell(task, 'load', TOPIC);
    await family.publishes(500);
    family.signal('parent', 'SIGKILL');
    await family.ended;
    const next = await RunningFamily.start({ journal: { folder } });
    next.tell(2, 'history', TOPIC);
    expectAll(await next.told('history'), family.published());
    next.tell(1, 'publish', { ...TOPIC, name: 'after' });
    await next.told('isPublished');
  });
});

describe('a parent that is stopped', () => {
  it('closes its journal after its children have ended: the epochs go on', async () => {
    const folder = scratchFolder();
    onTestFinished(() => removeFolder(folder));
    const family = await RunningFamily.start({ journal: { folder } });
    family.tell(1, 'publish', { ...TOPIC, name: 'before' });
    await family.told('isPublished');
    family.signal('parent', 'SIGTERM');
    expect(await family.ended).toBe(0);
    await using journal = await JournalBackplane.open({ folder });
    await using topics = new Topics({ backplane: journal });
    const topic = topics.topic(TOPIC.topic);
    const { cursor } = await topic.history({ last: 1 });
    const next = await topic.publish('after');
    expect(next.split('.')[0]).toBe(cursor.split('.')[0]);
  });
});

describe('runs of a journal whose program was killed', () => {
  it('are continued by a child, also if the parent could', async () => {
    const folder = scratchFolder();
    onTestFinished(() => removeFolder(folder));
    const options = { journal: { folder }, isContinued: true, hasRunsInParent: true };
    const family = await RunningFamily.start(options);
    family.tell(0, 'startRun', { id: 'run', records: 3 });
    await family.told('hasWritten');
    family.signal('parent', 'SIGKILL');
    await family.ended;
    const next = await RunningFamily.start(options);
    const [line] = await next.heard(({ continued }) => continued === 'run');
    expect(numbers(3)).toContain(line?.task);
    next.tell(1, 'readRun', { id: 'run' });
    const [end] = await next.heard(({ run }) => run === 'run');
    expect(end).toMatchObject({ data: [...numbers(3), 'from another process'], how: 'finished' });
  });
});

describe('a child that is stopped while others publish', () => {
  it('costs the parent a bounded queue, and catches up without loss', async () => {
    const family = await RunningFamily.start({ maxQueuedBytes: LIMIT });
    const bytes = 2000;
    family.tell(1, 'read', TOPIC);
    await family.told('isReading');
    family.signal(1, 'SIGSTOP');
    family.tell(0, 'publishAll', { ...TOPIC, most: 5000, bytes });
    await family.told('isDone');
    family.tell('parent', 'stats');
    const { children, queuedBytes, records } = await family.told<Record<string, number>>('stats');
    expect([children, records]).toEqual([3, 5000]);
    expect(queuedBytes).toBeGreaterThan(LIMIT / 2);
    expect(queuedBytes).toBeLessThan(LIMIT + textOf(bytes).length * 2);
    family.signal(1, 'SIGCONT');
    family.tell(1, 'seen', { last: family.published().at(-1) });
    const seen = await family.told<string[]>('seen', 1);
    expect(seen).toHaveLength(5000);
    expectAll(seen, family.published());
  });
});

describe('ProcessesBackplane in real processes', () => {
  it('has the role of its process', async () => {
    const family = await RunningFamily.start();
    expect(family.lines.filter(({ isReady }) => isReady === true).map(({ role }) => role)).toEqual([
      'child',
      'child',
      'child',
    ]);
    family.tell('parent', 'stats');
    const [line] = await family.heard(({ stats }) => stats !== undefined);
    expect(line?.role).toBe('parent');
  });
});

describe('a child that keeps topics to itself', () => {
  it('is warned of topics without a backplane, and told how a journal is shared', async () => {
    const folder = scratchFolder();
    onTestFinished(() => removeFolder(folder));
    const family = await RunningFamily.start({ journal: { folder } });
    family.tell(0, 'ownTopics');
    await family.told('hasOwnTopics', 0);
    const [warning] = await family.heard(({ log }) => log === 'warn');
    expect(warning?.message).toMatch(/not shared with the other children: pass a ProcessesBackplane/);
    family.tell(1, 'openJournal', { folder });
    const [refused] = await family.heard((line) => 'refused' in line);
    expect(refused).toMatchObject({
      refused: 'ERR_TOPICS_JOURNAL_IN_USE',
      message: expect.stringContaining('use ProcessesBackplane.open({ journal: { folder } })'),
    });
  });
});
