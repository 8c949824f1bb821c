import type { IOLoop } from '@landspout/ioloop';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { portNumber } from '@landspout/ioloop/reactor';
import type { AddressFamily } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import { bindPort, bindUnixSocket, requirePort } from './bind-sockets.ts';
import { openListeningSocket } from './listen.ts';
import type { ListeningSocket } from './listener.ts';
import { takeSystemdSockets } from './systemd.ts';

/** Where to listen, in one of five ways: port and host, `path`, `sockets`, `systemd` or `fd`. */
export interface ListenOptions {
  /**
   * 0 to 65,535, as a number or as its digits, such as `process.env.PORT`; 0, the default, picks one that is free, the
   * same for every address.
   */
  readonly port?: number | string | undefined;
  /** A numeric address, a name, or `localhost` for both loopbacks. Default: all interfaces, IPv4 and IPv6. */
  readonly host?: string;
  /** Leaves out the addresses of the other family. Default: both. */
  readonly family?: AddressFamily;
  /** Lets several processes listen on the port, and the system spread connections over them. Default false. */
  readonly reusePort?: boolean;
  /** Of `forkProcesses` on the portable backend: the listener is one that node:cluster shares. Default false. */
  readonly cluster?: boolean;
  /** A Unix socket in place of host and port; NUL first is a Linux abstract name. A stale socket is replaced. */
  readonly path?: string;
  /** Who may connect to `path`: in force before anybody can. Default 0o600, its owner alone. */
  readonly mode?: number;
  /** Sockets that listen already, from `bindSockets` or `bindUnixSocket`. They belong to the server from then on. */
  readonly sockets?: readonly ListeningSocket[];
  /**
   * The sockets that systemd has passed to this process: all of them, or those with one name. See `systemdSockets`.
   * They belong to the server from then on; after a failure, use none of them.
   */
  readonly systemd?: true | string;
  /**
   * Listening sockets that this process has inherited: from `forkProcesses`, from any parent. They belong to the
   * server from then on; after a failure, use none of them.
   */
  readonly fd?: number | readonly number[];
}

/** What may stand beside each way of listening; `port` is the way that needs no word. */
const WAYS = {
  fd: [],
  systemd: [],
  sockets: [],
  path: ['mode'],
  port: ['host', 'family', 'reusePort', 'cluster'],
} as const satisfies Record<string, readonly (keyof ListenOptions)[]>;

/** The names that `listen` knows, for servers that take other options beside them. */
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

/** Options of `listen` with their port as a number, if they have one. */
type ResolvedListenOptions = Omit<ListenOptions, 'port'> & { readonly port?: number };

/**
 * What is wrong with an object of options for `listen` as such, as `optionsProblem` says it; a port alone, which servers
 * elsewhere take, has a remedy.
 *
 * @param known - default: the names of {@link ListenOptions}.
 */
export function listenOptionsProblem(options: unknown, known: object = LISTEN_OPTIONS): string | undefined {
  const problem = optionsProblem(options, known);
  const port = problem === undefined ? undefined : portNumber(options);
  return port === undefined ? problem : `${problem}: write listen({ port: ${port} })`;
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` for a name that is not known, and for a port that is none. */
export function resolveListenOptions(options: ListenOptions): ResolvedListenOptions {
  const problem = listenOptionsProblem(options);
  if (problem !== undefined) throw listenUsage(problem);
  const { port, ...others } = options;
  return port === undefined ? others : { ...others, port: requirePort(port) };
}

/** Opens, or takes over, the sockets that `options` mean. @throws as `TCPServer.listen`; nothing is left open then. */
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
    throw listenUsage(`${way} stands in place of ${other}, not beside it`);
  }
  return way;
}

/** All of them or none. */
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
  throw listenUsage('fd was expected to be a descriptor, or several');
}

function requireName(name: unknown): string | true {
  if (name === true || (typeof name === 'string' && name !== '')) return name;
  throw listenUsage('systemd was expected to be true or the name of sockets');
}

function requireSockets(sockets: readonly ListeningSocket[] = []): readonly ListeningSocket[] {
  const areSockets =
    Array.isArray(sockets) && sockets.every((one) => typeof one?.addAcceptHandler === 'function');
  if (areSockets && sockets.length > 0 && new Set(sockets).size === sockets.length) return sockets;
  throw listenUsage('sockets was expected to be listening sockets, each of them once');
}
