// The program of `pnpm soak topics-faults`: runs the scenarios one after the other, and prints the table. argv[2]: options
// as JSON.
import { MESSAGE_DOOR } from './doors.ts';
import { runScenarios, type Tools } from './scenario.ts';
import { FAILOVERS } from './scenarios/failovers.ts';
import { KILLED_SERVERS } from './scenarios/killed-servers.ts';
import { NETWORKS } from './scenarios/networks.ts';
import { PROCESSES } from './scenarios/processes.ts';
import { REDIS_OUTAGES } from './scenarios/redis-outages.ts';
import { SERVER_PROGRAM } from './server-processes.ts';
import { SHORT, SHORT_CROWD } from './sizes.ts';
import { tableOf } from './table.ts';

const { only = '', isMarkdown = false } = JSON.parse(process.argv[2] ?? '{}');

const ALL = [...PROCESSES, ...KILLED_SERVERS, ...REDIS_OUTAGES, ...NETWORKS, ...FAILOVERS];
const scenarios = ALL.filter(({ name }) => name.includes(only));
const tools: Tools = {
  size: SHORT,
  crowdSize: SHORT_CROWD,
  pauseMs: 5000,
  program: SERVER_PROGRAM,
  door: MESSAGE_DOOR,
};

const results = await runScenarios(scenarios, tools, 1, ({ scenario, problems }, ms) => {
  console.error(`${problems.length === 0 ? 'ok' : 'NOT OK'} ${scenario.name} (${Math.round(ms / 100) / 10} s)`);
});
console.log(tableOf(results, isMarkdown));
process.exit(results.every(({ problems }) => problems.length === 0) ? 0 : 1);
