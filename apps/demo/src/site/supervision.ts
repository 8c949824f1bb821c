import { HTTPServer } from 'landspout';
import type { ProcessSupervisor, SupervisedChild } from 'landspout/ioloop/processes';
import { openBackplanes } from './backplanes.ts';
import { type ChildMessage, CONNECTIONS } from './child.ts';
import { Countdown } from './countdown.ts';
import type { DataFolder } from './data-folder.ts';
import { type DemoOptions, DRAIN_MS, processCount, STOP } from './demo-options.ts';
import { SERVER_START } from './own-process.ts';

/** In an hour: more than people kill, and few enough that processes which cannot start end the demo. */
const MAX_RESTARTS = 1_000;
/** A killed process is back soon, however often it was killed before. */
const MAX_RESTART_DELAY_MS = 1_000;
/** For closing topics and files after the connections. */
const CLOSING_MS = 5_000;
/** A process that is busy for this long is left out of the count. */
const ASK_MS = 500;

/** How a demo is reached, and what it runs on. */
export interface DemoPlace {
  readonly url: string;
  readonly backend: string;
  readonly reason: string;
}

/**
 * Runs the demo in several processes, which this one starts, supervises and stops. It has the
 * backplane that they share, unless that is Redis.
 *
 * @param started - called once, when all of them serve.
 * @returns never: the process exits after the last child has.
 * @throws SystemError such as `EADDRINUSE`; an error of the backplane; ProcessLimitError.
 */
export async function superviseDemo(
  options: DemoOptions,
  folder: DataFolder,
  started: (place: DemoPlace) => void,
): Promise<void> {
  const { port, host } = options;
  const backplanes = await openBackplanes(options, folder);
  // Each child has a connection to Redis of its own. That of the parent was to see whether there is one.
  if (options.redis !== undefined) await backplanes.close();
  const serving = new Set<number>();
  let supervisor: ProcessSupervisor | undefined;
  const heard = ({ taskId }: SupervisedChild, message: ChildMessage) => {
    if (message.kind === 'kill') return killChild(supervisor, message.pid);
    const isFirst = serving.size < processCount(options);
    serving.add(taskId);
    if (isFirst && serving.size === processCount(options)) started(message);
  };
  try {
    await new HTTPServer(() => {}).start({
      processes: processCount(options),
      port,
      host,
      stop: STOP,
      stopTimeoutMs: DRAIN_MS + CLOSING_MS,
      maxRestarts: MAX_RESTARTS,
      maxRestartDelayMs: MAX_RESTART_DELAY_MS,
      // The last one counts. Without it, children would make folders of their own.
      args: [...process.argv.slice(2), '--data', folder.path],
      env: { [SERVER_START]: String(Date.now()) },
      onMessage: (child, message) => heard(child, message as ChildMessage),
      onSupervising: (one) => {
        supervisor = one;
        showStop(one);
      },
    });
  } finally {
    await backplanes.close();
  }
}

/** Kills a process only if it is a child of this one. */
function killChild(supervisor: ProcessSupervisor | undefined, pid: number): void {
  if (supervisor?.children.some((child) => child.pid === pid)) process.kill(pid, 'SIGKILL');
}

/** Counts the connections of all children down when a signal stops them. */
function showStop(supervisor: ProcessSupervisor): void {
  let countdown: Countdown | undefined;
  const show = () => {
    countdown ??= new Countdown({ drainMs: DRAIN_MS, count: () => countConnections(supervisor) });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, show);
  process.on('exit', () => countdown?.end());
}

async function countConnections(supervisor: ProcessSupervisor): Promise<number> {
  const answers = await supervisor.ask(CONNECTIONS, { timeoutMs: ASK_MS });
  return [...answers.values()].reduce<number>((sum, connections) => sum + Number(connections), 0);
}
