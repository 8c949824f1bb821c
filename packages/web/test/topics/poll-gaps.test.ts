import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TopicConfig, Topics } from '../../../topics/src/index.ts';
import { Application } from '../../src/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { TopicRequestHandler } from '../../src/topics/index.ts';
import { nextTurn, until } from '../fixtures/event-streams.ts';

interface Polled {
  readonly records: readonly { readonly cursor: string; readonly data: unknown }[];
  readonly cursor: string;
  readonly gap?: { readonly reason: string; readonly cursor: string };
}

let clock: VirtualClock;
let topics: Topics;
let client: TestClient;

beforeEach(() => {
  clock = new VirtualClock();
});
afterEach(async () => {
  await client.close();
  await topics.close();
});

function serve(config: TopicConfig): void {
  topics = new Topics({ clock, ...config });
  class Live extends TopicRequestHandler {
    override readonly topics = topics;
    override authorize(): boolean {
      return true;
    }
  }
  client = new TestClient(new Application([['/live', Live]], { clock }));
}

const poll = async (after: string | undefined): Promise<Polled> => {
  const query = after === undefined ? '' : `&after=${after}`;
  return (await client.request(`/live?topic=news${query}`)).json() as Polled;
};

/** Polls, and lets the time pass for which the poll waits. */
async function pollFor(after: string, waitMs: number): Promise<Polled> {
  const polling = poll(after);
  await until(() => topics.stats().subscriptions === 1);
  await nextTurn();
  await clock.advance(waitMs);
  return polling;
}

/** The cursor of a topic of the same name that is no more. */
async function foreignCursor(): Promise<string> {
  await using others = new Topics({ clock });
  return others.topic('news').publish('other');
}

describe.each([0, 1_000])(
  'a client of a long poll that uses each cursor it gets, with a history of %i',
  (maxRecords) => {
    it('gets one gap for a cursor of another log, and then waits', async () => {
      serve({ maxRecords });
      const first = await pollFor(await foreignCursor(), 1_000);
      expect(first).toEqual({
        records: [],
        cursor: first.cursor,
        gap: { reason: 'reset', cursor: first.cursor },
      });
      expect(await pollFor(first.cursor, 25_000)).toEqual({ records: [], cursor: first.cursor });
      expect(await pollFor(first.cursor, 25_000)).toEqual({ records: [], cursor: first.cursor });
    });

    it('gets no gap for the cursor of an empty topic, also some time later', async () => {
      serve({ maxRecords });
      const { cursor } = await poll(undefined);
      await clock.advance(30_000);
      expect(await pollFor(cursor, 25_000)).toEqual({ records: [], cursor });
      const polling = poll(cursor);
      await until(() => topics.stats().subscriptions === 1);
      await topics.topic('news').publish('first');
      expect((await polling).records).toMatchObject([{ data: 'first' }]);
    });

    it('gets no gap after a record if nothing was published since', async () => {
      serve({ maxRecords });
      const { cursor } = await poll(undefined);
      const polling = poll(cursor);
      await until(() => topics.stats().subscriptions === 1);
      await topics.topic('news').publish('one');
      const one = await polling;
      expect(one.records).toMatchObject([{ data: 'one' }]);
      expect(await pollFor(one.cursor, 25_000)).toEqual({ records: [], cursor: one.cursor });
    });
  },
);

describe('a long poll of a topic without a history', () => {
  it('has a gap for records between two polls, and the record that comes next', async () => {
    serve({ maxRecords: 0 });
    const news = topics.topic('news');
    let { cursor } = await poll(undefined);
    for (const round of [1, 2, 3]) {
      await news.publish(`missed ${round}`);
      const polling = poll(cursor);
      await until(() => topics.stats().subscriptions === 1);
      await news.publish(`seen ${round}`);
      const { records, gap, ...rest } = await polling;
      expect(gap?.reason).toBe('trimmed');
      expect(records).toMatchObject([{ data: `seen ${round}` }]);
      cursor = rest.cursor;
    }
    expect(await pollFor(cursor, 25_000)).toEqual({ records: [], cursor });
  });

  it('has the gap alone after a second without a record', async () => {
    serve({ maxRecords: 0 });
    const { cursor } = await poll(undefined);
    const missed = await topics.topic('news').publish('missed');
    const polled = await pollFor(cursor, 1_000);
    expect(polled).toEqual({ records: [], cursor: missed, gap: { reason: 'trimmed', cursor: missed } });
    expect(await pollFor(missed, 25_000)).toEqual({ records: [], cursor: missed });
  });

  it('does not wait for a record with waitMs=0', async () => {
    serve({ maxRecords: 0 });
    const { cursor } = await poll(undefined);
    const missed = await topics.topic('news').publish('missed');
    expect(await poll(`${cursor}&waitMs=0`)).toMatchObject({ cursor: missed, gap: { reason: 'trimmed' } });
  });
});
