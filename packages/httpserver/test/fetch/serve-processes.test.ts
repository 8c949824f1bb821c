import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RunningLines } from '../fixtures/running-lines.ts';
import { ask } from './compat/servers.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/serve-program.mjs', import.meta.url));

interface Line {
  readonly port?: number;
  readonly pid?: number;
  readonly closed?: number;
}

const run = (options: object): RunningLines<Line> => new RunningLines<Line>(PROGRAM, JSON.stringify(options));

describe('serve in a process of its own', () => {
  it('serves in several processes at one port, and stops all of them on SIGTERM', async () => {
    const program = run({ processes: 2 });
    const lines = await program.heard('port', 2);
    expect(new Set(lines.map(({ port }) => port)).size).toBe(1);
    const pids = lines.map(({ pid }) => pid);
    expect(pids).not.toContain(program.process.pid);
    const { text } = await ask(lines[0]?.port as number, '/');
    expect(pids.map((pid) => `by ${pid}`)).toContain(text);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it.each([
    ['stopOnSignals', { stopOnSignals: true }],
    ['one process', { processes: 1 }],
  ])('ends with code 0 after SIGTERM with %s', async (_name, options) => {
    const program = run(options);
    const [line] = await program.heard('port');
    expect(line?.pid).toBe(program.process.pid);
    program.process.kill('SIGTERM');
    const [closed] = await program.heard('closed');
    expect(closed?.closed).toBe(line?.pid);
    expect(await program.ended).toBe(0);
  });

  it('ends by SIGTERM without these options', async () => {
    const program = run({});
    await program.heard('port');
    program.process.kill('SIGTERM');
    expect(await program.ended).not.toBe(0);
  });
});
