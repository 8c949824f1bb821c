import { type AddressFamily, isValidIp } from './net-address.ts';
import { wrongArgument } from './stream-usage.ts';

/** Where to connect to and from, in the words of `TCPClient.connect`. */
interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly family?: AddressFamily;
  readonly localAddress?: string;
  readonly localPort?: number;
}

/**
 * Checks what the system would be asked with: Node's sockets take -1 for 65,535, and the reactor throws what is meant
 * for us.
 *
 * @returns the family whose addresses may be tried; `undefined` where any may.
 * @throws StreamUsageError `ERR_STREAM_USAGE`.
 */
export function requireDialOptions(options: DialOptions): AddressFamily | undefined {
  const { host, port, family, localAddress, localPort } = options;
  if (typeof host !== 'string') throw wrongArgument('connect', 'a host', host);
  if (!isPort(port)) throw wrongArgument('connect', 'a port of 0 to 65535', port);
  if (localPort !== undefined && !isPort(localPort))
    throw wrongArgument('connect', 'a localPort of 0 to 65535', localPort);
  if (family !== undefined && family !== 4 && family !== 6)
    throw wrongArgument('connect', 'a family of 4 or 6', family);
  if (localAddress === undefined) return family;
  if (!isValidIp(localAddress)) throw wrongArgument('connect', 'a numeric localAddress', localAddress);
  const localFamily = localAddress.includes(':') ? 6 : 4;
  if (family !== undefined && family !== localFamily)
    throw wrongArgument('connect', `a localAddress of IPv${family}`, localAddress);
  return localFamily;
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535;
}
