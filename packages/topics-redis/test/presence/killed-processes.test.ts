import { describe, expect, it } from 'vitest';
import { PRESENCE, RedisTrial, WatchedMembers } from '../support/redis-trial.ts';

const AT_ONCE = { ...PRESENCE, leaveDelayMs: 0 };

describe('members of processes that end', () => {
  it('announces the leaves of a killed process once to each follower', async () => {
    const trial = await RedisTrial.start();
    const [first, second] = [await trial.open(), await trial.open()];
    const other = await trial.startProcess();
    const watched = [
      await WatchedMembers.of(first, 'room'),
      await WatchedMembers.of(second, 'room'),
      await WatchedMembers.of(second, 'hall'),
    ];
    await other.call('join', 'room', { member: 'gone' }, PRESENCE);
    await other.call('join', 'room', { member: 'both' }, PRESENCE);
    await first.join('room', { member: 'both' }, PRESENCE);
    await other.call('join', 'hall', { member: 'gone' }, PRESENCE);
    await other.kill();
    // All of them look for it at the same time.
    await trial.advance(60_000);
    await expect
      .poll(() => watched.map(({ notes }) => notes))
      .toEqual([
        ['joined gone', 'joined both', 'left gone'],
        ['joined gone', 'joined both', 'left gone'],
        ['joined gone', 'left gone'],
      ]);
    expect((await WatchedMembers.of(first, 'room')).present).toEqual(['both']);
  });

  it('gives the members of a killed process the delay of their leave', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const other = await trial.startProcess();
    const watched = await WatchedMembers.of(backplane, 'room');
    await other.call('join', 'room', { member: 'ada' }, { ...PRESENCE, leaveDelayMs: 100_000 });
    await other.kill();
    await trial.advance(90_000);
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await trial.advance(100_000);
    expect(watched.notes).toEqual(['joined ada']);
  });

  it('announces a leave whose process is killed before it is due', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const other = await trial.startProcess();
    const watched = await WatchedMembers.of(backplane, 'room');
    await other.call('join', 'room', { member: 'ada' }, PRESENCE);
    await other.call('leave', 'room', 'ada', PRESENCE);
    await other.kill();
    expect(watched.present).toEqual(['ada']);
    await trial.advance(60_000);
    await expect.poll(() => watched.notes).toEqual(['joined ada', 'left ada']);
  });

  it('lets the members of a process that was stopped for too long join anew', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const other = await trial.startProcess({ leaseMs: 1000 });
    const watched = await WatchedMembers.of(backplane, 'room');
    await other.call('join', 'room', { member: 'ada', meta: { name: 'Ada' } }, PRESENCE);
    other.pause();
    await trial.advance(30_000);
    await expect.poll(() => watched.notes).toEqual(['joined ada', 'left ada']);
    other.resume();
    await expect.poll(() => watched.notes).toEqual(['joined ada', 'left ada', 'joined ada']);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual(['ada']);
    await other.call('leave', 'room', 'ada', AT_ONCE);
    await expect.poll(() => watched.notes.at(-1)).toBe('left ada');
  });

  it('removes the members of a process that was closed, and all that Redis had of them', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const other = await trial.open();
    for (const room of ['room', 'hall']) await other.join(room, { member: 'ada' }, PRESENCE);
    await other.close();
    await trial.advance(20_000);
    const keys = await trial.keys();
    expect(keys.filter((key) => key.includes(':members') || key.includes(':leaving'))).toEqual([]);
    expect(keys.filter((key) => key.includes('{lease:') || key.includes('{processes}'))).toEqual([]);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual([]);
  });

  it('announces at the next start what no process was there to announce', async () => {
    const trial = await RedisTrial.start();
    const other = await trial.startProcess();
    await other.call('join', 'room', { member: 'ada' }, AT_ONCE);
    await other.kill();
    await trial.advance(20_000);
    const backplane = await trial.open();
    await trial.advance(1_000);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual([]);
  });
});
