import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/processes-program.mjs', import.meta.url));

type Line = { readonly pid: number; readonly port?: number; readonly slow?: boolean };

describe('HTTPServer in many processes', () => {
  let program: ChildProcess | undefined;
  afterEach(() => {
    program?.kill('SIGKILL'); // its children end with it
  });

  it('answers in each, again after one was killed, and finishes what it answers before the program ends [PROC-01]', async () => {
    const parent = spawn(process.execPath, [PROGRAM, '2'], { stdio: ['ignore', 'pipe', 'ignore'] });
    program = parent;
    // Closed when nobody has its standard output any more: all children are gone, too.
    const ended = new Promise((resolve) => parent.once('close', (...exit) => resolve(exit)));
    const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<Line> => JSON.parse((await lines.next()).value as string) as Line;

    const [first, second] = [await next(), await next()];
    expect(second.port).toBe(first.port);
    const base = `http://127.0.0.1:${first.port}`;
    const get = async (path: string) =>
      (await fetch(`${base}${path}`, { headers: { Connection: 'close' } })).text();
    const pidOf = (answer: string) => Number(answer.split(' ')[1]);
    for (let i = 0; i < 20; i += 1) expect([first.pid, second.pid]).toContain(pidOf(await get('/')));

    process.kill(first.pid, 'SIGKILL');
    const third = await next();
    expect(third.port).toBe(first.port);
    for (let i = 0; i < 20; i += 1) expect([second.pid, third.pid]).toContain(pidOf(await get('/')));

    const slow = get('/slow');
    expect(await next()).toMatchObject({ slow: true });
    parent.kill('SIGTERM');
    expect([second.pid, third.pid]).toContain(pidOf(await slow));
    expect(await ended).toEqual([0, null]);
  });
});

const BIND_THEN_FORK = fileURLToPath(
  new URL('../fixtures/programs/bind-then-fork-program.mjs', import.meta.url),
);

type Record = { readonly level?: string; readonly code?: string; readonly message: string };

describe('a child of forkProcesses that cannot listen', () => {
  let program: ChildProcess | undefined;
  afterEach(() => {
    program?.kill('SIGKILL');
  });

  async function run(scenario: string): Promise<{ readonly records: Record[]; readonly complaints: string }> {
    const parent = spawn(process.execPath, [BIND_THEN_FORK, scenario], { stdio: ['ignore', 'pipe', 'pipe'] });
    program = parent;
    let [output, complaints] = ['', ''];
    parent.stdout.on('data', (bytes) => {
      output += bytes;
    });
    parent.stderr.on('data', (bytes) => {
      complaints += bytes;
    });
    const [status] = await once(parent, 'close');
    expect(status).toBe(1);
    const records = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record);
    return { records, complaints };
  }

  it.each([
    ['above', 'because the parent listens there [PROC-01]'],
    ['below', 'because another child listens there [PROC-01]'],
  ])('names `listen` and `task.listeners` as the remedy: %s the call, %s', async (scenario) => {
    const { records, complaints } = await run(scenario);
    const remedy =
      /bind 127\.0\.0\.1:(\d+): the address is already in use \(EADDRINUSE\); .*forkProcesses\(2, { listen: \[{ host: '127\.0\.0\.1', port: \1 }\] }\).*server\.listen\(task\.listeners\[0\]\)/;
    // In the error of the child, once in the log of the parent, and in the error that it ends with.
    expect(complaints).toMatch(remedy);
    expect(records.filter(({ level }) => level === 'warn').length).toBeGreaterThan(1);
    const explained = records.filter(({ level, message }) => level === 'error' && remedy.test(message));
    expect(explained.map(({ message }) => /^the child of task \d could not listen:/.test(message))).toEqual([
      true,
    ]);
    const last = records.at(-1);
    expect(last).toMatchObject({ code: 'ERR_PROCESS_RESTARTS', message: expect.stringMatching(remedy) });
    // Both children end at about the same time, so that the last restart may not have begun.
    expect(last?.message).toMatch(/ended with exit code 1 after [23] restarts in all/);
  });

  it('says of a Unix socket that only one child can listen on it', async () => {
    const { records } = await run('path');
    expect(records.at(-1)?.message).toMatch(/\(EADDRINUSE\); .*task\.id === 0/);
  });
});
