import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenPlace, PLACES } from './places.ts';
import { FETCH_WAYS } from './ways/fetch-ways.ts';
import { NODE_WAYS } from './ways/node-ways.ts';
import type { Way } from './ways/way.ts';
import { WEB_WAYS } from './ways/web-ways.ts';
import {
  converse,
  HostileClient,
  looksComplete,
  openDescriptors,
  requestOf,
  statusOf,
  turn,
  until,
  World,
} from './world.ts';

const WAYS = { fetch: FETCH_WAYS, node: NODE_WAYS, web: WEB_WAYS };

describe.each(PLACES)('a handler in $name', ({ name: placeName, kind, prefix, open }) => {
  let place: OpenPlace;
  let world: World;
  let unwatch: () => void;
  let descriptors = 0;
  let listeners = 0;
  let isStopped = false;

  beforeAll(async () => {
    world = new World(WAYS);
    unwatch = world.watch();
    // What the process keeps open is opened with the first server.
    place = await open(world.handlers);
    await checkNext();
    await place.stop();
    descriptors = openDescriptors();
    place = await open(world.handlers);
    await checkNext();
    listeners = place.listeners();
  });

  // A failure must not show in the tests that follow.
  beforeEach(() => {
    place.log.records.length = 0;
    world.strays.length = 0;
    world.events.length = 0;
  });

  afterAll(async () => {
    unwatch();
    await stopOnce();
  });

  async function stopOnce(): Promise<void> {
    if (isStopped) return;
    isStopped = true;
    await place.stop();
  }

  async function checkNext(): Promise<void> {
    const next = await converse(place.port, requestOf(`${prefix}/fine`));
    expect([statusOf(next), looksComplete(next)]).toEqual([200, true]);
  }

  async function checkRecords(expected: number): Promise<void> {
    const errors = (): unknown[] => place.log.records.filter(({ level }) => level !== 'debug');
    await until(() => (errors().length >= expected && world.running === 0) || world.strays.length > 0);
    for (let round = 0; round < 4; round += 1) await turn();
    // An application logs an error with the status 503 as a warning.
    expect(errors()).toEqual(
      Array.from({ length: expected }, () =>
        expect.objectContaining({ level: expect.stringMatching(/^(warn|error)$/) }),
      ),
    );
    // An error holds the objects of the frames of its stack until that is read.
    for (const { error } of place.log.records) void (error as Error | undefined)?.stack;
    place.log.records.length = 0;
    expect(world.strays).toEqual([]);
  }

  const ways: [string, Way<unknown>][] = Object.entries(WAYS[kind]).filter(
    ([, { except }]) => except?.test(placeName) !== true,
  );

  it.each(ways.filter(([, { ends }]) => ends !== 'leaves'))('that %s gets its end', async (name, way) => {
    const {
      ends,
      body,
      records = ends === 'cut' || ends >= 500 ? 1 : 0,
    } = way as Way<unknown> & {
      ends: number | 'cut';
    };
    for (const version of ['1.1', '1.0']) {
      const target = `${prefix}/${encodeURIComponent(name)}`;
      const request = requestOf(target, {
        method: body === undefined ? 'GET' : 'POST',
        body: body ?? '',
        version,
      });
      const received = await converse(place.port, request);
      // Of a body that fails at once, Hono passes on nothing, so that there is still a response.
      const isReplaced = ends === 'cut' && placeName.includes('Hono') && statusOf(received) === 500;
      if (isReplaced) {
        await checkRecords(records);
        continue;
      }
      const seen = [version, looksComplete(received), ends === 'cut' ? 'cut' : statusOf(received)];
      expect(seen).toEqual([version, ends !== 'cut', ends]);
      expect(received.text).not.toMatch(/\n ?X-Evil/i);
      expect(received.text).not.toContain('a bug');
      await checkRecords(records);
      await checkNext();
    }
  });

  it.each(ways.filter(([, { ends }]) => ends === 'leaves'))(
    'that %s is left by its client',
    async (name, { body = '', reads = 0, records = 0 }) => {
      const { calls } = world;
      const target = `${prefix}/${encodeURIComponent(name)}`;
      const client = await HostileClient.connect(
        place.port,
        requestOf(target, { method: body === '' ? 'GET' : 'POST', body }),
      );
      await until(() => world.calls > calls);
      await client.read(reads);
      client.socket.resetAndDestroy();
      if (name.startsWith('streams for ever')) await until(() => world.events.includes('cancel'));
      await checkRecords(records);
      await checkNext();
    },
  );

  it('leaves nothing behind', async () => {
    await checkNext();
    expect((await world.left()).join()).toBe('');
    expect([world.running, place.listeners()]).toEqual([0, listeners]);
    await stopOnce();
    await until(() => openDescriptors() <= descriptors);
    expect(world.strays).toEqual([]);
  });
});
