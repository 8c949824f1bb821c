import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JournalBackplane } from '../../src/index.ts';
import { append, appendAll, JournalTrial, kept, numbers, RUN_SETTINGS, SETTINGS } from './journal-trial.ts';

const SMALL = { segmentBytes: 4096 };
const SHORT = { ...SETTINGS, maxRecords: 3 };

const filesOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => !name.endsWith('.sock'))
    .sort();
/** Files may be renamed and removed meanwhile. */
const bytesOf = (folder: string, names = filesOf(folder)) =>
  names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);

/** Publishes what is soon dead until the journal has been compacted so many times more. */
async function publishUntilCompacted(backplane: JournalBackplane, times = 1): Promise<void> {
  const wanted = backplane.stats().compactions + times;
  for (let n = 0; backplane.stats().compactions < wanted; n += 1) {
    await append(backplane, 'short', { n, text: 'x'.repeat(200) }, SHORT);
  }
}

describe('the compaction of a journal', () => {
  it('keeps the files within a multiple of what is alive, however much is written', async () => {
    const trial = new JournalTrial(SMALL);
    const backplane = await trial.open();
    await appendAll(backplane, 'long', numbers(100));
    let most = 0;
    for (let n = 0; n < 5000; n += 1) {
      await append(backplane, 'short', { n, text: 'x'.repeat(100) }, SHORT);
      if (n % 50 === 0) most = Math.max(most, bytesOf(trial.folder));
    }
    // About 6 KiB are alive, and 5000 records of more than 150 bytes were written.
    expect(most).toBeLessThan(64 * 1024);
    expect(backplane.stats().compactions).toBeGreaterThan(10);
    // A compaction may still be going on.
    const counted = () =>
      bytesOf(
        trial.folder,
        filesOf(trial.folder).filter((name) => !name.endsWith('.tmp')),
      );
    await expect.poll(() => backplane.stats().fileBytes - counted()).toBe(0);
    await backplane.close();
    const again = await trial.open();
    expect(kept(again, 'long').data).toEqual(numbers(100));
    expect(kept(again, 'short').data).toHaveLength(3);
  });

  it('makes no file larger than a segment', async () => {
    const trial = new JournalTrial(SMALL);
    const backplane = await trial.open();
    await appendAll(backplane, 'long', numbers(400));
    await publishUntilCompacted(backplane, 2);
    const names = filesOf(trial.folder);
    expect(names.filter((name) => name.includes('.base-')).length).toBeGreaterThan(4);
    for (const name of names) expect(statSync(join(trial.folder, name)).size, name).toBeLessThanOrEqual(4096);
  });

  it('keeps everything of topics and runs that is alive', async () => {
    const trial = new JournalTrial(SMALL);
    const backplane = await trial.open();
    const cursors = await appendAll(backplane, 'news', numbers(20));
    await trial.kill();
    const second = await trial.open();
    cursors.push(...(await appendAll(second, 'news', [20, 21], { ...SETTINGS, maxRecords: 15 })));
    await second.append('keyed', { payload: Uint8Array.of(1, 2), key: 'k', id: 'once' }, SETTINGS);
    await second.append('trimmed', { payload: '1', id: 'gone' }, { ...SETTINGS, maxRecords: 1 });
    const last = await second.append('trimmed', { payload: '2' }, { ...SETTINGS, maxRecords: 1 });
    await append(second, 'deleted', 1);
    await second.delete('deleted');
    for (const id of ['ended', 'going', 'cancelled']) {
      const { token } = await second.claimRun({ id, owner: 'ada', input: `"${id}"`, settings: RUN_SETTINGS });
      await second.writeRun(id, token as number, '"a"');
      if (id === 'ended') await second.endRun(id, token as number, { how: 'finished', result: '{"b":2}' });
      if (id === 'cancelled') await second.cancelRun(id);
    }
    await publishUntilCompacted(second, 2);
    const infos = await Promise.all(['ended', 'going', 'cancelled'].map((id) => second.runInfo(id)));
    await trial.kill();
    const third = await trial.open();
    expect(kept(third, 'news')).toEqual({
      data: numbers(22).slice(7),
      cursors: cursors.slice(7),
      gap: undefined,
    });
    expect(kept(third, 'news', cursors[10]).gap).toBeUndefined();
    expect(kept(third, 'news', cursors[2]).gap).toBe('trimmed');
    const { records } = third.read(
      { kind: 'topic', name: 'keyed' },
      { start: true },
      { maxRecords: 9, maxBytes: 999 },
    );
    expect(records[0]).toMatchObject({ key: 'k', payload: Uint8Array.of(1, 2) });
    expect(await third.append('keyed', { payload: '2', id: 'once' }, SETTINGS)).toBe(records[0]?.cursor);
    const first = await third.append('trimmed', { payload: '3', id: 'gone' }, { ...SETTINGS, maxRecords: 1 });
    expect(third.compare(first, last)).toBeLessThan(0);
    expect(kept(third, 'deleted').data).toEqual([]);
    expect(await Promise.all(['ended', 'going', 'cancelled'].map((id) => third.runInfo(id)))).toEqual(infos);
    expect(kept(third, { kind: 'run', name: 'ended' }).data).toEqual(['a']);
    const claims = [
      await third.claimExpiredRun(),
      await third.claimExpiredRun(),
      await third.claimExpiredRun(),
    ];
    expect(claims.map((claim) => claim?.run.id)).toEqual(['going', 'cancelled', undefined]);
    await third.endRun('going', claims[0]?.token as number, { how: 'interrupted' });
  });

  it('loses nothing that is written while it goes on', async () => {
    const trial = new JournalTrial({ segmentBytes: 16 * 1024 });
    const backplane = await trial.open();
    const topics = numbers(30).map((index) => `topic ${index}`);
    const written = new Map<string, string[]>(topics.map((topic) => [topic, []]));
    // Published, deleted and begun again in any order, while one base after the other is written.
    await Promise.all(
      topics.map(async (topic, index) => {
        for (let n = 0; n < 150; n += 1) {
          const settings = index % 3 === 1 ? SHORT : SETTINGS;
          const text = 'x'.repeat(settings === SHORT ? 300 : 10);
          const cursors = written.get(topic) ?? [];
          cursors.push(await append(backplane, topic, { n, text }, settings));
          written.set(topic, cursors.slice(-settings.maxRecords));
          if (index % 3 !== 0 || n % 40 !== 39) continue;
          await backplane.delete(topic);
          written.set(topic, []);
        }
      }),
    );
    expect(backplane.stats().compactions).toBeGreaterThan(0);
    await trial.kill();
    const again = await trial.open();
    for (const topic of topics) expect(kept(again, topic).cursors, topic).toEqual(written.get(topic));
  });

  it('forgets what has expired without a word in the file', async () => {
    const trial = new JournalTrial(SMALL);
    const backplane = await trial.open();
    const { token } = await backplane.claimRun({
      id: 'short',
      owner: 'o',
      input: undefined,
      settings: { ...RUN_SETTINGS, ttlMs: 0 },
    });
    await backplane.endRun('short', token as number, { how: 'finished', result: '1' });
    await publishUntilCompacted(backplane);
    await backplane.close();
    const again = await trial.open();
    await expect(again.runInfo('short')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
    expect(again.stats().runs).toBe(0);
  });
});

describe('a compaction that was killed', () => {
  /** Files of before and after a compaction. */
  async function beforeAndAfter(): Promise<{ trial: JournalTrial; before: string; after: string }> {
    const trial = new JournalTrial(SMALL);
    const first = await trial.open();
    const folder = trial.folder;
    await appendAll(first, 'long', numbers(200));
    const before = trial.copy(folder);
    await publishUntilCompacted(first);
    const after = trial.copy(folder);
    await first.close();
    return { trial, before, after };
  }

  it('leaves files under temporary names, which are removed', async () => {
    const { trial, before, after } = await beforeAndAfter();
    const folder = trial.copy(before);
    for (const name of filesOf(after).filter((one) => one.includes('.base-'))) {
      copyFileSync(join(after, name), join(folder, `${name}.tmp`));
    }
    const backplane = await trial.open();
    expect(kept(backplane, 'long').data).toEqual(numbers(200));
    expect(filesOf(folder)).toEqual(filesOf(before));
  });

  it('leaves parts of a base without the first one, which are removed', async () => {
    const { trial, before, after } = await beforeAndAfter();
    const folder = trial.copy(before);
    for (const name of filesOf(after).filter((one) => one.includes('.base-'))) {
      copyFileSync(join(after, name), join(folder, name.endsWith('-0000') ? `${name}.tmp` : name));
    }
    const backplane = await trial.open();
    expect(kept(backplane, 'long').data).toEqual(numbers(200));
    expect(filesOf(folder)).toEqual(filesOf(before));
  });

  it('leaves files that the base replaces, which are removed', async () => {
    const { trial, before, after } = await beforeAndAfter();
    const expected = trial.copy(after);
    const short = await trial.open();
    const { data } = kept(short, 'short');
    await short.close();
    const folder = trial.copy(after);
    const base = filesOf(after).find((name) => name.includes('.base-')) as string;
    const old = filesOf(before).filter((name) => name < base);
    expect(old.length).toBeGreaterThan(2);
    for (const name of old) copyFileSync(join(before, name), join(folder, name));
    const backplane = await trial.open();
    expect(kept(backplane, 'long').data).toEqual(numbers(200));
    expect(kept(backplane, 'short').data).toEqual(data);
    expect(filesOf(folder).filter((name) => name < base)).toEqual([]);
    expect(expected).not.toBe(folder);
  });
});

describe('a damaged base', () => {
  it('is not opened, and is repaired up to the damage', async () => {
    const trial = new JournalTrial(SMALL);
    const first = await trial.open();
    await appendAll(first, 'long', numbers(200));
    await publishUntilCompacted(first);
    await trial.kill();
    const whole = trial.folder;
    const parts = filesOf(whole).filter((name) => name.includes('.base-'));
    expect(parts.length).toBeGreaterThan(2);
    const middle = parts[1] as string;

    const damaged = join(trial.copy(whole), middle);
    const bytes = readFileSync(damaged);
    bytes[1000] = (bytes[1000] as number) ^ 1;
    writeFileSync(damaged, bytes);
    await expect(trial.open()).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_CORRUPT', file: damaged });
    const repaired = await trial.open({ repair: true });
    const { data } = kept(repaired, 'long');
    expect(data).toEqual(numbers(data.length));
    expect(data.length).toBeGreaterThan(20);
    await append(repaired, 'long', 'after');
    await repaired.close();
    const again = await trial.open();
    expect(kept(again, 'long').data).toEqual([...data, 'after']);
    await again.close();

    const cut = join(trial.copy(whole), parts.at(-1) as string);
    truncateSync(cut, statSync(cut).size - 1);
    await expect(trial.open()).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_CORRUPT', file: cut });

    const folder = trial.copy(whole);
    renameSync(join(folder, middle), join(folder, 'away'));
    const missing = { code: 'ERR_TOPICS_JOURNAL_CORRUPT', file: join(folder, parts[2] as string), offset: 0 };
    await expect(trial.open()).rejects.toMatchObject(missing);
  });
});
