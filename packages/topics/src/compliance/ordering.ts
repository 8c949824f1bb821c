import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, runLog, until } from './backplane-trial.ts';

/** Cases of the order of records, and of their sameness at all followers. */
export function ordering(suite: BackplaneSuite): void {
  suite.check('delivers the records of a topic to all followers and readers in one order', async (trial) => {
    const followers = await trial.followEverywhere('news');
    const cursors = await trial.appendAll('news', numbers(50));
    await trial.received(followers, 50);
    for (const { records, data } of followers) {
      assert.deepEqual(data, numbers(50));
      assert.deepEqual(
        records.map(({ cursor }) => cursor),
        cursors,
      );
    }
    for (const node of trial.cluster.nodes.keys()) {
      const { records, data } = await trial.read('news', { start: true }, { node });
      assert.deepEqual(data, numbers(50));
      assert.deepEqual(
        records.map(({ cursor }) => cursor),
        cursors,
      );
    }
  });

  suite.check('notifies the followers of its own process before an append settles', async (trial) => {
    const follower = await trial.follow('news');
    for (const number of numbers(10)) {
      const cursor = await trial.append('news', number);
      assert.equal(follower.records.at(-1)?.cursor, cursor);
    }
  });

  suite.check('gives all followers of one process the same object for a record', async (trial) => {
    const [first, second] = [await trial.follow('news'), await trial.follow('news')];
    await trial.append('news', { many: 'readers' });
    assert.ok(first.records.length === 1 && first.records[0] === second.records[0]);
  });

  suite.check('passes data, key and time on unchanged', async (trial) => {
    const followers = await trial.followEverywhere('news');
    await trial.append('news', { title: 'moved', tags: ['a', null] }, { key: 'headline' });
    await trial.append('news', 'second');
    await trial.received(followers, 2);
    const { records: read } = await trial.read('news', { start: true }, { node: 1 });
    for (const records of [...followers.map((follower) => follower.records), read]) {
      const [first, second] = records;
      assert.deepEqual([first?.data, first?.key], [{ title: 'moved', tags: ['a', null] }, 'headline']);
      assert.deepEqual([second?.data, second?.key], ['second', undefined]);
      assert.ok(Number.isFinite(first?.time) && Number(second?.time) >= Number(first?.time));
      assert.deepEqual([first?.time, second?.time], [read[0]?.time, read[1]?.time]);
    }
  });

  suite.check('compares cursors in the order of the records', async (trial) => {
    const follower = await trial.follow('news');
    const cursors = [follower.cursor, ...(await trial.appendAll('news', numbers(12)))];
    for (const node of trial.cluster.nodes) {
      for (const [a, first] of cursors.entries()) {
        for (const [b, second] of cursors.entries()) {
          assert.equal(Math.sign(node.compare(first, second)), Math.sign(a - b), `${first} and ${second}`);
        }
      }
    }
  });

  suite.checkRandomly('keeps one order when many publish at once', async (trial, random) => {
    const followers = await trial.followEverywhere('busy');
    const publish = async (publisher: number): Promise<void> => {
      for (const number of numbers(25)) {
        await random.pause();
        await trial.append('busy', `${publisher}:${number}`, { node: publisher });
      }
    };
    await Promise.all(numbers(8).map(publish));
    await trial.received(followers, 200);
    const { data } = await trial.read('busy', { start: true }, { node: 1 });
    for (const follower of followers) assert.deepEqual(follower.data, data);
    assert.equal(new Set(data).size, 200);
    // What one publisher has published one after the other keeps its order.
    for (const publisher of numbers(8)) {
      const own = data.filter((text) => String(text).startsWith(`${publisher}:`));
      assert.deepEqual(
        own,
        numbers(25).map((number) => `${publisher}:${number}`),
      );
    }
  });

  suite.check('keeps the order of appends that are started together', async (trial) => {
    const follower = await trial.follow('news');
    const cursors = await Promise.all(numbers(100).map((number) => trial.append('news', number)));
    assert.deepEqual(follower.data, numbers(100));
    assert.deepEqual(
      follower.records.map(({ cursor }) => cursor),
      cursors,
    );
  });

  suite.check('keeps topics and runs of the same name apart', async (trial) => {
    const { token } = await trial.claim('same');
    const topic = await trial.follow('same', { node: 1 });
    const run = await trial.follow(runLog('same'), { node: 1 });
    await trial.append('same', 'in the topic');
    await trial.node().writeRun('same', token, '"in the run"');
    await until(() => topic.records.length + run.records.length === 2);
    assert.deepEqual([topic.data, run.data], [['in the topic'], ['in the run']]);
    await trial.node().delete('same');
    assert.equal((await trial.node(1).runInfo('same')).end, undefined);
    assert.deepEqual((await trial.read(runLog('same'), { start: true })).data, ['in the run']);
  });
}
