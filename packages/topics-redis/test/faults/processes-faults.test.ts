import { beforeAll, describe, expect, it } from 'vitest';
import { type Result, runScenarios } from './scenario.ts';
import { PROCESSES_SCENARIOS } from './scenarios.ts';
import { SHORT_TOOLS } from './tools.ts';

const LONGEST_MS = 180_000;

describe('faults of processes that share topics and runs by their parent', () => {
  let results: readonly Result[] = [];
  beforeAll(async () => {
    results = await runScenarios(PROCESSES_SCENARIOS, SHORT_TOOLS, PROCESSES_SCENARIOS.length);
  }, LONGEST_MS);

  it.each(PROCESSES_SCENARIOS.map(({ name }, at) => [name, at] as const))('%s', (_, at) => {
    expect(results[at]?.problems).toEqual([]);
  });
});
