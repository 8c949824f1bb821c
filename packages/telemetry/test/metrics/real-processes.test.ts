import { describe, expect, it } from 'vitest';
import { type ParsedFamily, sampleOf } from './support/parse-page.ts';
import { type PinnedClient, RunningProgram } from './support/running-program.ts';

const hits = (page: Map<string, ParsedFamily>, path = 'a') => sampleOf(page, 'hits_total', { path });
const silent = (page: Map<string, ParsedFamily>) => sampleOf(page, 'metrics_processes', { state: 'silent' });
const replied = (page: Map<string, ParsedFamily>) =>
  sampleOf(page, 'metrics_processes', { state: 'replied' });

/** Reads the metrics until they are as wanted. @returns all pages. */
async function pagesUntil(
  client: PinnedClient,
  isWanted: (page: Map<string, ParsedFamily>) => boolean,
): Promise<readonly Map<string, ParsedFamily>[]> {
  const pages: Map<string, ParsedFamily>[] = [];
  for (;;) {
    const page = await client.metrics();
    pages.push(page);
    if (isWanted(page)) return pages;
  }
}

describe('the metrics of many processes', () => {
  it('are the same sum at each of them', async () => {
    const program = await RunningProgram.start(3);
    const clients = await program.connectToAll();
    for (const client of clients) for (let at = 0; at < 5; at += 1) await client.get('/hit/a');
    for (const client of clients) {
      const page = await client.metrics();
      expect(hits(page)).toBe(15);
      expect(replied(page)).toBe(4);
      expect(sampleOf(page, 'tasks')).toBe(2);
      expect(
        sampleOf(page, 'http_server_requests_total', { route: '/hit/:path', method: 'GET', status: '2xx' }),
      ).toBe(15 + (hits(page, 'find') as number));
      for (const process of ['parent', '0', '1', '2'])
        expect(sampleOf(page, 'process_resident_memory_bytes', { process })).toBeGreaterThan(1e6);
    }
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('do not decrease when a process is killed, and count on in its successor', async () => {
    const program = await RunningProgram.start(2);
    const [first, second] = (await program.connectToAll()) as [PinnedClient, PinnedClient];
    const { pid } = JSON.parse(await first.get('/hit/a')) as { pid: number };
    await second.get('/hit/a');
    expect(hits(await second.metrics())).toBe(2);
    first.close();
    program.signal('SIGKILL', pid);
    await program.heard(({ port }) => port !== undefined, 3);
    const pages = await pagesUntil(second, (page) => replied(page) === 3);
    expect(pages.map((page) => hits(page))).toEqual(pages.map(() => 2));
    const [successor] = (await program.connectToAll()) as [PinnedClient];
    await successor.get('/hit/a');
    expect(hits(await second.metrics())).toBe(3);
    // The gauges by process are those of the processes that run.
    const memory = (await second.metrics()).get('process_resident_memory_bytes')?.samples.size;
    expect(memory).toBe(3);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('have the totals of a process that does not reply, and count it as silent', async () => {
    const program = await RunningProgram.start(2);
    const [first, second] = (await program.connectToAll()) as [PinnedClient, PinnedClient];
    const { pid } = JSON.parse(await first.get('/hit/a')) as { pid: number };
    expect(hits(await second.metrics())).toBe(1);
    program.suspend(pid);
    const page = await second.metrics();
    expect([hits(page), silent(page), replied(page)]).toEqual([1, 1, 2]);
    expect(sampleOf(page, 'process_resident_memory_bytes', { process: '0' })).toBeUndefined();
    expect(sampleOf(page, 'metrics_missed_replies_total')).toBe(1);
    program.signal('SIGCONT', pid);
    const later = (await pagesUntil(second, (page) => silent(page) === 0)).at(-1);
    expect(hits(later as Map<string, ParsedFamily>)).toBe(1);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('keep all totals in a rolling restart, also those that no page has shown', async () => {
    const program = await RunningProgram.start(2);
    const clients = await program.connectToAll();
    for (const client of clients) {
      for (let at = 0; at < 3; at += 1) await client.get('/hit/a');
      client.close();
    }
    program.signal('SIGHUP');
    await program.heard(({ exited }) => exited !== undefined, 2);
    const [client] = await program.connectToAll();
    const pages = await pagesUntil(client as PinnedClient, (page) => replied(page) === 3);
    expect(hits(pages.at(-1) as Map<string, ParsedFamily>)).toBe(6);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('are their own without the option, and each of them says so', async () => {
    const program = await RunningProgram.start(2, 'own');
    const lines = await program.heard(({ log }) => log !== undefined, 2);
    for (const { log } of lines) expect(log).toMatch(/pass shared: true/);
    const [first, second] = (await program.connectToAll()) as [PinnedClient, PinnedClient];
    await first.get('/hit/a');
    expect(hits(await first.metrics())).toBe(1);
    expect(hits(await second.metrics())).toBeUndefined();
    for (const client of [first, second]) client.close();
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('are those of the one process if there is one, without the label for processes', async () => {
    const program = await RunningProgram.start(1);
    const client = program.connect();
    await client.get('/hit/a');
    const page = await client.metrics();
    expect(hits(page)).toBe(1);
    expect(sampleOf(page, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(replied(page)).toBeUndefined();
    client.close();
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
  });
});
