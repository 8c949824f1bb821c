import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { explainAddressInUse } from '@landspout/ioloop/processes';
import { portNumber, portProblem, withCallerStack } from '@landspout/ioloop/reactor';
import type { AddressFamily } from '../addresses/net-address.ts';
import { listenUsage, streamChecks } from '../errors.ts';
import { openListeningSocket } from './listen.ts';
import { resolveListenAddresses, type Sharing, toListenTarget } from './listen-addresses.ts';
import type { ListeningSocket } from './listener.ts';
import { openOnOnePort } from './one-port.ts';
import { DEFAULT_SOCKET_MODE, isAbstract, removeStaleSocket, requireSocketPath } from './unix-socket-file.ts';

/** The same as Node and nginx: a burst of up to 511 connections is not dropped. */
export const DEFAULT_BACKLOG = 511;

export interface BindSocketsOptions {
  /**
   * A numeric address, a host name, or `localhost` for both loopback addresses. Default: all interfaces, IPv4 and IPv6.
   */
  readonly address?: string;
  /**
   * Listens only on addresses of this family. If a family is set and the machine does not support it, listening fails.
   * Default: both.
   */
  readonly family?: AddressFamily;
  /**
   * Maximum number of connections that the system queues until they are accepted; the system's own limit also applies.
   * Default: 511.
   */
  readonly backlog?: number;
  /** Lets several processes listen on the same port; the system distributes connections among them. Default: false. */
  readonly reusePort?: boolean;
  /** The loop whose backend opens the sockets. Default: the loop of the current thread. */
  readonly loop?: IOLoop;
}

export interface BindUnixSocketOptions {
  /**
   * Permissions of the socket file, which decide who may connect. They are set before the first connection is possible.
   * Default: 0o600, only the owner.
   */
  readonly mode?: number;
  /** As {@link BindSocketsOptions.backlog}. */
  readonly backlog?: number;
  /** The loop whose backend opens the socket. Default: the loop of the current thread. */
  readonly loop?: IOLoop;
}

const BIND_OPTIONS: OptionNames<BindSocketsOptions> = {
  address: true,
  family: true,
  backlog: true,
  reusePort: true,
  loop: true,
};
const BIND_UNIX_OPTIONS: OptionNames<BindUnixSocketOptions> = { mode: true, backlog: true, loop: true };

/**
 * Listens on a port, with one socket for each address that `options` select. Pass the sockets to
 * {@link TCPServer.addSockets}, or set a handler of your own with {@link ListeningSocket.addAcceptHandler}. The caller
 * must close them. IPv6 sockets do not accept IPv4 connections; a separate IPv4 socket does.
 *
 * @param port - 0 to 65,535, as a number or a string of digits; 0 selects a free port, the same for all addresses.
 * @returns one socket for each address. For all interfaces and for `localhost`, IPv4 comes first, and IPv6 is omitted
 *   if the machine does not have it, unless `family` is 6.
 * @throws SystemError such as `EADDRINUSE`, with the `address`; StreamConnectError `ERR_STREAM_RESOLVE` for a name
 *   without an address; StreamUsageError `ERR_STREAM_USAGE` if an option is invalid, or if Node or the system does not
 *   support `reusePort`. No socket stays open then.
 *
 * @example
 * const sockets = await bindSockets(8888, { address: 'localhost' });
 * await server.addSockets(sockets);
 */
export async function bindSockets(
  port: number | string,
  options: BindSocketsOptions = {},
): Promise<ListeningSocket[]> {
  streamChecks.options('bindSockets', options, BIND_OPTIONS);
  const { address, family, loop = IOLoop.current(), reusePort = false } = options;
  try {
    const request = { port: requirePort(port), host: address, family, reusePort, cluster: false };
    return await bindPort(loop, request, backlogOf(options));
  } catch (error) {
    throw withCallerStack(error);
  }
}

/**
 * Listens on a Unix socket. Replaces the socket file of a process that terminated without removing it. Closing the
 * socket removes its file, unless another file has replaced it. On the portable backend the longest path may be up to 9
 * bytes shorter than the system's limit.
 *
 * @param path - at most 107 bytes on Linux, 103 elsewhere. On Linux a path that starts with NUL is an abstract name,
 *   which has no file.
 * @throws SystemError: `EADDRINUSE` if another process listens at `path` or a file of another type exists there (the
 *   file is kept); `ENAMETOOLONG` if the path is too long. StreamUsageError `ERR_STREAM_USAGE` if an option is invalid.
 */
export async function bindUnixSocket(
  path: string,
  options: BindUnixSocketOptions = {},
): Promise<ListeningSocket> {
  streamChecks.options('bindUnixSocket', options, BIND_UNIX_OPTIONS);
  const { mode = DEFAULT_SOCKET_MODE, loop = IOLoop.current() } = options;
  requireSocketPath(path, mode);
  const backlog = backlogOf(options);
  try {
    if (!isAbstract(path)) await removeStaleSocket(loop, path);
    return await openListeningSocket(loop, { path, mode }, backlog);
  } catch (error) {
    throw withCallerStack(explainAddressInUse(error, { path }));
  }
}

/** The host and port for {@link bindPort}, and how to share the port. */
interface PortRequest extends Sharing {
  readonly port: number;
  readonly host: string | undefined;
  readonly family: AddressFamily | undefined;
}

/** Opens the sockets of {@link bindSockets} and of servers. */
export async function bindPort(
  loop: IOLoop,
  request: PortRequest,
  backlog: number,
): Promise<ListeningSocket[]> {
  const { port, host, family, reusePort, cluster } = request;
  const addresses = await resolveListenAddresses(host, family);
  try {
    return await openOnOnePort(addresses, port, (address, onePort) =>
      openListeningSocket(loop, toListenTarget(address, onePort, { reusePort, cluster }), backlog),
    );
  } catch (error) {
    // The explanation only applies to children that bind the port themselves; with node:cluster, the parent binds it.
    throw cluster ? error : explainAddressInUse(error, { host, port });
  }
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` if `port` is not a port number. */
export function requirePort(port: unknown): number {
  const number = portNumber(port);
  if (number === undefined) throw listenUsage(portProblem('port', port));
  return number;
}

function backlogOf({ backlog = DEFAULT_BACKLOG }: { readonly backlog?: number }): number {
  return streamChecks.wholeNumber('listen', 'backlog', backlog, 1, 2 ** 31 - 1);
}
