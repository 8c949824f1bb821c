import assert from 'node:assert/strict';
import { type ReadFrom, recordBytes } from '../backplane/backplane.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, runLog, topicLog, WHOLE } from './backplane-trial.ts';

/** Cases of reading in pages. */
export function paging(suite: BackplaneSuite): void {
  suite.check('reads at most as many records as asked for, and says whether more are kept', async (trial) => {
    await trial.appendAll('news', numbers(10));
    const log = topicLog('news');
    for (const maxRecords of [1, 3, 5, 9]) {
      const page = await trial.node(1).read(log, { start: true }, { ...WHOLE, maxRecords });
      assert.deepEqual(
        page.records.map(({ data }) => data),
        numbers(maxRecords),
      );
      assert.deepEqual([page.more, page.cursor], [true, page.records.at(-1)?.cursor]);
    }
    for (const maxRecords of [10, 11]) {
      const page = await trial.node(1).read(log, { start: true }, { ...WHOLE, maxRecords });
      assert.deepEqual([page.more, page.records.length], [false, 10]);
    }
  });

  suite.check('reads the same records in pages of any size', async (trial) => {
    await trial.appendAll('news', numbers(40));
    for (const maxRecords of [1, 2, 7, 39, 40, 41]) {
      const { data, gaps } = await trial.read('news', { start: true }, { maxRecords, node: 1 });
      assert.deepEqual([data, gaps], [numbers(40), []]);
    }
  });

  suite.check('reads at most as many bytes as asked for', async (trial) => {
    const text = 'x'.repeat(1000);
    await trial.appendAll(
      'news',
      numbers(6).map(() => text),
    );
    const bytes = recordBytes(JSON.stringify(text), undefined);
    for (const [maxBytes, expected] of [
      [bytes, 1],
      [2 * bytes - 1, 1],
      [2 * bytes, 2],
      [3 * bytes, 3],
    ] as const) {
      const page = await trial.node().read(topicLog('news'), { start: true }, { ...WHOLE, maxBytes });
      assert.deepEqual([page.records.length, page.more], [expected, true], `maxBytes ${maxBytes}`);
    }
    const { data } = await trial.read('news', { start: true }, { maxBytes: 2 * bytes + 1 });
    assert.equal(data.length, 6);
  });

  suite.check('reads one record, whatever its size', async (trial) => {
    await trial.appendAll('news', ['x'.repeat(5000), 'y'.repeat(5000)]);
    const page = await trial.node().read(topicLog('news'), { start: true }, { ...WHOLE, maxBytes: 1 });
    assert.deepEqual([page.records.length, page.more], [1, true]);
    const { data } = await trial.read('news', { start: true }, { maxBytes: 1 });
    assert.equal(data.length, 2);
  });

  suite.check('returns the cursor that was asked for if no record follows it', async (trial) => {
    const [, , last] = await trial.appendAll('news', numbers(3));
    const page = await trial.node(1).read(topicLog('news'), { after: last as string }, WHOLE);
    assert.deepEqual([page.records, page.cursor, page.more, page.gap], [[], last, false, undefined]);
  });

  suite.check('says where each page starts', async (trial) => {
    const follower = await trial.follow('news');
    const given = await trial.appendAll('news', numbers(6), { maxRecords: 4 });
    const starts: ReadonlyArray<readonly [ReadFrom, string | undefined]> = [
      [{ start: true }, given[1]],
      [{ last: 2 }, given[3]],
      [{ last: 0 }, given[5]],
      [{ after: given[2] as string }, given[2]],
      [{ after: given[5] as string }, given[5]],
      [{ after: follower.cursor }, given[1]],
    ];
    for (const [from, start] of starts) {
      const page = await trial.node(1).read(topicLog('news'), from, { ...WHOLE, maxRecords: 1 });
      assert.equal(page.start, start, JSON.stringify(from));
      if (page.gap !== undefined) assert.equal(page.gap.cursor, start);
      if (page.records.length === 0) assert.equal(page.cursor, start);
    }
  });

  suite.check('reads on after a page, after the log has grown and was trimmed', async (trial) => {
    await trial.appendAll('news', numbers(4), { maxRecords: 4 });
    const page = await trial.node().read(topicLog('news'), { start: true }, { ...WHOLE, maxRecords: 1 });
    await trial.appendAll('news', [4], { maxRecords: 4 });
    const on = await trial.read('news', { after: page.cursor });
    assert.deepEqual([on.data, on.gaps], [[1, 2, 3, 4], []]);
    await trial.appendAll('news', [5], { maxRecords: 4 });
    const late = await trial.read('news', { after: page.cursor });
    assert.deepEqual([late.data, late.gaps.map(({ reason }) => reason)], [[2, 3, 4, 5], ['trimmed']]);
  });

  suite.check('puts the end of a run on the page that reaches it', async (trial) => {
    const { token } = await trial.claim('run');
    for (const number of numbers(5)) await trial.node().writeRun('run', token, String(number));
    const end = await trial.node().endRun('run', token, { how: 'finished', result: '"done"' });
    const log = runLog('run');
    const first = await trial.node(1).read(log, { start: true }, { ...WHOLE, maxRecords: 4 });
    assert.deepEqual([first.records.length, first.more, first.end], [4, true, undefined]);
    const second = await trial.node(1).read(log, { after: first.cursor }, { ...WHOLE, maxRecords: 4 });
    assert.deepEqual([second.records.length, second.more, second.end], [1, false, end]);
    for (const after of [second.cursor, end.cursor]) {
      const third = await trial.node(1).read(log, { after }, WHOLE);
      assert.deepEqual([third.records, third.more, third.end, third.gap], [[], false, end, undefined]);
    }
  });
}
