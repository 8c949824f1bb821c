import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type LogFileOptions, openLogFile } from '../../src/logging/index.ts';
import { LogFolder } from './fixtures/log-folder.ts';

describe('a log file', () => {
  it('has one line of JSON for each record [LG-02]', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    log.info({ user: 'ann' }, 'hello');
    log.child({ requestId: 7 }).error({ error: new TypeError('a\nb') }, 'failed');
    log.debug({}, 'not at this level');
    expect(await log.flush()).toBe(true);
    const records = folder
      .read()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toEqual([
      { time: expect.any(String), level: 'info', msg: 'hello', user: 'ann' },
      {
        ...{ time: expect.any(String), level: 'error', msg: 'failed', requestId: 7 },
        error: expect.objectContaining({ name: 'TypeError', message: 'a\nb', stack: expect.any(String) }),
      },
    ]);
  });

  it('has text without colours if wanted, in which no record can be forged', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ format: 'text', level: 'debug' });
    log.debug({ path: '/\x1b[2J' }, 'x\n[E 2026] forged');
    await log.flush();
    expect(folder.read()).toMatch(/^\[D \S+\] x path="\/\\u001b\[2J"\n {4}\[E 2026\] forged\n$/);
  });

  it('is appended to', async () => {
    const folder = new LogFolder();
    writeFileSync(folder.file(), 'before\n');
    const log = await folder.open();
    log.info({}, 'after');
    await log.close();
    expect(folder.read()).toMatch(/^before\n\{.*"msg":"after"\}\n$/);
  });

  it('is readable by its owner and group only, unless the mode says otherwise', async () => {
    const umask = process.umask();
    for (const [mode, expected] of [
      [undefined, 0o640],
      [0o600, 0o600],
    ] as const) {
      const folder = new LogFolder();
      await folder.open(mode === undefined ? {} : { mode });
      expect(statSync(folder.file()).mode & 0o777).toBe(expected & ~umask);
    }
  });

  it('has the records of all loggers in order', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    const child = log.child({ a: 1 });
    for (let count = 0; count < 1_000; count += 1) (count % 2 === 0 ? log : child).info({}, String(count));
    await log.flush();
    expect(folder.messages()).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index)));
  });

  it('has methods that do not depend on `this`', async () => {
    const folder = new LogFolder();
    const { info, child } = await folder.open();
    info({}, 'x');
    child({}).info({}, 'y');
    const log = await folder.open({ path: folder.file('other.log') });
    await log.close();
    expect(folder.names()).toEqual(['app.log', 'other.log']);
  });

  it('takes what a disposal leaves no time for', async () => {
    const folder = new LogFolder();
    {
      await using log = await openLogFile({ path: folder.file() });
      log.info({}, 'last');
    }
    expect(folder.messages()).toEqual(['last']);
  });

  it('says so if records come after it was closed, and loses them', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    log.info({}, 'in time');
    const closing = log.close();
    log.info({}, 'late');
    await closing;
    log.info({}, 'later');
    expect(folder.messages()).toEqual(['in time']);
    expect(folder.reports[0]).toMatchObject({
      message: expect.stringContaining('after the log file was closed'),
    });
    expect(await log.flush()).toBe(true);
    expect(await log.reopen()).toBe(false);
    await log.close();
  });

  it('has the number of records that were dropped because too many came at once, also if it is closed then', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ maxBufferedBytes: 65_536 });
    const filler = 'x'.repeat(10_000);
    for (let count = 0; count < 10; count += 1) log.info({ filler }, String(count));
    expect(log.droppedCount).toBe(4);
    expect(log.bufferedBytes).toBeLessThan(65_536);
    await Promise.all([log.flush(), log.close(), log.close()]);
    expect(folder.messages()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      expect.stringContaining('records were dropped'),
    ]);
    expect(folder.read()).toMatch(/"dropped":4}\n$/);
    expect(folder.reports).toEqual([]);
  });

  it('may be opened again after it was closed, and not twice at once', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    await expect(folder.open()).rejects.toMatchObject({
      ...{ name: 'LogFileUsageError', code: 'ERR_LOG_FILE_USAGE' },
      message: `openLogFile: ${folder.file()} is open already in this process; share its logger, or a child of it`,
    });
    await log.close();
    const again = await folder.open();
    again.info({}, 'again');
    await again.flush();
    expect(folder.messages()).toEqual(['again']);
  });

  it('has a name with `main` for {task} in a process without a task', async () => {
    const folder = new LogFolder();
    const log = await folder.open({ path: folder.file('app-{task}.log') });
    expect(log.path).toBe(folder.file('app-main.log'));
    expect(folder.names()).toEqual(['app-main.log']);
  });

  it('is shown with its state', async () => {
    const folder = new LogFolder();
    const log = await folder.open();
    expect(inspect(log)).toBe(
      `LogFile {\n  path: '${folder.file()}',\n  bufferedBytes: 0,\n  droppedCount: 0,\n  size: 0,\n  isClosed: false\n}`,
    );
  });
});

describe('openLogFile', () => {
  it('refuses a symbolic link, also one that leads nowhere [LG-02]', async () => {
    const folder = new LogFolder();
    const secret = folder.file('secret');
    for (const exists of [false, true]) {
      if (exists) writeFileSync(secret, 'x');
      else symlinkSync(secret, folder.file());
      await expect(folder.open()).rejects.toMatchObject({
        ...{ name: 'LogFileError', code: 'ERR_LOG_FILE_OPEN', cause: { code: 'ELOOP' } },
        message: expect.stringContaining('symbolic links are not followed'),
      });
      expect(folder.names()).toEqual(exists ? ['app.log', 'secret'] : ['app.log']);
    }
  });

  it('refuses a pipe without waiting for its reader, and a device', async () => {
    const folder = new LogFolder();
    execFileSync('mkfifo', [folder.file()]);
    for (const path of [folder.file(), '/dev/null'])
      await expect(folder.open({ path })).rejects.toMatchObject({
        code: 'ERR_LOG_FILE_OPEN',
        message: expect.stringContaining('for a pipe or a terminal, use createConsoleLogger'),
      });
  });

  it('refuses a folder that is missing, and a folder for a file', async () => {
    const folder = new LogFolder();
    await expect(folder.open({ path: folder.file('none/app.log') })).rejects.toMatchObject({
      ...{ code: 'ERR_LOG_FILE_OPEN', cause: { code: 'ENOENT' } },
      message: expect.stringContaining('create its folder first'),
    });
    mkdirSync(folder.file());
    await expect(folder.open()).rejects.toMatchObject({ cause: { code: 'EISDIR' } });
    // The path is not taken by an attempt that failed.
    await expect(folder.open()).rejects.toMatchObject({ code: 'ERR_LOG_FILE_OPEN' });
  });

  it.each<[object, string]>([
    [{ path: '' }, 'path: the path of a file was expected'],
    [{ path: 'a\0b' }, 'path: the path of a file was expected'],
    [{}, 'path: the path of a file was expected'],
    [{ path: 'x', format: 'xml' }, "format: 'text' or 'json' was expected"],
    [{ path: 'x', level: 'trace' }, "level: 'debug' or"],
    [{ path: 'x', rotate: 'daily' }, "rotate: 'size' or 'time' or 'none'"],
    [{ path: 'x', when: 'd' }, "when: 'S' or 'M'"],
    [{ path: 'x', maxBytes: 0 }, 'maxBytes: a whole number of 1 or more'],
    [{ path: 'x', backups: 0 }, 'backups: a whole number of 1 to 1000'],
    [{ path: 'x', interval: 0 }, 'interval: a whole number of 1 to 1000'],
    [{ path: 'x', mode: 0o1000 }, 'mode: a whole number of 0 to 511'],
    [{ path: 'x', maxBufferedBytes: 1 }, 'maxBufferedBytes: a whole number of 65536 to'],
    [{ path: 'x', utc: 1 }, 'utc: true or false'],
    [{ path: 'x', fallback: {} }, 'fallback: a logger was expected'],
    [{ path: 'x', clock: {} }, 'a clock was expected'],
    [{ path: 'x', maxSize: 1 }, 'unknown option "maxSize"'],
  ])('refuses the options %j', async (options, problem) => {
    await expect(openLogFile(options as LogFileOptions)).rejects.toMatchObject({
      ...{ code: 'ERR_LOG_FILE_USAGE', message: expect.stringContaining(problem) },
    });
  });
});
