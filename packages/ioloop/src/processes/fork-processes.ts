// Runs one program in several processes, as Tornado's fork_processes does. Contains both the parent's and the child's
// side of the call, and combines launching/, supervisor/ and messages/. Does not create servers.

import { isMainThread } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import { IOLoop } from '../loop/io-loop.ts';
import { runInRootContext } from '../node-async-context.ts';
import type { OptionNames } from '../option-names.ts';
import { SystemdService } from '../systemd/systemd-service.ts';
import { isThenable } from '../thenable.ts';
import type { ProcessListenOptions } from './launching/listen-requests.ts';
import { ProcessUsageError } from './launching/process-errors.ts';
import { TaskAnswers } from './messages/questions.ts';
import { requestSecret, secretReceived } from './messages/shared-secret.ts';
import { endWithParent, hearParent } from './messages/task-channel.ts';
import { announceReady, expectListening } from './messages/task-readiness.ts';
import { clearTaskEnvironment, ownTask, type TaskListener, type TaskRecord } from './messages/task-record.ts';
import { callBeforeParentExit } from './supervisor/parent-exit.ts';
import { ProcessSupervisor } from './supervisor/process-supervisor.ts';
import {
  type ProcessSupervisorOptions,
  requireProcessOptions,
  resolveDelay,
  SHARED_OPTIONS,
} from './supervisor/supervisor-options.ts';

export interface ForkProcessesOptions<Listen extends readonly ProcessListenOptions[] = readonly []>
  extends Omit<ProcessSupervisorOptions, 'count' | 'program' | 'listen'> {
  /** Ports and addresses for the children to listen on. Default: none. */
  readonly listen?: Listen;
  /**
   * Called in the parent before the first child is started, with the supervisor of the children. If it returns a
   * promise, no child is started until the promise resolves. If it throws or rejects, `forkProcesses` rejects with the
   * same error, and no child is started.
   */
  readonly onSupervising?: (supervisor: ProcessSupervisor) => unknown;
  /**
   * Whether the parent reports to systemd, if that expects it (NOTIFY_SOCKET is set), that the service is ready, reloads
   * or stops, and resets the watchdog of the unit. Default: true.
   */
  readonly systemd?: boolean;
}

/** The option names of {@link forkProcesses}, for callers that accept further options in the same object. */
export const FORK_OPTIONS: OptionNames<ForkProcessesOptions> = Object.freeze({
  ...SHARED_OPTIONS,
  onSupervising: true,
  systemd: true,
});

/** Both request an orderly stop: supervisors and containers send SIGTERM, a terminal sends SIGINT. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** The conventional signal for a service to reload its configuration. */
const RESTART_SIGNAL = 'SIGHUP';

let called = false;

/**
 * Runs this program in several processes. Returns only in the child processes.
 *
 * **Each child runs the program again from its first line**, since Node cannot fork. The code before the call runs in
 * the parent and in every child, each with its own state and its own random numbers; the code after the call runs only
 * in the children. Install signal handlers and open databases after the call. Command-line arguments, Node options such
 * as `--import`, and environment variables are passed on; each child gets its own debugger port.
 *
 * The parent supervises the children. A child that is killed by a signal or exits with a code other than 0 is restarted
 * with the same task id and the same listeners, after 100 ms, then 200 ms, up to 10 s. When all children have exited
 * with code 0, the parent exits with 0 too.
 *
 * SIGTERM or SIGINT to the parent stops the program: the parent sends SIGTERM to each child, which should then call
 * `server.stop()`. After `stopTimeoutMs`, or if the parent gets the same signal again, it sends SIGKILL. When all
 * children have ended, the parent exits with 0, whatever their exit codes. SIGHUP replaces the children one by one, as
 * {@link ProcessSupervisor.restart} does: a child is ready once Landspout servers listen on all of its listeners, or
 * once it calls `task.ready()`. The parent handles these three signals only while it supervises children. Ctrl-C
 * reaches the children as well, so they may get SIGINT and then SIGTERM. Closing the terminal sends SIGHUP, which makes
 * the parent restart the children, not stop. If the parent dies, each child sends SIGTERM to itself, and SIGKILL after
 * `stopTimeoutMs`.
 *
 * If systemd expects it (NOTIFY_SOCKET is set), the parent notifies it: when all children are ready, or if there is
 * nothing to listen on, when they are started; when it restarts the children, and again when they are replaced; and when
 * it stops them. It also resets the watchdog of the unit. The children notify nothing.
 *
 * The parent owns the listeners of `listen`. On the native backend each child has its own listeners, with SO_REUSEPORT:
 * the kernel distributes the connections. Connections that a child has not accepted when it dies wait for its
 * successor, which is started after the restart delay. If a child closes its server but keeps running, its share of the
 * new connections therefore keeps waiting; the listeners of a child that exits with 0 are closed. On the portable
 * backend the children share one listener through node:cluster. That listener is open while at least one child uses it;
 * when the last child closes it, the connections in its backlog are closed too.
 *
 * A child sends messages with `process.send` and receives them with `process.on('message')`; the parent receives them
 * in `onMessage`. Up to 1,024 messages wait for the child's first listener. The channel does not keep a child alive
 * unless the child calls `process.channel.ref()`. On the portable backend, a child that uses a server of Node's own
 * (such as `node:http`) must call `process.channel.ref()`, and must not call `unref()` before that server listens.
 * Landspout's servers do not need it. Messages to a parent that has exited are lost without an error. For many messages,
 * or binary ones, use `openDoor` and `serveDoor`.
 *
 * @param count - 1 to 1,024. 0, a negative number, `null` or `undefined` means one child for each CPU.
 * @param options.listen - where the children listen; for each entry, `task.listeners` has one listener. Unix sockets
 *   are not supported.
 * @param options.maxRestarts - the maximum number of restarts within `restartWindowMs`. Default: 100 within an hour.
 * @returns in a child: the task of this child. In the parent the promise never resolves.
 * @throws in the parent: SystemError such as `EADDRINUSE`, before any child is started; ProcessLimitError
 *   `ERR_PROCESS_RESTARTS` if children died too often, after the others were stopped. If the caller does not catch the
 *   error, the parent exits with a code other than 0, as it should.
 * @throws in the parent and in a child: ProcessUsageError `ERR_PROCESS_USAGE` if an argument is invalid, if the
 *   function is called a second time, or in a worker thread.
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
  if (!isMainThread)
    throw new ProcessUsageError('forkProcesses must be called in the main thread, not in a worker thread');
  if (called) throw new ProcessUsageError('forkProcesses was already called in this process');
  requireProcessOptions(options, FORK_OPTIONS as OptionNames<ForkProcessesOptions<Listen>>, 'forkProcesses');
  const record = ownTask();
  const { onSupervising, systemd = true, ...ofSupervisor } = options;
  const supervisor =
    record === undefined ? new ProcessSupervisor({ ...ofSupervisor, count: count ?? null }) : undefined;
  called = true;
  if (record !== undefined)
    return becomeTask(record, options.loop ?? IOLoop.current()) as Promise<ProcessTask<Listen>>;
  try {
    const preparing = onSupervising?.(supervisor as ProcessSupervisor);
    if (isThenable(preparing)) await preparing;
  } catch (error) {
    called = false; // no child was started, so another call is allowed
    throw error;
  }
  const loop = options.loop ?? IOLoop.current();
  const { logger, clock } = loop;
  await supervise(supervisor as ProcessSupervisor, logger, {
    service: systemd ? SystemdService.open(loop) : undefined,
    listens: (options.listen ?? []).length > 0,
    stopTimeoutMs: resolveDelay(options, 'stopTimeoutMs'),
  });
  await callBeforeParentExit(logger, clock);
  process.exit(0);
}

/** What the service manager is told about the parent. */
interface ManagedService {
  readonly service: SystemdService | undefined;
  /** Whether the children have listeners, and are ready when they listen. */
  readonly listens: boolean;
  readonly stopTimeoutMs: number;
}

/**
 * Supervises the children until all have ended. Signal handlers can be installed here, since nothing else runs in the
 * parent.
 */
async function supervise(
  supervisor: ProcessSupervisor,
  logger: Logger,
  { service, listens, stopTimeoutMs }: ManagedService,
): Promise<void> {
  const heard = new Set<NodeJS.Signals>();
  const stop = (signal: NodeJS.Signals): void => {
    void service?.stopping(stopTimeoutMs);
    void supervisor.stop(heard.has(signal) ? 'SIGKILL' : 'SIGTERM');
    heard.add(signal);
  };
  const restart = (): void => {
    void service?.reloading();
    void supervisor
      .restart()
      .catch((error) =>
        logger.error(
          { error },
          'the rolling restart failed; the children that were not replaced keep running',
        ),
      )
      .then(() => service?.ready());
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.on(RESTART_SIGNAL, restart);
  try {
    await supervisor.start();
    if (service !== undefined)
      void (listens ? supervisor.waitReady() : Promise.resolve()).then(() => service.ready());
    await supervisor.wait();
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    process.off(RESTART_SIGNAL, restart);
    called = false; // no child is left, so the caller may try again with another port
  }
}

/** Identifies a child process that `forkProcesses` started. */
export interface ProcessTask<Listen extends readonly unknown[] = readonly unknown[]> {
  /** 0 to {@link count} - 1. A restarted child has the same id as the one that died. */
  readonly id: number;
  /** The number of children. */
  readonly count: number;
  /** One for each entry of the option `listen`, in the same order. Pass it to the `listen` method of a server. */
  readonly listeners: { readonly [Key in keyof Listen]: TaskListener };
  /**
   * Notifies the parent that this child is ready: in a rolling restart the parent then stops the child that this one
   * replaces. Not needed if Landspout servers listen on all {@link listeners}, since they notify the parent as well.
   */
  ready(): void;
  /**
   * Registers the callback that answers `ProcessSupervisor.ask` for `topic`. It returns a value that can be sent as a
   * message, or a promise of one.
   */
  answer(topic: string, answer: () => unknown): void;
}

/**
 * The task id of this process, from 0; `undefined` if `forkProcesses` did not start it.
 *
 * Can be called before `forkProcesses`, since that part of the program runs in each child too. In a worker thread it
 * returns `undefined`: pass the id to the thread yourself.
 */
export function taskId(): number | undefined {
  return ownTask()?.id;
}

/**
 * Makes this process the child that the record describes: removes the record from the environment, makes the process
 * stop itself if its parent dies, and gets the secret that all children share.
 */
async function becomeTask(record: TaskRecord, { clock }: IOLoop): Promise<ProcessTask> {
  clearTaskEnvironment();
  await endWithParent(record.stopTimeoutMs);
  const answers = new TaskAnswers();
  const answerQuestions = hearParent((word) => {
    // In the root async context: otherwise a context that a callback enters would stay in effect for all later
    // messages.
    runInRootContext(() => {
      if (word.kind === 'ask') void answers.asked(word);
      else secretReceived(word, clock);
    }, undefined);
  });
  expectListening(record.listeners);
  await requestSecret();
  return {
    id: record.id,
    count: record.count,
    listeners: record.listeners,
    ready: announceReady,
    answer(topic, answer) {
      answers.set(topic, answer);
      answerQuestions();
    },
  };
}
