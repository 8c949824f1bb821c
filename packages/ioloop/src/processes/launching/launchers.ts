// Starts child processes with their listeners, in a different way for each backend. supervisor/ decides when a child is
// started or restarted.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Cluster } from 'node:cluster';
import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { SystemError } from '../../errors.ts';
import type { NativeBinding } from '../../reactor/native-binding.ts';
import { type TaskListener, type TaskRecord, toEnvironment } from '../messages/task-record.ts';
import { type ChildProgram, inspectPortOf, usesInspector } from './child-program.ts';
import { HeldListeners } from './held-listeners.ts';
import { addressName, bindRequest, type ListenRequest } from './listen-requests.ts';
import { ProcessUsageError } from './process-errors.ts';

/** What all children of one parent have in common. */
export interface LaunchPlan {
  readonly program: ChildProgram;
  readonly count: number;
  readonly stopTimeoutMs: number;
  readonly requests: readonly ListenRequest[];
}

/** A child process that was started, or could not be started. */
export interface LaunchedChild {
  /** If the start has failed, its pid is `undefined`, and it emits `error` later. */
  readonly process: ChildProcess;
  /** The parent's end of the socket for message doors; `undefined` if the start has failed. */
  readonly doorSocket: Socket | undefined;
}

/** Starts the children and passes them their listeners. */
export interface ChildLauncher {
  /** Starts the child of one task. May throw if the start fails. */
  launch(taskId: number): LaunchedChild;
  /** Releases the listeners of a task for which no child will be started any more. */
  release(taskId: number): void;
}

/**
 * Opens the listeners, or checks that their addresses are available.
 *
 * @param binding - the native backend; `undefined` selects the portable one.
 * @throws SystemError such as `EADDRINUSE`. Nothing stays open then.
 */
export async function openLauncher(
  plan: LaunchPlan,
  binding: NativeBinding | undefined,
): Promise<ChildLauncher> {
  return binding === undefined ? ClusterLauncher.open(plan) : SpawnLauncher.open(plan, binding);
}

/**
 * The descriptors of a child that precede its listeners: standard input, output and error, the channel of
 * `process.send`, and the socket for message doors. Node sets close-on-exec for all of them when the child starts, so
 * processes that the child starts do not inherit them.
 */
const STDIO = ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'] as const;

/** The position of the socket for message doors in {@link STDIO}. */
const DOOR = STDIO.indexOf('pipe');

/** Starts children on the native backend. They inherit the listeners that the parent holds. */
class SpawnLauncher implements ChildLauncher {
  readonly #plan: LaunchPlan;
  readonly #held: HeldListeners;

  private constructor(plan: LaunchPlan, held: HeldListeners) {
    this.#plan = plan;
    this.#held = held;
  }

  /** @throws SystemError such as `EADDRINUSE`. Nothing stays open then. */
  static async open(plan: LaunchPlan, binding: NativeBinding): Promise<SpawnLauncher> {
    return new SpawnLauncher(plan, await HeldListeners.open(binding, plan.requests, plan.count));
  }

  launch(taskId: number): LaunchedChild {
    const { file, args, execArgv, env } = this.#plan.program;
    const held = this.#held.of(taskId);
    // The numbers of the descriptors in the child are their positions in `stdio`.
    let next: number = STDIO.length;
    const listeners = held.map((fds) => ({ fd: fds.map(() => next++) }));
    const inspect = usesInspector(execArgv) ? [`--inspect-port=${inspectPortOf(taskId)}`] : [];
    const child = spawn(process.execPath, [...execArgv, ...inspect, file, ...args], {
      stdio: [...STDIO, ...held.flat()],
      env: { ...process.env, ...env, ...toEnvironment(recordOf(this.#plan, taskId, listeners, DOOR)) },
      windowsHide: true,
    });
    return launched(child, DOOR);
  }

  release(taskId: number): void {
    this.#held.close(taskId);
  }
}

/**
 * Starts children on the portable backend, as workers of node:cluster, which share one listener for each address.
 *
 * Node opens a listener when the first child asks for it, and closes it when the last child closes it. The parent
 * cannot keep it open when no child uses it. It only chooses the ports and checks that they are available, before any
 * child is started.
 */
class ClusterLauncher implements ChildLauncher {
  readonly #cluster: Cluster;
  readonly #plan: LaunchPlan;
  readonly #listeners: readonly TaskListener[];

  private constructor(cluster: Cluster, plan: LaunchPlan, listeners: readonly TaskListener[]) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#listeners = listeners;
  }

  /**
   * @throws SystemError such as `EADDRINUSE`; ProcessUsageError if this process is a worker of another node:cluster.
   */
  static async open(plan: LaunchPlan): Promise<ClusterLauncher> {
    const { default: cluster } = await import('node:cluster');
    if (cluster.isWorker) {
      throw new ProcessUsageError(
        'on the portable backend a worker of node:cluster cannot start children; start them in its primary',
      );
    }
    // Each child accepts its own connections, as on the native backend. If the parent accepted and passed them on, the
    // load would be more even, but a connection that is being passed to a child when it dies would be neither served
    // nor closed.
    if (process.env.NODE_CLUSTER_SCHED_POLICY === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE;
    return new ClusterLauncher(cluster, plan, await choosePorts(plan.requests));
  }

  launch(taskId: number): LaunchedChild {
    const { file, args, execArgv, env } = this.#plan.program;
    const { stdio: before, silent } = this.#cluster.settings;
    const stdio = [...stdioOf(before, silent), 'pipe' as const];
    const door = stdio.length - 1;
    this.#cluster.setupPrimary({
      stdio,
      exec: file,
      args: [...args],
      execArgv: [...execArgv],
      inspectPort: inspectPortOf(taskId),
      windowsHide: true,
    });
    try {
      const record = toEnvironment(recordOf(this.#plan, taskId, this.#listeners, door));
      const worker = this.#cluster.fork({ ...env, ...record });
      worker.on('error', () => {}); // the process emits the same error, which is handled there
      return launched(worker.process, door);
    } finally {
      // As it was: the next child would get one more descriptor, and so would workers that the program starts itself.
      this.#cluster.setupPrimary({ stdio: before });
    }
  }

  release(): void {
    // Node closes the listener by itself.
  }
}

/** The descriptors that a worker of node:cluster gets with the program's own settings. */
function stdioOf(stdio: StdioOptions | undefined, silent = false): Exclude<StdioOptions, string> {
  if (typeof stdio === 'object') return stdio;
  const each = stdio ?? (silent ? 'pipe' : 'inherit');
  return [each, each, each, 'ipc'];
}

/** Binds all addresses before it closes any, so that no two requests get the same port. */
async function choosePorts(requests: readonly ListenRequest[]): Promise<TaskListener[]> {
  const probes: Server[] = [];
  try {
    const listeners: TaskListener[] = [];
    for (const request of requests) {
      const { host } = request;
      const bound = await bindRequest(request, {
        bind: bindOne,
        portOf,
        close: (server) => closeAll([server]),
      });
      probes.push(...bound);
      const port = portOf(bound[0] as Server);
      listeners.push(host === undefined ? { port, cluster: true } : { host, port, cluster: true });
    }
    return listeners;
  } finally {
    await closeAll(probes);
  }
}

async function bindOne(host: string, port: number): Promise<Server> {
  // A client that connects meanwhile is disconnected, as if nothing listened yet.
  const server = createServer((socket) => socket.destroy());
  server.listen({ host, port, ipv6Only: host.includes(':'), exclusive: true });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    throw SystemError.from(error, 'bind', addressName(host, port));
  }
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
}

/** Returns the record that is passed to the child of a task. */
function recordOf(
  { count, stopTimeoutMs }: LaunchPlan,
  id: number,
  listeners: readonly TaskListener[],
  door: number,
): TaskRecord {
  return { parent: process.pid, id, count, stopTimeoutMs, listeners, door };
}

/** @param door - the position of the socket for message doors. */
function launched(child: ChildProcess, door: number): LaunchedChild {
  // If the start has failed, there are no sockets, or they are not connected.
  const { stdio } = child as { readonly stdio: ArrayLike<unknown> | undefined };
  const socket = stdio?.[door];
  const doorSocket = child.pid !== undefined && socket instanceof Socket ? socket : undefined;
  return { process: child, doorSocket };
}
