import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import {
  type AskOptions,
  FORK_OPTIONS,
  type ForkProcessesOptions,
  forkProcesses,
  type ProcessListenOptions,
  type ProcessSupervisor,
  type ProcessTask,
  type TaskListener,
} from '@landspout/ioloop/processes';
import { type HTTPServerStats, sumStats } from './monitor/http-server-stats.ts';
import { type StopOptions, serverChecks } from './stopping/stop-options.ts';

/** How a server runs in several processes. The rest is of `forkProcesses`. */
export interface StartOptions extends Omit<ForkProcessesOptions, 'listen'>, ProcessListenOptions {
  /** How many: 1 to 1,024, or one for each CPU. */
  readonly processes: number | 'cpus';
  /** How each of them stops when it is told to, by its parent or by a signal. */
  readonly stop?: StopOptions;
  /**
   * Called in the parent, again and again, with what all children have seen, and with what each has. A returned promise
   * is awaited before the next call is planned. If it throws or rejects, that is logged.
   */
  readonly onStats?: (sum: HTTPServerStats, each: ReadonlyMap<number, HTTPServerStats>) => unknown;
  /** How often. Default 10 s. */
  readonly statsIntervalMs?: number;
}

const { listen: _listen, ...SUPERVISION_OPTIONS } = FORK_OPTIONS;
const START_OPTIONS: OptionNames<StartOptions> = {
  ...SUPERVISION_OPTIONS,
  processes: true,
  stop: true,
  onStats: true,
  statsIntervalMs: true,
  port: true,
  host: true,
  backlog: true,
};

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
  serverChecks.options('start', options, START_OPTIONS);
  const { processes, stop, onStats, statsIntervalMs, port, host, backlog, ...others } = options;
  const count = countOf(processes);
  requireInterval(statsIntervalMs);
  if (count === 1) {
    server.stopOnSignals(stop);
    // Its backlog is the server's own, as it is in each of several processes.
    await server.listen(placeOf({ port, host }));
    report(async () => new Map([[0, server.stats()]]), options);
    return undefined;
  }
  const task = await forkProcesses<readonly [ProcessListenOptions]>(count, {
    ...others,
    listen: [placeOf({ port, host, backlog })],
    onSupervising(supervisor) {
      const preparing = others.onSupervising?.(supervisor);
      report(() => gatherStats(supervisor), options);
      return preparing;
    },
  });
  leaveHurryToParent();
  server.stopOnSignals(stop);
  task.answer(TOPIC, () => server.stats());
  const [listener] = task.listeners;
  await server.listen(listener);
  return task;
}

/**
 * Asks the children of `HTTPServer.start` what they have seen, since each was started: for its option `onSupervising`.
 *
 * @returns by task id; a child that does not answer in time is missing. `sumStats` adds them up.
 */
export async function gatherStats(
  supervisor: ProcessSupervisor,
  options?: AskOptions,
): Promise<ReadonlyMap<number, HTTPServerStats>> {
  return (await supervisor.ask(TOPIC, options)) as ReadonlyMap<number, HTTPServerStats>;
}

/**
 * A signal that comes for the second time ends a process at once. Here it is no sign of hurry: what stops a service may
 * signal all of its processes, as systemd does, and then our parent does it, too. Who is in a hurry tells the parent
 * twice. SIGHUP is for the parent alone.
 */
function leaveHurryToParent(): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {});
}

function countOf(processes: number | 'cpus'): number {
  if (processes === 'cpus') return 0;
  if (Number.isInteger(processes) && processes > 0) return processes;
  throw serverChecks.wrong('start', "processes: 1 or more, or 'cpus',", processes);
}

function requireInterval(intervalMs = DEFAULT_STATS_INTERVAL_MS): void {
  serverChecks.positiveNumber('start', 'statsIntervalMs', intervalMs);
}

/** The statistics keep nobody alive: children and listeners do. */
function report(gather: () => Promise<ReadonlyMap<number, HTTPServerStats>>, options: StartOptions): void {
  const { onStats, statsIntervalMs = DEFAULT_STATS_INTERVAL_MS } = options;
  if (onStats === undefined) return;
  const { clock, logger } = options.loop ?? IOLoop.current();
  const tell = async (): Promise<void> => {
    try {
      const each = await gather();
      await onStats(sumStats(each.values()), each);
    } catch (error) {
      logger.error({ error }, 'reporting the statistics of the processes failed');
    }
    wait();
  };
  const wait = (): void => clock.setTimeout(() => void tell(), statsIntervalMs).unref();
  wait();
}

/** Without those that are undefined. */
function placeOf(
  place: { readonly [Name in keyof ProcessListenOptions]: ProcessListenOptions[Name] | undefined },
): ProcessListenOptions {
  const { port, host, backlog } = place;
  return {
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    ...(backlog === undefined ? {} : { backlog }),
  };
}
