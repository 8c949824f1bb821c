// One program in several processes, as with Tornado's fork_processes: the parent's side and the children's side of the
// call. Puts launching/, supervisor/ and messages/ together. Does not know servers or protocols.

import { isMainThread } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import { IOLoop } from '../loop/io-loop.ts';
import type { OptionNames } from '../option-names.ts';
import { isThenable } from '../thenable.ts';
import type { ProcessListenOptions } from './launching/listen-requests.ts';
import { ProcessUsageError } from './launching/process-errors.ts';
import { TaskAnswers } from './messages/questions.ts';
import { endWithParent } from './messages/task-channel.ts';
import { announceReady, expectListening } from './messages/task-readiness.ts';
import { clearTaskEnvironment, ownTask, type TaskListener, type TaskRecord } from './messages/task-record.ts';
import { ProcessSupervisor } from './supervisor/process-supervisor.ts';
import {
  type ProcessSupervisorOptions,
  requireProcessOptions,
  SHARED_OPTIONS,
} from './supervisor/supervisor-options.ts';

export interface ForkProcessesOptions<Listen extends readonly ProcessListenOptions[] = readonly []>
  extends Omit<ProcessSupervisorOptions, 'count' | 'program' | 'listen'> {
  /** Where the children shall be able to listen. Default: nowhere. */
  readonly listen?: Listen;
  /**
   * Called in the parent before the first child is started, with what it can be asked and told. A returned promise is
   * awaited first. If it throws or rejects, forkProcesses does too, and no child is started.
   */
  readonly onSupervising?: (supervisor: ProcessSupervisor) => unknown;
}

/** The names that {@link forkProcesses} knows, for who takes other options beside them. */
export const FORK_OPTIONS: OptionNames<ForkProcessesOptions> = Object.freeze({
  ...SHARED_OPTIONS,
  onSupervising: true,
});

/** Both end a service in an orderly way: one from a supervisor or container, one from a keyboard. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** What services are told to read their configuration by. */
const RESTART_SIGNAL = 'SIGHUP';

let called = false;

/**
 * Runs this program in several processes, and comes back only in them.
 *
 * **The program is started again in each child, from its first line**: Node cannot fork. What stands above the call
 * runs in the parent and in every child, with state of their own and with random numbers of their own; what stands
 * below runs in the children only. Install handlers of signals and open databases below. Arguments, options of Node
 * such as `--import`, and variables are passed on; debuggers get a port each.
 *
 * The parent supervises. A child that dies by a signal or ends with another exit code than 0 is started again, under
 * the same task id and with the same listeners, after 100 ms, then 200 ms, up to 10 s. When all have ended with 0, the
 * parent exits with 0.
 *
 * SIGTERM or SIGINT to the parent stops: SIGTERM for each child, which a child answers by `server.stop()`; after
 * `stopTimeoutMs`, or when the same signal comes again, SIGKILL; then the parent exits with 0, however the children
 * ended. SIGHUP replaces the children one after the other, as {@link ProcessSupervisor.restart} does: a child is ready
 * when our servers listen on all of its listeners, or when it calls `task.ready()`. The handlers of these three are
 * there only while the parent supervises. A Ctrl-C reaches the children as well, so that they may get SIGINT and then
 * SIGTERM; a terminal that closes sends SIGHUP. A child whose parent is gone gets SIGTERM from itself, and SIGKILL after
 * `stopTimeoutMs`.
 *
 * The listeners of `listen` belong to the parent. On the native backend each child has one of its own, with
 * SO_REUSEPORT: the system spreads the connections, and those that a child has not accepted when it dies wait for its
 * successor, up to the wait before a restart. So a child that closes its server and lives on leaves its share of new
 * connections waiting; one that ends with 0 has its share closed. On the portable backend the children share one
 * listener by node:cluster; it lasts while any child has it, and what waits in it is closed with the last one.
 *
 * Messages go by `process.send` and `process.on('message')`, and to `onMessage` in the parent. The channel does not keep
 * a child alive: `process.channel.ref()` makes it. What is sent to a parent that has gone is lost silently. On the
 * portable backend a server of Node's own, such as one of `node:http`, needs that until it listens; ours do not.
 *
 * @param count - 1 to 1,024; 0, less, `null` or nothing means one for each CPU.
 * @param options.listen - where the children shall listen; each becomes one of `task.listeners`. Unix sockets cannot.
 * @param options.maxRestarts - most restarts within `restartWindowMs`. Default 100 within an hour.
 * @returns in a child: which one it is. In the parent the promise does not resolve.
 * @throws in the parent: SystemError such as `EADDRINUSE`, before any child is started; ProcessLimitError
 *   `ERR_PROCESS_RESTARTS` when children died too often, after the others were stopped; ProcessUsageError
 *   `ERR_PROCESS_USAGE` for arguments that cannot be, for a second call, and in a worker thread. Not catching them ends
 *   the parent with another exit code than 0, as it should.
 *
 * @example
 * const task = await forkProcesses(4, { listen: [{ port: 8888 }] });
 * const server = new HTTPServer((request) => request.respond(200, `Hello from ${task.id}`));
 * server.stopOnSignals();
 * await server.listen(task.listeners[0]);
 */
export async function forkProcesses<const Listen extends readonly ProcessListenOptions[] = readonly []>(
  count?: number | null,
  options: ForkProcessesOptions<Listen> = {},
): Promise<ProcessTask<Listen>> {
  if (!isMainThread) throw new ProcessUsageError('forkProcesses: the main thread of a program was expected');
  if (called) throw new ProcessUsageError('forkProcesses was called before in this process');
  requireProcessOptions(options, FORK_OPTIONS as OptionNames<ForkProcessesOptions<Listen>>, 'forkProcesses');
  const record = ownTask();
  const { onSupervising, ...ofSupervisor } = options;
  const supervisor =
    record === undefined ? new ProcessSupervisor({ ...ofSupervisor, count: count ?? null }) : undefined;
  called = true;
  if (record !== undefined) return becomeTask(record) as Promise<ProcessTask<Listen>>;
  try {
    const preparing = onSupervising?.(supervisor as ProcessSupervisor);
    if (isThenable(preparing)) await preparing;
  } catch (error) {
    called = false; // no child was started
    throw error;
  }
  await supervise(supervisor as ProcessSupervisor, (options.loop ?? IOLoop.current()).logger);
  process.exit(0);
}

/** The parent owns its process: nothing else runs in it, so that it may take the signals. */
async function supervise(supervisor: ProcessSupervisor, logger: Logger): Promise<void> {
  const heard = new Set<NodeJS.Signals>();
  const stop = (signal: NodeJS.Signals): void => {
    void supervisor.stop(heard.has(signal) ? 'SIGKILL' : 'SIGTERM');
    heard.add(signal);
  };
  const restart = (): void =>
    void supervisor.restart().catch((error) => logger.error({ error }, 'a rolling restart ended early'));
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.on(RESTART_SIGNAL, restart);
  try {
    await supervisor.start();
    await supervisor.wait();
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    process.off(RESTART_SIGNAL, restart);
    called = false; // nothing is left, so that another port may be tried
  }
}

/** What a process that `forkProcesses` has started is. */
export interface ProcessTask<Listen extends readonly unknown[] = readonly unknown[]> {
  /** 0 to {@link count} - 1. A child that is started again has the number of the one that died. */
  readonly id: number;
  /** How many children there are. */
  readonly count: number;
  /** One for each entry of the option `listen`, in its order: give it to the `listen` of a server. */
  readonly listeners: { readonly [Key in keyof Listen]: TaskListener };
  /**
   * Tells the parent that this child does its work now: in a rolling restart the child before it is stopped then. Not
   * needed where servers of ours listen on all {@link listeners}, which says it.
   */
  ready(): void;
  /**
   * Answers what the parent asks of `topic` by `ProcessSupervisor.ask`, with what can be sent as a message, or a promise
   * of it.
   */
  answer(topic: string, answer: () => unknown): void;
}

/**
 * Which of its siblings this process is, from 0; `undefined` in one that `forkProcesses` has not started.
 *
 * Also answers above the call of `forkProcesses`, since that part of the program runs in each child, too. Worker
 * threads do not know it: tell them.
 */
export function taskId(): number | undefined {
  return ownTask()?.id;
}

/**
 * Makes this process the child that its parent has described: takes the description out of the environment, and sees
 * to it that the process ends after its parent.
 */
async function becomeTask(record: TaskRecord): Promise<ProcessTask> {
  clearTaskEnvironment();
  await endWithParent(record.stopTimeoutMs);
  const answers = new TaskAnswers();
  expectListening(record.listeners);
  return {
    id: record.id,
    count: record.count,
    listeners: record.listeners,
    ready: announceReady,
    answer: (topic, answer) => answers.set(topic, answer),
  };
}
