import { beforeAll, describe, expect, it } from 'vitest';
import { MESSAGE_DOOR } from './doors.ts';
import { type Result, runScenarios } from './scenario.ts';
import { PROCESSES } from './scenarios/processes.ts';
import { SERVER_PROGRAM } from './server-processes.ts';
import { SHORT, SHORT_CROWD, SHORT_PAUSE_MS } from './sizes.ts';
import { tableOf } from './table.ts';

const TOOLS = {
  size: SHORT,
  crowdSize: SHORT_CROWD,
  pauseMs: SHORT_PAUSE_MS,
  program: SERVER_PROGRAM,
  door: MESSAGE_DOOR,
};

describe('faults of processes that share topics and runs', () => {
  let results: readonly Result[] = [];
  beforeAll(async () => {
    results = await runScenarios(PROCESSES, TOOLS, PROCESSES.length);
    console.log(tableOf(results, false));
  }, 120_000);

  it.each(PROCESSES.map(({ name, expected }, at) => [name, expected.text, at] as const))('%s: %s', (_, __, at) => {
    expect(results[at]?.problems).toEqual([]);
  });
});
