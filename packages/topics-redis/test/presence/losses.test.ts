import { describe, expect, it } from 'vitest';
import { PRESENCE, RedisTrial, WatchedMembers } from '../support/redis-trial.ts';
import { outcomesOf } from '../support/test-link.ts';

const AT_ONCE = { ...PRESENCE, leaveDelayMs: 0 };
const UNKNOWN = { code: 'ERR_TOPICS_OUTCOME_UNKNOWN' };

/** How many members Redis has in a topic, those that are leaving too. */
const countIn = async (trial: RedisTrial, topic: string) =>
  Number(await trial.link.send('x', ['HLEN', `landspout:{t:${topic}}:members`]));

/** Bob is in a room, and ada has joined it, but the reply to that is lost. */
async function joinWithLostReply() {
  const trial = await RedisTrial.start();
  const { backplane, proxy } = await trial.openProxied();
  const watched = await WatchedMembers.of(await trial.open(), 'room');
  await backplane.join('room', { member: 'bob' }, PRESENCE);
  proxy.halt('toClient');
  const joining = backplane.join('room', { member: 'ada' }, PRESENCE);
  await expect.poll(() => watched.present).toEqual(['ada', 'bob']);
  proxy.cut();
  await expect(joining).rejects.toMatchObject(UNKNOWN);
  proxy.pass();
  return { trial, backplane, watched };
}

describe('members when Redis or a connection is lost', () => {
  it('joins all members anew after Redis has lost its memory', async () => {
    const trial = await RedisTrial.start();
    const [first, second] = [await trial.open(), await trial.open()];
    await first.join('room', { member: 'ada', meta: 1 }, PRESENCE);
    await second.join('room', { member: 'bob' }, PRESENCE);
    await second.join('hall', { member: 'bob' }, PRESENCE);
    const watched = await WatchedMembers.of(first, 'room');
    await trial.redis.restart();
    await expect
      .poll(async () => {
        await trial.advance(1000);
        return [watched.present, await countIn(trial, 'room'), await countIn(trial, 'hall')];
      })
      .toEqual([['ada', 'bob'], 2, 1]);
    await first.leave('room', 'ada', AT_ONCE);
    await expect.poll(() => watched.present).toEqual(['bob']);
  });

  it('joins the members of a topic anew that Redis has lost alone', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    for (const member of ['ada', 'bob']) await backplane.join('room', { member }, PRESENCE);
    const lost = (await trial.keys()).filter((key) => key.includes('{t:room}'));
    await trial.link.send('x', ['DEL', ...lost]);
    await trial.advance(10_000);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual(['ada', 'bob']);
  });

  it('verifies all topics in turn if there are many', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const topics = Array.from({ length: 1200 }, (_, index) => `room-${index}`);
    await Promise.all(topics.map((topic) => backplane.join(topic, { member: 'ada' }, PRESENCE)));
    const lost = (await trial.keys()).filter((key) => key.includes('{t:room-'));
    await trial.link.send('x', ['DEL', ...lost]);
    // Each renewal of the lease verifies a part of them.
    await trial.advance(30_000);
    const counts = await Promise.all(topics.map((topic) => countIn(trial, topic)));
    expect(counts.filter((count) => count !== 1)).toEqual([]);
  });

  it('counts a join once that is repeated because its outcome was unknown', async () => {
    const { trial, backplane, watched } = await joinWithLostReply();
    await expect
      .poll(async () => {
        await trial.advance(100);
        return outcomesOf([backplane.join('room', { member: 'ada' }, PRESENCE)]);
      })
      .toEqual(['done']);
    await backplane.leave('room', 'ada', AT_ONCE);
    await expect.poll(() => watched.notes).toEqual(['joined bob', 'joined ada', 'left ada']);
  });

  it('removes a member whose join failed as far as the caller knows', async () => {
    const { trial, watched } = await joinWithLostReply();
    await expect
      .poll(async () => {
        await trial.advance(1000);
        return watched.notes;
      })
      .toEqual(['joined bob', 'joined ada', 'left ada']);
  });

  it('keeps a member whose leave was refused', async () => {
    const trial = await RedisTrial.start();
    const { backplane, proxy } = await trial.openProxied();
    const watched = await WatchedMembers.of(await trial.open(), 'room');
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await proxy.refuse();
    proxy.cut();
    await expect.poll(() => outcomesOf([backplane.runInfo('no run')])).toEqual(['ERR_TOPICS_UNAVAILABLE']);
    await expect(backplane.leave('room', 'ada', AT_ONCE)).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
    });
    await proxy.accept();
    await expect
      .poll(async () => {
        await trial.advance(100);
        return outcomesOf([backplane.join('room', { member: 'bob' }, PRESENCE)]);
      })
      .toEqual(['done']);
    await trial.advance(20_000);
    expect(watched.notes).toEqual(['joined ada', 'joined bob']);
  });

  it('refuses what a process sends under an id that has ended', async () => {
    const trial = await RedisTrial.start();
    const watched = await WatchedMembers.of(await trial.open(), 'room');
    const { backplane, proxy } = await trial.openProxied();
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    // What the process sends from now on arrives after its lease has expired.
    proxy.halt('toServer');
    const joining = backplane.join('room', { member: 'bob' }, PRESENCE);
    await trial.advance(40_000);
    await expect.poll(() => watched.notes).toEqual(['joined ada', 'left ada']);
    proxy.pass();
    await joining;
    await expect.poll(() => watched.present).toEqual(['ada', 'bob']);
    await backplane.leave('room', 'bob', AT_ONCE);
    await backplane.leave('room', 'ada', AT_ONCE);
    // Nothing is left under the old id.
    await expect.poll(() => watched.present).toEqual([]);
    expect(await countIn(trial, 'room')).toBe(0);
  });

  it('adds nothing that arrives after the lease has expired if its process does not learn of that', async () => {
    const trial = await RedisTrial.start();
    const watched = await WatchedMembers.of(await trial.open(), 'room');
    const { backplane, proxy } = await trial.openProxied();
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    proxy.halt('toServer');
    const joining = backplane.join('room', { member: 'bob' }, PRESENCE);
    const outcome = outcomesOf([joining]);
    await trial.advance(40_000);
    proxy.pass();
    proxy.halt('toClient');
    await trial.advance(1000);
    await proxy.close();
    await backplane.close();
    expect(await outcome).toEqual(['ERR_TOPICS_OUTCOME_UNKNOWN']);
    await trial.advance(40_000);
    expect(watched.notes).toEqual(['joined ada', 'left ada']);
    expect(await countIn(trial, 'room')).toBe(0);
  });

  it('announces a leave that is due while Redis cannot be reached when it is back', async () => {
    const trial = await RedisTrial.start();
    const watched = await WatchedMembers.of(await trial.open(), 'room');
    const { backplane, proxy } = await trial.openProxied();
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await backplane.join('room', { member: 'bob' }, PRESENCE);
    await backplane.leave('room', 'ada', PRESENCE);
    await proxy.refuse();
    proxy.cut();
    await trial.advance(8_000);
    expect(watched.present).toEqual(['ada', 'bob']);
    await proxy.accept();
    await expect
      .poll(async () => {
        await trial.advance(500);
        return watched.present;
      })
      .toEqual(['bob']);
  });

  it('lists the members anew to followers whose connection was lost', async () => {
    const trial = await RedisTrial.start();
    const other = await trial.open();
    const { backplane, proxy } = await trial.openProxied();
    await other.join('room', { member: 'ada' }, PRESENCE);
    const watched = await WatchedMembers.of(backplane, 'room');
    await proxy.refuse();
    proxy.cut();
    await other.join('room', { member: 'bob' }, PRESENCE);
    await other.leave('room', 'ada', AT_ONCE);
    await proxy.accept();
    await expect
      .poll(async () => {
        await trial.advance(500);
        return [...new Set(watched.notes)];
      })
      .toEqual(['all bob']);
  });

  it('closes although Redis does not reply, and leaves its members to other processes', async () => {
    const trial = await RedisTrial.start();
    const { backplane, proxy } = await trial.openProxied();
    const watched = await WatchedMembers.of(await trial.open(), 'room');
    await backplane.join('room', { member: 'ada' }, AT_ONCE);
    proxy.halt('toServer');
    let isClosed = false;
    const closing = backplane.close().then(() => {
      isClosed = true;
    });
    await trial.clock.advance(4_900);
    expect(isClosed).toBe(false);
    await trial.clock.advance(200);
    await closing;
    await trial.advance(30_000);
    expect(watched.notes).toEqual(['joined ada', 'left ada']);
  });
});
