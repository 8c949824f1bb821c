import assert from 'node:assert/strict';
import { recordBytes } from '../backplane/backplane.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { assertFails, numbers, type Trial } from './backplane-trial.ts';

/** A text whose record counts `bytes` towards the limits. */
function textOfBytes(bytes: number, letter = 'x'): string {
  return letter.repeat(bytes - recordBytes('""', undefined));
}

const KIB = 1024;

/** Cases of what a topic keeps, and of the limits of the whole store. */
export function retention(suite: BackplaneSuite): void {
  ofOneTopic(suite);
  ofTheStore(suite);
  ofTopicCount(suite);
}

function ofOneTopic(suite: BackplaneSuite): void {
  suite.check('keeps the newest maxRecords records of a topic', async (trial) => {
    for (const number of numbers(12)) {
      await trial.append('news', number, { maxRecords: 5 });
      const { data } = await trial.read('news', { start: true }, { node: 1 });
      assert.deepEqual(data, numbers(number + 1).slice(-5));
    }
  });

  suite.check('keeps the newest records of a topic within maxBytes', async (trial) => {
    for (const number of numbers(8)) {
      await trial.append('news', textOfBytes(KIB, String(number)), { maxBytes: 3 * KIB });
      const { data } = await trial.read('news', { start: true });
      const kept = numbers(number + 1)
        .slice(-3)
        .map(String);
      assert.deepEqual(
        data.map((text) => String(text)[0]),
        kept,
      );
    }
    // One large record takes the place of several.
    await trial.append('news', textOfBytes(2 * KIB + 1, 'L'), { maxBytes: 3 * KIB });
    const { data } = await trial.read('news', { start: true });
    assert.deepEqual(
      data.map((text) => String(text)[0]),
      ['L'],
    );
  });

  suite.check('keeps the newest record of a topic, also if it is larger than maxBytes', async (trial) => {
    const followers = await trial.followEverywhere('news');
    const text = 'x'.repeat(KIB);
    await trial.append('news', 'small', { maxBytes: 1_000 });
    const cursor = await trial.append('news', text, { maxBytes: 1_000 });
    await trial.received(followers, 2);
    for (const { records } of followers) assert.equal(records[1]?.cursor, cursor);
    assert.deepEqual((await trial.read('news', { start: true })).data, [text]);
    await trial.append('news', 'next', { maxBytes: 1_000 });
    assert.deepEqual((await trial.read('news', { start: true })).data, ['next']);
  });

  suite.check('delivers the records of a topic without history', async (trial) => {
    const followers = await trial.followEverywhere('news');
    await trial.appendAll('news', numbers(5), { maxRecords: 0 });
    await trial.received(followers, 5);
    for (const { data } of followers) assert.deepEqual(data, numbers(5));
    const { data, gaps } = await trial.read('news', { after: followers[0]?.cursor as string });
    assert.deepEqual([data, gaps.map(({ reason }) => reason)], [[], ['trimmed']]);
  });

  suite.checkWithClock('drops the records of a topic that are older than maxAgeMs', async (trial) => {
    const follower = await trial.follow('news');
    await trial.append('news', 'a', { maxAgeMs: 10_000 });
    await trial.cluster.advance(6_000);
    const cursor = await trial.append('news', 'b', { maxAgeMs: 10_000 });
    await trial.cluster.advance(3_000);
    assert.deepEqual((await trial.read('news', { start: true }, { node: 1 })).data, ['a', 'b']);
    await trial.cluster.advance(2_000);
    const { data, gaps } = await trial.read('news', { after: follower.cursor }, { node: 1 });
    assert.deepEqual([data, gaps.map(({ reason }) => reason)], [['b'], ['trimmed']]);
    await trial.cluster.advance(5_000);
    assert.deepEqual((await trial.read('news', { start: true })).data, []);
    // The follower has kept the epoch: a cursor at the end is still valid.
    assert.deepEqual((await trial.read('news', { after: cursor })).gaps, []);
  });

  suite.check('keeps the limits of each topic apart', async (trial) => {
    for (const number of numbers(6)) {
      await trial.append('short', number, { maxRecords: 2 });
      await trial.append('long', number, { maxRecords: 4 });
    }
    assert.deepEqual((await trial.read('short', { start: true })).data, [4, 5]);
    assert.deepEqual((await trial.read('long', { start: true })).data, [2, 3, 4, 5]);
  });

  suite.check('applies the settings of the latest append', async (trial) => {
    await trial.appendAll('news', numbers(6), { maxRecords: 5 });
    await trial.append('news', 6, { maxRecords: 2 });
    assert.deepEqual((await trial.read('news', { start: true })).data, [5, 6]);
    await trial.appendAll('news', [7, 8], { maxRecords: 5 });
    assert.deepEqual((await trial.read('news', { start: true })).data, [5, 6, 7, 8]);
  });
}

/** How many records each topic has, in pages so that the store is not read as a whole. */
async function lengths(trial: Trial, topics: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (const topic of topics) found.push((await trial.read(topic, { start: true })).records.length);
  return found;
}

function ofTheStore(suite: BackplaneSuite): void {
  const limits = { maxHistoryBytes: 10 * KIB };

  suite.checkStoreLimits(
    'drops the oldest records of the topics used least recently beyond maxHistoryBytes',
    limits,
    async (trial) => {
      const text = textOfBytes(KIB);
      const fill = (topic: string, count: number) =>
        trial.appendAll(
          topic,
          numbers(count).map(() => text),
        );
      for (const topic of ['a', 'b', 'c']) await fill(topic, 3);
      await fill('d', 1);
      assert.deepEqual(await lengths(trial, ['a', 'b', 'c', 'd']), [3, 3, 3, 1]);
      // Reading has made d the newest again, and now a is read: b is the oldest.
      await trial.read('a', { last: 1 });
      await fill('d', 2);
      assert.ok(trial.node().stats().historyBytes <= limits.maxHistoryBytes);
      assert.deepEqual(await lengths(trial, ['b', 'c', 'a', 'd']), [1, 3, 3, 3]);
      await fill('d', 2);
      assert.deepEqual(await lengths(trial, ['b', 'c', 'a', 'd']), [0, 2, 3, 5]);
    },
  );

  suite.checkStoreLimits('keeps maxHistoryBytes when one topic fills it alone', limits, async (trial) => {
    const witness = await trial.follow('a');
    const cursors = await trial.appendAll(
      'a',
      numbers(25).map((number) => textOfBytes(KIB, 'abcdefghijklmnopqrstuvwxyz'[number])),
    );
    if (trial.capabilities.countsStore)
      assert.equal(trial.node().stats().historyBytes, limits.maxHistoryBytes);
    const { records, gaps } = await trial.read('a', { after: cursors[0] as string });
    assert.deepEqual(
      records.map(({ cursor }) => cursor),
      cursors.slice(-10),
    );
    assert.deepEqual(
      gaps.map(({ reason }) => reason),
      ['trimmed'],
    );
    await trial.append('a', 'x'.repeat(11 * KIB));
    assert.deepEqual((await trial.read('a', { start: true })).data, []);
    assert.equal(witness.records.length, 26);
    assert.equal(trial.node().stats().historyBytes, 0);
  });

  suite.checkStoreLimits(
    'takes nothing from other topics for a record that is too large',
    limits,
    async (trial) => {
      const witness = await trial.follow('a');
      await trial.append('a', 'small');
      await trial.append('b', 'kept');
      const cursor = await trial.append('a', textOfBytes(11 * KIB));
      await trial.received([witness], 2);
      assert.deepEqual(await lengths(trial, ['a', 'b']), [0, 1]);
      assert.deepEqual((await trial.read('a', { after: cursor })).gaps, []);
      await trial.append('a', 'next');
      assert.deepEqual((await trial.read('a', { after: cursor })).data, ['next']);
    },
  );

  suite.checkStoreLimits('counts ids, and forgets them with the oldest records', limits, async (trial) => {
    const first = await trial.append('a', 1, { id: 'first', maxRecords: 1 });
    assert.equal(await trial.append('a', 1, { id: 'first', maxRecords: 1 }), first);
    for (const number of numbers(200)) await trial.append('a', number, { id: `id ${number}`, maxRecords: 1 });
    const { historyBytes } = trial.node().stats();
    if (trial.capabilities.countsStore)
      assert.ok(historyBytes > limits.maxHistoryBytes / 2 && historyBytes <= limits.maxHistoryBytes);
    assert.notEqual(await trial.append('a', 1, { id: 'first', maxRecords: 1 }), first);
    const last = await trial.append('a', 1, { id: 'last', maxRecords: 1 });
    assert.equal(await trial.append('a', 1, { id: 'last', maxRecords: 1 }), last);
  });

  suite.checkStoreLimits('does not trim the logs of runs for maxHistoryBytes', limits, async (trial) => {
    const { token } = await trial.claim('run');
    const text = JSON.stringify(textOfBytes(KIB));
    for (let number = 0; number < 15; number += 1) await trial.node().writeRun('run', token, text);
    await trial.appendAll(
      'a',
      numbers(15).map(() => textOfBytes(KIB)),
    );
    const { records } = await trial.read({ kind: 'run', name: 'run' }, { start: true });
    assert.equal(records.length, 15);
    assert.deepEqual(await lengths(trial, ['a']), [10]);
  });
}

function ofTopicCount(suite: BackplaneSuite): void {
  const limits = { maxTopics: 3 };

  suite.checkStoreLimits('forgets the topic used least recently beyond maxTopics', limits, async (trial) => {
    const cursors: string[] = [];
    for (const topic of ['a', 'b', 'c']) cursors.push(await trial.append(topic, 1));
    await trial.read('a', { start: true });
    await trial.append('d', 1);
    assert.deepEqual((await trial.read('b', { start: true })).data, []);
    assert.deepEqual(await lengths(trial, ['c', 'a', 'd']), [1, 1, 1]);
    // A topic that was forgotten comes back in a new epoch, and takes the place of another.
    await trial.append('b', 2);
    const { data, gaps } = await trial.read('b', { after: cursors[1] as string });
    assert.deepEqual([data, gaps.map(({ reason }) => reason)], [[2], ['reset']]);
    assert.deepEqual(await lengths(trial, ['c', 'a', 'd']), [0, 1, 1]);
  });

  suite.checkStoreLimits('forgets topics without history before others', limits, async (trial) => {
    for (const topic of ['a', 'b']) await trial.append(topic, 1);
    for (const number of numbers(10)) {
      const follower = await trial.follow(`empty ${number}`);
      follower.close();
    }
    assert.deepEqual(await lengths(trial, ['a', 'b']), [1, 1]);
    await trial.append('c', 1);
    assert.deepEqual(await lengths(trial, ['a', 'b', 'c']), [1, 1, 1]);
  });

  suite.checkStoreLimits('does not forget a topic because another one is read', limits, async (trial) => {
    for (const topic of ['a', 'b', 'c']) await trial.append(topic, 1);
    for (const number of numbers(10)) await trial.read(`unknown ${number}`, { start: true });
    assert.deepEqual(await lengths(trial, ['a', 'b', 'c']), [1, 1, 1]);
  });

  suite.checkStoreLimits('forgets no topic that has followers or members', limits, async (trial) => {
    const follower = await trial.follow('followed', { node: 1 });
    await trial.join('with members', 'ada', { node: 1 });
    await trial.append('with members', 'kept');
    for (const number of numbers(5)) await trial.append(`other ${number}`, number);
    await trial.append('followed', 'kept');
    await trial.received([follower], 1);
    const { data, gaps } = await trial.read('followed', { after: follower.cursor });
    assert.deepEqual([data, gaps], [['kept'], []]);
    assert.deepEqual(await lengths(trial, ['with members', 'other 4', 'other 3']), [1, 1, 0]);
  });

  suite.checkStoreLimits('refuses a topic when all maxTopics topics are in use', limits, async (trial) => {
    const followers = [await trial.follow('a'), await trial.follow('b')];
    await trial.join('c', 'ada');
    const fails = (call: () => unknown) =>
      assertFails(call, 'TopicsLimitError', 'ERR_TOPICS_TOO_MANY_TOPICS');
    await fails(() => trial.append('d', 1));
    await fails(() => trial.follow('d', { node: 1 }));
    await fails(() => trial.join('d', 'ada'));
    // A read needs no place, and topics in use go on.
    assert.deepEqual((await trial.read('d', { start: true })).data, []);
    await trial.append('a', 1);
    await trial.append('c', 1);
    await trial.received(followers.slice(0, 1), 1);
    followers[1]?.close();
    await trial.append('d', 1);
    assert.deepEqual(await lengths(trial, ['a', 'c', 'd']), [1, 1, 1]);
  });
}
