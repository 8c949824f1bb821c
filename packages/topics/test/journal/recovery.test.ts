import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { JournalBackplane } from '../../src/index.ts';
import { append, appendAll, JournalTrial, kept, numbers, RUN_SETTINGS, SETTINGS } from './journal-trial.ts';

const TORN = 'warn: the journal ends with an entry that was not written to its end, which is cut off';
const FIRST = '00000001.segment';
const run = { id: 'run', owner: 'ada', input: '1', settings: RUN_SETTINGS };

/** The sizes of a file after each of these appends. */
async function sizesAfter(
  backplane: JournalBackplane,
  path: string,
  data: readonly unknown[],
): Promise<number[]> {
  const sizes: number[] = [];
  for (const each of data) {
    await append(backplane, 'news', each);
    sizes.push(statSync(path).size);
  }
  return sizes;
}

describe('a journal that was not closed', () => {
  it('is cut back to its last whole entry, wherever the last one was torn', async () => {
    const trial = new JournalTrial();
    const source = trial.folder;
    const sizes = await sizesAfter(await trial.open(), join(source, FIRST), ['a', 'b', 'last']);
    await trial.kill();
    const whole = trial.folder;
    const [before, end] = [sizes[1] as number, sizes[2] as number];
    expect(end - before).toBeGreaterThan(50);
    for (let size = before + 1; size < end; size += 1) {
      truncateSync(join(trial.copy(whole), FIRST), size);
      trial.logger.lines.length = 0;
      const backplane = await trial.open();
      expect(kept(backplane, 'news').data, `torn at ${size}`).toEqual(['a', 'b']);
      expect(trial.logged()).toEqual([TORN]);
      await append(backplane, 'news', 'c');
      await backplane.close();
      const again = await trial.open();
      expect(kept(again, 'news').data).toEqual(['a', 'b', 'c']);
      expect(trial.logged()).toEqual([TORN]);
      await again.close();
    }
  });

  it('is cut back to its last whole entry if zeros or garbage follow it', async () => {
    const trial = new JournalTrial();
    const source = trial.folder;
    await appendAll(await trial.open(), 'news', ['a', 'b']);
    await trial.kill();
    const whole = trial.folder;
    for (const rest of [Buffer.alloc(5000), Buffer.alloc(100, 0x7f), Buffer.from('{"a":1}\n')]) {
      const path = join(trial.copy(whole), FIRST);
      writeFileSync(path, Buffer.concat([readFileSync(join(whole, FIRST)), rest]));
      const backplane = await trial.open();
      expect(kept(backplane, 'news').data).toEqual(['a', 'b']);
      await backplane.close();
    }
    expect(source).not.toBe(whole);
  });

  it('is cut back whatever the torn entry contains', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    await appendAll(backplane, 'news', ['a', 'b']);
    // At each offset, what could be the length and the sequence number of a later entry. Checking each of them to its end
    // would take hours.
    const payload = new Uint8Array(8 * 2 ** 20);
    const view = new DataView(payload.buffer);
    for (let at = 0; at + 16 <= payload.length; at += 16) {
      view.setUint32(at + 4, 2 ** 22, true);
      view.setFloat64(at + 8, 10, true);
    }
    await backplane.append('news', { payload }, SETTINGS);
    await trial.kill();
    truncateSync(join(trial.folder, FIRST), statSync(join(trial.folder, FIRST)).size - 1);
    const again = await trial.open();
    expect(kept(again, 'news').data).toEqual(['a', 'b']);
    expect(trial.logged()).toEqual([TORN]);
  });

  it('ignores a segment whose header was not written to its end', async () => {
    const trial = new JournalTrial();
    await appendAll(await trial.open(), 'news', ['a']);
    await trial.kill();
    const whole = trial.folder;
    for (const size of [0, 1, 63]) {
      const folder = trial.copy(whole);
      writeFileSync(join(folder, '00000002.segment'), readFileSync(join(folder, FIRST)).subarray(0, size));
      const backplane = await trial.open();
      await append(backplane, 'news', 'b');
      await backplane.close();
      const again = await trial.open();
      expect(kept(again, 'news').data).toEqual(['a', 'b']);
      await again.close();
    }
  });

  it('goes on in a new epoch, in which cursors of the last one stay valid up to its last record', async () => {
    const trial = new JournalTrial();
    const cursors = await appendAll(await trial.open(), 'news', numbers(5));
    await trial.kill();
    const backplane = await trial.open();
    const [epoch] = (cursors[4] as string).split('.');
    const next = await append(backplane, 'news', 5);
    expect(next).toMatch(/\.6$/);
    expect(next.startsWith(`${epoch}.`)).toBe(false);
    for (const [index, cursor] of cursors.entries()) {
      expect(kept(backplane, 'news', cursor)).toMatchObject({
        data: numbers(6).slice(index + 1),
        gap: undefined,
      });
    }
    expect(kept(backplane, 'news', `${epoch}.6`)).toMatchObject({ data: numbers(6), gap: 'future' });
  });

  it('has read the same cursors after each further kill', async () => {
    const trial = new JournalTrial();
    const cursors: string[] = [];
    for (const number of numbers(6)) {
      cursors.push(await append(await trial.open(), 'news', number));
      await trial.kill();
    }
    const backplane = await trial.open();
    expect(kept(backplane, 'news')).toEqual({ data: numbers(6), cursors, gap: undefined });
    expect(new Set(cursors.map((cursor) => cursor.split('.')[0])).size).toBe(6);
  });

  it('keeps the epochs over if nothing was published before it was closed', async () => {
    const trial = new JournalTrial();
    const first = await append(await trial.open(), 'news', 0);
    await trial.kill();
    await (await trial.open()).close();
    const backplane = await trial.open();
    const second = await append(backplane, 'news', 1);
    expect(second.split('.')[0]).not.toBe(first.split('.')[0]);
  });

  it('has no lease on any run, and larger tokens', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    const claim = await backplane.claimRun(run);
    await backplane.writeRun('run', claim.token as number, '"a"');
    await trial.kill();
    const next = await trial.open();
    await expect(next.writeRun('run', claim.token as number, '"late"')).rejects.toMatchObject({
      code: 'ERR_RUN_LEASE_LOST',
    });
    const claimed = await next.claimExpiredRun();
    expect(claimed).toMatchObject({ run: { id: 'run', attempt: 1 } });
    expect(claimed?.token).toBeGreaterThan(claim.token as number);
    expect(await next.claimExpiredRun()).toBeUndefined();
  });

  it('goes on with a run in a new epoch', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    const { token } = await backplane.claimRun(run);
    const first = await backplane.writeRun('run', token as number, '1');
    await trial.kill();
    const next = await trial.open();
    const claim = await next.claimExpiredRun('run');
    const second = await next.writeRun('run', claim?.token as number, '2');
    expect(second.split('.')[0]).not.toBe(first.split('.')[0]);
    const log = { kind: 'run', name: 'run' } as const;
    expect(kept(next, log, first)).toMatchObject({ data: [2], gap: undefined });
    // A record that a power cut took away, and that a reader had got.
    expect(kept(next, log, `${first.split('.')[0]}.2`)).toMatchObject({ data: [1, 2], gap: 'future' });
  });
});

describe('a journal that was closed', () => {
  it('goes on in the same epoch', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    const cursors = await appendAll(first, 'news', [0, 1]);
    await first.close();
    // Opened and killed without a change.
    await trial.open();
    await trial.kill();
    const backplane = await trial.open();
    cursors.push(await append(backplane, 'news', 2));
    expect(new Set(cursors.map((cursor) => cursor.split('.')[0])).size).toBe(1);
    expect(kept(backplane, 'news').cursors).toEqual(cursors);
  });

  it('begins anew with a topic that it had forgotten', async () => {
    const trial = new JournalTrial({ maxTopics: 1 });
    const first = await trial.open();
    const old = await appendAll(first, 'a', numbers(8));
    await append(first, 'b', 0);
    const [again] = await appendAll(first, 'a', ['new']);
    await first.close();
    const backplane = await trial.open();
    expect(kept(backplane, 'a')).toMatchObject({ data: ['new'], cursors: [again] });
    expect(kept(backplane, 'a', old[3]).gap).toBe('reset');
  });

  it('applies the settings of the program that opens it', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    await appendAll(first, 'news', numbers(10));
    await first.close();
    const second = await trial.open();
    await append(second, 'news', 10, { ...SETTINGS, maxRecords: 3 });
    expect(kept(second, 'news').data).toEqual([8, 9, 10]);
    await second.close();
    expect(kept(await trial.open(), 'news').data).toEqual([8, 9, 10]);
  });
});

describe('a damaged journal', () => {
  async function damagedTrial(): Promise<{ trial: JournalTrial; whole: string; sizes: number[] }> {
    const trial = new JournalTrial();
    const source = trial.folder;
    const sizes = await sizesAfter(await trial.open(), join(source, FIRST), ['a', 'b', 'c', 'd']);
    await trial.kill();
    return { trial, whole: trial.folder, sizes };
  }

  function flip(path: string, at: number): void {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] as number) ^ 0x40;
    writeFileSync(path, bytes);
  }

  it('is not opened, and the error says where it is damaged, whichever byte of an entry is wrong', async () => {
    const { trial, whole, sizes } = await damagedTrial();
    const [start, end] = [sizes[1] as number, sizes[2] as number];
    for (let at = start; at < end; at += 1) {
      const file = join(trial.copy(whole), FIRST);
      flip(file, at);
      await expect(trial.open(), `byte ${at}`).rejects.toMatchObject({
        name: 'JournalError',
        code: 'ERR_TOPICS_JOURNAL_CORRUPT',
        file,
        offset: start,
      });
    }
  });

  it('is opened with what comes before the damage if repair is set, and keeps the rest aside', async () => {
    const { trial, whole, sizes } = await damagedTrial();
    const folder = trial.copy(whole);
    const damaged = readFileSync(join(folder, FIRST));
    damaged[(sizes[1] as number) + 30] = 0xee;
    writeFileSync(join(folder, FIRST), damaged);
    const backplane = await trial.open({ repair: true });
    expect(kept(backplane, 'news').data).toEqual(['a', 'b']);
    await append(backplane, 'news', 'e');
    await backplane.close();
    expect(readFileSync(join(folder, `damaged-${FIRST}`))).toEqual(damaged);
    const again = await trial.open();
    expect(kept(again, 'news').data).toEqual(['a', 'b', 'e']);
    expect(trial.logged().filter((line) => line.startsWith('error'))).toEqual([
      'error: the journal is damaged; what follows is left out',
    ]);
  });

  it('goes on in a new epoch after a repair, although it had been closed', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    const cursors = await appendAll(first, 'news', ['a', 'b', 'c']);
    await first.close();
    const path = join(trial.folder, FIRST);
    flip(path, readFileSync(path).indexOf('"b"'));
    const backplane = await trial.open({ repair: true });
    const next = await append(backplane, 'news', 'd');
    expect(kept(backplane, 'news').data).toEqual(['a', 'd']);
    expect(next.split('.')[0]).not.toBe(cursors[0]?.split('.')[0]);
    expect(kept(backplane, 'news', cursors[2]).gap).toBe('future');
  });

  it('is not opened if a segment is damaged at its end and another one follows, or if one is missing', async () => {
    const trial = new JournalTrial({ segmentBytes: 4096 });
    await appendAll(await trial.open(), 'news', numbers(300));
    await trial.kill();
    const whole = trial.folder;
    const segments = readdirSync(whole).filter((name) => name.endsWith('.segment'));
    expect(segments.length).toBeGreaterThan(4);
    const second = segments[1] as string;

    const cut = join(trial.copy(whole), second);
    truncateSync(cut, statSync(cut).size - 1);
    await expect(trial.open()).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_CORRUPT', file: cut });

    unlinkSync(join(trial.copy(whole), second));
    const third = join(trial.folder, segments[2] as string);
    const missing = { code: 'ERR_TOPICS_JOURNAL_CORRUPT', file: third, offset: 64 };
    await expect(trial.open()).rejects.toMatchObject(missing);

    const header = join(trial.copy(whole), second);
    flip(header, 20);
    await expect(trial.open()).rejects.toMatchObject({
      code: 'ERR_TOPICS_JOURNAL_CORRUPT',
      file: header,
      offset: 0,
    });
    const repaired = await trial.open({ repair: true });
    const { data } = kept(repaired, 'news');
    expect(data).toEqual(numbers(data.length));
    expect(data.length).toBeGreaterThan(10);
    const aside = readdirSync(trial.folder).filter((name) => name.startsWith('damaged-'));
    expect(aside).toEqual(segments.slice(1).map((name) => `damaged-${name}`));
  });
});

describe('a journal of another version', () => {
  /** Changes the version in the headers of all files. */
  function setVersion(folder: string, version: number, readableFrom: number): void {
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      bytes.writeUInt16LE(version, 8);
      bytes.writeUInt16LE(readableFrom, 10);
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
      writeFileSync(join(folder, name), bytes);
    }
  }

  it('is read but not written if it is newer and says that this one understands it', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    const { token } = await first.claimRun(run);
    await append(first, 'news', 1);
    await first.close();
    setVersion(trial.folder, 2, 1);
    const before = readFileSync(join(trial.folder, FIRST));
    const backplane = await trial.open();
    expect(kept(backplane, 'news').data).toEqual([1]);
    const refused = { name: 'JournalError', code: 'ERR_TOPICS_JOURNAL_VERSION' };
    await expect(append(backplane, 'news', 2)).rejects.toMatchObject(refused);
    await expect(backplane.delete('news')).rejects.toMatchObject(refused);
    await expect(backplane.claimExpiredRun()).rejects.toMatchObject(refused);
    await expect(backplane.writeRun('run', token as number, '1')).rejects.toMatchObject(refused);
    await backplane.join('news', { member: 'ada' }, { maxMembers: 1, leaveDelayMs: 0 });
    await backplane.close();
    expect(readFileSync(join(trial.folder, FIRST))).toEqual(before);
    expect(trial.logged()).toEqual([
      'warn: a newer version has written the journal, so it is only read; everything that would change it rejects',
    ]);
  });

  it('is not opened if it says that this one does not understand it', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    await append(first, 'news', 1);
    await first.close();
    setVersion(trial.folder, 3, 2);
    await expect(trial.open()).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_VERSION', offset: 0 });
  });
});

describe('JournalBackplane.open', () => {
  it('rejects if the folder cannot be used', async () => {
    const trial = new JournalTrial();
    const file = join(trial.folder, 'file');
    writeFileSync(file, '');
    for (const folder of [file, join(file, 'below')]) {
      const opened = trial.open({ folder });
      await expect(opened).rejects.toMatchObject({ code: 'ERR_TOPICS_JOURNAL_OPEN', file: folder });
      await expect(opened).rejects.toHaveProperty('cause');
    }
  });

  it.each([
    [{ folder: '' }, 'folder'],
    [{ folder: 1 as unknown as string }, 'folder'],
    [{ durability: 'fsync' as 'each' }, 'durability'],
    [{ syncMs: -1 }, 'syncMs'],
    [{ segmentBytes: 4095 }, 'segmentBytes'],
    [{ maxPending: 0 }, 'maxPending'],
    [{ repair: 1 as unknown as boolean }, 'repair'],
    [{ maxTopic: 5 }, 'maxTopic'],
  ])('refuses %j', async (options, name) => {
    const opened = new JournalTrial().open(options as object);
    await expect(opened).rejects.toMatchObject({ code: 'ERR_TOPICS_USAGE' });
    await expect(opened).rejects.toThrow(name);
  });

  it('makes a folder that only its owner can read', async () => {
    const trial = new JournalTrial();
    const folder = join(trial.folder, 'a', 'b');
    await append(await trial.open({ folder }), 'news', 1);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, FIRST)).mode & 0o777).toBe(0o600);
  });
});
