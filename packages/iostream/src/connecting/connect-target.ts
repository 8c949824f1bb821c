import { isIPv4 } from 'node:net';
import { portNumber, portProblem } from '@landspout/ioloop/reactor';
import { type AddressFamily, isValidIp } from '../addresses/net-address.ts';
import { StreamUsageError, streamChecks } from '../errors.ts';
import type { SocketAddress } from '../transport.ts';

/** The remote end: a numeric address and a port, or the path of a Unix socket (abstract if it starts with NUL). */
export type ConnectTarget =
  | {
      readonly address: string;
      readonly port: number;
      /** The local address to connect from, in numeric form, and the local port (default: 0, any free port). */
      readonly localAddress?: string | undefined;
      readonly localPort?: number | undefined;
    }
  | { readonly path: string };

/** The options of `TCPClient.connect` that specify the remote and the local end. */
interface DialOptions {
  readonly host: string;
  readonly port: number | string;
  readonly family?: AddressFamily;
  readonly localAddress?: string;
  readonly localPort?: number | string | undefined;
}

/** {@link DialOptions} after checking, with ports as numbers. */
export interface HostTarget {
  readonly host: string;
  /** The only family whose addresses may be tried; `undefined` allows both. */
  readonly family: AddressFamily | undefined;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

/**
 * Checks the options before they reach the system. Node's sockets would accept port -1 as 65,535, and the reactor would
 * throw errors that are not meant for users.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid.
 */
export function requireHostTarget(options: DialOptions): HostTarget {
  const { host, family, localAddress } = options;
  if (typeof host !== 'string') throw streamChecks.wrong('connect', 'a host', host);
  const port = requirePort('port', options.port);
  const localPort = options.localPort === undefined ? undefined : requirePort('localPort', options.localPort);
  if (family !== undefined) streamChecks.oneOf('connect', 'family', family, [4, 6]);
  if (localAddress === undefined) return { host, family, port, localAddress, localPort };
  if (!isValidIp(localAddress)) throw streamChecks.wrong('connect', 'a numeric localAddress', localAddress);
  const localFamily = localAddress.includes(':') ? 6 : 4;
  if (family !== undefined && family !== localFamily)
    throw streamChecks.wrong('connect', `an IPv${family} localAddress`, localAddress);
  return { host, family: localFamily, port, localAddress, localPort };
}

/**
 * Returns the peer's address as the system would report it, or `undefined` if that is not certain: IPv6 addresses have
 * many notations, a Unix socket reports the path that its server used, and 0.0.0.0 connects to 127.0.0.1.
 */
export function peerAddressOf(target: ConnectTarget): SocketAddress | undefined {
  if ('path' in target || !isIPv4(target.address) || target.address === '0.0.0.0') return undefined;
  return { family: 'IPv4', address: target.address, port: target.port };
}

function requirePort(name: string, port: unknown): number {
  const number = portNumber(port);
  if (number !== undefined) return number;
  throw new StreamUsageError('ERR_STREAM_USAGE', `connect: ${portProblem(name, port)}`);
}
