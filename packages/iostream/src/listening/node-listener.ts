import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { targetName } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import {
  inheritedError,
  type Listener,
  type ListenerOptions,
  type ListeningSocket,
  type ListenTarget,
} from './listener.ts';
import { NodeListeningSocket } from './node-listening-socket.ts';
import { PrivateSocketFolder } from './private-socket-folder.ts';
import { claimSocketFile, DEFAULT_SOCKET_MODE, isAbstract, noteSocketFile } from './unix-socket-file.ts';

/**
 * Listens with a Node server, for the portable backend.
 *
 * @throws as {@link openNodeSocket}.
 */
export async function listenNode(
  loop: IOLoop,
  target: ListenTarget,
  options: ListenerOptions,
): Promise<Listener> {
  const socket = await openNodeSocket(loop, target, options.backlog);
  socket.addAcceptHandler(options.onConnection);
  return socket;
}

/**
 * Opens a listening socket with a Node server.
 *
 * @throws SystemError such as `EADDRINUSE`; StreamUsageError `ERR_STREAM_USAGE` if Node or the system does not support
 *   `reusePort`, or if a descriptor is not a socket that can listen. Nothing stays open then.
 */
export async function openNodeSocket(
  loop: IOLoop,
  target: ListenTarget,
  backlog: number,
): Promise<ListeningSocket> {
  if (!('path' in target) || isAbstract(target.path)) {
    return new NodeListeningSocket(loop, await openServer(target, backlog), { target, backlog });
  }
  const folder = new PrivateSocketFolder(target.path);
  try {
    const server = await openServer({ path: folder.socketPath }, backlog, target);
    try {
      claimSocketFile(folder.socketPath, target.mode ?? DEFAULT_SOCKET_MODE);
      folder.publish();
      return new NodeListeningSocket(loop, server, { target, backlog, file: noteSocketFile(target.path) });
    } catch (error) {
      server.close();
      throw error;
    }
  } finally {
    folder.remove();
  }
}

/** @param named - the target to name in error messages, if it differs from `target`. */
async function openServer(target: ListenTarget, backlog: number, named = target): Promise<Server> {
  const listenOptions = toListenOptions(target, backlog);
  // Paused, as a reactor's transport is: nothing is read until the owner of the transport calls `resume`.
  const server = createServer({ allowHalfOpen: true, noDelay: !('path' in target), pauseOnConnect: true });
  // Asking the node:cluster parent for a listener takes time, during which nothing else might keep the process alive.
  const keepAlive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    server.listen(listenOptions);
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, named);
  } finally {
    clearInterval(keepAlive);
  }
  return server;
}

function toListenOptions(
  target: ListenTarget,
  backlog: number,
): ListenOptions & { reusePort?: boolean; fd?: number } {
  if ('path' in target) return { path: target.path, backlog, exclusive: true };
  if ('fd' in target) {
    // In a cluster child, Node would treat the number as a descriptor of the parent.
    if (cluster.isWorker) throw listenUsage('fd cannot be used in a child of node:cluster');
    return { fd: target.fd, backlog };
  }
  const { address: host, port, reusePort = false, v6Only: ipv6Only = false } = target;
  if (target.cluster && !cluster.isWorker)
    throw listenUsage('cluster can only be used in a child of node:cluster');
  // `exclusive` stops node:cluster from sharing a listener by default: only our options decide how processes share
  // ports.
  const options = { host, port, backlog, ipv6Only, exclusive: target.cluster !== true };
  if (!reusePort) return options;
  if (!hasReusePort()) {
    throw listenUsage(`reusePort is not supported by Node ${process.versions.node} on this system`);
  }
  return { ...options, reusePort };
}

/** Node has the option since 22.12 and 23.1; libuv supports the socket option on Linux, among others. */
function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const nodeHasIt = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return nodeHasIt && process.platform === 'linux';
}

/** libuv does not report these failures of `bind` until `listen`. */
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
