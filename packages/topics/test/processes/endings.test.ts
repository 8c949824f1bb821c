import { inspect } from 'node:util';
import { doorPair, VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChildBackplane } from '../../src/processes/child-backplane.ts';
import { requireProcessesOptions } from '../../src/processes/processes-options.ts';
import { recordingLogger } from '../journal/scratch.ts';
import {
  append,
  familyOf,
  follow,
  numbers,
  PRESENCE_SETTINGS,
  RUN_SETTINGS,
  SETTINGS,
  until,
} from './support.ts';

const codeOf = ({ code }: { readonly code: string }): string => code;

describe('a child', () => {
  it('has the counts of its parent, as they were at the call before', async () => {
    const family = await familyOf(2);
    const [{ backplane }, other] = family.firstThree;
    await append(other.backplane, 'news', 1);
    expect(backplane.stats()).toEqual({ topics: 0, runs: 0, records: 0, historyBytes: 0, members: 0 });
    await until(() => backplane.stats().records === 1);
    expect(backplane.stats()).toEqual(family.store.stats());
  });

  it('follows a log once, whatever the number of its followers, and no longer than they do', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane, session }] = family.firstThree;
    const followers = await Promise.all(
      numbers(5).map((number) => follow(backplane, 'news', number % 2 === 0)),
    );
    expect(inspect(session)).toContain('followed: 1,');
    for (const follower of followers) follower.close();
    const again = await follow(backplane, 'news');
    await append(backplane, 'news', 1, { maxRecords: 0 });
    expect(again.data).toEqual([1]);
    again.close();
    await backplane.runInfo('unknown').catch(() => {});
    expect(inspect(session)).toContain('followed: 0,');
    await clock.advance(100_000);
    expect(family.store.stats().topics).toBe(0);
  });
});

describe('a child whose parent has ended', () => {
  it('does not know the outcome of calls without a reply, and makes no more', async () => {
    const family = await familyOf(1);
    const [{ backplane, parentEnd }] = family.firstThree;
    parentEnd.pause();
    const calls = [
      append(backplane, 'news', 1),
      backplane.join('news', { member: 'ada' }, PRESENCE_SETTINGS),
      backplane.runInfo('run'),
    ].map((call) => call.then(() => 'done', codeOf));
    parentEnd.kill();
    expect(await Promise.all(calls)).toEqual([
      'ERR_TOPICS_OUTCOME_UNKNOWN',
      'ERR_TOPICS_OUTCOME_UNKNOWN',
      'ERR_TOPICS_UNAVAILABLE',
    ]);
    await expect(append(backplane, 'news', 2)).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    expect(family.logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', expect.stringContaining('the parent has ended')],
    ]);
  });

  it('does not end its subscriptions, since its clients come back', async () => {
    const family = await familyOf(1);
    const [{ backplane, parentEnd }] = family.firstThree;
    const follower = await follow(backplane, 'news');
    const call = backplane.runInfo('run').catch(codeOf);
    parentEnd.kill();
    await call;
    expect(follower.notes).toEqual([]);
    await backplane.close();
    expect(follower.notes).toEqual(['end closed']);
  });

  it('ends its subscriptions later, if the parent still lives and only the channel is broken', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane, parentEnd }] = family.firstThree;
    const follower = await follow(backplane, 'news');
    const call = backplane.runInfo('run').catch(codeOf);
    parentEnd.kill();
    await call;
    // The parent of this process stands for that of the child.
    await clock.advance(5000);
    expect(follower.notes).toEqual(['end closed']);
  });

  it('ends its subscriptions if messages of the parent are damaged', async () => {
    const [parentEnd, childEnd] = doorPair();
    onTestFinished(() => {
      parentEnd.kill();
      childEnd.kill();
    });
    const family = await familyOf(0);
    let damage: (() => void) | undefined;
    parentEnd.serveDoor('topics', (door) => {
      damage = () => door.send(Uint8Array.of(8, 1));
      return family.sessions.accept(door);
    });
    const { logger } = family;
    const backplane = await ChildBackplane.open(requireProcessesOptions({ logger }), (handler) =>
      childEnd.openDoor('topics', handler),
    );
    const follower = await follow(backplane, 'news');
    damage?.();
    await until(() => follower.ends.length === 1);
    expect(follower.notes).toEqual(['end closed']);
    await until(() => family.sessions.size === 0);
    await expect(append(backplane, 'news', 1)).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'warn']);
  });

  it('ends its subscriptions if the parent has closed its backplane', async () => {
    const family = await familyOf(2);
    const [{ backplane }, other] = family.firstThree;
    const cursor = await append(backplane, 'news', 1);
    const followers = [await follow(backplane, 'news'), await follow(other.backplane, 'news', true)];
    await family.store.close();
    family.sessions.close();
    await until(() => followers.every(({ ends }) => ends.length === 1));
    for (const { ends } of followers) expect(ends).toEqual([{ kind: 'end', how: 'closed', cursor }]);
    await expect(append(backplane, 'news', 2)).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
  });
});

describe('a child that ends', () => {
  it('gives up its runs at once, and its members leave', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(3, { clock });
    const [dying, other, third] = family.firstThree;
    const follower = await follow(other.backplane, 'room', true);
    await dying.backplane.join('room', { member: 'ada' }, PRESENCE_SETTINGS);
    await third.backplane.join('room', { member: 'bob' }, PRESENCE_SETTINGS);
    const run = { id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS };
    const { token } = await dying.backplane.claimRun(run);
    await dying.backplane.writeRun('run', token as number, '1');
    family.kill(0);
    await until(() => family.sessions.size === 2);
    const claims = await Promise.all([other, third].map(({ backplane }) => backplane.claimExpiredRun()));
    expect(claims.filter((claim) => claim !== undefined)).toMatchObject([{ run: { id: 'run', attempt: 1 } }]);
    await clock.advance(PRESENCE_SETTINGS.leaveDelayMs);
    await until(() => follower.changes.length === 3);
    expect(follower.changes.at(-1)).toEqual({ left: 'ada' });
  });

  it('has what it called for before its end done, although it gets no reply', async () => {
    const family = await familyOf(2);
    const [dying, other] = family.firstThree;
    const follower = await follow(other.backplane, 'news');
    const run = { id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS };
    const { token } = await dying.backplane.claimRun(run);
    // `close` sends what waits.
    void append(dying.backplane, 'news', 1);
    void dying.backplane.endRun('run', token as number, { how: 'finished' });
    await dying.backplane.close();
    await until(() => follower.records.length === 1);
    expect((await other.backplane.runInfo('run')).end?.how).toBe('finished');
  });

  it('does not let members of another child leave', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(2, { clock });
    const [one, other] = family.firstThree;
    const settings = { maxMembers: 10, leaveDelayMs: 0 };
    const follower = await follow(other.backplane, 'room', true);
    for (const { backplane } of [one, other, other])
      await backplane.join('room', { member: 'ada' }, settings);
    await one.backplane.leave('room', 'ada', settings);
    await one.backplane.leave('room', 'ada', settings);
    family.kill(0);
    await until(() => family.sessions.size === 1);
    await other.backplane.leave('room', 'ada', settings);
    await clock.advance(1000);
    expect(follower.changes).toHaveLength(1);
    await other.backplane.leave('room', 'ada', settings);
    await clock.advance(1000);
    await until(() => follower.changes.length === 2);
    expect(follower.changes[1]).toEqual({ left: 'ada' });
  });

  it('leaves nothing in the parent', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane }] = family.firstThree;
    for (const number of numbers(20)) await follow(backplane, `topic ${number}`, number % 2 === 0);
    await backplane.join('room', { member: 'ada' }, PRESENCE_SETTINGS);
    expect(family.store.stats()).toMatchObject({ topics: 21, members: 1 });
    family.kill(0);
    await until(() => family.sessions.size === 0);
    await clock.advance(100_000);
    expect(family.store.stats()).toMatchObject({ topics: 0, members: 0 });
  });
});

describe('a parent without the backplane', () => {
  it('lets the child wait for a while, and names the remedy', async () => {
    const clock = new VirtualClock();
    const [parentEnd, childEnd] = doorPair({ clock, logger: recordingLogger() });
    onTestFinished(() => {
      parentEnd.kill();
      childEnd.kill();
    });
    const rules = requireProcessesOptions({ name: 'chat' });
    const opening = ChildBackplane.open(rules, (handler) => childEnd.openDoor('chat', handler)).catch(
      (error: Error) => error,
    );
    await until(() => clock.pending > 0);
    await clock.advance(10_000);
    const error = await opening;
    expect(error).toMatchObject({ name: 'BackplaneError', code: 'ERR_TOPICS_UNAVAILABLE' });
    expect((error as Error).message).toMatch(/no backplane named "chat".*above server\.start/);
  });

  it('cannot be used by a child whose parent has ended, also if that is known already', async () => {
    const [parentEnd, childEnd] = doorPair();
    onTestFinished(() => childEnd.kill());
    parentEnd.kill();
    for (const name of ['first', 'second']) {
      const rules = requireProcessesOptions({ name, logger: recordingLogger() });
      await expect(
        ChildBackplane.open(rules, (handler) => childEnd.openDoor(name, handler)),
      ).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    }
  });

  it('accepts a child that has opened it before', async () => {
    const family = await familyOf(0);
    const [parentEnd, childEnd] = doorPair();
    onTestFinished(() => {
      parentEnd.kill();
      childEnd.kill();
    });
    const opening = ChildBackplane.open(requireProcessesOptions({}), (handler) =>
      childEnd.openDoor('topics', handler),
    );
    await new Promise((resolve) => setImmediate(resolve));
    parentEnd.serveDoor('topics', (door) => family.sessions.accept(door));
    const backplane = await opening;
    await backplane.append('news', { payload: '1' }, SETTINGS);
    await backplane.close();
  });
});
