import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/processes-program.mjs', import.meta.url));

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
