import type { DoorHandler } from '@landspout/ioloop/processes';
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
  textOf,
  topicLog,
  until,
} from './support.ts';

const KIB = 1024;
/** Until a child opens its door again. */
const REOPEN_MS = 1000;
/** Until a child whose parent has ended ends its subscriptions. */
const ORPHAN_MS = 5000;
const codeOf = ({ code }: { readonly code: string }): string => code;
const PAGE = { maxRecords: 10, maxBytes: 1000 };

describe('a child whose session has failed in the parent', () => {
  it('is left by its members and gives up its runs, although it goes on', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(2, { clock, maxQueuedBytes: 64 * KIB });
    const [failing, other] = family.firstThree;
    const room = await follow(other.backplane, 'room', true);
    await failing.backplane.join('room', { member: 'ada' }, PRESENCE_SETTINGS);
    const run = { id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS };
    await failing.backplane.claimRun(run);
    const follower = await follow(failing.backplane, 'news');
    failing.childEnd.pause();
    for (const number of numbers(500)) await append(other.backplane, 'news', [number, textOf(4 * KIB)]);
    // Too long for a message, which is noticed when there is room again.
    await family.store.revoke('news', textOf(65 * KIB * KIB));
    failing.childEnd.resume();
    await until(() => family.sessions.size === 1 && follower.ends.length === 1);
    expect((await other.backplane.claimExpiredRun('run'))?.run.attempt).toBe(1);
    await failing.backplane.close();
    await clock.advance(PRESENCE_SETTINGS.leaveDelayMs);
    await until(() => room.changes.length === 2);
    expect(room.changes[1]).toEqual({ left: 'ada' });
  });
});

describe('a child whose door was closed while the parent lives', () => {
  it('ends its subscriptions, opens the door again, and keeps its members', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(2, { clock });
    const [{ backplane, session, parentEnd }, other] = family.firstThree;
    const room = await follow(other.backplane, 'room', true);
    for (const member of ['ada', 'ada', 'bob'])
      await backplane.join('room', { member, meta: 1 }, PRESENCE_SETTINGS);
    await backplane.leave('room', 'bob', PRESENCE_SETTINGS);
    const cursor = await append(backplane, 'news', 1);
    const followers = [await follow(backplane, 'news'), await follow(backplane, 'news', true)];
    parentEnd.pause();
    const lost = [append(backplane, 'news', 2), follow(backplane, 'other')].map((call) =>
      (call as Promise<unknown>).catch(codeOf),
    );
    session.close();
    expect(await Promise.all(lost)).toEqual(['ERR_TOPICS_OUTCOME_UNKNOWN', 'ERR_TOPICS_UNAVAILABLE']);
    for (const { ends } of followers) expect(ends).toEqual([{ kind: 'end', how: 'closed', cursor }]);
    for (const follower of followers) follower.close();
    expect(await append(backplane, 'news', 3).catch(codeOf)).toBe('ERR_TOPICS_UNAVAILABLE');
    parentEnd.resume();
    await clock.advance(REOPEN_MS);
    const again = await follow(backplane, 'news');
    await append(other.backplane, 'news', 4);
    await until(() => again.records.length === 1);
    const page = await backplane.read(topicLog('news'), { after: cursor }, PAGE);
    expect(page.records.map(({ data }) => data)).toEqual([4]);
    // Twice in the parent too: it leaves with the second leave.
    await clock.advance(PRESENCE_SETTINGS.leaveDelayMs);
    await backplane.leave('room', 'ada', PRESENCE_SETTINGS);
    await clock.advance(PRESENCE_SETTINGS.leaveDelayMs);
    await append(other.backplane, 'room', 1);
    expect(room.changes.map((change) => ('left' in change ? change.left : 'joined'))).toEqual([
      'joined',
      'joined',
      'bob',
    ]);
    await backplane.leave('room', 'ada', PRESENCE_SETTINGS);
    await clock.advance(PRESENCE_SETTINGS.leaveDelayMs);
    await until(() => room.changes.length === 4);
    expect(family.logger.lines.map(({ level }) => level)).toEqual(['warn']);
  });

  it('opens it again after a message that it cannot read', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane, session }] = family.firstThree;
    const follower = await follow(backplane, 'news');
    // A record without the rest.
    session.send(new Uint8Array([8, 0]));
    await until(() => follower.ends.length === 1 && family.sessions.size === 0);
    await clock.advance(REOPEN_MS);
    await append(backplane, 'news', 1);
    expect(family.sessions.size).toBe(1);
  });
});

describe('a child whose parent has closed its backplane', () => {
  it('waits for another one, and stays without if there is none', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(0, { clock });
    const logger = recordingLogger();
    const doorClock = new VirtualClock();
    const [parentEnd, childEnd] = doorPair({ clock: doorClock });
    onTestFinished(() => {
      parentEnd.kill();
      childEnd.kill();
    });
    const serve = () => parentEnd.serveDoor('topics', (door) => family.sessions.accept(door));
    const rules = requireProcessesOptions({ clock, logger });
    const open = (handler: DoorHandler) => childEnd.openDoor('topics', handler);
    const first = serve();
    const backplane = await ChildBackplane.open(rules, open);
    first.close();
    family.sessions.close();
    await until(() => logger.lines.length === 1);
    await clock.advance(REOPEN_MS);
    const waiting = append(backplane, 'news', 1);
    const second = serve();
    await waiting;
    second.close();
    family.sessions.close();
    await until(() => logger.lines.length === 2);
    await clock.advance(REOPEN_MS);
    const refused = append(backplane, 'news', 2).catch((error: Error) => error);
    await until(() => doorClock.pending > 0);
    await doorClock.advance(10_000);
    expect(await refused).toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
      message: expect.stringContaining('the parent has closed its backplane'),
    });
    await clock.advance(100 * REOPEN_MS);
    expect(await append(backplane, 'news', 3).catch(codeOf)).toBe('ERR_TOPICS_UNAVAILABLE');
    expect(logger.lines).toHaveLength(2);
  });
});

describe('a child that goes on after its channel is broken', () => {
  it('ends its subscriptions after a while, and logs that once', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(1, { clock });
    const [{ backplane, parentEnd }] = family.firstThree;
    const follower = await follow(backplane, 'news');
    const call = backplane.runInfo('run').catch(codeOf);
    parentEnd.kill();
    expect(await call).toBe('ERR_TOPICS_UNAVAILABLE');
    expect(follower.ends).toEqual([]);
    await clock.advance(ORPHAN_MS);
    expect(follower.notes).toEqual(['end closed']);
    expect(family.logger.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
    await clock.advance(10 * ORPHAN_MS);
    expect(family.logger.lines).toHaveLength(2);
  });
});
