import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import type { Listener, ListenerOptions, ListenTarget } from './listener.ts';
import { internetAddress, targetName } from './net-address.ts';
import { NodeTransport } from './node-transport.ts';
import { StreamUsageError } from './stream-errors.ts';
import type { SocketAddress } from './transport.ts';

/**
 * Listens with Node's own server: the portable twin of the reactor's listener.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open; StreamUsageError `ERR_STREAM_USAGE` for
 *   `reusePort` where this Node or system has no such thing.
 */
export function listenNode(loop: IOLoop, target: ListenTarget, options: ListenerOptions): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const listenOptions = toListenOptions(target, options.backlog);
    // Paused, as a reactor's transport is: nothing is read before somebody asks.
    const server = createServer({ allowHalfOpen: true, noDelay: !('path' in target), pauseOnConnect: true });
    server.once('error', (error) => reject(listenError(error, target)));
    server.once('listening', () => {
      server.removeAllListeners('error');
      resolve(new NodeListener(loop, server, target, options.onConnection));
    });
    server.listen(listenOptions);
  });
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
  const { address, port } = server.address() as { address: string; port: number };
  return internetAddress(address, port);
}

function toListenOptions(target: ListenTarget, backlog: number): ListenOptions & { reusePort?: boolean } {
  if ('path' in target) return { path: target.path, backlog, exclusive: true };
  const { address: host, port, reusePort = false, v6Only: ipv6Only = false } = target;
  // `exclusive` keeps node:cluster from sharing a listener that many processes of ours arrange themselves.
  const options = { host, port, backlog, ipv6Only, exclusive: true };
  if (!reusePort) return options;
  if (!hasReusePort()) {
    throw new StreamUsageError(
      'ERR_STREAM_USAGE',
      `listen: Node ${process.versions.node} cannot set reusePort on this system`,
    );
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
  const syscall = REFUSED_BY_BIND.has(error.code ?? '') ? 'bind' : (error.syscall ?? 'listen');
  return SystemError.from(error, syscall, targetName(target));
}
