import { portNumber, portProblem } from '@landspout/ioloop/reactor';
import { type AddressFamily, isValidIp } from '../addresses/net-address.ts';
import { StreamUsageError, streamChecks } from '../errors.ts';

/** Where to connect: a numeric address and a port, or a Unix socket's path (NUL first: abstract). */
export type ConnectTarget =
  | {
      readonly address: string;
      readonly port: number;
      /** A numeric address of this machine to connect from, and a port (default 0: any). */
      readonly localAddress?: string | undefined;
      readonly localPort?: number | undefined;
    }
  | { readonly path: string };

/** Where to connect to and from, in the words of `TCPClient.connect`. */
interface DialOptions {
  readonly host: string;
  readonly port: number | string;
  readonly family?: AddressFamily;
  readonly localAddress?: string;
  readonly localPort?: number | string | undefined;
}

/** The same, checked, with ports as numbers. */
interface CheckedDialOptions {
  /** The family whose addresses may be tried; `undefined` where any may. */
  readonly family: AddressFamily | undefined;
  readonly port: number;
  readonly localPort: number | undefined;
}

/**
 * Checks what the system would be asked with: Node's sockets take -1 for 65,535, and the reactor throws what is meant
 * for us.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE`.
 */
export function requireDialOptions(options: DialOptions): CheckedDialOptions {
  const { host, family, localAddress } = options;
  if (typeof host !== 'string') throw streamChecks.wrong('connect', 'a host', host);
  const port = requirePort('port', options.port);
  const localPort = options.localPort === undefined ? undefined : requirePort('localPort', options.localPort);
  if (family !== undefined) streamChecks.oneOf('connect', 'family', family, [4, 6]);
  if (localAddress === undefined) return { family, port, localPort };
  if (!isValidIp(localAddress)) throw streamChecks.wrong('connect', 'a numeric localAddress', localAddress);
  const localFamily = localAddress.includes(':') ? 6 : 4;
  if (family !== undefined && family !== localFamily)
    throw streamChecks.wrong('connect', `a localAddress of IPv${family}`, localAddress);
  return { family: localFamily, port, localPort };
}

function requirePort(name: string, port: unknown): number {
  const number = portNumber(port);
  if (number !== undefined) return number;
  throw new StreamUsageError('ERR_STREAM_USAGE', `connect: ${portProblem(name, port)}`);
}
