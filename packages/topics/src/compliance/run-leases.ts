import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, numbers, runLog, until } from './backplane-trial.ts';

const LEASE_LOST = ['RunError', 'ERR_RUN_LEASE_LOST'] as const;
const settings = { leaseMs: 15_000 };

/** Cases of the leases of runs, and of their fencing tokens. */
export function runLeases(suite: BackplaneSuite): void {
  suite.checkWithClock('lets a run be claimed after its lease has expired, and not before', async (trial) => {
    await trial.claim('run', { settings });
    assert.equal(await trial.node(1).claimExpiredRun('run'), undefined);
    await trial.cluster.advance(14_000);
    assert.equal(await trial.node(1).claimExpiredRun('run'), undefined);
    assert.equal(await trial.node(1).claimExpiredRun(), undefined);
    await trial.cluster.advance(2_000);
    const claim = await trial.node(1).claimExpiredRun('run');
    assert.deepEqual([claim?.run.id, claim?.run.attempt, claim?.run.end], ['run', 1, undefined]);
  });

  suite.checkWithClock('prolongs a lease with each renewal', async (trial) => {
    const { token } = await trial.claim('run', { settings });
    for (let round = 0; round < 5; round += 1) {
      await trial.cluster.advance(10_000);
      await trial.node().renewRun('run', token);
      assert.equal(await trial.node(1).claimExpiredRun(), undefined);
    }
    await trial.cluster.advance(16_000);
    assert.notEqual(await trial.node(1).claimExpiredRun(), undefined);
  });

  suite.checkWithClock('gives an expired run to exactly one of many claims', async (trial) => {
    await trial.claim('run', { settings });
    await trial.cluster.advance(16_000);
    const claims = await Promise.all(
      numbers(20).map((number) => trial.node(number).claimExpiredRun(number % 2 === 0 ? 'run' : undefined)),
    );
    assert.equal(claims.filter((claim) => claim !== undefined).length, 1);
    assert.equal((await trial.node().runInfo('run')).attempt, 1);
  });

  suite.checkWithClock('continues a run with the settings of its first claim', async (trial) => {
    const own = { maxRecords: 2, maxBytes: 9_000, leaseMs: 7_000, ttlMs: 8_000, maxDurationMs: 123_456 };
    const first = await trial.claim('run', { settings: own });
    assert.deepEqual(first.settings, own);
    await trial.cluster.advance(8_000);
    const second = await trial.node(1).claimExpiredRun('run');
    assert.deepEqual(second?.settings, own);
  });

  suite.checkWithClock('gives each of several expired runs once', async (trial) => {
    for (const number of numbers(6)) await trial.claim(`run ${number}`, { settings, node: number });
    await trial.claim('long', { settings: { leaseMs: 100_000 } });
    await trial.cluster.advance(16_000);
    const claims = await Promise.all(numbers(8).map((number) => trial.node(number).claimExpiredRun()));
    const ids = claims.flatMap((claim) => (claim === undefined ? [] : [claim.run.id]));
    assert.deepEqual(
      ids.sort(),
      numbers(6).map((number) => `run ${number}`),
    );
    assert.equal(await trial.node().claimExpiredRun('long'), undefined);
  });

  suite.checkWithClock(
    'refuses everything from a producer whose run was claimed by another',
    async (trial) => {
      const first = await trial.claim('run', { settings });
      const before = await trial.node().writeRun('run', first.token, '"before"');
      await trial.cluster.advance(16_000);
      const second = await trial.node(1).claimExpiredRun('run');
      assert.ok(second !== undefined && second.token > first.token);
      assert.equal(second.run.cursor, before);
      await assertFails(() => trial.node().writeRun('run', first.token, '"late"'), ...LEASE_LOST);
      await assertFails(() => trial.node().renewRun('run', first.token), ...LEASE_LOST);
      await assertFails(() => trial.node().endRun('run', first.token, { how: 'finished' }), ...LEASE_LOST);
      // The new producer appends to the same log.
      await trial.node(1).writeRun('run', second.token, '"after"');
      await trial.node(1).renewRun('run', second.token);
      await trial.node(1).endRun('run', second.token, { how: 'finished' });
      const { data, gaps, end } = await trial.read(runLog('run'), { after: first.run.cursor });
      assert.deepEqual([data, gaps, end?.how], [['before', 'after'], [], 'finished']);
    },
  );

  suite.check('gives a run whose lease was given up to the next that asks', async (trial) => {
    const first = await trial.claim('run', { settings });
    const cursor = await trial.node().writeRun('run', first.token, '1');
    assert.equal(await trial.node(1).claimExpiredRun('run'), undefined);
    await assertFails(() => trial.node().releaseRun('run', first.token + 1), ...LEASE_LOST);
    await trial.node().releaseRun('run', first.token);
    await assertFails(() => trial.node().writeRun('run', first.token, '"late"'), ...LEASE_LOST);
    const second = await trial.node(1).claimExpiredRun();
    assert.ok(second !== undefined && second.token > first.token);
    assert.deepEqual([second.run.attempt, second.run.cursor, second.run.records], [1, cursor, 1]);
    await assertFails(() => trial.node().releaseRun('run', first.token), ...LEASE_LOST);
    await trial.node(1).endRun('run', second.token, { how: 'finished' });
  });

  suite.checkWithClock('gives each claim a higher token, and counts the attempts', async (trial) => {
    let { token } = await trial.claim('run', { settings, owner: 'ada', input: '"in"' });
    for (const attempt of [1, 2, 3]) {
      assert.equal(await trial.node(attempt).claimExpiredRun('run'), undefined);
      await trial.cluster.advance(16_000);
      const claim = await trial.node(attempt).claimExpiredRun('run');
      assert.ok(claim !== undefined && claim.token > token);
      assert.deepEqual([claim.run.attempt, claim.run.owner, claim.run.input], [attempt, 'ada', '"in"']);
      token = claim.token;
    }
  });

  suite.checkWithClock(
    'does not interrupt a producer that is late if no other has claimed its run',
    async (trial) => {
      const { token } = await trial.claim('run', { settings });
      await trial.cluster.advance(60_000);
      await trial.node().writeRun('run', token, '1');
      await trial.node().renewRun('run', token);
      assert.equal(await trial.node(1).claimExpiredRun('run'), undefined);
      await trial.node().endRun('run', token, { how: 'finished' });
    },
  );

  suite.checkWithClock('never gives a run that has ended', async (trial) => {
    const { token } = await trial.claim('run', { settings });
    await trial.node().endRun('run', token, { how: 'finished' });
    await trial.cluster.advance(60_000);
    assert.equal(await trial.node(1).claimExpiredRun('run'), undefined);
    assert.equal(await trial.node(1).claimExpiredRun(), undefined);
  });

  suite.checkWithClock('keeps the request to cancel for the next producer', async (trial) => {
    await trial.claim('run', { settings });
    await trial.node(1).cancelRun('run');
    await trial.cluster.advance(16_000);
    assert.equal((await trial.node(1).claimExpiredRun('run'))?.run.cancelRequested, true);
  });

  suite.checkWithClock('does not free a run that goes on, however long it takes', async (trial) => {
    const { token } = await trial.claim('run', { settings: { leaseMs: 15_000, ttlMs: 1_000 } });
    const follower = await trial.follow(runLog('run'));
    await trial.node().writeRun('run', token, '1');
    for (let round = 0; round < 10; round += 1) {
      await trial.cluster.advance(12_000);
      await trial.node().renewRun('run', token);
    }
    await trial.node().writeRun('run', token, '2');
    await until(() => follower.records.length === 2);
    assert.deepEqual((await trial.read(runLog('run'), { start: true })).data, [1, 2]);
  });
}
