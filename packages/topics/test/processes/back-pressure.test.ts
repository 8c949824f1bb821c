import { inspect } from 'node:util';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  append,
  familyOf,
  follow,
  numbers,
  RecordingFollower,
  RUN_SETTINGS,
  textOf,
  topicLog,
  until,
} from './support.ts';

const KIB = 1024;
const LIMIT = 64 * KIB;
/** More than a limit and what the system takes for a process that does not read. */
const RECORDS = 2000;
const RECORD_BYTES = 4 * KIB;
const text = textOf(RECORD_BYTES);

describe('a child that does not read', () => {
  it('costs the parent no more than maxQueuedBytes, and gets every record when it goes on', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [publisher, stopped] = family.firstThree;
    const followers = await Promise.all(numbers(3).map(() => follow(stopped.backplane, 'news')));
    const witness = await follow(publisher.backplane, 'news');
    stopped.childEnd.pause();
    let most = 0;
    for (const number of numbers(RECORDS)) {
      await append(publisher.backplane, 'news', [number, text]);
      most = Math.max(most, stopped.session.queuedBytes);
    }
    expect(most).toBeGreaterThan(LIMIT / 2);
    expect(most).toBeLessThan(LIMIT + 2 * RECORD_BYTES);
    expect(witness.records).toHaveLength(RECORDS);
    expect(followers[0]?.records.length).toBeLessThan(RECORDS);
    stopped.childEnd.resume();
    await until(() => followers.every(({ records }) => records.length === RECORDS));
    for (const { data, gaps } of followers) {
      expect(gaps).toEqual([]);
      expect(data.map((item) => (item as [number])[0])).toEqual(numbers(RECORDS));
    }
    // It is up to date, and gets what comes.
    const last = await append(publisher.backplane, 'news', 'last');
    await until(() => followers.every(({ records }) => records.at(-1)?.cursor === last));
  });

  it('gets a gap if its history was trimmed meanwhile, and then the oldest records kept', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [publisher, stopped] = family.firstThree;
    const follower = await follow(stopped.backplane, 'news');
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS))
      await append(publisher.backplane, 'news', [number, text], { maxRecords: 10 });
    stopped.childEnd.resume();
    await until(() => (follower.records.at(-1)?.data as [number] | undefined)?.[0] === RECORDS - 1);
    expect(follower.gaps.map(({ reason }) => reason)).toEqual(['trimmed']);
    const seen = follower.data.map((item) => (item as [number])[0]);
    const gapAt = follower.notes.findIndex((note) => note.startsWith('gap'));
    expect(seen.slice(0, gapAt)).toEqual(numbers(gapAt));
    expect(seen.slice(gapAt)).toEqual(numbers(RECORDS).slice(-10));
  });

  it('gets the last records of a run and its end', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [producer, stopped] = family.firstThree;
    const run = { id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS };
    const { token } = await producer.backplane.claimRun(run);
    const follower = await follow(stopped.backplane, { kind: 'run', name: 'run' });
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS))
      await producer.backplane.writeRun('run', token as number, JSON.stringify([number, text]));
    await producer.backplane.cancelRun('run');
    await producer.backplane.endRun('run', token as number, { how: 'cancelled' });
    stopped.childEnd.resume();
    await until(() => follower.ends.length === 1);
    expect(follower.data.map((item) => (item as [number])[0])).toEqual(numbers(RECORDS));
    expect([follower.gaps, follower.ends[0]?.how, follower.cancelRequests]).toEqual([[], 'cancelled', 1]);
  });

  it('gets a gap before the end of a topic that was deleted with records that it has not got', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [publisher, stopped] = family.firstThree;
    const follower = await follow(stopped.backplane, 'news');
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS)) await append(publisher.backplane, 'news', [number, text]);
    await publisher.backplane.delete('news');
    await append(publisher.backplane, 'news', 'of the new topic');
    stopped.childEnd.resume();
    await until(() => follower.ends.length === 1);
    expect(follower.notes.slice(-2)).toEqual(['gap trimmed', 'end deleted']);
    const { length } = follower.records;
    expect(follower.data.map((item) => (item as [number])[0])).toEqual(numbers(length));
    expect(length).toBeLessThan(RECORDS);
  });

  it('gets the members anew, and each revocation', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [other, stopped] = family.firstThree;
    const settings = { maxMembers: 10_000, leaveDelayMs: 0 };
    const follower = await follow(stopped.backplane, 'news', true);
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS)) await append(other.backplane, 'news', [number, text]);
    // More than fit into one message.
    const members = numbers(2500).map((number) => ({ member: `member ${number}`, meta: { number } }));
    for (const member of members) await other.backplane.join('news', member, settings);
    for (const subject of ['ada', 'bob', 'ada']) await other.backplane.revoke('news', subject);
    stopped.childEnd.resume();
    await until(() => follower.changes.length > 0 && follower.records.length === RECORDS);
    expect(follower.changes).toEqual([{ members }]);
    expect((await follow(stopped.backplane, 'news', true)).members).toEqual(members);
    expect(follower.revocations).toEqual(['ada', 'bob']);
    expect(stopped.backplane.revocations).toBe(3);
  });

  it('loses all subscriptions of a topic in which too many subjects were revoked', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [other, stopped] = family.firstThree;
    const follower = await follow(stopped.backplane, 'news');
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS)) await append(other.backplane, 'news', [number, text]);
    for (const number of numbers(1001)) await other.backplane.revoke('news', `subject ${number}`);
    stopped.childEnd.resume();
    await until(() => follower.revocations.length > 0);
    expect(follower.revocations).toEqual([undefined]);
  });

  it('gets the replies of its calls, whatever else waits', async () => {
    const family = await familyOf(2, { maxQueuedBytes: LIMIT });
    const [publisher, stopped] = family.firstThree;
    const follower = await follow(stopped.backplane, 'news');
    stopped.childEnd.pause();
    for (const number of numbers(RECORDS)) await append(publisher.backplane, 'news', [number, text]);
    const own = append(stopped.backplane, 'news', 'own').then((cursor) => {
      // Its followers were notified before.
      expect(follower.records.at(-1)?.cursor).toBe(cursor);
    });
    const late = new RecordingFollower();
    const calls = [
      own,
      ...numbers(20).map(() => stopped.backplane.read(topicLog('news'), { start: true }, PAGE)),
      stopped.backplane.follow(topicLog('other'), late, { presence: true }),
      stopped.backplane.runInfo('unknown').catch(({ code }) => code),
    ];
    await until(() => stopped.session.waitingReplies === calls.length);
    expect(stopped.session.queuedBytes).toBeLessThan(LIMIT + 2 * RECORD_BYTES);
    stopped.childEnd.resume();
    const results = await Promise.all(calls);
    expect(results.at(-1)).toBe('ERR_RUN_NOT_FOUND');
    expect(stopped.session.waitingReplies).toBe(0);
    await until(() => follower.records.length === RECORDS + 1);
  });
});

const PAGE = { maxRecords: 100, maxBytes: 1024 * KIB };

describe('replies that are large', () => {
  it('all arrive, however many are asked for at once', async () => {
    const family = await familyOf(1);
    const [{ backplane, session, childEnd }] = family.firstThree;
    const input = JSON.stringify(textOf(1e6));
    const settings = { ...RUN_SETTINGS, maxBytes: 1e7 };
    await backplane.claimRun({ id: 'run', owner: 'ada', input, settings });
    childEnd.pause();
    // More than the limit and what may be urgent.
    const calls = numbers(150).map(() => backplane.runInfo('run'));
    await until(() => session.waitingReplies > 100);
    expect(session.queuedBytes).toBeLessThan(18 * KIB * KIB);
    childEnd.resume();
    for (const info of await Promise.all(calls)) expect(info.input?.length).toBe(input.length);
  });
});

describe('a parent that does not read', () => {
  it('makes calls reject after a while, and their replies are ignored', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane, parentEnd, session }] = family.firstThree;
    const before = await follow(backplane, 'before');
    parentEnd.pause();
    const late = new RecordingFollower();
    let rejected = 0;
    const rejection = ({ code }: { readonly code: string }): string => {
      rejected += 1;
      return code;
    };
    const calls = [
      append(backplane, 'before', 'late'),
      backplane.follow(topicLog('late'), late, { presence: true }),
      backplane.read(topicLog('before'), { start: true }, PAGE),
    ].map((call) => call.catch(rejection));
    for (let seconds = 0; seconds < 30; seconds += 1) await clock.advance(1000);
    expect(rejected).toBe(0);
    for (let seconds = 0; seconds < 11; seconds += 1) await clock.advance(1000);
    expect(await Promise.all(calls)).toEqual([
      'ERR_TOPICS_OUTCOME_UNKNOWN',
      'ERR_TOPICS_UNAVAILABLE',
      'ERR_TOPICS_UNAVAILABLE',
    ]);
    parentEnd.resume();
    await until(() => before.records.length === 1);
    // The log of the follower that was given up is not followed.
    await append(backplane, 'late', 1);
    await backplane.runInfo('unknown').catch(() => {});
    expect([late.notes, inspect(session).includes('followed: 1,')]).toEqual([[], true]);
    expect((await follow(backplane, 'late')).cursor).toBe(
      family.store.read(topicLog('late'), { start: true }, PAGE).cursor,
    );
  });

  it('makes calls reject with ERR_TOPICS_BUSY, of which nothing is done', async () => {
    const family = await familyOf(1, { maxQueuedBytes: LIMIT });
    const [{ backplane, parentEnd }] = family.firstThree;
    parentEnd.pause();
    const settled: Promise<string>[] = numbers(RECORDS).map((number) =>
      append(backplane, 'news', [number, text]).then(
        () => 'published',
        ({ name, code }) => `${name} ${code}`,
      ),
    );
    // The first of them wait, and are not lost.
    await settled.at(-1);
    expect(backplane.queuedBytes).toBeLessThan(LIMIT + 2 * RECORD_BYTES);
    parentEnd.resume();
    const outcomes = await Promise.all(settled);
    const published = numbers(RECORDS).filter((number) => outcomes[number] === 'published');
    expect(new Set(outcomes)).toEqual(new Set(['published', 'BackplaneError ERR_TOPICS_BUSY']));
    const { records } = family.store.read(
      topicLog('news'),
      { start: true },
      { ...PAGE, maxBytes: 1e9, maxRecords: 1e6 },
    );
    expect(records.map(({ data }) => (data as [number])[0])).toEqual(published);
    await append(backplane, 'news', 'again');
  });
});
