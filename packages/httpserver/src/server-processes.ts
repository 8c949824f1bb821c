import {
  type ForkProcessesOptions,
  forkProcesses,
  IOLoop,
  type ProcessListenOptions,
  type ProcessSupervisor,
  type ProcessTask,
  type TaskListener,
} from '@landspout/ioloop';
import { StreamUsageError } from '@landspout/iostream';
import { type HTTPServerStats, sumStats } from './monitor/http-server-stats.ts';
import type { StopOptions } from './server-stop.ts';

/** How a server runs in several processes. The rest is of `forkProcesses`. */
export interface StartOptions extends Omit<ForkProcessesOptions, 'listen'>, ProcessListenOptions {
  /** How many: 1 to 1,024, or one for each CPU. */
  readonly processes: number | 'cpus';
  /** How each of them stops when it is told to, by its parent or by a signal. */
  readonly stop?: StopOptions;
  /** Called in the parent, again and again, with what all children have seen, and with what each has. */
  readonly onStats?: (sum: HTTPServerStats, each: ReadonlyMap<number, HTTPServerStats>) => void;
  /** How often. Default 10 s. */
  readonly statsIntervalMs?: number;
}

/** What of a server its processes need. */
export interface StartedServer {
  listen(options: TaskListener | ProcessListenOptions): Promise<unknown>;
  stopOnSignals(options?: StopOptions): unknown;
  stats(): HTTPServerStats;
}

const TOPIC = 'landspout.http.stats';
const DEFAULT_STATS_INTERVAL_MS = 10_000;

/** What `HTTPServer.start` does. @returns which child this is; `undefined` where one process was asked for. */
export async function startProcesses(
  server: StartedServer,
  options: StartOptions,
): Promise<ProcessTask | undefined> {
  const { processes, stop, onStats, statsIntervalMs, port, host, backlog, ...others } = options;
  const where = placeOf(options);
  if (processes === 1) {
    server.stopOnSignals(stop);
    await server.listen(where);
    return undefined;
  }
  const task = await forkProcesses<readonly [ProcessListenOptions]>(countOf(processes), {
    ...others,
    listen: [where],
    onSupervising(supervisor) {
      others.onSupervising?.(supervisor);
      if (onStats !== undefined) gather(supervisor, onStats, options);
    },
  });
  server.stopOnSignals(stop);
  const [listener] = task.listeners;
  await server.listen(listener);
  task.answer(TOPIC, () => server.stats());
  task.ready();
  return task;
}

function countOf(processes: number | 'cpus'): number {
  if (processes === 'cpus') return 0;
  if (Number.isInteger(processes) && processes > 0) return processes;
  throw new StreamUsageError('ERR_STREAM_USAGE', `start: processes is 1 or more, or cpus, not ${processes}`);
}

/** The statistics keep nobody alive: children do. */
function gather(
  supervisor: ProcessSupervisor,
  onStats: NonNullable<StartOptions['onStats']>,
  options: StartOptions,
): void {
  const { clock, logger } = options.loop ?? IOLoop.current();
  const { statsIntervalMs = DEFAULT_STATS_INTERVAL_MS } = options;
  if (!(statsIntervalMs > 0 && statsIntervalMs < 2 ** 31)) {
    throw new StreamUsageError(
      'ERR_STREAM_USAGE',
      `start: statsIntervalMs of more than 0 was expected, not ${statsIntervalMs}`,
    );
  }
  const ask = async (): Promise<void> => {
    try {
      const each = (await supervisor.ask(TOPIC)) as ReadonlyMap<number, HTTPServerStats>;
      onStats(sumStats(each.values()), each);
    } catch (error) {
      logger.error({ error }, 'gathering the statistics of the processes failed');
    }
    wait();
  };
  const wait = (): void => clock.setTimeout(() => void ask(), statsIntervalMs).unref();
  wait();
}

function placeOf({ port, host, backlog }: StartOptions): ProcessListenOptions {
  return {
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    ...(backlog === undefined ? {} : { backlog }),
  };
}
