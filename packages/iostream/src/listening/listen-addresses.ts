import { SystemError } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { type AddressFamily, normalizeIp } from '../addresses/net-address.ts';
import { SystemResolver } from '../addresses/system-resolver.ts';
import { listenUsage } from '../errors.ts';
import type { ListenTarget } from './listener.ts';

/** A numeric address to bind, and whether a machine without it is fine. */
export interface ListenAddress {
  readonly address: string;
  /** Set where IPv6 was only implied: not every machine or container has it. */
  readonly mayBeMissing: boolean;
}

/**
 * The addresses that listening on `host` means: all interfaces without one, both loopbacks for `localhost`, the
 * address itself for a numeric one, and else what the system says the name is, each of them once. Each is bound on its
 * own, IPv6 sockets for IPv6 alone, so that no peer appears with a v4-mapped address.
 *
 * @param family - leaves out the addresses of the other one.
 * @throws StreamConnectError `ERR_STREAM_RESOLVE` for a name that has no address; StreamUsageError `ERR_STREAM_USAGE`
 *   for one that has none of `family`.
 */
export async function resolveListenAddresses(
  host: string | undefined,
  family?: AddressFamily,
): Promise<readonly ListenAddress[]> {
  if (family !== undefined && family !== 4 && family !== 6) {
    throw listenUsage(`a family of 4 or 6 was expected, not ${shownValue(family)}`);
  }
  const addresses = await allAddresses(host);
  if (family === undefined) return addresses;
  const wanted = addresses.filter(({ address }) => address.includes(':') === (family === 6));
  if (wanted.length === 0) throw listenUsage(`${host} has no address of IPv${family}`);
  // Who asks for a family in so many words has not only implied it.
  return wanted.map(({ address }) => ({ address, mayBeMissing: false }));
}

async function allAddresses(host: string | undefined): Promise<readonly ListenAddress[]> {
  if (host === undefined || host === '') return IMPLIED.any;
  if (host === 'localhost') return IMPLIED.loopback;
  const found = await new SystemResolver().resolve(host);
  const distinct = new Set(found.map(({ address }) => normalizeIp(address)));
  return [...distinct].map((address) => ({ address, mayBeMissing: false }));
}

const IMPLIED = {
  any: [
    { address: '0.0.0.0', mayBeMissing: false },
    { address: '::', mayBeMissing: true },
  ],
  loopback: [
    { address: '127.0.0.1', mayBeMissing: false },
    { address: '::1', mayBeMissing: true },
  ],
} as const satisfies Record<string, readonly ListenAddress[]>;

/** Whether a failed bind says that the machine does not have the address at all. */
export function isMissingAddress(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}

/** In which way other processes may have the same port. */
export interface Sharing {
  readonly reusePort: boolean;
  readonly cluster: boolean;
}

/** What to bind for one address. */
export function toListenTarget(address: string, port: number, sharing: Sharing): ListenTarget {
  return { address, port, ...sharing, v6Only: address.includes(':') };
}
