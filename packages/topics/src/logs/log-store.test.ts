import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { LogStore } from './log-store.ts';

// Each of these takes minutes if a call looks at all logs.
const COUNT = 30_000;
const LIMITS = { maxTopics: 1e9, maxHistoryBytes: 1e9, maxRuns: 1e9, maxRunBytes: 1e9 };
const SETTINGS = { maxRecords: 10, maxBytes: 1e6, maxAgeMs: 1e9, dedupeMs: 1e9, maxDedupeIds: 10 };
const RUN_SETTINGS = { maxRecords: 10, maxBytes: 1e6, leaseMs: 1e9, ttlMs: 1, maxDurationMs: 1e9 };
const FOLLOWER = { record() {}, gap() {}, ended() {} };

function append(store: LogStore, name: string): void {
  store.commit(store.planAppend(name, { payload: '1' }, SETTINGS).entries ?? []);
}

describe('LogStore', () => {
  it('finds the topic to forget without looking at those that are followed', () => {
    const store = new LogStore({ ...LIMITS, maxTopics: COUNT }, new VirtualClock());
    for (let n = 0; n < COUNT - 2; n += 1) store.openTopic(`followed ${n}`).follow(FOLLOWER);
    for (let n = 0; n < COUNT; n += 1) append(store, `other ${n}`);
    expect(store.topicCount).toBe(COUNT);
    expect(store.find({ kind: 'topic', name: `other ${COUNT - 2}` })?.length).toBe(1);
    expect(store.find({ kind: 'topic', name: `other ${COUNT - 3}` })).toBeUndefined();
    store.close();
  });

  it('refuses a topic without looking at those that are followed', () => {
    const store = new LogStore({ ...LIMITS, maxTopics: COUNT }, new VirtualClock());
    for (let n = 0; n < COUNT; n += 1) store.openTopic(`followed ${n}`).follow(FOLLOWER);
    for (let n = 0; n < COUNT; n += 1) {
      expect(() => store.planAppend(`other ${n}`, { payload: '1' }, SETTINGS)).toThrow(/maxTopics/);
    }
    store.close();
  });

  it('forgets a run whose time is over without looking at the others', async () => {
    const clock = new VirtualClock();
    const store = new LogStore(LIMITS, clock);
    for (let n = 0; n < COUNT; n += 1) {
      const run = {
        id: `run ${n}`,
        owner: 'o',
        input: undefined,
        settings: { ...RUN_SETTINGS, ttlMs: 1 + n },
      };
      const planned = store.planClaim(run);
      if ('claim' in planned) throw new Error('the id was free');
      store.commit(planned.entries);
      const { token } = store.lease(store.run(run.id));
      store.commit(store.planEnd(run.id, token, { how: 'finished' }));
    }
    for (let n = 0; n < COUNT; n += 1) {
      await clock.advance(1);
      expect(store.find({ kind: 'run', name: `run ${n}` })).toBeUndefined();
      expect(store.runCount).toBe(COUNT - n - 1);
    }
    store.close();
  });

  it('sweeps many topics in several turns of the loop', async () => {
    const clock = new VirtualClock();
    const store = new LogStore(LIMITS, clock);
    for (let n = 0; n < 10_000; n += 1) {
      const { entries } = store.planAppend(`topic ${n}`, { payload: '1' }, { ...SETTINGS, maxAgeMs: 1000 });
      store.commit(entries ?? []);
    }
    await clock.advance(1000);
    store.sweep();
    const counts = [store.recordCount];
    while (counts.at(-1) !== 0) {
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(store.recordCount);
    }
    expect(counts.length).toBeGreaterThan(3);
    expect(store.topicCount).toBe(0);
    store.close();
  });
});
