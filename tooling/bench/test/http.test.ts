import { describe, expect, it } from 'vitest';
import { BenchError } from '../bench-error.mjs';
import { Absences } from '../http/absences.mjs';
import { ASKS, requestText } from '../http/requests.mjs';
import { chooseHttpRows, chooseServers } from '../http/rows.mjs';
import { httpCommand } from '../http/stage.mjs';
import { judgeHttp, summarizeHttp, TITLES } from '../http/summary.mjs';
import { httpOptions } from '../options.mjs';

const OPTIONS = { ...httpOptions([]), files: 20_000 };
const rowsOf = (change: object = {}) => chooseHttpRows({ ...OPTIONS, ...change });
type HttpRow = ReturnType<typeof rowsOf>[number];

/** Results of one round in which each request takes what `nsOf` says. */
const resultsOf = (rows: readonly HttpRow[], nsOf: (row: HttpRow) => number) =>
  rows.map((row) =>
    summarizeHttp(row, [{ count: 10, cpuNs: nsOf(row) * 10, systemNs: 1, wallNs: 1e9, p99Us: 1 }]),
  );
/** Whether each aim is met, in the order of the rows. */
const metOf = (rows: readonly HttpRow[], nsOf: (row: HttpRow) => number) =>
  judgeHttp(resultsOf(rows, nsOf)).map(({ met }) => met);
/** What each server takes, where no other is said. */
const costs = (change: Record<string, number>) => (row: HttpRow) => change[row.id] ?? 100;

describe('httpOptions', () => {
  it('has a default for everything', () => {
    expect(httpOptions([])).toEqual({
      rounds: 3,
      measureMs: 2000,
      warmupMs: 1000,
      connections: 64,
      many: 1000,
      idle: 10_000,
      crowd: 5000,
      fresh: false,
      build: true,
      only: undefined,
      rows: undefined,
    });
  });

  it.each(['rounds', 'many', 'measure-ms'])('refuses 0 for %s', (name) => {
    expect(() => httpOptions([`--${name}=0`])).toThrow('at least 1');
  });
});

describe('chooseServers', () => {
  it('adds the peers that do not run on Node to the rows of hello', () => {
    expect(chooseServers().flatMap(({ peer = [] }) => peer)).toEqual(['bun', 'deno', 'tornado']);
  });

  it('names the rows there are when one is unknown', () => {
    expect(() => chooseServers(['nginx'])).toThrow('no row nginx; there are floor, httpserver, web,');
  });
});

describe('chooseHttpRows', () => {
  it('measures every server in every scene', () => {
    const servers = chooseServers().length;
    const inRounds = rowsOf({ crowd: 0 });
    const scenes = new Map<string, number>();
    for (const { section, how } of inRounds)
      scenes.set(`${section} ${how}`, (scenes.get(`${section} ${how}`) ?? 0) + 1);
    expect([...scenes.keys()]).toEqual([
      'hello 64 connections',
      'hello 1000 connections',
      'pipelined 16 at once',
      'head head of 800 B',
      'bodies 10 KiB down',
      'bodies 1 MiB down',
      'bodies 10 KiB up',
      'bodies 1 MiB up',
      'idle 10000 connections',
      'flat 0 idle',
      'flat 5000 idle',
      'flat 19736 idle',
    ]);
    expect(new Set(scenes.values())).toEqual(new Set([servers]));
  });

  it('opens no more idle connections than descriptors allow beside the busy ones', () => {
    const idle = rowsOf({ only: ['flat', 'idle'], rows: ['floor'], files: 4096 }).map(
      ({ settings }) => settings.idle,
    );
    expect(idle).toEqual([3896, 0, 3832]);
  });

  it('leaves idle memory out when there shall be none', () => {
    expect(rowsOf({ idle: 0 }).some(({ section }) => section === 'idle')).toBe(false);
  });

  it('names the sections there are when one is unknown', () => {
    expect(() => rowsOf({ only: ['body'] })).toThrow('no section body; there are hello, pipelined,');
  });
});

describe('requestText', () => {
  it.each([8080, 61_234])('sends a browser head of 800 bytes to port %i', (port) => {
    const text = requestText(ASKS.head, port);
    expect([text.length, text.slice(-4), text.indexOf('\r\n\r\n')]).toEqual([800, '\r\n\r\n', 796]);
  });

  it('sends a body as long as it says', () => {
    const [head, body] = requestText(ASKS.up10K, 80).split('\r\n\r\n');
    expect([/Content-Length: (\d+)/.exec(head ?? '')?.[1], body?.length]).toEqual(['10240', 10_240]);
  });

  it('asks for a large answer as for a small one', () => {
    expect(requestText(ASKS.down1M, 80)).toBe(requestText(ASKS.hello, 80));
  });
});

describe('httpCommand', () => {
  const made = { floor: 'compiled-floor', folder: '/made' };
  const peers = new Map([
    ['deno', { command: ['deno', 'run'], collects: ['--v8-flags=--expose-gc'], version: '2' }],
  ]);
  const commandOf = (id: string, section: string, flags?: string[]) => {
    const row = rowsOf({ only: [section], rows: [id] }).at(-1);
    return row && httpCommand(row, made, peers, flags);
  };

  it('tells the floor its answer, and the length of a body that comes before', () => {
    expect(commandOf('floor', 'hello')).toEqual(['compiled-floor', '/made/floor-hello']);
    expect(commandOf('floor', 'bodies')).toEqual(['compiled-floor', '/made/floor-up-1m', '1048576']);
  });

  it('tells a program what it serves', () => {
    expect(JSON.parse(commandOf('httpserver', 'bodies')?.at(-1) ?? '')).toEqual({ upBytes: 1_048_576 });
  });

  it('collects the garbage of another runtime by the flags of that one', () => {
    expect(commandOf('deno', 'idle', ['--expose-gc'])?.slice(0, 3)).toEqual([
      'deno',
      'run',
      '--v8-flags=--expose-gc',
    ]);
    expect(commandOf('deno', 'idle')).not.toContain('--v8-flags=--expose-gc');
  });
});

describe('Absences', () => {
  const rows = rowsOf({ only: ['hello', 'idle'], rows: ['floor', 'bun', 'tornado'] });
  const peers = new Map([['bun', { absent: 'no network' }]]);
  const tornado = rows.find(({ id }) => id === 'tornado') as HttpRow;

  it('says once of a peer that is not installed why it is not measured', () => {
    const absences = new Absences(rows, peers);
    expect(absences.list).toEqual([{ title: 'Bun', reason: 'no network' }]);
    expect(absences.rows.some(({ id }) => id === 'bun')).toBe(false);
  });

  it('goes on without a scene in which a peer fails, and says so', async () => {
    const absences = new Absences(rows, peers);
    const before = absences.rows.length;
    await absences.attempt(tornado, () => Promise.reject(new BenchError('it ended')));
    expect(absences.rows.length).toBe(before - 1);
    expect(absences.list.at(-1)).toEqual({
      title: 'Tornado',
      scenes: 'hello, 64 connections',
      reason: 'it ended',
    });
  });

  it('drops the scenes that fall with it, of that peer alone', async () => {
    const absences = new Absences(rows, peers);
    await absences.attempt(
      tornado,
      () => Promise.reject(new BenchError('it ended')),
      () => true,
    );
    expect(new Set(absences.rows.map(({ id }) => id))).toEqual(new Set(['floor']));
  });

  it('does not try again what was dropped', async () => {
    const absences = new Absences(rows, peers);
    await absences.attempt(tornado, () => Promise.reject(new BenchError('it ended')));
    await absences.attempt(tornado, () => Promise.reject(new Error('asked again')));
    expect(absences.list).toHaveLength(2);
  });

  it('ends the run for a row that must be there, and for a fault of the harness', async () => {
    const absences = new Absences(rows, peers);
    const [floor] = rows as [HttpRow];
    await expect(absences.attempt(floor, () => Promise.reject(new BenchError('it ended')))).rejects.toThrow(
      'it ended',
    );
    await expect(absences.attempt(tornado, () => Promise.reject(new TypeError('a fault')))).rejects.toThrow(
      'a fault',
    );
  });
});

describe('summarizeHttp', () => {
  const [row] = rowsOf() as [HttpRow];
  const sample = { count: 10, cpuNs: 1e9, systemNs: 4e8, wallNs: 2e9, p99Us: 30 };

  it('divides time by requests, and takes the median of what the slowest waited', () => {
    const samples = [sample, { ...sample, count: 20, p99Us: 10 }, { ...sample, count: 40, p99Us: 20 }];
    expect(summarizeHttp(row, samples)).toMatchObject({
      id: 'floor',
      ns: { median: 5e7, min: 2.5e7, max: 1e8 },
      systemNs: 2e7,
      p99Us: 20,
    });
  });
});

describe('judgeHttp', () => {
  const hello = rowsOf({ only: ['hello'] }).filter(({ how }) => how === '64 connections');
  const of = (...ids: string[]) => hello.filter(({ id }) => ids.includes(id));

  it('asks at most 1.4 times the floor of hello', () => {
    const rows = of('httpserver', 'floor');
    expect([metOf(rows, costs({ httpserver: 140 })), metOf(rows, costs({ httpserver: 141 }))]).toEqual([
      [true],
      [false],
    ]);
  });

  it('asks to be five times cheaper than node:http, and says what the floor makes of that', () => {
    const rows = of('httpserver', 'floor', 'node-http');
    const results = resultsOf(rows, costs({ httpserver: 80, floor: 50, 'node-http': 100 }));
    const verdict = judgeHttp(results).find(({ text }) => text.includes(TITLES.node));
    expect(verdict?.met).toBe(false);
    expect(verdict?.text).toContain('1.25x cheaper than node:http (at least 5x; the floor: 2.00x)');
    expect(metOf(of('httpserver', 'node-http'), costs({ httpserver: 20 }))).toEqual([true]);
  });

  it('asks to be cheaper than Bun and Deno, not as cheap', () => {
    const rows = of('httpserver', 'bun', 'deno');
    expect(metOf(rows, costs({ httpserver: 99 }))).toEqual([true, true]);
    expect(metOf(rows, costs({ deno: 101 }))).toEqual([false, true]);
  });

  it('asks the portable backend to be 1.7 times cheaper than node:http', () => {
    const rows = of('httpserver-portable', 'node-http');
    const met = (portable: number) =>
      metOf(rows, costs({ 'node-http': 170, 'httpserver-portable': portable }));
    expect([met(100), met(101)]).toEqual([[true], [false]]);
  });

  it('does not ask of large bodies, which the kernel moves, what it asks of small messages', () => {
    const rows = rowsOf({
      only: ['bodies'],
      rows: ['httpserver', 'httpserver-portable', 'floor', 'node-http'],
    });
    expect(metOf(rows, () => 1)).toEqual([]);
  });

  it('asks that idle connections make a request at most 1.15 times as dear', () => {
    const rows = rowsOf({ only: ['flat'], rows: ['httpserver', 'node-http'] });
    const met = (many: number) => metOf(rows, ({ settings }) => (settings.idle > 5000 ? many : 100));
    expect([met(115), met(116)]).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  it('judges only what was measured', () => {
    expect(metOf(of('httpserver'), () => 1)).toEqual([]);
  });
});
