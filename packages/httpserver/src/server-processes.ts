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
import { SystemdService } from '@landspout/ioloop/reactor';
import { StreamUsageError } from '@landspout/iostream';
import { type HTTPServerStats, sumStats } from './monitor/http-server-stats.ts';
import { resolveStopOptions, type StopOptions, serverChecks } from './stopping/stop-options.ts';

/** The options for running a server in several processes. Extends the options of `forkProcesses`. */
export interface StartOptions extends Omit<ForkProcessesOptions, 'listen'>, ProcessListenOptions {
  /** The number of processes, from 1 to 1,024; `cpus` for one process per CPU. */
  readonly processes: number | 'cpus';
  /**
   * How each process stops after a signal or a request of its parent. The parent kills a process after `stopTimeoutMs`,
   * which has to be longer than `drainMs`, if that is given, and than `acceptMs` and `graceMs` together. Default of `stopTimeoutMs` here: `drainMs` and 5 s more, at least 35 s.
   */
  readonly stop?: StopOptions;
  /**
   * Called periodically in the parent, with the sum of all children's counters and with each child's own. If it returns
   * a promise, the next call is scheduled after that promise has settled. If it throws or rejects, the error is logged.
   */
  readonly onStats?: (sum: HTTPServerStats, each: ReadonlyMap<number, HTTPServerStats>) => unknown;
  /** The pause between two calls of {@link onStats}. Default: 10 s. */
  readonly statsIntervalMs?: number;
}

const { listen: _listen, ...SUPERVISION_OPTIONS } = FORK_OPTIONS;
/** The option names of `HTTPServer.start`, for code that accepts additional options. */
export const START_OPTIONS: OptionNames<StartOptions> = Object.freeze({
  ...SUPERVISION_OPTIONS,
  processes: true,
  stop: true,
  onStats: true,
  statsIntervalMs: true,
  port: true,
  host: true,
  backlog: true,
});

/** The methods of a server that its processes use. */
export interface StartedServer {
  listen(options: TaskListener | ProcessListenOptions): Promise<unknown>;
  stopOnSignals(options?: StopOptions): unknown;
  stats(): HTTPServerStats;
}

/** The least time that a child has for its own end after `drainMs`, for example to close a database. */
const AFTER_DRAIN_MS = 5_000;
/** The default of `forkProcesses`. */
const STOP_TIMEOUT_MS = 35_000;

const TOPIC = 'landspout.http.stats';
const DEFAULT_STATS_INTERVAL_MS = 10_000;

/** Implements `HTTPServer.start`. @returns the task of this child; `undefined` if there is only one process. */
export async function startProcesses(
  server: StartedServer,
  options: StartOptions,
): Promise<ProcessTask | undefined> {
  serverChecks.options('start', options, START_OPTIONS);
  const { processes, stop, onStats, statsIntervalMs, port, host, backlog, ...others } = options;
  const { systemd } = others;
  const count = countOf(processes);
  requireInterval(statsIntervalMs);
  if (count === 1) {
    server.stopOnSignals(stop);
    // The backlog is not passed: the server has its own option, which the children of several processes also use.
    await server.listen(placeOf({ port, host }));
    if (systemd !== false) void SystemdService.open(options.loop ?? IOLoop.current())?.ready();
    report(async () => new Map([[0, server.stats()]]), options);
    return undefined;
  }
  const task = await forkProcesses<readonly [ProcessListenOptions]>(count, {
    ...others,
    stopTimeoutMs: stopTimeoutOf(stop, others.stopTimeoutMs),
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

/** How long the parent waits for a child that stops. @throws StreamUsageError `ERR_STREAM_USAGE` */
function stopTimeoutOf(stop: StopOptions = {}, given: number | undefined): number {
  const { acceptMs, graceMs, drainMs } = resolveStopOptions(stop);
  if (given === undefined) return Math.max(STOP_TIMEOUT_MS, drainMs + AFTER_DRAIN_MS);
  // The default of `drainMs` is a maximum that a program need not want.
  const wantedMs = stop.drainMs ?? acceptMs + graceMs;
  // What is no number is refused where it is used.
  if (typeof given !== 'number' || given > wantedMs) return given;
  const problem = `stopTimeoutMs must be more than the ${wantedMs} ms that the options stop want, got ${given}`;
  const reason = 'the parent would kill the processes while they complete responses';
  throw new StreamUsageError('ERR_STREAM_USAGE', `start: ${problem}: ${reason}`);
}

/**
 * Requests the counters of the children of `HTTPServer.start`. Each child counts from its own start. Call this function
 * in the callback `onSupervising`.
 *
 * @returns the counters by task id; a child that does not respond in time is missing. `sumStats` adds them up.
 */
export async function gatherStats(
  supervisor: ProcessSupervisor,
  options?: AskOptions,
): Promise<ReadonlyMap<number, HTTPServerStats>> {
  return (await supervisor.ask(TOPIC, options)) as ReadonlyMap<number, HTTPServerStats>;
}

/**
 * Prevents a repeated signal from ending a child immediately. A service manager such as systemd may signal all
 * processes of a service, and the parent also signals its children, so a child may get the same signal twice. To end
 * everything immediately, send the signal to the parent twice. Children also ignore SIGHUP, which only the parent
 * handles.
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

/** The timer is unref'd: children and listeners keep the process alive. */
function report(gather: () => Promise<ReadonlyMap<number, HTTPServerStats>>, options: StartOptions): void {
  const { onStats, statsIntervalMs = DEFAULT_STATS_INTERVAL_MS } = options;
  if (onStats === undefined) return;
  const { clock, logger } = options.loop ?? IOLoop.current();
  const tell = async (): Promise<void> => {
    try {
      const each = await gather();
      await onStats(sumStats(each.values()), each);
    } catch (error) {
      logger.error({ error }, 'collecting statistics, or the onStats callback, failed');
    }
    wait();
  };
  const wait = (): void => clock.setTimeout(() => void tell(), statsIntervalMs).unref();
  wait();
}

/** Omits undefined options. */
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
