import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { HTTPServer, type StartOptions } from '../src/index.ts';
import { converse } from './fixtures/raw-client.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/start-program.mjs', import.meta.url));
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

interface Line {
  readonly port?: number;
  readonly task?: number | null;
  readonly answered?: number;
  readonly children?: number;
}

describe('HTTPServer.start', () => {
  let child: ChildProcess | undefined;
  afterEach(() => void child?.kill('SIGKILL'));

  /** Starts the program. `next` gives the next line that passes. */
  function run(processes: number) {
    const program = spawn(process.execPath, [PROGRAM, String(processes)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = program;
    // Closed when nobody has its standard output any more: all children are gone, too.
    const ended = new Promise((resolve) => program.once('close', (...exit) => resolve(exit)));
    const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
    const next = async (passes: (line: Line) => boolean): Promise<Line> => {
      for (;;) {
        const line = JSON.parse((await lines.next()).value as string) as Line;
        if (passes(line)) return line;
      }
    };
    return { program, ended, next };
  }

  it('serves in several processes, whose statistics the parent gathers [PROC-01]', async () => {
    const { program, ended, next } = run(2);
    const started = [
      await next(({ port }) => port !== undefined),
      await next(({ port }) => port !== undefined),
    ];
    expect(started.map(({ task }) => task).sort()).toEqual([0, 1]);
    const port = started[0]?.port as number;
    for (let i = 0; i < 10; i += 1) expect(await converse(port, GET)).toMatch(/\r\n\r\n\d+$/);
    await next(({ answered, children }) => answered === 10 && children === 2);
    program.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('serves in this process where one is asked for, and stops on a signal', async () => {
    const { program, ended, next } = run(1);
    const { port, task } = await next((line) => line.port !== undefined);
    expect(task).toBeNull();
    expect(await converse(port as number, GET)).toMatch(new RegExp(`\\r\\n\\r\\n${program.pid}$`));
    program.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.each([{ processes: 0 }, { processes: 1.5 }, { processes: 'all' }])('refuses %o', async (options) => {
    const server = new HTTPServer(() => {});
    await expect(server.start(options as StartOptions)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});
