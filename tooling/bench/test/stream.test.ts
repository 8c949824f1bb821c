import { describe, expect, it } from 'vitest';
import { streamOptions } from '../options.mjs';
import { chooseStreamRows, streamCommand, TITLES } from '../stream/rows.mjs';
import { judgeStream, summarizeStream } from '../stream/summary.mjs';

const OPTIONS = streamOptions([]);
const rowsOf = (change: object = {}) => chooseStreamRows({ ...OPTIONS, ...change });
type StreamRow = ReturnType<typeof rowsOf>[number];

/** Results of one round in which each message, line or mebibyte, or idle stream, takes what `costOf` says. */
const resultsOf = (rows: readonly StreamRow[], costOf: (row: StreamRow) => number) =>
  rows.map((row) => {
    const sample = { count: 10, cpuNs: costOf(row) * 10, wallNs: 1e9 };
    return summarizeStream(row, [sample], { residentBytes: costOf(row), heapBytes: 0 });
  });
const isOurs = ({ title, backend }: StreamRow) => title.startsWith('IOStream') && backend === 'native';
const metOf = (rows: readonly StreamRow[], costOf: (row: StreamRow) => number) =>
  new Set(
    judgeStream(resultsOf(rows, costOf)).map(({ met, text }) => `${met} ${text.split(' of ')[1] ?? ''}`),
  );

describe('streamOptions', () => {
  it('has a default for everything', () => {
    expect(OPTIONS).toEqual({
      rounds: 3,
      measureMs: 2000,
      warmupMs: 1000,
      connections: 64,
      idle: 10_000,
      fileMiB: 100,
      build: true,
      only: undefined,
    });
  });

  it.each(['rounds', 'file-mib', 'connections'])('refuses 0 for %s', (name) => {
    expect(() => streamOptions([`--${name}=0`])).toThrow('at least 1');
  });
});

describe('chooseStreamRows', () => {
  it('echoes messages of each size by the same servers', () => {
    const servers = (size: string) =>
      rowsOf({ only: ['echo'] })
        .filter(({ how }) => how === size)
        .map(({ title, backend }) => `${title}, ${backend}`);
    const [small, middle, large] = ['64 B', '16 KiB', '1 MiB'].map(servers);
    expect(small).toContain(`${TITLES.consumerEcho}, portable`);
    expect([middle, large]).toEqual([small, small]);
  });

  it('measures every IOStream on both backends', () => {
    const ours = rowsOf().filter(({ title }) => title.startsWith('IOStream'));
    const on = (backend: string) => ours.filter((row) => row.backend === backend).length;
    expect([on('native'), on('portable')]).toEqual([ours.length / 2, ours.length / 2]);
  });

  it('keeps the order of the tables', () => {
    const sections = rowsOf({ only: ['send-file', 'echo'] }).map(({ section }) => section);
    expect([...new Set(sections)]).toEqual(['echo', 'send-file']);
  });

  it('leaves idle streams out when there shall be none', () => {
    expect(rowsOf({ idle: 0 }).some(({ section }) => section === 'idle')).toBe(false);
  });

  it('names the sections there are when one is unknown', () => {
    expect(() => rowsOf({ only: ['ehco'] })).toThrow('no section ehco; there are echo, lines, idle,');
  });
});

describe('streamCommand', () => {
  const made = { echo: 'compiled-echo', file: 'the-file' };

  it('starts the compiled program for the floor', () => {
    const [floor] = rowsOf({ only: ['echo'] });
    expect(floor && streamCommand(floor, made)).toEqual(['compiled-echo']);
  });

  it('tells a program its way and the file', () => {
    const row = rowsOf({ only: ['lines'] }).find(({ title }) => title === 'IOStream.lines');
    const [, flag, , settings] = (row && streamCommand(row, made, ['--expose-gc'])) ?? [];
    expect(flag).toBe('--expose-gc');
    expect(JSON.parse(settings ?? '')).toMatchObject({ way: 'lines', lineBytes: 100, file: 'the-file' });
  });
});

describe('summarizeStream', () => {
  it('divides time by what came, and what came by the time that passed', () => {
    const [row] = rowsOf({ only: ['lines'] });
    const samples = [
      { count: 10, cpuNs: 1e9, wallNs: 2e9 },
      { count: 20, cpuNs: 1e9, wallNs: 1e9 },
      { count: 40, cpuNs: 1e9, wallNs: 1e9 },
    ];
    expect(row && summarizeStream(row, samples)).toMatchObject({
      ns: { median: 5e7, min: 2.5e7, max: 1e8 },
      perSecond: { median: 20, min: 5, max: 40 },
      coreShare: { median: 1, min: 0.5, max: 1 },
    });
  });
});

describe('judgeStream', () => {
  it('asks at most 1.5 times the floor and 0.6 times net.Socket of an echo of 64 bytes', () => {
    const echoes = rowsOf({ only: ['echo'] }).filter(({ how }) => how === '64 B');
    const cost = (ours: number) => (row: StreamRow) =>
      isOurs(row) ? ours : row.title === TITLES.floor ? 40 : 100;
    const judged = (ours: number) => [...metOf(echoes, cost(ours))].map((text) => text.split(' (')[0]);
    expect(judged(60)).toEqual(['true C epoll loop', 'true net.Socket, data + write']);
    expect(judged(61)).toEqual(['false C epoll loop', 'false net.Socket, data + write']);
  });

  it('does not take a large message for a small one', () => {
    const large = rowsOf({ only: ['echo'] }).filter(({ how }) => how !== '64 B');
    expect(judgeStream(resultsOf(large, () => 1))).toEqual([]);
  });

  it('asks less than 1024 bytes of each idle stream', () => {
    const idlers = rowsOf({ only: ['idle'] });
    const judged = (bytes: number) =>
      new Set(judgeStream(resultsOf(idlers, () => bytes)).map(({ met }) => met));
    expect([judged(1023), judged(1024)]).toEqual([new Set([true]), new Set([false])]);
  });

  it('asks at most 1.2 times the CPU of nginx to send a file', () => {
    const senders = rowsOf({ only: ['send-file'] });
    const judged = (ours: number) =>
      judgeStream(resultsOf(senders, (row) => (isOurs(row) ? ours : 100))).map(({ met }) => met);
    expect([judged(120), judged(121)]).toEqual([[true], [false]]);
  });

  it('judges only what was measured', () => {
    const withoutNginx = rowsOf({ only: ['send-file', 'lines'] }).filter(
      ({ title }) => title !== TITLES.nginx,
    );
    expect(judgeStream(resultsOf(withoutNginx, () => 1))).toEqual([]);
  });
});
