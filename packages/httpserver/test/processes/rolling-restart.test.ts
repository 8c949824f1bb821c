import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type LoadClients, LoadGenerator } from '../fixtures/load/load-generator.ts';
import { RunningLines } from '../fixtures/running-lines.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/rolling-program.mjs', import.meta.url));
const PROCESSES = 4;
const RESTARTS = 3;

/** None of them is ever idle for as long as the program's `graceMs`: closing idle connections races with requests. */
const CLIENTS: readonly LoadClients[] = [
  { count: 12, head: 'GET / HTTP/1.1\r\nHost: a\r\n', answerBytes: 1, pauseMs: 1 },
  { count: 12, head: 'GET / HTTP/1.1\r\nHost: a\r\n', answerBytes: 1, pauseMs: 50 },
  { count: 8, head: 'GET / HTTP/1.1\r\nHost: a\r\n', answerBytes: 1, pauseMs: 5, fresh: true },
  { count: 12, head: 'GET /slow HTTP/1.1\r\nHost: a\r\n', answerBytes: 1, pauseMs: 1 },
  { count: 4, head: 'GET /large HTTP/1.1\r\nHost: a\r\n', answerBytes: 200_000, pauseMs: 10 },
  { count: 8, head: 'GET /pieces HTTP/1.1\r\nHost: a\r\n', answerBytes: 5, pauseMs: 1 },
  {
    count: 8,
    head: 'POST / HTTP/1.1\r\nHost: a\r\n',
    body: 'b'.repeat(20_000),
    answerBytes: 1,
    pauseMs: 5,
  },
];
const CLIENT_COUNT = CLIENTS.reduce((sum, { count }) => sum + count, 0);

interface Line {
  readonly pid?: number;
  readonly port?: number;
  readonly started?: number;
  readonly exited?: number;
  readonly code?: number | null;
}

describe('HTTPServer.start, restarted', () => {
  it('loses no request when its processes are replaced one by one under load [PROC-01] [HS-02]', async () => {
    const rolling = new RunningLines<Line>(PROGRAM, String(PROCESSES));
    const [first] = await rolling.heard('port', PROCESSES);
    const load = new LoadGenerator(first?.port as number, CLIENTS);
    await load.answeredMore(10 * CLIENT_COUNT);

    for (let round = 1; round <= RESTARTS; round += 1) {
      rolling.process.kill('SIGHUP');
      const ports = await rolling.heard('port', PROCESSES * (round + 1));
      expect(new Set(ports.map(({ port }) => port)).size).toBe(1);
      await rolling.heard('exited', PROCESSES * round);
      await load.answeredMore(2 * CLIENT_COUNT);
    }
    await load.end();

    expect(load.failures).toEqual([]);
    expect(load.answered).toBe(load.asked);
    // Every child has served, all that were replaced ended well, and clients were told to come again.
    const started = rolling.lines.flatMap((line) => line.started ?? []);
    expect(started).toHaveLength(PROCESSES * (RESTARTS + 1));
    const exits = rolling.lines.filter(({ exited }) => exited !== undefined);
    expect(exits.map(({ exited }) => exited)).toEqual(started.slice(0, PROCESSES * RESTARTS));
    for (const exit of exits) expect(exit).toMatchObject({ code: 0, signal: null });
    expect([...load.answeredBy.keys()].map(Number)).toEqual(expect.arrayContaining(started.slice(PROCESSES)));
    expect(load.closesObeyed).toBeGreaterThanOrEqual(PROCESSES);
    rolling.process.kill('SIGTERM');
    expect(await rolling.ended).toBe(0);
  }, 120_000);
});
