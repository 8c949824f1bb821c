import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { backplaneCompliance } from '../../src/compliance/index.ts';
import { ProcessesBackplane, type ProcessesBackplaneOptions, Runs } from '../../src/index.ts';
import { removeFolder, scratchFolder } from '../journal/scratch.ts';
import { append, follow, RUN_SETTINGS, SETTINGS } from './support.ts';

/** How long it looks whether there are children. */
const FIRST_CHILD_MS = 10_000;

backplaneCompliance('ProcessesBackplane in a program without children', { describe, it }, async (limits) => {
  const clock = new VirtualClock(1_700_000_000_000);
  const node = await ProcessesBackplane.open({ ...limits, clock });
  await clock.advance(FIRST_CHILD_MS);
  const none = async (): Promise<void> => {};
  return {
    nodes: [node],
    advance: (ms) => clock.advance(ms),
    kill: none,
    restart: none,
    close: () => node.close(),
  };
});

async function open(options: ProcessesBackplaneOptions = {}): Promise<ProcessesBackplane> {
  const backplane = await ProcessesBackplane.open(options);
  onTestFinished(() => backplane.close());
  return backplane;
}

describe('ProcessesBackplane', () => {
  it('is alone in a program without children', async () => {
    const backplane = await open();
    expect([backplane.name, backplane.role]).toEqual(['processes', 'alone']);
    await append(backplane, 'news', 1);
    expect(backplane.stats()).toMatchObject({ topics: 1, records: 1, children: 0, queuedBytes: 0 });
  });

  it('keeps a journal, and opens it again', async () => {
    const folder = scratchFolder();
    onTestFinished(() => removeFolder(folder));
    const first = await open({ journal: { folder } });
    await append(first, 'news', 1);
    await first.close();
    const second = await open({ journal: { folder } });
    const { records } = await second.read({ kind: 'topic', name: 'news' }, { start: true }, PAGE);
    expect(records.map(({ data }) => data)).toEqual([1]);
    const other = ProcessesBackplane.open({ name: 'other', journal: { folder } });
    await expect(other).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_IN_USE' });
  });

  it('has one instance of a name, and others of other names', async () => {
    const first = await open();
    const other = await open({ name: 'other' });
    await expect(ProcessesBackplane.open()).rejects.toMatchObject({
      name: 'TopicsUsageError',
      code: 'ERR_TOPICS_USAGE',
      message: expect.stringContaining('"topics"'),
    });
    const follower = await follow(other, 'news');
    await append(first, 'news', 1);
    expect(follower.records).toEqual([]);
    await first.close();
    await open();
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(257) }, 'name'],
    [{ maxQueuedBytes: -1 }, 'maxQueuedBytes'],
    [{ maxQueuedBytes: 2 ** 31 }, 'maxQueuedBytes'],
    [{ maxTopics: 0 }, 'maxTopics'],
    [{ clock: {} }, 'clock'],
    [{ logger: {} }, 'logger'],
    [{ journal: {} }, 'folder'],
    [{ folder: 'x' }, 'journal: { folder } in place of folder was expected'],
    [{ journal: 'x' }, 'an object of options was expected'],
    [{ journal: { folder: 'x', clocks: 1 } }, 'clock'],
    [{ journals: { folder: 'x' } }, 'journal'],
  ])('refuses the options %j', async (options, named) => {
    await expect(ProcessesBackplane.open(options as ProcessesBackplaneOptions)).rejects.toMatchObject({
      code: 'ERR_TOPICS_USAGE',
      message: expect.stringContaining(named),
    });
  });

  it('refuses records that would not fit into a message to another process', async () => {
    const backplane = await open();
    const payload = 'x'.repeat(64 * 1024 * 1024 - 4095);
    const tooLarge = { name: 'TopicsLimitError', code: 'ERR_TOPICS_RECORD_TOO_LARGE' };
    await expect(backplane.append('news', { payload }, SETTINGS)).rejects.toMatchObject(tooLarge);
    await expect(backplane.writeRun('run', 1, payload)).rejects.toMatchObject(tooLarge);
    await expect(backplane.endRun('run', 1, { how: 'finished', result: payload })).rejects.toMatchObject(
      tooLarge,
    );
    const fits = new Uint8Array(64 * 1024 * 1024 - 4096);
    await backplane.append('news', { payload: fits }, { ...SETTINGS, maxRecords: 0 });
  });

  it('does not open in a worker thread', async () => {
    const worker = new Worker(new URL('fixtures/thread.mjs', import.meta.url), { execArgv: [] });
    const [message] = await once(worker, 'message');
    expect(message).toEqual({ code: 'ERR_TOPICS_USAGE', message: expect.stringContaining('worker thread') });
  });

  it('takes runs whose producers have gone after it was alone for a while, and at once if they are asked for', async () => {
    const clock = new VirtualClock();
    const backplane = await open({ clock });
    for (const id of ['asked for', 'found']) {
      const { token } = await backplane.claimRun({
        id,
        owner: 'ada',
        input: undefined,
        settings: RUN_SETTINGS,
      });
      await backplane.releaseRun(id, token as number);
    }
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    expect((await backplane.claimExpiredRun('asked for'))?.run.id).toBe('asked for');
    await clock.advance(FIRST_CHILD_MS);
    expect((await backplane.claimExpiredRun())?.run.id).toBe('found');
  });

  it('serves Runs', async () => {
    const backplane = await open();
    const runs = new Runs({ backplane });
    onTestFinished(() => runs.close());
    const handle = await runs.start('run', { owner: 'ada' }, async (run) => {
      await run.write(1);
    });
    expect((await handle.ended).how).toBe('finished');
  });
});

const PAGE = { maxRecords: 10, maxBytes: 1e6 };
