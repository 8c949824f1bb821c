import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { madeUpText } from '../src/response/made-up-text.ts';
import type { Piece } from '../src/response/responses.ts';
import type { ProcessFacts } from '../src/site/own-process.ts';
import { EVENTUALLY } from './demo-browser.ts';
import { DemoSite } from './demo-site.ts';
import { type RoomReader, readersAtAll } from './room-reader.ts';
import { clientOf, post, startResponse } from './visitor.ts';

const LINES = [0, 1, 2, 3, 4, 5];

describe('a demo of three processes', { timeout: 120_000 }, () => {
  let site: DemoSite;
  let readers: RoomReader[] = [];
  beforeEach(async () => {
    site = await DemoSite.start('--processes', '3');
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader[Symbol.dispose]();
    await site[Symbol.asyncDispose]();
  });

  const kill = ({ pid }: ProcessFacts) => post(site, '/kill', { pid });

  it('has one room for all of them: its lines, in one order, and the people in it', async () => {
    readers = await readersAtAll(site);
    expect(readers.map(({ facts }) => facts.task).sort()).toEqual([0, 1, 2]);
    expect(new Set(readers.map(({ facts }) => facts.startedAt)).size).toBe(1);
    await Promise.all(readers.flatMap((reader, at) => LINES.map((line) => reader.say(`${at}${line}`))));
    for (const { texts } of readers) {
      await expect.poll(() => texts, EVENTUALLY).toHaveLength(readers.length * LINES.length);
      expect(texts).toEqual(readers[0]?.texts);
    }
    const ids = readers.map(({ id }) => id);
    for (const { present } of readers) {
      await expect.poll(() => [...present], EVENTUALLY).toEqual(expect.arrayContaining(ids));
    }
  });

  it('shows each line once to each reader, although each process is killed while lines are written', async () => {
    readers = await readersAtAll(site);
    const sent: Promise<string>[] = [];
    const pids = readers.map(({ facts }) => facts.pid);
    for (const [round, killed] of readers.entries()) {
      sent.push(
        ...readers.flatMap((reader, at) =>
          LINES.slice(0, 3).map((line) => reader.say(`${round}${at}${line}`)),
        ),
      );
      await kill(killed.facts);
      await expect.poll(() => readers.every(({ facts }) => facts.pid !== pids[round]), EVENTUALLY).toBe(true);
    }
    await Promise.all(sent);
    for (const { texts, gaps } of readers) {
      await expect.poll(() => texts, EVENTUALLY).toHaveLength(sent.length);
      expect(new Set(texts).size).toBe(sent.length);
      expect(texts).toEqual(readers[0]?.texts);
      expect(gaps).toEqual([]);
    }
  });

  it('goes on with a response in another process when that which writes it is killed', async () => {
    readers = await readersAtAll(site);
    const question = 'What if it is killed?';
    const id = await startResponse(site, question);
    using client = clientOf(site, {});
    const pieces: Piece[] = [];
    const ended = new Promise<string>((resolve) => {
      client.run<Piece>(id, { onRecord: (piece) => pieces.push(piece), onEnd: ({ how }) => resolve(how) });
    });
    for (const { facts } of readers) {
      const before = pieces.length;
      await expect.poll(() => pieces.length, EVENTUALLY).toBeGreaterThan(before + 5);
      await kill(facts);
    }
    expect(await ended).toBe('finished');
    const words = pieces.flatMap((piece) => ('text' in piece ? [piece.text] : []));
    expect(words).toEqual(madeUpText(question));
    const tasks = pieces.flatMap((piece) => ('continuedBy' in piece ? [piece.continuedBy.task] : []));
    expect(tasks.length).toBeGreaterThan(0);
    for (const task of tasks) expect([0, 1, 2]).toContain(task);
  });

  it('tells a connection that its process stops before it closes it, and has another one for it after SIGHUP', async () => {
    readers = await readersAtAll(site);
    const [reader] = readers as [RoomReader];
    const first = reader.facts;
    expect(first.isStopping).toBe(false);
    site.signal('SIGHUP');
    const sent = LINES.map((line) => reader.say(`${line}`));
    await expect.poll(() => reader.facts.id, EVENTUALLY).not.toBe(first.id);
    expect(reader.served).toContainEqual({ ...first, isStopping: true });
    expect(reader.facts.startedAt).toBe(first.startedAt);
    await Promise.all(sent);
    await expect.poll(() => reader.texts, EVENTUALLY).toEqual(LINES.map(String));
    expect(reader.gaps).toEqual([]);
  });

  it('shows each line once after the parent was killed and started again', async () => {
    readers = await readersAtAll(site);
    const sent = readers.flatMap((reader, at) => LINES.map((line) => reader.say(`${at}${line}`)));
    await sent[0];
    // Its children notice that, and end.
    await site.stop('SIGKILL');
    await site.startAgain();
    await Promise.all(sent);
    for (const { texts, gaps, served } of readers) {
      await expect.poll(() => texts, EVENTUALLY).toHaveLength(sent.length);
      expect(texts).toEqual(readers[0]?.texts);
      expect(gaps).toEqual([]);
      await expect.poll(() => served.at(-1)?.startedAt, EVENTUALLY).not.toBe(served[0]?.startedAt);
    }
  });

  it('kills only its own processes, and only for a page of this machine', async () => {
    readers = await readersAtAll(site);
    const [{ facts }] = readers as [RoomReader];
    const body = JSON.stringify({ pid: facts.pid });
    expect((await fetch(`${site.origin}/kill`, { method: 'POST', body })).status).toBe(403);
    expect((await post(site, '/kill', { pid: 'all' })).status).toBe(400);
    expect((await post(site, '/kill', { pid: process.pid })).status).toBe(202);
    // Through a proxy on this machine, or by a name that another site has pointed to this machine.
    expect((await post(site, '/kill', { pid: facts.pid }, 'demo.example')).status).toBe(403);
    for (const reader of readers) expect(reader.client.state).toBe('open');
    expect(readers[0]?.facts).toEqual(facts);
  });

  it('has no such button for the network', async () => {
    await using open = await DemoSite.start('--processes', '2', '--host', '0.0.0.0');
    expect((await post(open, '/kill', { pid: 1 })).status).toBe(404);
    readers = await readersAtAll(open);
    for (const { facts } of readers) expect(facts.mayKill).toBe(false);
  });
});
