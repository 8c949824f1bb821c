import assert from 'node:assert/strict';
import type { LogName } from '../backplane/backplane.ts';
import { isCursor } from '../cursor.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, runLog, type Trial, topicLog } from './backplane-trial.ts';

/** Texts in the form of a cursor that no log has given. */
const FOREIGN_CURSORS: readonly string[] = [
  'x',
  '0',
  '-1',
  '.',
  '..',
  '...',
  '.5',
  '-',
  '_',
  '1e3',
  'a.b',
  'NaN.NaN',
  'Infinity',
  '__proto__',
  '__proto__.1',
  'constructor.1',
  'hasOwnProperty',
  'AAAAAAAAAAAA.0',
  'AAAAAAAAAAAA.5',
  'AAAAAAAAAAAA.1700000000000-0',
  '1700000000000-0',
  '9'.repeat(64),
  '.'.repeat(64),
];

/** Cases of cursors: their form, their epochs, and the gaps for those from which reading cannot go on. */
export function cursors(suite: BackplaneSuite): void {
  reading(suite);
  gaps(suite);
  epochs(suite);
}

function reading(suite: BackplaneSuite): void {
  suite.check('gives only cursors of 1 to 64 characters A-Z a-z 0-9 . _ -', async (trial) => {
    const follower = await trial.follow('a topic/{x}:*');
    const given = [follower.cursor, ...(await trial.appendAll('a topic/{x}:*', numbers(5)))];
    const { token, run } = await trial.claim('a run/{x}:*');
    given.push(run.cursor, await trial.node().writeRun(run.id, token, '1'));
    given.push((await trial.node().endRun(run.id, token, { how: 'finished' })).cursor);
    given.push((await trial.node().read(topicLog('never used'), { start: true }, PAGE)).cursor);
    for (const cursor of given) assert.ok(isCursor(cursor), cursor);
  });

  suite.check('reads on after a cursor of a record, without it', async (trial) => {
    const given = await trial.appendAll('news', numbers(10));
    for (const [index, cursor] of given.entries()) {
      const { data, gaps } = await trial.read('news', { after: cursor }, { node: 1 });
      assert.deepEqual(data, numbers(10).slice(index + 1));
      assert.deepEqual(gaps, []);
    }
  });

  suite.check('reads the last records, at most as many as there are', async (trial) => {
    await trial.appendAll('news', numbers(10));
    for (const [last, expected] of [
      [0, []],
      [1, [9]],
      [3, [7, 8, 9]],
      [10, numbers(10)],
      [11, numbers(10)],
      [1_000_000, numbers(10)],
    ] as const) {
      const { data, gaps } = await trial.read('news', { last }, { node: 1 });
      assert.deepEqual([data, gaps], [expected, []], `last ${last}`);
    }
  });

  suite.check(
    'gives a topic without records a cursor that stays valid while it is followed',
    async (trial) => {
      const follower = await trial.follow('quiet');
      const other = await trial.follow('quiet', { node: 1 });
      assert.equal(other.cursor, follower.cursor);
      assert.deepEqual(await emptyPage(trial, topicLog('quiet'), follower.cursor), { data: [], gaps: [] });
      await trial.appendAll('quiet', [1, 2], { node: 1 });
      const { data, gaps } = await trial.read('quiet', { after: follower.cursor });
      assert.deepEqual([data, gaps], [[1, 2], []]);
      assert.ok(trial.node().compare(follower.cursor, (await trial.follow('quiet')).cursor) < 0);
    },
  );

  suite.check('reads nothing from a topic that was never used', async (trial) => {
    const page = await trial.node().read(topicLog('unknown'), { start: true }, PAGE);
    assert.deepEqual([page.records, page.gap, page.more, page.end], [[], undefined, false, undefined]);
    const last = await trial.node().read(topicLog('unknown'), { last: 10 }, PAGE);
    assert.deepEqual([last.records, last.gap, last.more], [[], undefined, false]);
  });

  suite.check('starts to follow at the cursor of the newest record', async (trial) => {
    const given = await trial.appendAll('news', numbers(3));
    assert.equal((await trial.follow('news', { node: 1 })).cursor, given[2]);
  });
}

const PAGE = { maxRecords: 100, maxBytes: 1024 * 1024 };

async function emptyPage(trial: Trial, log: LogName, after: string) {
  const { data, gaps } = await trial.read(log, { after }, { node: 1 });
  return { data, gaps };
}

/** Asserts that a cursor leads to a gap, after which all that is kept follows, and that the gap's cursor leads on. */
async function assertGap(trial: Trial, log: LogName, after: string, reason: string): Promise<void> {
  const kept = await trial.read(log, { start: true });
  const { gaps, data } = await trial.read(log, { after }, { node: 1 });
  assert.deepEqual(
    gaps.map((gap) => [gap.kind, gap.reason]),
    [['gap', reason]],
    `after ${after}`,
  );
  assert.deepEqual(data, kept.data);
  const on = await trial.read(log, { after: gaps[0]?.cursor as string });
  assert.deepEqual([on.gaps, on.data], [[], kept.data]);
}

function gaps(suite: BackplaneSuite): void {
  const { cursorBeyond } = suite.capabilities;

  suite.check(
    'reports a cursor of an unknown epoch, or of another kind, as a gap with reason reset',
    async (trial) => {
      await trial.appendAll('news', numbers(7));
      const { token } = await trial.claim('run');
      await trial.node().writeRun('run', token, '1');
      await trial.follow('without records');
      for (const foreign of FOREIGN_CURSORS) {
        await assertGap(trial, topicLog('news'), foreign, 'reset');
        await assertGap(trial, runLog('run'), foreign, 'reset');
        await assertGap(trial, topicLog('without records'), foreign, 'reset');
      }
    },
  );

  suite.check('reports a cursor of another topic or run as a gap with reason reset', async (trial) => {
    const [inA, inB] = [await trial.appendAll('a', numbers(5)), await trial.appendAll('b', numbers(5))];
    const { token, run } = await trial.claim('a');
    const inRun = [run.cursor, await trial.node().writeRun('a', token, '1')];
    for (const cursor of [...inB, ...inRun]) await assertGap(trial, topicLog('a'), cursor, 'reset');
    for (const cursor of [...inA, ...inRun]) await assertGap(trial, topicLog('b'), cursor, 'reset');
    for (const cursor of [...inA, ...inB]) await assertGap(trial, runLog('a'), cursor, 'reset');
  });

  suite.check('reports a cursor beyond the end as a gap with reason future', async (trial) => {
    const given = await trial.appendAll('news', numbers(3));
    for (const by of [1, 2, 1000]) {
      await assertGap(trial, topicLog('news'), cursorBeyond(given[2] as string, by), 'future');
    }
    const { token } = await trial.claim('run');
    const written = await trial.node().writeRun('run', token, '1');
    await assertGap(trial, runLog('run'), cursorBeyond(written, 1), 'future');
  });

  suite.check('never takes a damaged cursor for another position', async (trial) => {
    const given = await trial.appendAll('news', numbers(3));
    const cursor = given[1] as string;
    for (const damage of ['0', '00', '.0', '-0', 'x', '_', '.', '-', '9999999999999999999']) {
      const damaged = `${cursor}${damage}`.slice(0, 64);
      const { gaps } = await trial.read('news', { after: damaged });
      assert.match(gaps.map(({ reason }) => reason).join(), /^(reset|future)$/, damaged);
    }
    const isOther = cursor.startsWith('A') ? 'B' : 'A';
    await assertGap(trial, topicLog('news'), `${isOther}${cursor.slice(1)}`, 'reset');
  });

  suite.check('reports a cursor older than the history as a gap with reason trimmed', async (trial) => {
    const follower = await trial.follow('news');
    const given = await trial.appendAll('news', numbers(10), { maxRecords: 4 });
    for (const cursor of [follower.cursor, ...given.slice(0, 5)]) {
      await assertGap(trial, topicLog('news'), cursor, 'trimmed');
    }
    for (const [index, cursor] of given.entries()) {
      if (index < 5) continue;
      // The record of the first of these cursors is gone, but everything after it is there.
      const { data, gaps } = await trial.read('news', { after: cursor });
      assert.deepEqual([data, gaps], [numbers(10).slice(index + 1), []]);
    }
  });

  suite.check(
    'gives no gap for the start and for the last records of a history that was trimmed',
    async (trial) => {
      await trial.appendAll('news', numbers(10), { maxRecords: 4 });
      for (const from of [{ start: true }, { last: 4 }, { last: 9 }] as const) {
        const { data, gaps } = await trial.read('news', from);
        assert.deepEqual([data, gaps], [[6, 7, 8, 9], []]);
      }
    },
  );
}

function epochs(suite: BackplaneSuite): void {
  suite.check('gives a topic a new epoch after it was deleted', async (trial) => {
    const follower = await trial.follow('news');
    const old = [follower.cursor, ...(await trial.appendAll('news', numbers(5)))];
    await trial.node(1).delete('news');
    await trial.appendAll('news', ['after']);
    for (const cursor of old) await assertGap(trial, topicLog('news'), cursor, 'reset');
  });

  suite.check('shares no cursor between any two topics or runs', async (trial) => {
    const given: string[] = [];
    for (const number of numbers(30)) {
      const topic = `topic ${number % 10}`;
      given.push((await trial.follow(topic, { node: number })).cursor);
      given.push(...(await trial.appendAll(topic, numbers(3))));
      await trial.node(number).delete(topic);
      const { token, run } = await trial.claim(`run ${number}`);
      given.push(run.cursor, await trial.node().writeRun(run.id, token, '1'));
    }
    assert.equal(new Set(given).size, given.length);
  });
}
