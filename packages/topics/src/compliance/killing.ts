import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, runLog, type Trial, until } from './backplane-trial.ts';

/** Longer than any lease, in steps in which a backplane can renew those of the nodes that live. */
async function advanceUntil(trial: Trial, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    if (await isTrue()) return true;
    await trial.cluster.advance(1_000);
    return false;
  });
}

/** Cases of a node that is killed while others go on. */
export function killing(suite: BackplaneSuite): void {
  suite.checkKill('announces the leaves of the members of a killed node once', async (trial) => {
    const followers = [
      await trial.follow('room', { presence: true, node: 0 }),
      await trial.follow('room', { presence: true, node: 0 }),
    ];
    await trial.join('room', 'gone', { node: 1 });
    await trial.join('room', 'both', { node: 1 });
    await trial.join('room', 'both', { node: 0 });
    await trial.join('room', 'stays', { node: 0 });
    await until(() => followers.every(({ changes }) => changes.length === 3));
    await trial.cluster.kill(1);
    await advanceUntil(trial, () => followers.every(({ changes }) => changes.length > 3));
    for (let second = 0; second < 60; second += 1) await trial.cluster.advance(1_000);
    await trial.join('room', 'marker');
    await until(() =>
      followers.every(({ changes }) =>
        changes.some((change) => 'joined' in change && change.joined.member === 'marker'),
      ),
    );
    for (const { changes } of followers) {
      assert.deepEqual(
        changes.flatMap((change) => ('left' in change ? [change.left] : [])),
        ['gone'],
      );
    }
  });

  suite.checkKill('lets one of the other nodes claim the runs of a killed node', async (trial) => {
    const { token } = await trial.claim('run', { node: 1 });
    const mine = await trial.claim('mine', { node: 0 });
    await trial.node(1).writeRun('run', token, '1');
    await trial.cluster.kill(1);
    let claimed: Awaited<ReturnType<ReturnType<Trial['node']>['claimExpiredRun']>>;
    await advanceUntil(trial, async () => {
      await trial.node().renewRun('mine', mine.token);
      claimed ??= await trial.node().claimExpiredRun();
      return claimed !== undefined;
    });
    assert.deepEqual([claimed?.run.id, claimed?.run.attempt], ['run', 1]);
    await assertFails(() => trial.node().writeRun('run', token, '2'), 'RunError', 'ERR_RUN_LEASE_LOST');
    assert.deepEqual((await trial.read(runLog('run'), { start: true })).data, [1]);
  });

  suite.checkKill('keeps what a killed node has published, and goes on', async (trial) => {
    const follower = await trial.follow('news', { node: 0 });
    await trial.append('news', 'from the killed one', { node: 1 });
    await trial.cluster.kill(1);
    await trial.append('news', 'from the other one');
    await trial.received([follower], 2);
    assert.deepEqual(follower.data, ['from the killed one', 'from the other one']);
    assert.deepEqual((await trial.read('news', { start: true })).data, follower.data);
  });
}
