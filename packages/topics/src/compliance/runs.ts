import assert from 'node:assert/strict';
import type { NewRunEnd } from '../backplane/backplane.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, numbers, runLog, until } from './backplane-trial.ts';
import { RecordingFollower } from './recording-follower.ts';

const LEASE_LOST = ['RunError', 'ERR_RUN_LEASE_LOST'] as const;
const NOT_FOUND = ['RunError', 'ERR_RUN_NOT_FOUND'] as const;

const ENDS: readonly NewRunEnd[] = [
  { how: 'finished' },
  { how: 'finished', result: 'null' },
  { how: 'finished', result: '{"answer":42,"parts":[1,"é😀"]}' },
  { how: 'failed', error: { code: 'ERR_RUN_FAILED', message: 'the producer failed: é😀' } },
  { how: 'cancelled' },
  { how: 'interrupted' },
];

/** Cases of runs: claims, writes, ends and cancellation. */
export function runs(suite: BackplaneSuite): void {
  claims(suite);
  room(suite);
  writing(suite);
  ending(suite);
  cancelling(suite);
}

function claims(suite: BackplaneSuite): void {
  suite.check('gives an id to the first claim, and tells the others about it', async (trial) => {
    const { token, run } = await trial.claim('run', { owner: 'ada', input: '{"prompt":"hi"}' });
    assert.equal(typeof token, 'number');
    const { id, owner, input, attempt, cancelRequested, end } = run;
    assert.deepEqual(
      [id, owner, input, attempt, cancelRequested, end],
      ['run', 'ada', '{"prompt":"hi"}', 0, false, undefined],
    );
    for (const node of [0, 1]) {
      const second = await trial.tryClaim('run', { owner: 'bob', input: '"other"', node });
      assert.deepEqual([second.token, second.run], [undefined, run]);
      assert.deepEqual(await trial.node(node).runInfo('run'), run);
    }
  });

  suite.check('gives an id to exactly one of many claims at the same time', async (trial) => {
    const outcomes = await Promise.all(
      numbers(20).map((node) => trial.tryClaim('run', { owner: `owner ${node}`, node })),
    );
    const holders = outcomes.filter(({ token }) => token !== undefined);
    assert.equal(holders.length, 1);
    for (const { run } of outcomes) assert.equal(run.owner, holders[0]?.run.owner);
  });

  suite.check('claims a run without input', async (trial) => {
    assert.equal((await trial.claim('run')).run.input, undefined);
    assert.equal((await trial.node(1).runInfo('run')).input, undefined);
  });

  suite.check('keeps the id of a run that has ended', async (trial) => {
    const { token } = await trial.claim('run');
    const end = await trial.node().endRun('run', token, { how: 'finished', result: '1' });
    const again = await trial.tryClaim('run', { node: 1 });
    assert.deepEqual([again.token, again.run.end], [undefined, end]);
  });

  suite.check('rejects calls for a run that does not exist', async (trial) => {
    const node = trial.node();
    const calls = [
      () => node.runInfo('unknown'),
      () => node.cancelRun('unknown'),
      () => node.read(runLog('unknown'), { start: true }, { maxRecords: 1, maxBytes: 1 }),
      () => node.follow(runLog('unknown'), new RecordingFollower(), { presence: false }),
    ];
    for (const call of calls) await assertFails(call, ...NOT_FOUND);
    const holding = [
      () => node.renewRun('unknown', 1),
      () => node.writeRun('unknown', 1, '1'),
      () => node.endRun('unknown', 1, { how: 'finished' }),
    ];
    for (const call of holding) await assertFails(call, ...LEASE_LOST);
    assert.equal(await node.claimExpiredRun('unknown'), undefined);
    assert.equal(await node.claimExpiredRun(), undefined);
  });

  suite.checkStoreLimits('refuses runs beyond maxRuns', { maxRuns: 2 }, async (trial) => {
    await trial.claim('a');
    await trial.claim('b', { node: 1 });
    await assertFails(() => trial.tryClaim('c'), 'TopicsLimitError', 'ERR_RUN_LIMIT');
    assert.equal((await trial.tryClaim('a')).token, undefined);
    await assertFails(() => trial.node().runInfo('c'), ...NOT_FOUND);
  });
}

function room(suite: BackplaneSuite): void {
  const finished = { how: 'finished', result: '1' } as const;

  suite.checkStoreLimits('forgets ended runs for new ones beyond maxRuns', { maxRuns: 2 }, async (trial) => {
    const going = await trial.claim('going');
    for (const number of numbers(5)) {
      const { token } = await trial.claim(`run ${number}`, { node: number });
      await trial.node().endRun(`run ${number}`, token, finished);
      assert.equal((await trial.node(1).runInfo(`run ${number}`)).end?.how, 'finished');
    }
    await assertFails(() => trial.node().runInfo('run 3'), ...NOT_FOUND);
    await trial.node().writeRun('going', going.token, '1');
  });

  suite.checkStoreLimits('forgets first what has the least time left', { maxRuns: 3 }, async (trial) => {
    for (const [id, ttlMs] of [
      ['b', 200_000],
      ['a', 100_000],
      ['c', 300_000],
    ] as const) {
      const { token } = await trial.claim(id, { settings: { ttlMs } });
      await trial.node().endRun(id, token, finished);
    }
    await trial.claim('d');
    await assertFails(() => trial.node().runInfo('a'), ...NOT_FOUND);
    await trial.claim('e');
    await assertFails(() => trial.node().runInfo('b'), ...NOT_FOUND);
    assert.equal((await trial.node().runInfo('c')).end?.how, 'finished');
  });

  suite.checkStoreLimits(
    'refuses writes beyond maxRunBytes of all runs that go on',
    { maxRunBytes: 10_000 },
    async (trial) => {
      const text = JSON.stringify('x'.repeat(2_800));
      const ended = await trial.claim('ended', { input: text });
      await trial.node().writeRun('ended', ended.token, text);
      await trial.node().endRun('ended', ended.token, finished);
      const { token } = await trial.claim('going');
      for (const _ of numbers(3)) await trial.node().writeRun('going', token, text);
      await assertFails(() => trial.node().runInfo('ended'), ...NOT_FOUND);
      const refused = ['TopicsLimitError', 'ERR_RUN_LIMIT'] as const;
      await assertFails(() => trial.node().writeRun('going', token, text), ...refused);
      await assertFails(() => trial.tryClaim('large', { input: text }), ...refused);
      assert.equal((await trial.read(runLog('going'), { start: true })).records.length, 3);
      // A run can end in any case, and makes room for others then.
      await trial.node().endRun('going', token, { how: 'finished', result: text });
      await trial.claim('large', { input: text });
      await assertFails(() => trial.node().runInfo('going'), ...NOT_FOUND);
    },
  );
}

function writing(suite: BackplaneSuite): void {
  suite.check('delivers the records of a run to all followers and readers in order', async (trial) => {
    const { token, run } = await trial.claim('run');
    const followers = await trial.followEverywhere(runLog('run'));
    const cursors: string[] = [];
    for (const number of numbers(20)) {
      cursors.push(await trial.node().writeRun('run', token, String(number)));
      assert.equal(followers[0]?.records.at(-1)?.cursor, cursors.at(-1));
    }
    await trial.received(followers, 20);
    for (const { data, cursor } of followers) assert.deepEqual([data, cursor], [numbers(20), run.cursor]);
    assert.equal((await trial.node(1).runInfo('run')).cursor, cursors[19]);
    const { data, records } = await trial.read(runLog('run'), { after: cursors[4] as string }, { node: 1 });
    assert.deepEqual(data, numbers(20).slice(5));
    assert.deepEqual(
      records.map(({ cursor }) => cursor),
      cursors.slice(5),
    );
    const { data: all, gaps } = await trial.read(runLog('run'), { after: run.cursor });
    assert.deepEqual([all, gaps], [numbers(20), []]);
  });

  suite.check('refuses writes, renewals and ends with a token that was never given', async (trial) => {
    const { token } = await trial.claim('run');
    const other = await trial.claim('other');
    for (const wrong of [token + 1, token - 1, -1, 0.5, other.token + 7]) {
      await assertFails(() => trial.node().writeRun('run', wrong, '1'), ...LEASE_LOST);
      await assertFails(() => trial.node(1).renewRun('run', wrong), ...LEASE_LOST);
      await assertFails(() => trial.node().endRun('run', wrong, { how: 'finished' }), ...LEASE_LOST);
    }
    assert.deepEqual((await trial.read(runLog('run'), { start: true })).data, []);
    await trial.node().writeRun('run', token, '1');
  });

  suite.check('refuses a write beyond maxRecords, and writes nothing', async (trial) => {
    const { token } = await trial.claim('run', { settings: { maxRecords: 3 } });
    const follower = await trial.follow(runLog('run'), { node: 1 });
    const write = (number: number) => trial.node().writeRun('run', token, String(number));
    for (const number of numbers(3)) await write(number);
    await assertFails(() => write(3), 'TopicsLimitError', 'ERR_RUN_LIMIT');
    await assertFails(() => write(4), 'TopicsLimitError', 'ERR_RUN_LIMIT');
    // The end is not counted.
    await trial.node().endRun('run', token, { how: 'finished' });
    await until(() => follower.ends.length === 1);
    assert.deepEqual(follower.data, numbers(3));
  });

  suite.check('refuses a write beyond maxBytes, and still takes one that fits', async (trial) => {
    const { token } = await trial.claim('run', { settings: { maxBytes: 4_000 } });
    const write = (length: number) => trial.node().writeRun('run', token, JSON.stringify('x'.repeat(length)));
    await write(1_500);
    await write(1_500);
    await assertFails(() => write(1_500), 'TopicsLimitError', 'ERR_RUN_LIMIT');
    await write(10);
    const { data } = await trial.read(runLog('run'), { start: true });
    assert.deepEqual(
      data.map((text) => String(text).length),
      [1_500, 1_500, 10],
    );
  });

  suite.check('refuses the writes beyond a limit when many are started together', async (trial) => {
    const { token } = await trial.claim('run', { settings: { maxRecords: 5 } });
    const outcomes = await Promise.allSettled(
      numbers(12).map((number) => trial.node().writeRun('run', token, String(number))),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
      numbers(12).map((number) => number < 5),
    );
    assert.deepEqual((await trial.read(runLog('run'), { start: true })).data, numbers(5));
  });
}

function ending(suite: BackplaneSuite): void {
  suite.check('ends a run once, with an end that all followers and readers see', async (trial) => {
    for (const [index, end] of ENDS.entries()) {
      const id = `run ${index}`;
      const { token } = await trial.claim(id);
      const followers = await trial.followEverywhere(runLog(id));
      const written = await trial.node().writeRun(id, token, '"the only record"');
      const { kind, how, cursor, result, error } = await trial.node(0).endRun(id, token, end);
      await until(() => followers.every(({ ends }) => ends.length === 1));
      const parsed = end.result === undefined ? undefined : JSON.parse(end.result);
      assert.deepEqual([kind, how, result, error], ['end', end.how, parsed, end.error]);
      assert.notEqual(cursor, written);
      const read = await trial.read(runLog(id), { start: true }, { node: 1 });
      const { end: known, cursor: position } = await trial.node(1).runInfo(id);
      const late = await trial.follow(runLog(id), { node: 1 });
      const seen = [read.end, known, late.endBefore, ...followers.map(({ ends }) => ends[0])];
      for (const each of seen)
        assert.deepEqual(each, { ...each, kind, how, cursor, ...shown(result, error) });
      assert.deepEqual([read.data, position, late.notes], [['the only record'], cursor, []]);
      for (const { notes } of followers) assert.deepEqual(notes, ['record "the only record"', `end ${how}`]);
    }
  });

  suite.check('refuses writes, renewals and a second end after the end', async (trial) => {
    const { token } = await trial.claim('run');
    const end = await trial
      .node()
      .endRun('run', token, { how: 'failed', error: { code: 'E', message: 'm' } });
    await assertFails(() => trial.node().writeRun('run', token, '1'), ...LEASE_LOST);
    await assertFails(() => trial.node(1).renewRun('run', token), ...LEASE_LOST);
    await assertFails(() => trial.node().endRun('run', token, { how: 'finished' }), ...LEASE_LOST);
    assert.deepEqual((await trial.node(1).runInfo('run')).end, end);
    assert.equal(await trial.node().claimExpiredRun('run'), undefined);
  });

  suite.check('takes exactly one of many ends at the same time', async (trial) => {
    const { token } = await trial.claim('run');
    const follower = await trial.follow(runLog('run'));
    const outcomes = await Promise.allSettled(
      numbers(10).map((number) =>
        trial.node(number).endRun('run', token, { how: 'finished', result: String(number) }),
      ),
    );
    const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    assert.equal(taken.length, 1);
    await until(() => follower.ends.length > 0);
    assert.deepEqual(follower.ends, [taken[0]?.value]);
    assert.deepEqual((await trial.node(1).runInfo('run')).end, taken[0]?.value);
  });

  suite.check('keeps the whole log of a run, whatever topics do', async (trial) => {
    const { token } = await trial.claim('run');
    for (const number of numbers(1500)) await trial.node().writeRun('run', token, String(number));
    await trial.node().endRun('run', token, { how: 'finished' });
    await trial.appendAll('run', numbers(20), { maxRecords: 1 });
    const { data, end } = await trial.read(runLog('run'), { start: true }, { maxRecords: 100, node: 1 });
    assert.deepEqual([data, end?.how], [numbers(1500), 'finished']);
  });

  suite.checkWithClock('forgets a run ttlMs after its end', async (trial) => {
    const { token } = await trial.claim('run', { settings: { ttlMs: 7_000, leaseMs: 100_000 } });
    const written = await trial.node().writeRun('run', token, '1');
    await trial.cluster.advance(20_000);
    await trial.node().endRun('run', token, { how: 'finished' });
    await trial.cluster.advance(6_000);
    assert.deepEqual((await trial.read(runLog('run'), { start: true }, { node: 1 })).data, [1]);
    await trial.cluster.advance(2_000);
    const node = trial.node(1);
    await assertFails(
      () => node.read(runLog('run'), { start: true }, { maxRecords: 1, maxBytes: 1 }),
      ...NOT_FOUND,
    );
    await assertFails(
      () => node.follow(runLog('run'), new RecordingFollower(), { presence: false }),
      ...NOT_FOUND,
    );
    await assertFails(() => node.runInfo('run'), ...NOT_FOUND);
    await assertFails(() => node.cancelRun('run'), ...NOT_FOUND);
    const held = [
      () => node.renewRun('run', token),
      () => node.writeRun('run', token, '2'),
      () => node.endRun('run', token, { how: 'finished' }),
    ];
    for (const call of held) await assertFails(call, ...LEASE_LOST);
    // The id is free again, and its log is a new one.
    await trial.claim('run', { node: 1 });
    const { data, gaps } = await trial.read(runLog('run'), { after: written });
    assert.deepEqual([data, gaps.map(({ reason }) => reason)], [[], ['reset']]);
  });
}

/** The members of an end that it has only in some cases. */
function shown(result: unknown, error: unknown): object {
  return { ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }) };
}

function cancelling(suite: BackplaneSuite): void {
  suite.check('marks a run that is cancelled, and notifies its followers once', async (trial) => {
    const { token, run } = await trial.claim('run');
    const followers = await trial.followEverywhere(runLog('run'));
    const info = await trial.node(1).cancelRun('run');
    assert.deepEqual(info, { ...run, cancelRequested: true });
    await until(() => followers.every(({ cancelRequests }) => cancelRequests === 1));
    // The producer may still write, and it ends the run.
    await trial.node().writeRun('run', token, '"goodbye"');
    assert.equal((await trial.node().runInfo('run')).cancelRequested, true);
    await trial.node().endRun('run', token, { how: 'cancelled' });
    await until(() => followers.every(({ ends }) => ends.length === 1));
    for (const { notes } of followers) {
      assert.deepEqual(notes, ['cancel requested', 'record "goodbye"', 'end cancelled']);
    }
  });

  suite.check('changes nothing when a run is cancelled after its end', async (trial) => {
    const { token } = await trial.claim('run');
    const follower = await trial.follow(runLog('run'));
    await trial.node().endRun('run', token, { how: 'finished', result: '1' });
    await until(() => follower.ends.length === 1);
    const before = await trial.node().runInfo('run');
    assert.deepEqual(await trial.node(1).cancelRun('run'), before);
    assert.deepEqual(await trial.node().runInfo('run'), before);
    assert.deepEqual([before.cancelRequested, follower.cancelRequests], [false, 0]);
  });
}
