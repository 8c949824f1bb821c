import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { inheritedError } from './inherited-listener.ts';
import type { Listener, ListenerOptions, ListenTarget } from './listener.ts';
import { internetAddress, targetName } from './net-address.ts';
import { NodeTransport } from './node-transport.ts';
import { StreamUsageError } from './stream-errors.ts';
import type { SocketAddress } from './transport.ts';

/**
 * Listens with Node's own server: the portable twin of the reactor's listener.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open; StreamUsageError `ERR_STREAM_USAGE` for
 *   `reusePort` where this Node or system has no such thing, and for what is no socket that can listen.
 */
export async function listenNode(
  loop: IOLoop,
  target: ListenTarget,
  options: ListenerOptions,
): Promise<Listener> {
  const listenOptions = toListenOptions(target, options.backlog);
  // Paused, as a reactor's transport is: nothing is read before somebody asks.
  const server = createServer({ allowHalfOpen: true, noDelay: !('path' in target), pauseOnConnect: true });
  // A listener that the parent of node:cluster is asked for takes a while, in which nothing else may keep us alive.
  const keepAlive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    server.listen(listenOptions);
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, target);
  } finally {
    clearInterval(keepAlive);
  }
  return new NodeListener(loop, server, target, options.onConnection);
}

class NodeListener implements Listener {
  readonly address: SocketAddress;
  readonly #loop: IOLoop;
  readonly #server: Server;
  readonly #onConnection: ListenerOptions['onConnection'];

  constructor(
    loop: IOLoop,
    server: Server,
    target: ListenTarget,
    onConnection: ListenerOptions['onConnection'],
  ) {
    this.#loop = loop;
    this.#server = server;
    this.#onConnection = onConnection;
    this.address = addressOf(server, target);
    server.on('connection', this.#accept);
    // What befalls accepting takes only the connection that was to be accepted with it.
    server.on('error', (error) => loop.logger.warn({ error }, 'a connection could not be accepted'));
  }

  async close(): Promise<void> {
    // Frees the port at once; what Node would wait for besides is the end of every accepted connection.
    this.#server.close();
  }

  readonly #accept = (socket: Socket): void => {
    const localAddress = this.address.family === 'unix' ? this.address : undefined;
    this.#onConnection(new NodeTransport(socket, { loop: this.#loop, localAddress }));
  };
}

function addressOf(server: Server, target: ListenTarget): SocketAddress {
  if ('path' in target) return { family: 'unix', path: target.path };
  const found = server.address() as { address: string; port: number } | string | null;
  // An inherited Unix socket; one whose name cannot be had is still one.
  if (found === null || typeof found === 'string') return { family: 'unix', path: found ?? '' };
  const { address, port } = found;
  return internetAddress(address, port);
}

function toListenOptions(
  target: ListenTarget,
  backlog: number,
): ListenOptions & { reusePort?: boolean; fd?: number } {
  if ('path' in target) return { path: target.path, backlog, exclusive: true };
  if ('fd' in target) {
    // Node would take the number for one of the parent's descriptors.
    if (cluster.isWorker) throw usage('fd is not for a child of node:cluster');
    return { fd: target.fd, backlog };
  }
  const { address: host, port, reusePort = false, v6Only: ipv6Only = false } = target;
  if (target.cluster && !cluster.isWorker) throw usage('cluster is for children of node:cluster');
  // `exclusive` keeps node:cluster from sharing a listener that many processes of ours arrange themselves.
  const options = { host, port, backlog, ipv6Only, exclusive: target.cluster !== true };
  if (!reusePort) return options;
  if (!hasReusePort()) {
    throw usage(`Node ${process.versions.node} cannot set reusePort on this system`);
  }
  return { ...options, reusePort };
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `listen: ${message}`);
}

/** Node has the option since 22.12 and 23.1, and libuv the socket option on these systems. */
function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const nodeHasIt = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return nodeHasIt && process.platform === 'linux';
}

/** libuv reports what `bind` refused only at `listen`. */
const REFUSED_BY_BIND = new Set([
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EACCES',
  'EAFNOSUPPORT',
  'EINVAL',
  'ENOENT',
]);

function listenError(error: NodeJS.ErrnoException, target: ListenTarget): Error {
  if ('fd' in target) {
    const systemError = SystemError.from(error, 'listen', targetName(target));
    return systemError instanceof SystemError ? inheritedError(systemError, target.fd) : systemError;
  }
  const syscall = REFUSED_BY_BIND.has(error.code ?? '') ? 'bind' : (error.syscall ?? 'listen');
  return SystemError.from(error, syscall, targetName(target));
}
