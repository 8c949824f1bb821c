import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers } from './backplane-trial.ts';

/** Cases of appends with an id. */
export function deduping(suite: BackplaneSuite): void {
  suite.check('appends once for one id, and returns the first cursor again', async (trial) => {
    const followers = await trial.followEverywhere('news');
    const first = await trial.append('news', 'first', { id: 'id-1' });
    await trial.append('news', 'another', { id: 'id-2' });
    for (const node of [0, 1]) {
      assert.equal(await trial.append('news', 'again', { id: 'id-1', node }), first);
    }
    await trial.barrier('news', followers);
    for (const { data } of followers) assert.deepEqual(data, ['first', 'another', 'barrier']);
  });

  suite.check('appends once for one id when many append it at the same time', async (trial) => {
    const followers = await trial.followEverywhere('news');
    const cursors = await Promise.all(
      numbers(20).map((node) => trial.append('news', node, { id: 'the same', node })),
    );
    assert.equal(new Set(cursors).size, 1);
    await trial.barrier('news', followers);
    for (const { records } of followers) assert.deepEqual(records[0]?.cursor, cursors[0]);
    for (const { records } of followers) assert.equal(records.length, 2);
  });

  suite.check('keeps the ids of different topics apart', async (trial) => {
    const cursors = [await trial.append('a', 1, { id: 'x' }), await trial.append('b', 2, { id: 'x' })];
    assert.notEqual(cursors[0], cursors[1]);
    assert.deepEqual((await trial.read('b', { start: true })).data, [2]);
  });

  suite.check('appends each time without an id', async (trial) => {
    const cursors = await trial.appendAll('news', ['same', 'same']);
    assert.notEqual(cursors[0], cursors[1]);
    assert.deepEqual((await trial.read('news', { start: true })).data, ['same', 'same']);
  });

  suite.check('remembers an id after its record has left the history', async (trial) => {
    const first = await trial.append('news', 'first', { id: 'x', maxRecords: 1 });
    await trial.append('news', 'second', { maxRecords: 1 });
    assert.equal(await trial.append('news', 'first', { id: 'x', maxRecords: 1 }), first);
    assert.deepEqual((await trial.read('news', { start: true })).data, ['second']);
  });

  suite.check('forgets the oldest ids of a topic beyond maxDedupeIds', async (trial) => {
    const settings = { maxDedupeIds: 3 };
    const append = (id: string) => trial.append('news', id, { id, ...settings });
    const cursors = [await append('a'), await append('b'), await append('c')];
    assert.deepEqual([await append('a'), await append('b'), await append('c')], cursors);
    await append('d');
    assert.equal(await append('b'), cursors[1]);
    assert.notEqual(await append('a'), cursors[0]);
    assert.deepEqual((await trial.read('news', { start: true })).data, ['a', 'b', 'c', 'd', 'a']);
  });

  suite.checkWithClock('forgets an id after dedupeMs', async (trial) => {
    const append = (id: string) => trial.append('news', id, { id, dedupeMs: 10_000 });
    const first = await append('a');
    await trial.cluster.advance(5_000);
    const second = await append('b');
    await trial.cluster.advance(4_000);
    // A repetition does not prolong the time: it counts from the append.
    assert.equal(await append('a'), first);
    await trial.cluster.advance(2_000);
    const again = await append('a');
    assert.notEqual(again, first);
    assert.equal(await append('b'), second);
    assert.equal(await append('a'), again);
    assert.deepEqual((await trial.read('news', { start: true })).data, ['a', 'b', 'a']);
  });
}
