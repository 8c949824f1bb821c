import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { JournalBackplane } from '../../src/index.ts';
import { append, appendAll, JournalTrial, kept, numbers } from './journal-trial.ts';
import { RunningProgram } from './running-program.ts';
import { scratchFolder } from './scratch.ts';

const WRITE_FAILED = { name: 'BackplaneError', code: 'ERR_TOPICS_JOURNAL_WRITE' };

/** Follows a topic. @returns what it was notified of. */
function followed(backplane: JournalBackplane, topic: string): unknown[] {
  const data: unknown[] = [];
  const follower = { record: (record: { data: unknown }) => data.push(record.data), gap() {}, ended() {} };
  backplane.follow(
    { kind: 'topic', name: topic },
    { ...follower, record: (record) => void data.push(record.data) },
    { presence: false },
  );
  return data;
}

// Only root can mount. Without it, the cases of a file that may not grow show the same.
describe.skipIf(process.getuid?.() !== 0)('a journal on a full disk', () => {
  it.each([{}, { segmentBytes: 64 * 1024 }, { durability: 'each' as const }])(
    'rejects what does not fit, delivers none of it, and goes on when there is room (%j)',
    async (options) => {
      const folder = scratchFolder();
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
      const trial = new JournalTrial({ ...options, folder });
      onTestFinished(() => void execFileSync('/bin/umount', ['-l', folder]));
      const backplane = await trial.open();
      const delivered = followed(backplane, 'news');
      writeFileSync(join(folder, 'filler'), Buffer.alloc(500 * 1024));
      const text = 'x'.repeat(10_000);
      const acknowledged: number[] = [];
      const rejected: unknown[] = [];
      // In groups, so that some of a batch would fit.
      for (let n = 0; rejected.length < 20; n += 5) {
        const group = await Promise.allSettled(
          [0, 1, 2, 3, 4].map((index) => append(backplane, 'news', { n: n + index, text })),
        );
        for (const [index, result] of group.entries()) {
          if (result.status === 'fulfilled') acknowledged.push(n + index);
          else rejected.push(result.reason);
        }
      }
      for (const error of rejected)
        expect(error).toMatchObject({ ...WRITE_FAILED, cause: { code: 'ENOSPC' } });
      const numbersOf = (data: readonly unknown[]) => data.map((each) => (each as { n: number }).n);
      expect(numbersOf(delivered)).toEqual(acknowledged);
      expect(numbersOf(kept(backplane, 'news').data)).toEqual(acknowledged);
      // The files contain exactly that.
      const copied = await trial.open({ folder: trial.copy() });
      expect(numbersOf(kept(copied, 'news').data)).toEqual(acknowledged);
      expect(trial.logged().filter((line) => line.includes('torn'))).toEqual([]);
      await copied.close();

      unlinkSync(join(folder, 'filler'));
      for (const n of [1000, 1001]) {
        await append(backplane, 'news', { n, text });
        acknowledged.push(n);
      }
      expect(numbersOf(delivered)).toEqual(acknowledged);
      await backplane.close();
      const again = await trial.open({ folder });
      expect(numbersOf(kept(again, 'news').data)).toEqual(acknowledged);
      await again.close();
      expect(trial.logged().filter((line) => line.includes('cannot be written')).length).toBeGreaterThan(0);
    },
  );

  it('closes and opens while the disk is full', async () => {
    const folder = scratchFolder();
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder]);
    const trial = new JournalTrial({ folder });
    onTestFinished(() => void execFileSync('/bin/umount', ['-l', folder]));
    const first = await trial.open();
    await appendAll(first, 'news', numbers(10));
    writeFull(join(folder, 'filler'));
    for (let n = 0; n < 300; n += 1) await append(first, 'news', n).catch(() => {});
    const before = kept(first, 'news').data;
    await first.close();
    const second = await trial.open();
    expect(kept(second, 'news').data).toEqual(before);
    await expect(append(second, 'news', 'x'.repeat(5000))).rejects.toMatchObject(WRITE_FAILED);
    unlinkSync(join(folder, 'filler'));
    await append(second, 'news', 'fits');
    await second.close();
  });

  /** Takes all room that is left. */
  function writeFull(path: string): void {
    for (let bytes = 128 * 1024; bytes >= 512; bytes /= 2) {
      try {
        writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
      } catch {
        // Not so much.
      }
    }
  }
});

describe('a journal whose file may not grow', () => {
  it('rejects what does not fit, and is whole', async () => {
    const trial = new JournalTrial();
    // In blocks of 512 bytes.
    const program = new RunningProgram<{ n?: number; cursor?: string; code?: string; cause?: string }>(
      ['fill', trial.folder, '1000'],
      'ulimit -f 40; exec "$@"',
    );
    expect(await program.ended).toBe(0);
    const failed = program.lines.filter(({ code }) => code !== undefined);
    expect(failed).toHaveLength(3);
    for (const line of failed) expect(line).toMatchObject({ code: WRITE_FAILED.code, cause: 'EFBIG' });
    const written = program.lines.filter(({ cursor }) => cursor !== undefined);
    expect(written.length).toBeGreaterThan(15);
    const backplane = await trial.open();
    const { data, cursors } = kept(backplane, 'news');
    expect(data.map((each) => (each as { n: number }).n)).toEqual(written.map(({ n }) => n));
    expect(cursors).toEqual(written.map(({ cursor }) => cursor));
    expect(trial.logged()).toEqual([]);
  });
});

describe('a journal on a disk with faults', () => {
  let restore: (() => void) | undefined;
  afterEach(() => restore?.());

  /** Replaces a method of Node's files by one that may fail, as the system would make it. */
  async function faulty<Name extends 'write' | 'truncate' | 'datasync'>(
    name: Name,
    call: (real: () => Promise<never>, args: unknown[], handle: FileHandle) => Promise<unknown>,
  ): Promise<void> {
    const handle = await open('/dev/null');
    const files = Object.getPrototypeOf(handle) as Record<Name, (...args: unknown[]) => Promise<unknown>>;
    await handle.close();
    const real = files[name];
    const before = restore;
    restore = () => {
      files[name] = real;
      before?.();
    };
    files[name] = function (this: FileHandle, ...args: unknown[]) {
      return call(() => real.apply(this, args) as Promise<never>, args, this);
    };
  }

  const systemError = (code: string) => Object.assign(new Error(code), { code });

  it('writes on after a short write', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    await faulty('write', async (real, args) => {
      args[2] = Math.min(args[2] as number, 7);
      return real();
    });
    await appendAll(backplane, 'news', ['a', 'b'.repeat(300)]);
    await trial.kill();
    expect(kept(await trial.open(), 'news').data).toEqual(['a', 'b'.repeat(300)]);
  });

  it('cuts off what a failed write has left, before the next write if it cannot be done at once', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    const delivered = followed(backplane, 'news');
    await append(backplane, 'news', 'a');
    let writes = 0;
    await faulty('write', async (real, args) => {
      writes += 1;
      if (writes === 2) throw systemError('EIO');
      if (writes === 1) args[2] = 20;
      return real();
    });
    let truncates = 0;
    await faulty('truncate', async (real) => {
      truncates += 1;
      if (truncates === 1) throw systemError('EIO');
      return real();
    });
    await expect(append(backplane, 'news', 'b')).rejects.toMatchObject({
      ...WRITE_FAILED,
      cause: { code: 'EIO' },
    });
    await append(backplane, 'news', 'c');
    expect(truncates).toBe(2);
    expect(delivered).toEqual(['a', 'c']);
    await trial.kill();
    expect(kept(await trial.open(), 'news').data).toEqual(['a', 'c']);
    expect(trial.logged().filter((line) => line.includes('damaged') || line.includes('cut off'))).toEqual([]);
  });

  it('rejects everything while the rest of a failed write cannot be cut off', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    await append(backplane, 'news', 'a');
    let writes = 0;
    await faulty('write', async (real, args) => {
      writes += 1;
      if (writes === 2) throw systemError('EIO');
      if (writes === 1) args[2] = 30;
      return real();
    });
    await faulty('truncate', async () => {
      throw systemError('EIO');
    });
    for (const data of ['b', 'c'])
      await expect(append(backplane, 'news', data)).rejects.toMatchObject(WRITE_FAILED);
    expect(writes).toBe(2);
    restore?.();
    await append(backplane, 'news', 'd');
    await trial.kill();
    expect(kept(await trial.open(), 'news').data).toEqual(['a', 'd']);
  });

  it('writes all files anew after a sync has failed, since it cannot know what they contain', async () => {
    const trial = new JournalTrial({ durability: 'each' });
    const backplane = await trial.open();
    const delivered = followed(backplane, 'news');
    const { token } = await backplane.claimRun({
      id: 'run',
      owner: 'o',
      input: undefined,
      settings: { maxRecords: 9, maxBytes: 9999, leaseMs: 9999, ttlMs: 9999, maxDurationMs: 9999 },
    });
    await backplane.writeRun('run', token as number, '1');
    await append(backplane, 'news', 'a');
    let syncs = 0;
    await faulty('datasync', async (real) => {
      syncs += 1;
      if (syncs <= 2) throw systemError('EIO');
      return real();
    });
    await expect(append(backplane, 'news', 'b')).rejects.toMatchObject({
      ...WRITE_FAILED,
      cause: { code: 'EIO' },
    });
    // The second sync that fails is one of the new files.
    await expect(append(backplane, 'news', 'c')).rejects.toMatchObject({
      ...WRITE_FAILED,
      cause: { code: 'EIO' },
    });
    await append(backplane, 'news', 'd');
    expect(delivered).toEqual(['a', 'd']);
    const names = readdirSync(trial.folder).filter((name) => !name.endsWith('.sock'));
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(names).not.toContain('00000001.segment');
    expect(names.some((name) => name.includes('.base-'))).toBe(true);
    await trial.kill();
    const again = await trial.open();
    expect(kept(again, 'news').data).toEqual(['a', 'd']);
    expect(kept(again, { kind: 'run', name: 'run' }).data).toEqual([1]);
  });

  it('logs that it cannot be written once, and then how often', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    await append(backplane, 'news', 'a');
    await faulty('write', async () => {
      throw systemError('EIO');
    });
    for (const n of numbers(5))
      await expect(append(backplane, 'news', n)).rejects.toMatchObject(WRITE_FAILED);
    expect(trial.logged()).toHaveLength(1);
    restore?.();
    await backplane.close();
    expect(trial.logged()[1]).toContain('(4 times within 60 s)');
    expect(statSync(join(trial.folder, '00000001.segment')).size).toBeGreaterThan(64);
  });
});
