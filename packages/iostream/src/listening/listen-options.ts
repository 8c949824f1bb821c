import type { IOLoop } from '@landspout/ioloop';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { portNumber } from '@landspout/ioloop/reactor';
import type { AddressFamily } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import { bindPort, bindUnixSocket, requirePort } from './bind-sockets.ts';
import { openListeningSocket } from './listen.ts';
import type { ListeningSocket } from './listener.ts';
import { takeSystemdSockets } from './systemd.ts';

/** Where to listen, in one of five ways: `port` and `host`, `path`, `sockets`, `systemd` or `fd`. */
export interface ListenOptions {
  /**
   * 0 to 65,535, as a number or a string of digits such as `process.env.PORT`. 0 selects a free port, the same for all
   * addresses. Default: 0.
   */
  readonly port?: number | string | undefined;
  /**
   * A numeric address, a host name, or `localhost` for both loopback addresses. Default: all interfaces, IPv4 and IPv6.
   */
  readonly host?: string;
  /** Listens only on addresses of this family. Default: both. */
  readonly family?: AddressFamily;
  /** Lets several processes listen on the same port; the system distributes connections among them. Default: false. */
  readonly reusePort?: boolean;
  /**
   * Uses a listener that node:cluster shares among processes. Needed by `forkProcesses` on the portable backend.
   * Default: false.
   */
  readonly cluster?: boolean;
  /**
   * The path of a Unix socket, instead of host and port. On Linux a path that starts with NUL is an abstract name. A
   * stale socket file is replaced.
   */
  readonly path?: string;
  /**
   * Permissions of the file at `path`, which decide who may connect. They are set before the first connection is
   * possible. Default: 0o600, only the owner.
   */
  readonly mode?: number;
  /** Open listening sockets from `bindSockets` or `bindUnixSocket`. The server owns them from then on. */
  readonly sockets?: readonly ListeningSocket[];
  /**
   * Sockets that systemd passed to this process: all of them, or those with the given name. See `systemdSockets`. The
   * server owns them from then on; if listening fails, none of them can be used again.
   */
  readonly systemd?: true | string;
  /**
   * File descriptors of listening sockets that this process inherited, from `forkProcesses` or any other parent. The
   * server owns them from then on; if listening fails, none of them can be used again.
   */
  readonly fd?: number | readonly number[];
}

/** The options that each way of listening allows; `port` is the default. */
const WAYS = {
  fd: [],
  systemd: [],
  sockets: [],
  path: ['mode'],
  port: ['host', 'family', 'reusePort', 'cluster'],
} as const satisfies Record<string, readonly (keyof ListenOptions)[]>;

/** The option names of `listen`, for servers that accept further options. */
export const LISTEN_OPTIONS: OptionNames<ListenOptions> = Object.freeze({
  port: true,
  host: true,
  family: true,
  reusePort: true,
  cluster: true,
  path: true,
  mode: true,
  sockets: true,
  systemd: true,
  fd: true,
});

/** {@link ListenOptions} with the port as a number, if it is set. */
type ResolvedListenOptions = Omit<ListenOptions, 'port'> & { readonly port?: number };

/**
 * Describes what is wrong with the options object of `listen`, as `optionsProblem` does. If the caller passed a port
 * alone, as other servers accept, the message says how to write it.
 *
 * @param known - default: the names of {@link ListenOptions}.
 */
export function listenOptionsProblem(options: unknown, known: object = LISTEN_OPTIONS): string | undefined {
  const problem = optionsProblem(options, known);
  const port = problem === undefined ? undefined : portNumber(options);
  return port === undefined ? problem : `${problem}: write listen({ port: ${port} })`;
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` for an unknown option or an invalid port. */
export function resolveListenOptions(options: ListenOptions): ResolvedListenOptions {
  const problem = listenOptionsProblem(options);
  if (problem !== undefined) throw listenUsage(problem);
  const { port, ...others } = options;
  return port === undefined ? others : { ...others, port: requirePort(port) };
}

/** Opens or takes over the sockets selected by `options`. @throws as `TCPServer.listen`; no socket stays open then. */
export async function bindFor(
  loop: IOLoop,
  options: ResolvedListenOptions,
  backlog: number,
): Promise<readonly ListeningSocket[]> {
  const way = wayOf(options);
  const { port = 0, host, family, reusePort = false, cluster = false } = options;
  switch (way) {
    case 'fd':
      return bindInherited(loop, requireDescriptors(options.fd), backlog);
    case 'systemd':
      return bindInherited(loop, takeSystemdSockets(requireName(options.systemd)), backlog);
    case 'sockets':
      return requireSockets(options.sockets);
    case 'path': {
      const { path = '', mode } = options;
      return [await bindUnixSocket(path, { loop, backlog, ...(mode === undefined ? {} : { mode }) })];
    }
    case 'port':
      return bindPort(loop, { port, host, family, reusePort, cluster }, backlog);
  }
}

function wayOf(options: ResolvedListenOptions): keyof typeof WAYS {
  const ways = Object.keys(WAYS) as (keyof typeof WAYS)[];
  const way = ways.find((one) => options[one] !== undefined) ?? 'port';
  const allowed: readonly string[] = WAYS[way];
  for (const other of [...ways, ...Object.values(WAYS).flat()]) {
    if (other === way || options[other] === undefined || allowed.includes(other)) continue;
    throw listenUsage(`${way} cannot be combined with ${other}`);
  }
  return way;
}

/** Takes over all descriptors, or none. */
async function bindInherited(
  loop: IOLoop,
  fds: readonly number[],
  backlog: number,
): Promise<ListeningSocket[]> {
  const sockets: ListeningSocket[] = [];
  try {
    for (const fd of fds) sockets.push(await openListeningSocket(loop, { fd }, backlog));
    return sockets;
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw error;
  }
}

function requireDescriptors(fd: ListenOptions['fd']): readonly number[] {
  const fds: unknown = typeof fd === 'number' ? [fd] : fd;
  const isDescriptor = (one: unknown): boolean =>
    Number.isInteger(one) && (one as number) >= 0 && (one as number) < 2 ** 31;
  const areDescriptors = Array.isArray(fds) && fds.length > 0 && fds.every(isDescriptor);
  if (areDescriptors && new Set(fds).size === fds.length) return fds;
  throw listenUsage('fd must be a file descriptor, or a list of different file descriptors');
}

function requireName(name: unknown): string | true {
  if (name === true || (typeof name === 'string' && name !== '')) return name;
  throw listenUsage('systemd must be true, or the name of one or more sockets');
}

function requireSockets(sockets: readonly ListeningSocket[] = []): readonly ListeningSocket[] {
  const areSockets =
    Array.isArray(sockets) && sockets.every((one) => typeof one?.addAcceptHandler === 'function');
  if (areSockets && sockets.length > 0 && new Set(sockets).size === sockets.length) return sockets;
  throw listenUsage('sockets must be a list of different listening sockets');
}
