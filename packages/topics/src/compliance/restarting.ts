import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, numbers, runLog, until } from './backplane-trial.ts';

const LEASE_LOST = ['RunError', 'ERR_RUN_LEASE_LOST'] as const;

/** Cases of a store that outlives its processes. */
export function restarting(suite: BackplaneSuite): void {
  topicsAfterRestart(suite);
  runsAfterRestart(suite);
}

function topicsAfterRestart(suite: BackplaneSuite): void {
  const { cursorBeyond, newEpochAfterKill } = suite.capabilities;

  suite.checkRestart('keeps records with their cursors, and goes on after them', async (trial, how) => {
    const bytes = Uint8Array.of(0, 255, 128);
    const cursors = [
      await trial.append('news', { a: 1 }, { key: 'k' }),
      await trial.append('news', bytes),
      ...(await trial.appendAll('news', numbers(20))),
    ];
    const before = await trial.read('news', { start: true });
    await trial.cluster.restart(how);
    const after = await trial.read('news', { start: true }, { node: 1 });
    assert.deepEqual(
      after.records.map(({ cursor, key, time, payload }) => [cursor, key, time, Buffer.from(payload)]),
      before.records.map(({ cursor, key, time, payload }) => [cursor, key, time, Buffer.from(payload)]),
    );
    assert.equal(typeof after.records[0]?.payload, 'string');
    assert.ok(after.records[1]?.payload instanceof Uint8Array);
    const follower = await trial.follow('news');
    const last = await trial.append('news', 'after');
    await trial.received([follower], 1);
    for (const [index, cursor] of cursors.entries()) {
      const { records, gaps } = await trial.read('news', { after: cursor });
      assert.deepEqual([records.length, gaps, records.at(-1)?.cursor], [cursors.length - index, [], last]);
      assert.ok(trial.node().compare(cursor, last) < 0);
    }
  });

  suite.checkRestart('remembers the ids of appends', async (trial, how) => {
    const first = await trial.append('news', 1, { id: 'x' });
    await trial.cluster.restart(how);
    assert.equal(await trial.append('news', 2, { id: 'x' }), first);
    assert.deepEqual((await trial.read('news', { start: true })).data, [1]);
  });

  suite.checkRestart('keeps a topic trimmed and a deleted topic deleted', async (trial, how) => {
    const given = await trial.appendAll('short', numbers(10), { maxRecords: 3 });
    const [old] = await trial.appendAll('gone', numbers(10));
    await trial.append('back', 'before');
    for (const topic of ['gone', 'back']) await trial.node().delete(topic);
    await trial.append('back', 'after');
    await trial.cluster.restart(how);
    const short = await trial.read('short', { after: given[0] as string });
    assert.deepEqual([short.data, short.gaps.map(({ reason }) => reason)], [[7, 8, 9], ['trimmed']]);
    const gone = await trial.read('gone', { after: old as string });
    assert.deepEqual([gone.data, gone.gaps.map(({ reason }) => reason)], [[], ['reset']]);
    assert.deepEqual((await trial.read('back', { start: true })).data, ['after']);
  });

  suite.checkRestart('survives several restarts', async (trial, how) => {
    const first = await trial.append('news', 0);
    for (const round of numbers(5)) {
      await trial.cluster.restart(how);
      await trial.append('news', round + 1);
    }
    const { data, gaps } = await trial.read('news', { after: first });
    assert.deepEqual([data, gaps], [[1, 2, 3, 4, 5], []]);
  });

  suite.checkRestart('forgets the members of processes that have ended', async (trial, how) => {
    await trial.join('room', 'ada');
    await trial.cluster.restart(how);
    const follower = await trial.follow('room', { presence: true });
    // A store that outlives the processes notices their end by their leases.
    if (trial.capabilities.nodes === 'several') await trial.cluster.advance(60_000);
    await until(() => follower.members.length === 0 || follower.changes.length > 0);
    assert.equal((await trial.follow('room', { presence: true })).members.length, 0);
  });

  if (suite.capabilities.durable !== 'killed') return;

  suite.check('goes on with records that were appended while all nodes were killed', async (trial) => {
    const settled: number[] = [];
    const appended = numbers(50).map(async (number) => {
      await trial.append('news', number);
      settled.push(number);
    });
    // Appends of a killed process may fail, or never settle: what has settled must be there.
    for (const promise of appended) promise.catch(() => {});
    await appended[0];
    await Promise.allSettled([trial.cluster.restart('kill')]);
    const { data } = await trial.read('news', { start: true });
    for (const number of settled) assert.ok(data.includes(number), `${number} was lost`);
    assert.deepEqual(data, numbers(data.length));
    await trial.append('news', 'after');
  });

  if (!newEpochAfterKill) return;

  suite.check('reports cursors of records that a kill may have lost as a gap', async (trial) => {
    const given = await trial.appendAll('news', numbers(3));
    const lost = numbers(3).map((index) => cursorBeyond(given[2] as string, index + 1));
    await trial.cluster.restart('kill');
    await trial.appendAll('news', numbers(10));
    for (const cursor of lost) {
      const { gaps } = await trial.read('news', { after: cursor });
      assert.equal(gaps.length, 1, `after ${cursor}`);
    }
    assert.deepEqual((await trial.read('news', { after: given[2] as string })).gaps, []);
  });
}

function runsAfterRestart(suite: BackplaneSuite): void {
  suite.checkRestart('keeps runs that have ended', async (trial, how) => {
    const { token } = await trial.claim('run', { input: '"in"' });
    await trial.node().writeRun('run', token, '"record"');
    await trial.node().endRun('run', token, { how: 'finished', result: '{"a":[1]}' });
    const before = await trial.node().runInfo('run');
    await trial.cluster.restart(how);
    assert.deepEqual(await trial.node().runInfo('run'), before);
    const { data, end } = await trial.read(runLog('run'), { start: true });
    assert.deepEqual([data, end], [['record'], before.end]);
    assert.equal((await trial.tryClaim('run')).token, undefined);
    await assertFails(() => trial.node().writeRun('run', token, '1'), ...LEASE_LOST);
  });

  suite.checkRestart('offers runs without an end to be claimed', async (trial, how) => {
    const own = { maxRecords: 9, maxBytes: 9_000, ttlMs: 8_000, maxDurationMs: 123_456 };
    const { token, run, settings } = await trial.claim('run', { owner: 'ada', input: '"in"', settings: own });
    await trial.node().writeRun('run', token, '"before"');
    await trial.node().cancelRun('run');
    await trial.cluster.restart(how);
    if (trial.capabilities.nodes === 'several') await trial.cluster.advance(60_000);
    const claim = await trial.node().claimExpiredRun();
    assert.ok(claim !== undefined && claim.token > token);
    const { id, owner, input, attempt, cancelRequested } = claim.run;
    assert.deepEqual([id, owner, input, attempt, cancelRequested], ['run', 'ada', '"in"', 1, true]);
    assert.deepEqual(claim.settings, settings);
    await assertFails(() => trial.node().writeRun('run', token, '"late"'), ...LEASE_LOST);
    await trial.node().writeRun('run', claim.token, '"after"');
    await trial.node().endRun('run', claim.token, { how: 'interrupted' });
    const { data, gaps, end } = await trial.read(runLog('run'), { after: run.cursor });
    assert.deepEqual([data, gaps, end?.how], [['before', 'after'], [], 'interrupted']);
  });
}
