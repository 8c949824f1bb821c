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

/** As Node and nginx: a burst of that many loses none. */
export const DEFAULT_BACKLOG = 511;

export interface BindSocketsOptions {
  /** A numeric address, a name, or `localhost` for both loopbacks. Default: all interfaces, IPv4 and IPv6. */
  readonly address?: string;
  /** Leaves out the addresses of the other family, and no longer tolerates that this one is missing. Default: both. */
  readonly family?: AddressFamily;
  /** Connections that the system holds until they are accepted; it cuts the number to its own limit. Default 511. */
  readonly backlog?: number;
  /** Lets several processes listen on the port, and the system spread connections over them. Default false. */
  readonly reusePort?: boolean;
  /** Whose backend opens the sockets. Default: the loop of this thread. */
  readonly loop?: IOLoop;
}

export interface BindUnixSocketOptions {
  /** Who may connect: in force before anybody can. Default 0o600, its owner alone. */
  readonly mode?: number;
  /** As {@link BindSocketsOptions.backlog}. */
  readonly backlog?: number;
  /** Whose backend opens the socket. Default: the loop of this thread. */
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
 * Listens on a port, on each address that `options` mean, for {@link TCPServer.addSockets} or a handler of your own
 * ({@link ListeningSocket.addAcceptHandler}). IPv6 sockets take IPv6 alone, and have an IPv4 one beside them. They
 * are yours to close.
 *
 * @param port - 0 to 65,535, as a number or as its digits; 0 picks one that is free, the same for every address.
 * @returns one socket for each address, IPv4 first for names that mean both. An IPv6 address that was only implied is
 *   left out where the machine has none.
 * @throws SystemError such as `EADDRINUSE`, with the `address`; StreamConnectError `ERR_STREAM_RESOLVE` for a name
 *   without an address; StreamUsageError `ERR_STREAM_USAGE` for options that cannot be, and for `reusePort` where
 *   Node or the system has no such thing. Nothing is left listening then.
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
 * Listens on a Unix socket, in place of one that a dead process has left. Its file is removed at the close, unless
 * another one has taken its place. On the portable backend the path may have to be up to 9 bytes shorter than the
 * system's limit.
 *
 * @param path - at most 107 bytes on Linux, 103 elsewhere; NUL first is a Linux abstract name, which has no file.
 * @throws SystemError: `EADDRINUSE` when somebody listens there, or another sort of file is there, which stays as it
 *   is; `ENAMETOOLONG`. StreamUsageError `ERR_STREAM_USAGE` for options that cannot be.
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

/** What {@link bindPort} listens on. */
interface PortRequest extends Sharing {
  readonly port: number;
  readonly host: string | undefined;
  readonly family: AddressFamily | undefined;
}

/** For {@link bindSockets} and servers. */
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
    // What node:cluster shares is the parent's already.
    throw cluster ? error : explainAddressInUse(error, { host, port });
  }
}

/** @throws StreamUsageError `ERR_STREAM_USAGE`. */
export function requirePort(port: unknown): number {
  const number = portNumber(port);
  if (number === undefined) throw listenUsage(portProblem('port', port));
  return number;
}

function backlogOf({ backlog = DEFAULT_BACKLOG }: { readonly backlog?: number }): number {
  return streamChecks.wholeNumber('listen', 'backlog', backlog, 1, 2 ** 31 - 1);
}
