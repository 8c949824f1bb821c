import { describe, expect, it } from 'vitest';
import { PRESENCE, RedisTrial, WatchedMembers } from '../support/redis-trial.ts';

const AT_ONCE = { ...PRESENCE, leaveDelayMs: 0 };

describe('members after a failover that has lost changes', () => {
  it('finds other members although their number is the same', async () => {
    const trial = await RedisTrial.start();
    const [first, second] = [await trial.open(), await trial.open()];
    await first.join('room', { member: 'ada' }, AT_ONCE);
    await second.join('room', { member: 'cy' }, AT_ONCE);
    const setBack = await trial.copyKeys('{t:room}');
    await first.leave('room', 'ada', AT_ONCE);
    await first.join('room', { member: 'bob' }, AT_ONCE);
    await setBack();
    // A verification, and the leave that it begins.
    await trial.advance(10_000);
    expect((await WatchedMembers.of(second, 'room')).present).toEqual(['bob', 'cy']);
    await first.leave('room', 'bob', AT_ONCE);
    expect((await WatchedMembers.of(second, 'room')).present).toEqual(['cy']);
  });

  it('finds other members although as many changes were made since', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    await backplane.join('room', { member: 'ada' }, AT_ONCE);
    const setBack = await trial.copyKeys('{t:room}');
    await backplane.leave('room', 'ada', AT_ONCE);
    await backplane.join('room', { member: 'bob' }, AT_ONCE);
    await setBack();
    await backplane.join('room', { member: 'cy' }, AT_ONCE);
    await backplane.join('room', { member: 'dan' }, AT_ONCE);
    await trial.advance(10_000);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual(['bob', 'cy', 'dan']);
  });

  it('lets the members of a process leave whose topics were lost before it died', async () => {
    const trial = await RedisTrial.start();
    const watching = await trial.open();
    const { backplane, proxy } = await trial.openProxied();
    await backplane.join('hall', { member: 'ada' }, PRESENCE);
    const setBack = await trial.copyKeys('');
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await watching.join('room', { member: 'bob' }, PRESENCE);
    await setBack();
    await trial.advance(10_000);
    const watched = await WatchedMembers.of(watching, 'room');
    expect(watched.present).toEqual(['ada', 'bob']);
    await proxy.refuse();
    proxy.cut();
    await trial.advance(60_000);
    expect(watched.present).toEqual(['bob']);
  });
});
