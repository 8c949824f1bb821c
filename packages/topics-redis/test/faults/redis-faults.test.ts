import { beforeAll, describe, expect, it } from 'vitest';
import { type Result, runScenarios } from './scenario.ts';
import { REDIS_SCENARIOS } from './scenarios.ts';
import { SHORT_TOOLS } from './tools.ts';

/** How many run at once: each waits most of the time, for leases, for Redis, or for its servers to start. */
const AT_ONCE = 4;
const LONGEST_MS = 180_000;

describe('faults of servers that share topics and runs by Redis', () => {
  let results: readonly Result[] = [];
  beforeAll(async () => {
    results = await runScenarios(REDIS_SCENARIOS, SHORT_TOOLS, AT_ONCE);
  }, LONGEST_MS);

  it.each(REDIS_SCENARIOS.map(({ name }, at) => [name, at] as const))('%s', (_, at) => {
    expect(results[at]?.problems).toEqual([]);
  });
});
