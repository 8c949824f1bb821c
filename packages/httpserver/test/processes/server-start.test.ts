import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type HTTPServerStats, type StartOptions } from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { RunningLines } from '../fixtures/running-lines.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/start-program.mjs', import.meta.url));

interface Line {
  readonly port?: number;
  readonly pid?: number;
  readonly id?: number | null;
  readonly count?: number | null;
  readonly slow?: true;
  readonly stopping?: true;
  readonly sum?: HTTPServerStats;
  readonly each?: readonly (readonly [number, HTTPServerStats])[];
  readonly gathered?: readonly (readonly [number, HTTPServerStats])[];
}

const start = (options: object): RunningLines<Line> =>
  new RunningLines<Line>(PROGRAM, JSON.stringify(options));

async function get(port: number | undefined, path = '/'): Promise<string> {
  const headers = { Connection: 'close' };
  return (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).text();
}

/** A request that is answered when its client half-closes. */
async function askSlowly(program: RunningLines<Line>, port: number | undefined) {
  const client = await RawClient.connect({ port: port as number }, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  const [slow] = await program.heard('slow');
  return { client, pid: slow?.pid as number };
}

describe('HTTPServer.start', () => {
  it('serves in as many processes as it was told to, at one port [PROC-01]', async () => {
    const program = start({ processes: 3 });
    const lines = await program.heard('port', 3);
    expect(lines.map(({ id }) => id).sort()).toEqual([0, 1, 2]);
    expect(lines.map(({ count }) => count)).toEqual([3, 3, 3]);
    expect(new Set(lines.map(({ port }) => port)).size).toBe(1);
    const pids = lines.map(({ pid }) => pid);
    expect(pids).not.toContain(program.process.pid);
    expect(pids.map((pid) => `by ${pid}`)).toContain(await get(lines[0]?.port));
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('means one process for each CPU by cpus', async () => {
    const program = start({ processes: 'cpus' });
    const cpus = availableParallelism();
    const [line] = await program.heard('port', cpus);
    expect(line?.count).toBe(cpus);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('serves in this very process when one is asked for', async () => {
    const program = start({ processes: 1, statsIntervalMs: 10 });
    const [line] = await program.heard('port');
    expect(line).toMatchObject({ pid: program.process.pid, id: null });
    expect(await get(line?.port)).toBe(`by ${program.process.pid}`);
    const [stats] = await program.heard(({ sum }) => sum?.requests.completed === 1);
    expect(stats?.each).toEqual([[0, stats?.sum]]);
    const { client } = await askSlowly(program, line?.port);
    program.process.kill('SIGTERM');
    await program.heard('stopping');
    client.socket.end();
    expect(await client.untilEnd()).toMatch(/by \d+$/);
    expect(await program.ended).toBe(0);
  });

  it('starts a process again that died [PROC-01]', async () => {
    const program = start({ processes: 2 });
    const [first] = await program.heard('port', 2);
    process.kill(first?.pid as number, 'SIGKILL');
    const again = (await program.heard('port', 3))[2];
    expect(again).toMatchObject({ id: first?.id, port: first?.port });
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('tells the parent what all have seen, and what each has [PROC-01]', async () => {
    const program = start({ processes: 2, statsIntervalMs: 20 });
    const [line] = await program.heard('port', 2);
    for (let i = 0; i < 10; i += 1) await get(line?.port);
    const [stats] = await program.heard(({ sum }) => sum?.requests.completed === 10 && sum.open === 0);
    expect(stats?.each?.map(([id]) => id)).toEqual([0, 1]);
    expect(stats?.each?.reduce((sum, [, { responses }]) => sum + responses['2xx'], 0)).toBe(10);
    program.process.kill('SIGUSR2');
    const [gathered] = await program.heard('gathered');
    expect(gathered?.gathered).toEqual(stats?.each);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('finishes what it answers, also when something else signals all of its processes [HS-02]', async () => {
    const program = start({ processes: 2 });
    const [line] = await program.heard('port', 2);
    const { client, pid } = await askSlowly(program, line?.port);
    process.kill(pid, 'SIGHUP');
    program.process.kill('SIGTERM');
    await program.heard((one) => one.stopping === true && one.pid === pid);
    process.kill(pid, 'SIGTERM');
    client.socket.end();
    expect(await client.untilEnd()).toContain(`by ${pid}`);
    expect(await program.ended).toBe(0);
  });

  it.each([
    [1, undefined, false],
    [2, undefined, false],
    [2, { final: true }, true],
  ])(
    'in %i processes, stops with the options %j, so that owners of streams get final: %j',
    async (processes, stop, final) => {
      const program = start({ processes, stop });
      const [line] = await program.heard('port', processes);
      const request = 'GET /taken HTTP/1.1\r\nHost: a\r\n\r\n';
      const client = await RawClient.connect({ port: line?.port as number }, request);
      await client.until((received) => received.startsWith('taken'));
      program.process.kill('SIGTERM');
      expect(await client.untilEnd()).toBe(`taken, final: ${final}`);
      client.socket.end();
      expect(await program.ended).toBe(0);
    },
  );

  it.each([
    { processes: 0 },
    { processes: 1.5 },
    { processes: 'all' },
    { processes: 2, statsIntervalMs: 0 },
    { processes: 1, statsIntervalMs: Number.NaN },
    { processes: 2, stopTimeoutMs: 1500, stop: { acceptMs: 4000 } },
    { processes: 2, stopTimeoutMs: 35_000, stop: { drainMs: 45_000 } },
  ])('refuses %o', async (options) => {
    const refused = new HTTPServer(() => {}).start(options as StartOptions);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});
