import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LogFolder } from './fixtures/log-folder.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/log-program.mjs', import.meta.url));
const FORK_PROGRAM = fileURLToPath(new URL('fixtures/fork-program.mjs', import.meta.url));

const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => String(index));

describe('the records of a process', () => {
  it.each([
    ['exits while a write is in progress', 'exit', 600],
    ['ends by an exception', 'throws', 2],
    ['ends by itself', 'ends', 1],
  ])('that %s are all written, each once [LG-02]', (_, scenario, count) => {
    const folder = new LogFolder();
    spawnSync(process.execPath, [PROGRAM, scenario, folder.file()], {
      stdio: ['ignore', 'inherit', 'ignore'],
    });
    expect(folder.messages()).toEqual(numbers(count));
  });
});

describe('several processes', () => {
  it('may write to one file for a while: no record is lost, torn or doubled by their rotations', async () => {
    const folder = new LogFolder();
    const exits = ['a', 'b'].map((name) => {
      const child = spawn(process.execPath, [PROGRAM, 'shares', folder.file(), name], { stdio: 'inherit' });
      return once(child, 'exit');
    });
    expect(await Promise.all(exits)).toEqual([
      [0, null],
      [0, null],
    ]);
    const expected = ['a', 'b'].flatMap((name) => numbers(1_000).map((number) => `${name} ${number}`));
    expect(folder.names()).not.toContain('app.log.rotating');
    expect(folder.names().length).toBeGreaterThan(3);
    expect(folder.allMessages().toSorted()).toEqual(expected.toSorted());
  });

  it('of one parent need a file each [LG-02]', () => {
    const folder = new LogFolder();
    execFileSync(process.execPath, [FORK_PROGRAM, folder.path], { stdio: ['ignore', 'inherit', 'inherit'] });
    expect(folder.names()).toEqual(['child-0.log', 'child-1.log']);
    for (const id of [0, 1]) {
      const [message] = folder.messages(`child-${id}.log`);
      expect(message).toContain(`${id}: openLogFile: `);
      expect(message).toContain('put {task} into the path');
    }
  });
});

describe('a disk without space', () => {
  /** A limit for the size of files has the effect of a full disk: a write takes a part, and the next one fails. */
  const start = (scenario: string, file: string) =>
    spawn('sh', ['-c', `ulimit -S -f 8; exec "$0" "$@"`, process.execPath, PROGRAM, scenario, file], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });

  it('is reported once, and records are written when there is space; the others are counted [LG-02]', async () => {
    const folder = new LogFolder();
    const child = start('full', folder.file());
    const exited = once(child, 'exit');
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (data) => {
      errors += data;
    });
    child.stdout.setEncoding('utf8');
    const [first] = await once(child.stdout, 'data');
    expect(JSON.parse(first)).toEqual({ flushed: false, dropped: true });
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
    child.stdin.end('go on\n');
    const [second] = await once(child.stdout, 'data');
    expect(JSON.parse(second)).toEqual({ flushed: true, buffered: 0 });
    await exited;

    const messages = folder.messages();
    const kept = messages.findIndex((message) => message.startsWith('records were dropped'));
    expect(messages.slice(0, kept)).toEqual(numbers(kept));
    expect(kept).toBeGreaterThan(10);
    expect(messages.slice(kept + 1)).toEqual(['late', 'last']);
    const dropped = folder
      .read()
      .split('\n')
      .map((line) => (line === '' ? {} : JSON.parse(line)).dropped);
    expect(dropped[kept]).toBe(100 - kept);
    const reports = errors
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports).toMatchObject([
      { level: 'warn', path: folder.file(), error: { code: 'EFBIG' } },
      { level: 'info', msg: 'the log file is written again' },
    ]);
  });

  it('at the exit of the process is reported too', async () => {
    const folder = new LogFolder();
    const child = start('lost', folder.file());
    const closed = once(child, 'close');
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (data) => {
      errors += data;
    });
    expect(await closed).toEqual([0, null]);
    expect(errors.trimEnd().split('\n').at(-1)).toContain('are lost');
  });
});
