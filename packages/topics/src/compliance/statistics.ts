import assert from 'node:assert/strict';
import { recordBytes } from '../backplane/backplane.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, type Trial } from './backplane-trial.ts';

const NOTHING = { topics: 0, runs: 0, records: 0, historyBytes: 0, members: 0 };

function assertStats(trial: Trial, expected: Partial<typeof NOTHING>): void {
  const { topics, runs, records, historyBytes, members } = trial.node().stats();
  assert.deepEqual({ topics, runs, records, historyBytes, members }, { ...NOTHING, ...expected });
}

/** Cases of the counts of a backplane. */
export function statistics(suite: BackplaneSuite): void {
  suite.check('has a name', async (trial) => {
    for (const { name } of trial.cluster.nodes) assert.match(name, /^[a-z][a-z-]*$/);
  });

  if (!suite.capabilities.countsStore) return;

  suite.check('counts topics, runs, records, bytes and members', async (trial) => {
    assertStats(trial, {});
    const follower = await trial.follow('followed');
    assertStats(trial, { topics: 1 });
    await trial.append('news', 'text', { key: 'key' });
    await trial.append('news', new Uint8Array(100));
    const newsBytes = recordBytes('"text"', 'key') + recordBytes(new Uint8Array(100), undefined);
    assertStats(trial, { topics: 2, records: 2, historyBytes: newsBytes });
    const { token } = await trial.claim('run');
    await trial.node().writeRun('run', token, '12345');
    const historyBytes = newsBytes + recordBytes('12345', undefined);
    assertStats(trial, { topics: 2, runs: 1, records: 3, historyBytes });
    for (const member of ['ada', 'bob']) await trial.join('room', member);
    await trial.join('hall', 'ada');
    assertStats(trial, { topics: 4, runs: 1, records: 3, historyBytes, members: 3 });
    follower.close();
    await trial.node().delete('news');
    const { topics, records } = trial.node().stats();
    assert.deepEqual([topics, records], [2, 1]);
  });

  suite.check('counts what is kept, not what was appended', async (trial) => {
    await trial.appendAll('news', numbers(50), { maxRecords: 5 });
    const historyBytes = numbers(50)
      .slice(-5)
      .reduce((sum, number) => sum + recordBytes(String(number), undefined), 0);
    assertStats(trial, { topics: 1, records: 5, historyBytes });
  });

  suite.checkWithClock('counts nothing once everything is over', async (trial) => {
    const settings = { maxAgeMs: 1_000, dedupeMs: 2_000 };
    const followers = [await trial.follow('a', { presence: true }), await trial.follow('b')];
    await trial.appendAll('a', numbers(20), settings);
    await trial.append('b', 1, { id: 'x', ...settings });
    await trial.append('c', 1, { id: 'x', ...settings });
    for (const topic of ['a', 'd']) await trial.join(topic, 'ada');
    for (const topic of ['a', 'd']) await trial.leave(topic, 'ada');
    const { token } = await trial.claim('run', { settings: { ttlMs: 1_000 } });
    await trial.node().writeRun('run', token, '1');
    await trial.node().endRun('run', token, { how: 'finished' });
    for (const follower of followers) follower.close();
    for (let round = 0; round < 10; round += 1) await trial.cluster.advance(30_000);
    assertStats(trial, {});
  });
}
