import type { DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import { doorPair } from '@landspout/ioloop/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../../src/codec/byte-writer.ts';
import { ChildBackplane } from '../../src/processes/child-backplane.ts';
import { ParentSession } from '../../src/processes/parent-session.ts';
import { requireProcessesOptions } from '../../src/processes/processes-options.ts';
import { appendToParent, callToParent, helloToParent, WIRE_VERSION } from '../../src/processes/wire-calls.ts';
import { helloToChild, readFromParent, type WireReplyHandler } from '../../src/processes/wire-replies.ts';
import { recordingLogger } from '../journal/scratch.ts';
import {
  append,
  familyOf,
  follow,
  PRESENCE_SETTINGS,
  RUN_SETTINGS,
  SETTINGS,
  topicLog,
  until,
} from './support.ts';

const NEWER = WIRE_VERSION + 1;
const REFUSED = { name: 'BackplaneError', code: 'ERR_TOPICS_PROCESSES_VERSION' };
const PAGE = { maxRecords: 10, maxBytes: 1e6 };
const writer = new ByteWriter();

/** A child whose parent says that it is of a later version, and otherwise is like this one. */
async function childOfNewerParent() {
  const family = await familyOf(1);
  const [parentEnd, childEnd] = doorPair();
  onTestFinished(() => {
    parentEnd.kill();
    childEnd.kill();
  });
  parentEnd.serveDoor('topics', (door): DoorHandler => {
    const session = family.sessions.accept(door);
    return {
      message(message) {
        if (message[0] !== 1) return session.message(message);
        door.send(
          helloToChild(writer, new DataView(message.buffer, message.byteOffset).getUint32(1, true), NEWER),
        );
        // Types of later versions.
        for (const type of [60, 255]) door.send(Uint8Array.of(type, 1, 2, 3, 4, 5, 6, 7, 8));
      },
      drained: () => session.drained(),
      closed: (reason) => session.closed(reason),
    };
  });
  const logger = recordingLogger();
  const backplane = await ChildBackplane.open(requireProcessesOptions({ logger }), (handler) =>
    childEnd.openDoor('topics', handler),
  );
  return { backplane, logger, family };
}

describe('a child of a parent of a later version', () => {
  it('reads, says once that it does not write, and refuses to write', async () => {
    const { backplane, logger, family } = await childOfNewerParent();
    const follower = await follow(backplane, 'news');
    await append(family.child(0).backplane, 'news', 1);
    await until(() => follower.records.length === 1);
    expect((await backplane.read(topicLog('news'), { start: true }, PAGE)).records).toHaveLength(1);
    const run = { id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS };
    const writes = [
      () => append(backplane, 'news', 2),
      () => backplane.delete('news'),
      () => backplane.revoke('news', undefined),
      () => backplane.join('news', { member: 'ada' }, PRESENCE_SETTINGS),
      () => backplane.leave('news', 'ada', PRESENCE_SETTINGS),
      () => backplane.claimRun(run),
      () => backplane.claimExpiredRun(),
      () => backplane.renewRun('run', 1),
      () => backplane.releaseRun('run', 1),
      () => backplane.writeRun('run', 1, '1'),
      () => backplane.endRun('run', 1, { how: 'finished' }),
      () => backplane.cancelRun('run'),
    ];
    for (const write of writes) await expect(write()).rejects.toMatchObject(REFUSED);
    expect(family.store.stats()).toMatchObject({ records: 1, runs: 0, members: 0 });
    expect(logger.lines.map(({ message }) => message)).toEqual([expect.stringContaining('newer version')]);
    await backplane.close();
  });
});

/** What a parent replies to a child, by the number of the call. */
class Replies {
  readonly results = new Map<number, unknown>();
  readonly handler: WireReplyHandler = {
    hello: (call, version) => this.results.set(call, version),
    cursor: (call, cursor) => this.results.set(call, cursor),
    result: (call, value) => this.results.set(call, value),
    failure: (call, failure) => this.results.set(call, failure),
    page: (call, page) => this.results.set(call, page.records.length),
    part() {},
    following() {},
    record() {},
    gap() {},
    ended() {},
    revoked() {},
    cancelRequested() {},
    members() {},
    presence() {},
  };
}

/** The door to a parent, for messages that no child of this version sends. */
async function rawChild(): Promise<{
  door: MessageDoor;
  replies: Map<number, unknown>;
  logged: () => string[];
}> {
  const family = await familyOf(1);
  await append(family.child(0).backplane, 'news', 1);
  const [parentEnd, childEnd] = doorPair();
  onTestFinished(() => {
    parentEnd.kill();
    childEnd.kill();
  });
  parentEnd.serveDoor('topics', (door) => family.sessions.accept(door));
  const replies = new Replies();
  const door = childEnd.openDoor('topics', {
    message: (message) => readFromParent(message, replies.handler),
    drained() {},
    closed: (reason) => replies.results.set(-1, reason),
  });
  return { door, replies: replies.results, logged: () => family.logger.lines.map(({ message }) => message) };
}

describe('a parent with a child of a later version', () => {
  it('lets it read, says so once, and refuses what it writes', async () => {
    const { door, replies, logged } = await rawChild();
    door.send(helloToParent(writer, 1, NEWER));
    door.send(appendToParent(writer, 2, 'news', { payload: '2' }, SETTINGS));
    door.send(callToParent(writer, 3, { method: 'delete', args: ['news'] }));
    door.send(callToParent(writer, 4, { method: 'read', args: [topicLog('news'), { start: true }, PAGE] }));
    await until(() => replies.size === 4);
    expect(replies.get(1)).toBe(WIRE_VERSION);
    expect([replies.get(2), replies.get(3)]).toMatchObject([REFUSED, REFUSED]);
    expect(replies.get(4)).toBe(1);
    expect(logged()).toEqual([expect.stringContaining('newer version')]);
    // It can go on in the version of the parent.
    door.send(helloToParent(writer, 5, WIRE_VERSION));
    door.send(appendToParent(writer, 6, 'news', { payload: '2' }, SETTINGS));
    await until(() => replies.size === 6);
    expect(replies.get(6)).toEqual(expect.any(String));
  });

  it('ignores messages of unknown types, and refuses unknown calls', async () => {
    const { door, replies, logged } = await rawChild();
    door.send(helloToParent(writer, 1, WIRE_VERSION));
    door.send(Uint8Array.of(200, 1, 2, 3));
    door.send(callToParent(writer, 2, { method: 'rename', args: ['news'] } as never));
    door.send(appendToParent(writer, 3, 'news', { payload: '2' }, SETTINGS));
    await until(() => replies.size === 3);
    expect(replies.get(2)).toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    expect(replies.get(3)).toEqual(expect.any(String));
    expect(logged()).toEqual([expect.stringContaining('newer version')]);
  });

  it.each([
    ['a message that is too short', Uint8Array.of(2, 1)],
    ['an empty message', new Uint8Array(0)],
  ])('closes the door after %s', async (_, message) => {
    const { door, replies, logged } = await rawChild();
    door.send(message);
    await until(() => replies.has(-1));
    expect([replies.get(-1), logged()]).toEqual(['closed', [expect.stringContaining('cannot be read')]]);
  });
});

describe('ParentSession', () => {
  it('is shown with its counts', async () => {
    const family = await familyOf(1);
    expect(family.child(0).session).toBeInstanceOf(ParentSession);
    const { inspect } = await import('node:util');
    expect(inspect(family.child(0).session)).toContain('queuedBytes: 0');
  });
});
