import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LogFile } from '../../src/logging/index.ts';
import { LogFolder } from './fixtures/log-folder.ts';

/** Logs the numbers from `first` on, each in a turn of its own. */
async function logNumbers(log: LogFile, first: number, count: number): Promise<void> {
  for (let number = first; number < first + count; number += 1) {
    log.info({}, String(number).padStart(4, '0'));
    await log.flush();
  }
}

/** The bytes of one record of {@link logNumbers}. */
const RECORD = JSON.stringify({ time: new Date().toISOString(), level: 'info', msg: '0000' }).length + 1;

describe('rotation by size', () => {
  it('renames a file before it exceeds its size, and keeps the newest backups [LG-02]', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ maxBytes: RECORD * 3, backups: 2 });
    await logNumbers(log, 0, 8);
    expect(folder.names()).toEqual(['app.log', 'app.log.1', 'app.log.2']);
    expect(folder.messages()).toEqual(['0006', '0007']);
    expect(folder.messages('app.log.1')).toEqual(['0003', '0004', '0005']);
    expect(folder.messages('app.log.2')).toEqual(['0000', '0001', '0002']);
    await logNumbers(log, 8, 2);
    expect(folder.messages('app.log.2')).toEqual(['0003', '0004', '0005']);
    expect(folder.reports).toEqual([]);
  });

  it('rotates within the records of one turn too', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ maxBytes: RECORD * 3 + 5, backups: 5 });
    for (let number = 0; number < 10; number += 1) log.info({}, String(number).padStart(4, '0'));
    await log.flush();
    expect(folder.names()).toHaveLength(4);
    expect(folder.messages()).toEqual(['0009']);
    expect(folder.messages('app.log.3')).toEqual(['0000', '0001', '0002']);
  });

  it('counts what is in the file already, and writes a larger record alone', async () => {
    const folder = new LogFolder();
    writeFileSync(folder.file(), 'x'.repeat(RECORD));
    const log = await folder.open({ maxBytes: RECORD + 1, backups: 2 });
    log.info({}, 'y'.repeat(1_000));
    await logNumbers(log, 1, 1);
    expect(folder.read('app.log.2')).toBe('x'.repeat(RECORD));
    expect(folder.messages('app.log.1')).toEqual(['y'.repeat(1_000)]);
    expect(folder.messages()).toEqual(['0001']);
  });

  it('replaces a symbolic link at the name of a backup, and leaves what it leads to [LG-02]', async () => {
    const folder = new LogFolder();
    writeFileSync(folder.file('secret'), 'secret');
    symlinkSync(folder.file('secret'), folder.file('app.log.1'));
    const log = await folder.open({ maxBytes: RECORD, backups: 1 });
    await logNumbers(log, 0, 2);
    expect(folder.messages('app.log.1')).toEqual(['0000']);
    expect(folder.read('secret')).toBe('secret');
  });

  it('that fails is reported once, and the file grows until the next attempt', async () => {
    const folder = new LogFolder();
    mkdirSync(folder.file('app.log.1'));
    const log = await folder.open({ maxBytes: RECORD, backups: 1 });
    await logNumbers(log, 0, 5);
    expect(folder.messages()).toHaveLength(5);
    expect(folder.reports).toEqual([
      {
        message: 'the log file cannot be rotated; it grows until the next attempt',
        details: expect.objectContaining({
          path: log.path,
          error: expect.objectContaining({ code: 'EISDIR' }),
        }),
      },
    ]);
    rmSync(folder.file('app.log.1'), { recursive: true });
    await folder.clock.advance(10_000);
    await logNumbers(log, 5, 1);
    expect(folder.messages('app.log.1')).toHaveLength(5);
    expect(folder.messages()).toEqual(['0005']);
    expect(folder.names()).toEqual(['app.log', 'app.log.1']);
  });

  it('waits while another process rotates, unless that has died', async () => {
    const folder = new LogFolder();
    writeFileSync(folder.file('app.log.rotating'), '');
    const log = await folder.open({ maxBytes: RECORD, backups: 1 });
    await logNumbers(log, 0, 2);
    expect(folder.names()).toEqual(['app.log', 'app.log.rotating']);
    utimesSync(folder.file('app.log.rotating'), 1, 1);
    for (const number of [2, 3]) {
      await folder.clock.advance(1_000);
      await logNumbers(log, number, 1);
    }
    expect(folder.names()).toEqual(['app.log', 'app.log.1']);
    expect(folder.messages()).toEqual(['0003']);
    expect(folder.reports).toEqual([]);
  });
});

describe('rotation by time', () => {
  const start = Date.UTC(2026, 6, 31, 22);
  const HOUR = 3_600_000;

  it('begins a file at midnight, and names the backup by its day [LG-02]', async () => {
    const folder = new LogFolder(start);
    const log = await folder.open({ rotate: 'time', utc: true, backups: 2 });
    for (let number = 0; number < 5; number += 1) {
      await logNumbers(log, number, 1);
      await folder.clock.advance(12 * HOUR);
    }
    expect(folder.names()).toEqual(['app.log', 'app.log.2026-07-31', 'app.log.2026-08-01']);
    expect(folder.messages('app.log.2026-07-31')).toEqual(['0000']);
    expect(folder.messages('app.log.2026-08-01')).toEqual(['0001', '0002']);
    await logNumbers(log, 5, 1);
    // It is August 3, and the oldest was deleted.
    expect(folder.names()).toEqual(['app.log', 'app.log.2026-08-01', 'app.log.2026-08-02']);
  });

  it('deletes no file with another name, and never replaces a backup', async () => {
    const folder = new LogFolder(start);
    const others = [
      'app.log.1',
      'app.log.old',
      'app.log.2026-07-01.gz',
      'bapp.log.2026-07-01',
      'app.log.2026-07-1',
    ];
    for (const name of others) writeFileSync(folder.file(name), '');
    for (const name of ['app.log.2026-06-01', 'app.log.2026-07-31', 'app.log.2026-07-31.1'])
      writeFileSync(folder.file(name), '');
    const log = await folder.open({ rotate: 'time', utc: true, backups: 3 });
    await logNumbers(log, 0, 1);
    await folder.clock.advance(2 * HOUR);
    await logNumbers(log, 1, 1);
    const kept = ['app.log.2026-07-31', 'app.log.2026-07-31.1', 'app.log.2026-07-31.2'];
    expect(folder.names()).toEqual([...others, ...kept, 'app.log'].sort());
    expect(folder.messages('app.log.2026-07-31.2')).toEqual(['0000']);
  });

  it('begins anew if the file that is there is of an earlier period', async () => {
    const folder = new LogFolder(start);
    writeFileSync(folder.file(), '{"msg":"old"}\n');
    utimesSync(folder.file(), new Date(start), new Date(start - 48 * HOUR));
    const log = await folder.open({ rotate: 'time', when: 'H', interval: 6, utc: true });
    await logNumbers(log, 0, 1);
    expect(folder.messages('app.log.2026-07-29_18')).toEqual(['old']);
    expect(folder.messages()).toEqual(['0000']);
  });

  it('makes no backup of an empty file', async () => {
    const folder = new LogFolder(start);
    const log = await folder.open({ rotate: 'time', utc: true });
    await folder.clock.advance(48 * HOUR);
    await logNumbers(log, 0, 1);
    expect(folder.names()).toEqual(['app.log']);
  });
});

describe('rotation by another program', () => {
  it('is followed by reopen, as for logrotate [LG-02]', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ rotate: 'none' });
    await logNumbers(log, 0, 1);
    renameSync(folder.file(), folder.file('app.log.1'));
    await logNumbers(log, 1, 1);
    expect(await log.reopen()).toBe(true);
    await logNumbers(log, 2, 1);
    expect(folder.messages('app.log.1')).toEqual(['0000', '0001']);
    expect(folder.messages()).toEqual(['0002']);
  });

  it('is noticed without it after a second', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ rotate: 'none' });
    await logNumbers(log, 0, 1);
    renameSync(folder.file(), folder.file('app.log.1'));
    writeFileSync(folder.file(), '{"msg":"new"}\n');
    await folder.clock.advance(1_000);
    await logNumbers(log, 1, 1);
    expect(folder.messages()).toEqual(['new', '0001']);
    expect(folder.messages('app.log.1')).toEqual(['0000']);
  });

  it('may also cut the file', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ maxBytes: RECORD * 3, backups: 1 });
    await logNumbers(log, 0, 3);
    truncateSync(folder.file());
    await logNumbers(log, 3, 3);
    expect(folder.names()).toEqual(['app.log']);
    expect(folder.messages()).toEqual(['0003', '0004', '0005']);
  });

  it('does not lose records while the path cannot be opened, and says so', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ rotate: 'none' });
    renameSync(folder.file(), folder.file('moved'));
    mkdirSync(folder.file());
    expect(await log.reopen()).toBe(false);
    await logNumbers(log, 0, 1);
    expect(folder.messages('moved')).toEqual(['0000']);
    expect(folder.reports).toEqual([
      {
        message: 'the log file is not at its path, and cannot be opened there',
        details: expect.objectContaining({ error: expect.objectContaining({ code: 'EISDIR' }) }),
      },
    ]);
    rmSync(folder.file(), { recursive: true });
    await folder.clock.advance(1_000);
    await logNumbers(log, 1, 1);
    expect(folder.messages()).toEqual(['0001']);
  });

  it('that puts a symbolic link there is not followed', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ rotate: 'none' });
    renameSync(folder.file(), folder.file('moved'));
    writeFileSync(folder.file('secret'), '');
    symlinkSync(folder.file('secret'), folder.file());
    expect(await log.reopen()).toBe(false);
    await logNumbers(log, 0, 1);
    expect(folder.read('secret')).toBe('');
    expect(folder.messages('moved')).toEqual(['0000']);
  });

  it('leaves lines of other processes whole', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    for (let number = 0; number < 10; number += 1) {
      log.info({}, 'ours');
      appendFileSync(folder.file(), '{"msg":"theirs"}\n');
      await log.flush();
    }
    expect(folder.messages().toSorted()).toEqual([...Array(10).fill('ours'), ...Array(10).fill('theirs')]);
  });
});
