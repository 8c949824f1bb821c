import type { RedisBackplaneOptions } from '../../../src/index.ts';
import type { Tools } from '../scenario.ts';
import { type ProgramOptions, type ServerProcesses, startServers } from '../server-processes.ts';
import { Trial, type TrialSize } from '../trial.ts';

export const SERVERS = [0, 1, 2] as const;

/** Lost connections are noticed, and publishes given up, soon enough for a trial. */
const IMPATIENT = { pingIntervalMs: 500, pingTimeoutMs: 1000, connectTimeoutMs: 1000 };
const TOPICS = { publishTimeoutMs: 1500 };
/** Runs of a killed server are found soon. */
export const RUNS = { leaseMs: 1500 };

export interface RedisTrial {
  readonly trial: Trial;
  readonly processes: ServerProcesses;
}

/** Three servers on a Redis, with no load yet. @param own - more options of each program, by its number. */
export async function redisTrial(
  tools: Tools,
  redis: RedisBackplaneOptions,
  own: (server: number) => ProgramOptions = () => ({}),
  size: TrialSize = tools.size,
): Promise<RedisTrial> {
  const base = { topics: TOPICS, runs: RUNS, redis: { ...IMPATIENT, ...redis } };
  const options = SERVERS.map((server) => ({ ...base, ...own(server) }));
  const processes = await startServers(options, tools.program);
  return { processes, trial: new Trial(processes.servers, size, tools.door) };
}
