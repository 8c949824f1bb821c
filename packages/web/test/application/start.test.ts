import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Application, type ApplicationListenOptions, type ApplicationStartOptions } from '../../src/index.ts';
import { RunningLines } from '../fixtures/running-lines.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/start-program.mjs', import.meta.url));

interface Line {
  readonly pid: number;
  readonly above?: true;
  readonly port?: number;
  readonly task?: number | null;
  readonly stopping?: true;
  readonly cut?: number;
}

const start = (options: object): RunningLines<Line> =>
  new RunningLines<Line>(PROGRAM, JSON.stringify(options));

const pidsOf = (lines: readonly Line[]): number[] => lines.map(({ pid }) => pid).sort();

async function request(port: number | undefined, body?: string): Promise<Response> {
  const init = body === undefined ? {} : { method: 'POST', body };
  return await fetch(`http://127.0.0.1:${port}/`, { ...init, headers: { Connection: 'close' } });
}

describe('Application.start', () => {
  it('serves in several processes at one port, and stops all of them on SIGTERM [PROC-01]', async () => {
    const program = start({ processes: 2 });
    const children = await program.having('port', 2);
    const parent = program.process.pid as number;
    expect(children.map(({ task }) => task).sort()).toEqual([0, 1]);
    expect(new Set(children.map(({ port }) => port)).size).toBe(1);
    expect(pidsOf(children)).not.toContain(parent);
    // All processes run what is above the call, and only the children what is below it.
    expect(pidsOf(await program.having('above', 3))).toEqual([parent, ...pidsOf(children)].sort());
    const response = await request(children[0]?.port);
    expect(children.map(({ pid }) => `by ${pid}`)).toContain(await response.text());
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(pidsOf(await program.having('stopping', 2))).toEqual(pidsOf(children));
    expect((await program.having('cut', 2)).map(({ cut }) => cut)).toEqual([0, 0]);
  });

  it('starts a child again that was killed [PROC-01]', async () => {
    const program = start({ processes: 2 });
    const [first] = await program.having('port', 2);
    process.kill(first?.pid as number, 'SIGKILL');
    const again = (await program.having('port', 3))[2];
    expect(again).toMatchObject({ task: first?.task, port: first?.port });
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('serves in this process if one is asked for', async () => {
    const program = start({ processes: 1 });
    const [line] = await program.having('port');
    expect(line).toMatchObject({ pid: program.process.pid, task: null });
    expect(await (await request(line?.port)).text()).toBe(`by ${program.process.pid}`);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(await program.having('cut')).toEqual([{ pid: program.process.pid, cut: 0 }]);
  });

  it('passes the options of the server to each child', async () => {
    const program = start({ processes: 2, maxBodyBytes: 3 });
    const [line] = await program.having('port', 2);
    expect((await request(line?.port, 'abc')).status).toBe(200);
    expect((await request(line?.port, 'abcd')).status).toBe(413);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it.each([
    [{ processes: 2, prot: 1 }, 'start: unknown option "prot": did you mean "port"?'],
    [{ processes: 2, keepAliveTimeout: 1 }, 'did you mean "idleTimeoutMs"?'],
    [{ processes: 2, path: '/a' }, 'start: the option path belongs to listen'],
    [{ processes: 2, reusePort: true }, 'start: the option reusePort belongs to listen'],
    [null, 'start: '],
  ])('refuses %j', async (options, message) => {
    const refused = new Application([]).start(options as unknown as ApplicationStartOptions);
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_WEB_USAGE',
      message: expect.stringContaining(message),
    });
  });

  it('refuses a number of processes that is invalid, as HTTPServer.start does', async () => {
    const refused = new Application([]).start({ processes: 0 });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });

  it('is what listen names if it gets the option processes', async () => {
    const refused = new Application([]).listen({ processes: 2 } as ApplicationListenOptions);
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_WEB_USAGE',
      message:
        'listen: it serves in this process only; for the option processes, use start({ processes, port })',
    });
  });
});
