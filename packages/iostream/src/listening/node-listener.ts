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
 * Listens with Node's own server: the portable twin of the reactor's listener.
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
 * Opens a socket that listens, with Node's own server.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open; StreamUsageError `ERR_STREAM_USAGE` for
 *   `reusePort` where this Node or system has no such thing, and for what is no socket that can listen.
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

/** @param named - what errors name, where it is not the target itself. */
async function openServer(target: ListenTarget, backlog: number, named = target): Promise<Server> {
  const listenOptions = toListenOptions(target, backlog);
  // Paused, as a reactor's transport is: nothing is read before somebody asks.
  const server = createServer({ allowHalfOpen: true, noDelay: !('path' in target), pauseOnConnect: true });
  // A listener that the parent of node:cluster is asked for takes a while, in which nothing else may keep us alive.
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
    // Node would take the number for one of the parent's descriptors.
    if (cluster.isWorker) throw listenUsage('fd is not for a child of node:cluster');
    return { fd: target.fd, backlog };
  }
  const { address: host, port, reusePort = false, v6Only: ipv6Only = false } = target;
  if (target.cluster && !cluster.isWorker) throw listenUsage('cluster is for children of node:cluster');
  // `exclusive` keeps node:cluster from sharing a listener that many processes of ours arrange themselves.
  const options = { host, port, backlog, ipv6Only, exclusive: target.cluster !== true };
  if (!reusePort) return options;
  if (!hasReusePort()) {
    throw listenUsage(`Node ${process.versions.node} cannot set reusePort on this system`);
  }
  return { ...options, reusePort };
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
