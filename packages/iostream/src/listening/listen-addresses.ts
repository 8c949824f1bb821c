import { SystemError } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { type AddressFamily, normalizeIp } from '../addresses/net-address.ts';
import { SystemResolver } from '../addresses/system-resolver.ts';
import { listenUsage } from '../errors.ts';
import type { ListenTarget } from './listener.ts';

/** A numeric address to bind. */
export interface ListenAddress {
  readonly address: string;
  /**
   * Whether to skip the address if the machine does not have it. True for an implied IPv6 address: not every machine or
   * container has IPv6.
   */
  readonly mayBeMissing: boolean;
}

/**
 * Returns the addresses to listen on for `host`: all interfaces if it is omitted, both loopback addresses for
 * `localhost`, the address itself if it is numeric, and otherwise the addresses to which the system resolves the name,
 * without duplicates. Each address gets its own socket, and IPv6 sockets accept IPv6 only, so that no peer has a
 * v4-mapped address.
 *
 * @param family - if set, addresses of the other family are excluded.
 * @throws StreamConnectError `ERR_STREAM_RESOLVE` if the name has no address; StreamUsageError `ERR_STREAM_USAGE` if it
 *   has no address of `family`.
 */
export async function resolveListenAddresses(
  host: string | undefined,
  family?: AddressFamily,
): Promise<readonly ListenAddress[]> {
  if (family !== undefined && family !== 4 && family !== 6) {
    throw listenUsage(`family must be 4 or 6, got ${shownValue(family)}`);
  }
  const addresses = await allAddresses(host);
  if (family === undefined) return addresses;
  const wanted = addresses.filter(({ address }) => address.includes(':') === (family === 6));
  if (wanted.length === 0) throw listenUsage(`${host} has no IPv${family} address`);
  // A family that was requested explicitly must not be missing.
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

/** Whether binding failed because the machine does not have the address. */
export function isMissingAddress(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}

/** How other processes may share the port. */
export interface Sharing {
  readonly reusePort: boolean;
  readonly cluster: boolean;
}

/** Returns the target to bind for one address. */
export function toListenTarget(address: string, port: number, sharing: Sharing): ListenTarget {
  return { address, port, ...sharing, v6Only: address.includes(':') };
}
