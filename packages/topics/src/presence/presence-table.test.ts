import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { PresenceChange } from '../backplane/backplane.ts';
import { PresenceTable } from './presence-table.ts';

const SETTINGS = { maxMembers: 3, leaveDelayMs: 1_000 };

function makeTable() {
  const clock = new VirtualClock();
  const changes: PresenceChange[] = [];
  const table = new PresenceTable(clock, (change) => changes.push(change));
  const names = () => table.members().map(({ member }) => member);
  return { clock, changes, table, names };
}

describe('PresenceTable', () => {
  it('announces the first of several joins, and the last leave after its delay', async () => {
    const { clock, changes, table, names } = makeTable();
    table.join({ member: 'ada', meta: 1 }, SETTINGS);
    table.join({ member: 'ada', meta: 2 }, SETTINGS);
    table.leave('ada', SETTINGS);
    await clock.advance(5_000);
    expect(changes).toEqual([{ joined: { member: 'ada', meta: 1 } }]);
    table.leave('ada', SETTINGS);
    await clock.advance(999);
    expect(names()).toEqual(['ada']);
    await clock.advance(1);
    expect(changes.slice(1)).toEqual([{ left: 'ada' }]);
    expect([names(), table.size]).toEqual([[], 0]);
  });

  it('keeps one timer for all that leave, and none if no member does', async () => {
    const { clock, changes, table } = makeTable();
    for (const member of ['a', 'b', 'c']) table.join({ member }, SETTINGS);
    expect(clock.pending).toBe(0);
    table.leave('a', SETTINGS);
    await clock.advance(400);
    table.leave('b', SETTINGS);
    expect(clock.pending).toBe(1);
    table.join({ member: 'a' }, SETTINGS);
    await clock.advance(1_000);
    expect(changes.slice(3)).toEqual([{ left: 'b' }]);
    expect(clock.pending).toBe(0);
  });

  it('counts members that are leaving towards maxMembers, and lets them come back', async () => {
    const { clock, table, names } = makeTable();
    for (const member of ['a', 'b', 'c']) table.join({ member }, SETTINGS);
    table.leave('a', SETTINGS);
    expect(() => table.join({ member: 'd' }, SETTINGS)).toThrow(
      expect.objectContaining({ name: 'TopicsLimitError', code: 'ERR_TOPICS_TOO_MANY_MEMBERS' }),
    );
    table.join({ member: 'a' }, SETTINGS);
    await clock.advance(5_000);
    table.leave('a', SETTINGS);
    await clock.advance(1_000);
    table.join({ member: 'd' }, SETTINGS);
    expect(names()).toEqual(['b', 'c', 'd']);
  });

  it('ignores leaves beyond the joins', async () => {
    const { clock, changes, table } = makeTable();
    table.leave('ada', SETTINGS);
    table.join({ member: 'ada' }, SETTINGS);
    for (let times = 0; times < 3; times += 1) table.leave('ada', SETTINGS);
    table.join({ member: 'ada' }, SETTINGS);
    await clock.advance(5_000);
    expect(changes).toEqual([{ joined: { member: 'ada' } }]);
  });

  it('lets members come back while leaves are announced', async () => {
    const clock = new VirtualClock();
    const changes: PresenceChange[] = [];
    const table: PresenceTable = new PresenceTable(clock, (change) => {
      changes.push(change);
      if ('left' in change && change.left === 'a') {
        table.join({ member: 'a' }, SETTINGS);
        table.join({ member: 'b' }, SETTINGS);
      }
    });
    for (const member of ['a', 'b']) table.join({ member }, SETTINGS);
    for (const member of ['a', 'b']) table.leave(member, SETTINGS);
    await clock.advance(5_000);
    expect(changes.slice(2)).toEqual([{ left: 'a' }, { joined: { member: 'a' } }]);
    expect(new Set(table.members().map(({ member }) => member))).toEqual(new Set(['a', 'b']));
  });

  it('announces nothing after it was cleared', async () => {
    const { clock, changes, table } = makeTable();
    table.join({ member: 'ada' }, SETTINGS);
    table.leave('ada', SETTINGS);
    table.clear();
    await clock.advance(5_000);
    expect([changes.length, table.size, clock.pending]).toEqual([1, 0, 0]);
  });
});
