import type { ChildProcess } from 'node:child_process';
import type { Cluster } from 'node:cluster';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { SystemError } from '../../errors.ts';
import { type TaskListener, toEnvironment } from '../messages/task-record.ts';
import { bindRequest } from './bind-request.ts';
import { inspectPortOf } from './child-program.ts';
import { type ChildLauncher, type LaunchPlan, recordOf } from './launch-plan.ts';
import { addressName, type ListenRequest } from './listen-requests.ts';
import { ProcessUsageError } from './process-errors.ts';

/**
 * Starts children on the portable backend, as workers of node:cluster, which lends them one listener for each address.
 *
 * Node opens a listener when the first child asks for it, and closes it with the last child that has it. The parent
 * cannot hold it in between; it chooses the ports and finds out, before there is a child, that they can be had.
 */
export class ClusterLauncher implements ChildLauncher {
  readonly #cluster: Cluster;
  readonly #plan: LaunchPlan;
  readonly #listeners: readonly TaskListener[];

  private constructor(cluster: Cluster, plan: LaunchPlan, listeners: readonly TaskListener[]) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#listeners = listeners;
  }

  /** @throws SystemError such as `EADDRINUSE`; ProcessUsageError in a worker of somebody else's cluster. */
  static async open(plan: LaunchPlan): Promise<ClusterLauncher> {
    const { default: cluster } = await import('node:cluster');
    if (cluster.isWorker) {
      throw new ProcessUsageError('a worker of node:cluster cannot start children on the portable backend');
    }
    // Who accepts decides, as on the native backend. Handing connections on from the parent would even them out, but a
    // connection on its way to a child that dies is then neither served nor closed.
    if (process.env.NODE_CLUSTER_SCHED_POLICY === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE;
    return new ClusterLauncher(cluster, plan, await choosePorts(plan.requests));
  }

  launch(taskId: number): ChildProcess {
    const { file, args, execArgv, env } = this.#plan.program;
    this.#cluster.setupPrimary({
      exec: file,
      args: [...args],
      execArgv: [...execArgv],
      inspectPort: inspectPortOf(taskId),
      windowsHide: true,
    });
    const record = toEnvironment(recordOf(this.#plan, taskId, this.#listeners));
    const worker = this.#cluster.fork({ ...env, ...record });
    worker.on('error', () => {}); // said by its process, too, where it is heard
    return worker.process;
  }

  release(): void {
    // Node gives the listener up by itself.
  }
}

/** Binds every address once, all at the same time, so that no two requests get one port. */
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
  // What connects meanwhile is refused, as if nothing listened yet.
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
