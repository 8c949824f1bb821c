// The program of `pnpm soak topics-faults`: runs the scenarios one after the other, with clients over WebSockets, and
// prints the table. argv[2]: options as JSON.
import { until, withLeftovers } from '../support/scratch.ts';
import type { Door } from './reader.ts';
import { runScenarios, type Tools } from './scenario.ts';
import { PROCESSES_SCENARIOS, REDIS_SCENARIOS } from './scenarios.ts';
import { Server } from './server.ts';
import { Program } from './server-processes.ts';
import { tableOf } from './table.ts';
import { SHORT_TOOLS } from './tools.ts';

interface Options {
  /** Only scenarios whose names contain this text. */
  readonly only: string;
  /** Clients that come back at once. */
  readonly clients: number;
  readonly isMarkdown: boolean;
  /** The module that lets servers listen. */
  readonly extension: string;
  /** The program of the clients. */
  readonly clientsProgram: string;
}

/** How long Redis is stopped. */
const PAUSE_MS = 5000;
const CROWD_TOPICS = 10;
const SERVERS = 3;

/** Clients in a process of their own, each with a WebSocket to the server that it reads from. */
async function webSocketDoor(program: string): Promise<Door> {
  const clients = new Program(program, {});
  const messages = new Server(-1, (message) => clients.send(message));
  clients.onReport = (report) => messages.received(report);
  await until('the clients are there', () => messages.isUp);
  return ({ port }, place, notify) => messages.read(place, notify, { port });
}

async function main({ only, clients, isMarkdown, extension, clientsProgram }: Options): Promise<boolean> {
  const scenarios = [...PROCESSES_SCENARIOS, ...REDIS_SCENARIOS].filter(({ name }) => name.includes(only));
  const tools: Tools = {
    ...SHORT_TOOLS,
    size: { topics: 4, readersPerServer: 5, pauseMs: 20, records: 100, moveAfter: 40 },
    crowdSize: {
      topics: CROWD_TOPICS,
      readersPerServer: Math.ceil(clients / CROWD_TOPICS / SERVERS),
      pauseMs: 2000,
      records: 20,
    },
    pauseMs: PAUSE_MS,
    programOptions: { extension },
    door: await webSocketDoor(clientsProgram),
  };
  const results = await runScenarios(scenarios, tools, 1, ({ scenario, problems }, ms) => {
    const verdict = problems.length === 0 ? 'as expected' : 'NOT AS EXPECTED';
    console.error(`${scenario.name}: ${verdict}, ${Math.round(ms / 1000)} s`);
  });
  console.log(tableOf(results, isMarkdown));
  return results.every(({ problems }) => problems.length === 0);
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const isAsExpected = await withLeftovers(() => main(options));
process.exit(isAsExpected ? 0 : 1);
