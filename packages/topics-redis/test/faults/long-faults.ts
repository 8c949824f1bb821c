// The program of `pnpm soak topics-faults`: runs the scenarios one after the other, and prints the table. argv[2]: options
// as JSON.
import { runScenarios } from './scenario.ts';
import { PROCESSES_SCENARIOS, REDIS_SCENARIOS } from './scenarios.ts';
import { tableOf } from './table.ts';
import { SHORT_TOOLS } from './tools.ts';

const { only = '', isMarkdown = false } = JSON.parse(process.argv[2] ?? '{}');
const scenarios = [...PROCESSES_SCENARIOS, ...REDIS_SCENARIOS].filter(({ name }) => name.includes(only));

const results = await runScenarios(
  scenarios,
  { ...SHORT_TOOLS, pauseMs: 5000 },
  1,
  ({ scenario, problems }, ms) => {
    console.error(
      `${problems.length === 0 ? 'ok' : 'NOT OK'} ${scenario.name} (${Math.round(ms / 100) / 10} s)`,
    );
  },
);
console.log(tableOf(results, isMarkdown));
process.exit(results.every(({ problems }) => problems.length === 0) ? 0 : 1);
