import { describe, expect, it } from 'vitest';
import { randomOf } from '../../../../httpserver/test/fixtures/random.ts';
import { PLACES } from './places.ts';
import { leave, leavings, problemsOf, Visits } from './visits.ts';
import { converse, openDescriptors, requestOf, statusOf, until, World } from './world.ts';

/** scripts/leaving-clients.mjs runs this file with other numbers. */
const SEED = Number(process.env.LANDSPOUT_SEED ?? 19);
/** Numbers of clients of each place: all in all, and at the same time. */
const CLIENTS = Number(process.env.LANDSPOUT_CLIENTS ?? 30);
const AT_ONCE = 3;

describe.each(PLACES)('a client that leaves $name', (place) => {
  it('at any point is noticed once, and leaves nothing behind', async () => {
    const world = new World({ fetch: {}, node: {}, web: {} });
    const unwatch = world.watch();
    const visits = new Visits();
    const checkNext = async (port: number): Promise<void> => {
      const next = await converse(port, requestOf(`${place.prefix}/next`));
      expect(statusOf(next)).toBe(200);
    };
    // What the process keeps open is opened with the first server.
    const first = await place.open(visits.handlers);
    await checkNext(first.port);
    await first.stop();
    const descriptors = openDescriptors();
    const open = await place.open(visits.handlers);
    await checkNext(open.port);
    const listeners = open.listeners();
    const left = leavings(randomOf(SEED), CLIENTS);
    for (let at = 0; at < left.length; at += AT_ONCE) {
      const group = left.slice(at, at + AT_ONCE);
      const wrong = await Promise.all(group.map((leaving) => leave(place, open, leaving)));
      expect(wrong).toEqual(group.map(() => undefined));
    }
    await expect.poll(() => problemsOf(visits)).toBe('');
    await checkNext(open.port);
    const errors = open.log.records.filter(({ level }) => level === 'error');
    expect(errors.map(({ error }) => String((error as Error).stack)).join('\n')).toBe('');
    expect(open.listeners()).toBe(listeners);
    await open.stop();
    await until(() => openDescriptors() <= descriptors);
    unwatch();
    expect(world.strays).toEqual([]);
  });
});
