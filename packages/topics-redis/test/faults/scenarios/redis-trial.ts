import type { RedisBackplaneOptions } from '../../../src/index.ts';
import type { Tools } from '../scenario.ts';
import { type ProgramOptions, type ServerProcesses, startServers } from '../server-processes.ts';
import { Trial, type TrialSize } from '../trial.ts';

export const SERVERS = [0, 1, 2] as const;

/**
 * Lost connections are noticed, and publishes given up, soon enough for a trial. Yet a server has time to connect at its
 * start, when the machine has much to do.
 */
const IMPATIENT = { pingIntervalMs: 500, pingTimeoutMs: 1000, connectTimeoutMs: 4000 };
const TOPICS = { publishTimeoutMs: 1500 };
/** Runs of a killed server are found soon. */
export const RUNS = { leaseMs: 1500 };

export interface RedisTrial {
  readonly trial: Trial;
  readonly processes: ServerProcesses;
}

export interface RedisTrialOptions {
  /** More options of the program of each server, by its number. Default: none. */
  readonly own?: (server: number) => ProgramOptions;
  /** Default: that of the tools. */
  readonly size?: TrialSize;
}

/** Three servers on a Redis, with no load yet. @param redis - how each server connects, by its number. */
export async function redisTrial(
  tools: Tools,
  redis: (server: number) => RedisBackplaneOptions,
  { own = () => ({}), size = tools.size }: RedisTrialOptions = {},
): Promise<RedisTrial> {
  const options = SERVERS.map((server) => ({
    ...tools.programOptions,
    topics: TOPICS,
    runs: RUNS,
    redis: { ...IMPATIENT, ...redis(server) },
    ...own(server),
  }));
  const processes = await startServers(options);
  return { processes, trial: new Trial(processes.servers, size, tools.door) };
}
