import assert from 'node:assert/strict';
import type { PresenceChange } from '../backplane/backplane.ts';
import type { TopicMember } from '../record.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, numbers, until } from './backplane-trial.ts';
import { RecordingFollower } from './recording-follower.ts';

/** The members that a follower knows: those at the start, and the changes since. */
function known({ members, changes }: RecordingFollower): string[] {
  const found = new Map<string, TopicMember>(members.map((member) => [member.member, member]));
  for (const change of changes) {
    if ('joined' in change) {
      assert.ok(!found.has(change.joined.member), `${change.joined.member} has joined twice`);
      found.set(change.joined.member, change.joined);
    } else if ('left' in change) {
      assert.ok(found.delete(change.left), `${change.left} has left without having joined`);
    } else {
      found.clear();
      for (const member of change.members) found.set(member.member, member);
    }
  }
  return [...found.keys()].sort();
}

const joined = (member: string): PresenceChange => ({ joined: { member } });

/** Cases of the members of a topic. */
export function presence(suite: BackplaneSuite): void {
  announcing(suite);
  leaving(suite);
  limitsAndNotifications(suite);
}

function announcing(suite: BackplaneSuite): void {
  suite.check('announces members to the followers that ask for presence only', async (trial) => {
    const asking = await trial.followEverywhere('room', true);
    const other = await trial.follow('room');
    await trial.join('room', 'ada', { meta: { name: 'Ada', tags: ['x'] } });
    await trial.join('room', 'bob', { node: 1 });
    await until(() => asking.every(({ changes }) => changes.length === 2));
    const ada = { member: 'ada', meta: { name: 'Ada', tags: ['x'] } };
    for (const { changes } of asking) assert.deepEqual(changes, [{ joined: ada }, joined('bob')]);
    await trial.barrier('room', [other]);
    assert.deepEqual([other.changes, other.members], [[], []]);
  });

  suite.check('lists the members to a follower that starts later', async (trial) => {
    await trial.join('room', 'ada', { meta: { name: 'Ada' } });
    await trial.join('room', 'bob', { node: 1 });
    for (const node of [0, 1]) {
      const { members } = await trial.follow('room', { presence: true, node });
      const sorted = [...members].sort((a, b) => (a.member < b.member ? -1 : 1));
      assert.deepEqual(sorted, [{ member: 'ada', meta: { name: 'Ada' } }, { member: 'bob' }]);
    }
    assert.deepEqual((await trial.follow('other room', { presence: true })).members, []);
  });

  suite.check('gives presence no cursor, and no place in the history', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    for (const number of numbers(20)) await trial.join('room', `member ${number}`);
    await until(() => follower.changes.length === 20);
    const { data, cursor } = await trial.read('room', { start: true });
    assert.deepEqual([data, cursor], [[], follower.cursor]);
  });

  suite.check('keeps the members of topics apart', async (trial) => {
    const [a, b] = [await trial.follow('a', { presence: true }), await trial.follow('b', { presence: true })];
    await trial.join('a', 'ada');
    await trial.join('b', 'bob');
    assert.deepEqual([known(a), known(b)], [['ada'], ['bob']]);
  });

  suite.checkRandomly(
    'loses no change between the list of the members and the changes',
    async (trial, random) => {
      const names = numbers(12).map((number) => `member ${number}`);
      const come = async (name: string, node: number): Promise<void> => {
        for (let round = 0; round < 6; round += 1) {
          await random.pause();
          await trial.join('room', name, { node, leaveDelayMs: 0 });
          await random.pause();
          await trial.leave('room', name, { node, leaveDelayMs: 0 });
        }
        await trial.join('room', name, { node });
      };
      const followers: RecordingFollower[] = [];
      const follow = async (node: number): Promise<void> => {
        for (let pauses = random.below(30); pauses > 0; pauses -= 1) await random.pause();
        followers.push(await trial.follow('room', { presence: true, node }));
      };
      await Promise.all([...names.map(come), ...numbers(30).map(follow)]);
      if (trial.capabilities.clock) await trial.cluster.advance(1);
      await until(() => followers.every((follower) => known(follower).length === names.length));
      for (const follower of followers) assert.deepEqual(known(follower), [...names].sort());
    },
  );
}

function leaving(suite: BackplaneSuite): void {
  suite.checkWithClock('announces a leave after leaveDelayMs', async (trial) => {
    const followers = await trial.followEverywhere('room', true);
    await trial.join('room', 'ada');
    await trial.cluster.advance(100_000);
    await trial.leave('room', 'ada');
    await trial.cluster.advance(4_000);
    for (const follower of followers) assert.deepEqual(known(follower), ['ada']);
    // A follower that starts now learns of the leave later, so the member is still in its list.
    followers.push(await trial.follow('room', { presence: true, node: 1 }));
    assert.deepEqual(followers.at(-1)?.members, [{ member: 'ada' }]);
    await trial.cluster.advance(2_000);
    await until(() => followers.every((follower) => known(follower).length === 0));
    for (const { changes } of followers) assert.deepEqual(changes.at(-1), { left: 'ada' });
    assert.deepEqual((await trial.follow('room', { presence: true })).members, []);
  });

  suite.checkWithClock('announces nothing if a member is back within leaveDelayMs', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada', { meta: 1 });
    for (let round = 0; round < 3; round += 1) {
      await trial.leave('room', 'ada');
      await trial.cluster.advance(4_000);
      await trial.join('room', 'ada', { meta: 1, node: round });
      await trial.cluster.advance(20_000);
      if (round > 0) continue;
      assert.deepEqual(known(follower), ['ada']);
    }
    assert.deepEqual(follower.changes, [{ joined: { member: 'ada', meta: 1 } }]);
  });

  suite.checkWithClock('announces a member that comes back later as new', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada', { meta: 'first' });
    await trial.leave('room', 'ada');
    await trial.cluster.advance(6_000);
    await trial.join('room', 'ada', { meta: 'second', node: 1 });
    await until(() => follower.changes.length === 3);
    assert.deepEqual(follower.changes, [
      { joined: { member: 'ada', meta: 'first' } },
      { left: 'ada' },
      { joined: { member: 'ada', meta: 'second' } },
    ]);
  });

  suite.checkWithClock('announces the leaves of several members each at its time', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    for (const member of ['first', 'second', 'back', 'stays']) await trial.join('room', member);
    await trial.leave('room', 'first');
    await trial.leave('room', 'back');
    await trial.cluster.advance(3_000);
    await trial.leave('room', 'second');
    await trial.join('room', 'back');
    await trial.cluster.advance(3_000);
    await until(() => known(follower).length === 3);
    assert.deepEqual(known(follower), ['back', 'second', 'stays']);
    await trial.leave('room', 'back');
    await trial.cluster.advance(3_000);
    await until(() => known(follower).length === 2);
    assert.deepEqual(known(follower), ['back', 'stays']);
    await trial.cluster.advance(3_000);
    await until(() => known(follower).length === 1);
    assert.deepEqual(known(follower), ['stays']);
  });

  suite.checkWithClock('announces a leave without a delay at once', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada', { leaveDelayMs: 0 });
    await trial.leave('room', 'ada', { leaveDelayMs: 0 });
    await trial.cluster.advance(1);
    await until(() => follower.changes.length === 2);
    assert.deepEqual(follower.changes, [joined('ada'), { left: 'ada' }]);
  });

  suite.checkWithClock('lets a member leave after as many leaves as joins of one process', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    for (const meta of ['first', 'second']) await trial.join('room', 'ada', { meta });
    await trial.leave('room', 'ada');
    await trial.cluster.advance(20_000);
    await trial.join('room', 'marker');
    await until(() => known(follower).includes('marker'));
    assert.deepEqual(follower.changes, [{ joined: { member: 'ada', meta: 'first' } }, joined('marker')]);
    await trial.leave('room', 'ada');
    await trial.cluster.advance(20_000);
    await until(() => follower.changes.length === 3);
    assert.deepEqual(follower.changes.at(-1), { left: 'ada' });
  });

  suite.checkWithClock('takes joins and leaves of one member in the order of the calls', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    const at = { leaveDelayMs: 0 };
    await Promise.all([trial.join('room', 'ada', at), trial.leave('room', 'ada', at)]);
    await Promise.all([
      trial.join('room', 'bob', at),
      trial.leave('room', 'bob', at),
      trial.join('room', 'bob', at),
    ]);
    await trial.cluster.advance(20_000);
    await trial.join('room', 'marker');
    await until(() => known(follower).includes('marker'));
    assert.deepEqual(known(follower), ['bob', 'marker']);
  });

  suite.check('does nothing for a leave of a member that has not joined', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    await trial.leave('room', 'ghost');
    await trial.leave('unknown room', 'ghost');
    await trial.join('room', 'ada');
    assert.deepEqual(follower.changes, [joined('ada')]);
  });

  if (suite.capabilities.nodes === 'one') return;

  suite.checkWithClock(
    'announces only the first join and the last leave of a member of several nodes',
    async (trial) => {
      const follower = await trial.follow('room', { presence: true });
      await trial.join('room', 'ada', { meta: 'first', node: 0 });
      await trial.join('room', 'ada', { meta: 'second', node: 1 });
      await trial.leave('room', 'ada', { node: 0 });
      await trial.cluster.advance(20_000);
      await trial.join('room', 'marker');
      await until(() => known(follower).includes('marker'));
      assert.deepEqual(follower.changes, [{ joined: { member: 'ada', meta: 'first' } }, joined('marker')]);
      await trial.leave('room', 'ada', { node: 1 });
      await trial.cluster.advance(20_000);
      await until(() => follower.changes.length === 3);
      assert.deepEqual(follower.changes.at(-1), { left: 'ada' });
    },
  );
}

function limitsAndNotifications(suite: BackplaneSuite): void {
  suite.check('refuses members beyond maxMembers', async (trial) => {
    const follower = await trial.follow('room', { presence: true });
    for (const member of ['ada', 'bob']) await trial.join('room', member, { maxMembers: 2 });
    await assertFails(
      () => trial.join('room', 'eve', { maxMembers: 2, node: 1 }),
      'TopicsLimitError',
      'ERR_TOPICS_TOO_MANY_MEMBERS',
    );
    await trial.join('other room', 'eve', { maxMembers: 2 });
    assert.deepEqual(known(follower), ['ada', 'bob']);
    assert.equal((await trial.follow('room', { presence: true })).members.length, 2);
  });

  suite.checkWithClock('gives the place of a member that has left to another', async (trial) => {
    await trial.join('room', 'ada', { maxMembers: 1 });
    await trial.leave('room', 'ada');
    await trial.cluster.advance(6_000);
    await trial.join('room', 'bob', { maxMembers: 1 });
    assert.deepEqual((await trial.follow('room', { presence: true })).members, [{ member: 'bob' }]);
  });

  suite.check('shows all followers one order if one of them joins while it is notified', async (trial) => {
    const started: Promise<void>[] = [];
    const before = await trial.follow('room', { presence: true });
    const follower = new RecordingFollower();
    const late = new RecordingFollower();
    follower.presence = function (change) {
      RecordingFollower.prototype.presence.call(this, change);
      if (!('joined' in change) || change.joined.member !== 'ada') return;
      started.push(trial.join('room', 'bob'));
      started.push(trial.follow('room', { presence: true, follower: late }).then(() => {}));
    };
    await trial.follow('room', { presence: true, follower });
    const after = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada');
    await Promise.all(started);
    for (const { changes } of [before, follower, after]) {
      assert.deepEqual(changes, [joined('ada'), joined('bob')]);
    }
    await until(() => known(late).length === 2);
    assert.deepEqual(known(late), ['ada', 'bob']);
  });

  suite.check('keeps the members of a topic that is deleted', async (trial) => {
    const old = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada');
    await trial.node().delete('room');
    await until(() => old.ends.length === 1);
    await trial.join('room', 'bob');
    const again = await trial.follow('room', { presence: true });
    assert.deepEqual(known(again), ['ada', 'bob']);
    old.close();
    await trial.join('room', 'eve');
    await until(() => known(again).includes('eve'));
    assert.deepEqual(known(await trial.follow('room', { presence: true })), ['ada', 'bob', 'eve']);
  });

  suite.checkWithClock('announces the leave of a member that joined before a deletion', async (trial) => {
    for (const member of ['ada', 'bob']) await trial.join('room', member);
    await trial.node().delete('room');
    const follower = await trial.follow('room', { presence: true });
    await trial.leave('room', 'ada');
    await trial.cluster.advance(6_000);
    await until(() => known(follower).length === 1);
    assert.deepEqual(follower.changes, [{ left: 'ada' }]);
    // The other one keeps the topic.
    if (trial.capabilities.countsStore) assert.equal(trial.node().stats().topics, 1);
  });
}
