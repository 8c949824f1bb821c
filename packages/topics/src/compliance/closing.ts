import assert from 'node:assert/strict';
import type { Backplane, TopicSettings } from '../backplane/backplane.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import {
  assertFails,
  numbers,
  PRESENCE_SETTINGS,
  RUN_SETTINGS,
  runLog,
  SETTINGS,
  topicLog,
  until,
  WHOLE,
} from './backplane-trial.ts';
import { RecordingFollower } from './recording-follower.ts';

const settings: TopicSettings = SETTINGS;

/** Every call that a closed backplane refuses. */
const CALLS: Readonly<Record<string, (backplane: Backplane) => unknown>> = {
  append: (backplane) => backplane.append('news', { payload: '1' }, settings),
  read: (backplane) => backplane.read(topicLog('news'), { start: true }, WHOLE),
  'read of a run': (backplane) => backplane.read(runLog('run'), { start: true }, WHOLE),
  follow: (backplane) => backplane.follow(topicLog('news'), new RecordingFollower(), { presence: true }),
  delete: (backplane) => backplane.delete('news'),
  revoke: (backplane) => backplane.revoke('news', undefined),
  join: (backplane) => backplane.join('news', { member: 'ada' }, PRESENCE_SETTINGS),
  leave: (backplane) => backplane.leave('news', 'ada', PRESENCE_SETTINGS),
  claimRun: (backplane) =>
    backplane.claimRun({ id: 'new', owner: 'ada', input: undefined, settings: RUN_SETTINGS }),
  renewRun: (backplane) => backplane.renewRun('run', 1),
  releaseRun: (backplane) => backplane.releaseRun('run', 1),
  writeRun: (backplane) => backplane.writeRun('run', 1, '1'),
  endRun: (backplane) => backplane.endRun('run', 1, { how: 'finished' }),
  cancelRun: (backplane) => backplane.cancelRun('run'),
  runInfo: (backplane) => backplane.runInfo('run'),
  claimExpiredRun: (backplane) => backplane.claimExpiredRun(),
};

/** Cases of a backplane that is closed. */
export function closing(suite: BackplaneSuite): void {
  suite.check('ends what is followed with closed', async (trial) => {
    const { token } = await trial.claim('run');
    const cursor = await trial.append('news', 1);
    const written = await trial.node().writeRun('run', token, '1');
    const topics = [await trial.follow('news'), await trial.follow('news', { presence: true })];
    const run = await trial.follow(runLog('run'));
    await trial.node().close();
    for (const { ends } of topics) assert.deepEqual(ends, [{ kind: 'end', how: 'closed', cursor }]);
    assert.deepEqual(run.ends, [{ kind: 'end', how: 'closed', cursor: written }]);
    for (const follower of [...topics, run]) follower.close();
  });

  for (const [name, call] of Object.entries(CALLS)) {
    suite.check(`rejects ${name} after it was closed`, async (trial) => {
      const { token } = await trial.claim('run');
      await trial.node().writeRun('run', token, '1');
      await trial.append('news', 1);
      const node = trial.node();
      await node.close();
      await assertFails(() => call(node), 'BackplaneError', 'ERR_TOPICS_CLOSED');
    });
  }

  suite.check('closes once, whatever the number of calls', async (trial) => {
    const follower = await trial.follow('news');
    const node = trial.node();
    await Promise.all([node.close(), node.close(), node[Symbol.asyncDispose]()]);
    await node.close();
    assert.deepEqual(follower.notes, ['end closed']);
    const { topics, runs, records, historyBytes, members } = node.stats();
    for (const count of [topics, runs, records, historyBytes, members]) assert.ok(count >= 0);
  });

  suite.check('settles every call that has begun when it is closed', async (trial) => {
    const node = trial.node();
    const follower = await trial.follow('news');
    const { token } = await trial.claim('run');
    const begun = [
      ...numbers(20).map((number) => trial.append('news', number)),
      ...numbers(20).map((number) => node.writeRun('run', token, String(number))),
      trial.join('news', 'ada'),
      node.revoke('news', 'ada'),
      node.delete('other'),
      node.runInfo('run'),
      trial.tryClaim('other run'),
    ];
    const closed = node.close();
    const outcomes = await Promise.allSettled(begun);
    await closed;
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      assert.match(outcome.reason.code, /^ERR_TOPICS_(CLOSED|OUTCOME_UNKNOWN|UNAVAILABLE)$/);
    }
    // What has settled as published was delivered before the end.
    const published = outcomes.slice(0, 20).filter(({ status }) => status === 'fulfilled');
    assert.ok(follower.records.length >= published.length);
    assert.equal(follower.ends.length, 1);
  });

  suite.check('lets a follower close the backplane while it is notified', async (trial) => {
    const node = trial.node();
    const before = await trial.follow('news');
    const follower = new RecordingFollower();
    let closed: Promise<void> | undefined;
    follower.onRecord = () => {
      closed = node.close();
    };
    await trial.follow('news', { follower });
    const after = await trial.follow('news');
    await Promise.allSettled([trial.append('news', 1)]);
    await closed;
    assert.deepEqual(follower.notes, ['record 1', 'end closed']);
    // Whether the others get the record still depends on the order of notification.
    for (const { notes, ends } of [before, after]) {
      assert.deepEqual([notes.at(-1), ends.length], ['end closed', 1]);
    }
  });

  suite.checkWithClock('announces nothing more after it was closed', async (trial) => {
    const node = trial.node();
    const follower = await trial.follow('room', { presence: true });
    await trial.join('room', 'ada');
    await trial.leave('room', 'ada');
    await node.close();
    await trial.cluster.advance(120_000);
    assert.deepEqual(follower.notes.at(-1), 'end closed');
  });

  if (suite.capabilities.nodes === 'one') return;

  suite.check('leaves the other nodes in use', async (trial) => {
    const other = trial.node(1);
    const follower = await trial.follow('news', { node: 1 });
    await trial.append('news', 1);
    await trial.node(0).close();
    await other.append('news', { payload: '2' }, settings);
    await until(() => follower.records.length === 2);
    assert.deepEqual([follower.data, follower.ends], [[1, 2], []]);
  });
}
