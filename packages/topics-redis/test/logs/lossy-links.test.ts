import { systemClock } from '@landspout/ioloop';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLink } from '../../src/backplane/open-link.ts';
import { RedisLogs } from '../../src/logs/redis-logs.ts';
import { RedisPresence } from '../../src/presence/redis-presence.ts';
import { type Fate, LossyLink } from '../support/lossy-link.ts';
import { Recorder, SETTINGS, topic, WHOLE } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { eventsOf, SILENT } from '../support/test-link.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

/** The logs and members of one process, over a link that loses announcements. */
async function start(prefix = newPrefix()) {
  const link = new LossyLink(await openLink({ url: redis.url, logger: SILENT }));
  const services = { link, prefix, clock: systemClock };
  const logs: RedisLogs = new RedisLogs({
    ...services,
    logger: SILENT,
    readMembers: (name) => presence.list(name),
  });
  const presence = new RedisPresence({
    ...services,
    quietLog: new RateLimitedLog({ clock: systemClock, logger: SILENT }),
    leaseMs: 15_000,
    reached: (name, count) => logs.reachedPresence(name, count),
  });
  await logs.start();
  atTheEnd(async () => {
    logs.close();
    await presence.close();
    await link.close();
  });
  const follow = async (name: string, options = { presence: false }) => {
    const recorder = new Recorder();
    await logs.follow(topic(name), recorder, options);
    return recorder;
  };
  return { link, logs, presence, follow, prefix };
}

const append = (logs: RedisLogs, name: string, data: unknown, settings = SETTINGS) =>
  logs.append(name, { payload: JSON.stringify(data) }, settings);

describe('a call whose own announcement is lost', () => {
  it('settles after the followers of its process were notified all the same', async () => {
    const { link, logs, presence, follow } = await start();
    const follower = await follow('news', { presence: true });
    link.fateOf = () => 'drop';
    const cursors = [await append(logs, 'news', 1), await append(logs, 'news', 2)];
    expect(follower.records.map(({ cursor }) => cursor)).toEqual(cursors);
    await presence.join('news', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    expect(follower.changes).toEqual([{ members: [{ member: 'ada' }] }]);
    await logs.delete('news');
    expect(follower.notes).toEqual(['1', '2', 'end deleted']);
  });

  it('settles if its topic is deleted before its followers know it', async () => {
    const { link, logs, follow, prefix } = await start();
    const other = await start(prefix);
    const follower = await follow('news');
    link.fateOf = () => 'drop';
    const appended = append(logs, 'news', 1);
    await other.logs.delete('news');
    await appended;
    await until('it has ended', () => follower.ends.length === 1);
  });
});

/** A linear congruential generator (Knuth, TAOCP 3.3.4, line 26). */
function randomFates(seed: number): () => Fate {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    const number = Number(state >> 33n) % 100;
    if (number < 15) return 'drop';
    if (number < 25) return 'twice';
    return number < 35 ? 'after the next' : 'pass';
  };
}

describe('announcements that are lost, doubled and overtaken', () => {
  for (const seed of [1, 2, 3]) {
    it(`leave all followers with all records in order (seed ${seed})`, async () => {
      const prefix = newPrefix();
      const nodes = [await start(prefix), await start(prefix), await start(prefix)];
      const followers = await Promise.all(nodes.flatMap(({ follow }) => [follow('busy'), follow('busy')]));
      for (const [at, { link }] of nodes.entries()) link.fateOf = randomFates(10 * seed + at);
      await Promise.all(
        nodes.map(async ({ logs }, at) => {
          for (let number = 0; number < 60; number += 1) await append(logs, 'busy', `${at}:${number}`);
        }),
      );
      const { logs: reader } = await start(prefix);
      const { records } = await reader.read(topic('busy'), { start: true }, WHOLE);
      expect(records).toHaveLength(180);
      await until('all have the last', () => followers.every((each) => each.records.length === 180));
      for (const follower of followers) {
        expect(follower.notes).toEqual(records.map(({ payload }) => payload));
      }
    });

    it(`leave all followers with the same members (seed ${seed})`, async () => {
      const prefix = newPrefix();
      const nodes = [await start(prefix), await start(prefix)];
      const followers = await Promise.all(nodes.map(({ follow }) => follow('room', { presence: true })));
      for (const [at, { link }] of nodes.entries()) link.fateOf = randomFates(20 * seed + at);
      const settings = { maxMembers: 99, leaveDelayMs: 0 };
      await Promise.all(
        nodes.map(async ({ presence }, at) => {
          for (let number = 0; number < 12; number += 1) {
            await presence.join('room', { member: `${at}:${number}` }, settings);
            if (number % 3 === 0) await presence.leave('room', `${at}:${number}`, settings);
          }
        }),
      );
      const expected = nodes
        .flatMap((_, at) => [1, 2, 4, 5, 7, 8, 10, 11].map((number) => `${at}:${number}`))
        .sort();
      await until('all know the same', () =>
        followers.every((follower) => String(membersOf(follower)) === String(expected)),
      );
    });
  }

  it('never revoke fewer subscriptions than were revoked', async () => {
    const prefix = newPrefix();
    const nodes = [await start(prefix), await start(prefix)];
    const followers = await Promise.all(nodes.map(({ follow }) => follow('room')));
    for (const [at, { link }] of nodes.entries()) link.fateOf = randomFates(at + 7);
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    for (const number of numbers) await nodes[number % 2]?.logs.revoke('room', String(number));
    // Of one that was lost, the subject is not known: after it, all subscriptions are revoked.
    const isRevoked = (notes: readonly string[], number: number): boolean => {
      const before = notes.findLastIndex((note) => Number(note.split(' ')[1]) < number);
      return notes.includes(`revoked ${number}`) || notes.indexOf('revoked undefined', before + 1) > before;
    };
    await until('all are revoked', () =>
      followers.every(({ notes }) => numbers.every((number) => isRevoked(notes, number))),
    );
    for (const { notes } of followers) expect(notes).toContain('revoked undefined');
  });
});

describe('a connection for commands that is back later than the one for announcements', () => {
  it('delays what followers are told, and nothing is missed', async () => {
    const prefix = newPrefix();
    const [node, other] = [await start(prefix), await start(prefix)];
    const follower = await node.follow('room', { presence: true });
    await append(other.logs, 'room', 1);
    node.link.fateOf = () => 'drop';
    await append(other.logs, 'room', 2);
    await other.presence.join('room', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    node.link.isCutOff = true;
    const events = eventsOf(node.link);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('announcements arrive again', () => events.at(-1) === 'restored');
    // What is tried at once has failed.
    await new Promise((resolve) => setImmediate(resolve));
    node.link.isCutOff = false;
    await until('it has come', () => follower.changes.length > 0 && follower.records.length === 2);
    expect([follower.notes, membersOf(follower)]).toEqual([['1', '2'], ['ada']]);
  });

  it('delays the list of members that follows each reconnection', async () => {
    const { link, logs, presence, follow } = await start();
    await presence.join('room', { member: 'ada' }, { maxMembers: 9, leaveDelayMs: 0 });
    const follower = await follow('room', { presence: true });
    link.isCutOff = true;
    const events = eventsOf(link);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('announcements arrive again', () => events.at(-1) === 'restored');
    await new Promise((resolve) => setImmediate(resolve));
    link.isCutOff = false;
    await append(logs, 'room', 1);
    await until('the members are listed', () => follower.changes.length > 0);
    expect(follower.changes).toEqual([{ members: [{ member: 'ada' }] }]);
  });
});

/** The members that a follower knows. */
function membersOf({ changes }: Recorder): string[] {
  const members = new Set<string>();
  for (const change of changes) {
    if ('joined' in change) members.add(change.joined.member);
    else if ('left' in change) members.delete(change.left);
    else {
      members.clear();
      for (const { member } of change.members) members.add(member);
    }
  }
  return [...members].sort();
}
