import { BlockList, isIP } from 'node:net';
import { normalizeIp } from './net-address.ts';
import { StreamUsageError } from './stream-errors.ts';
import type { SocketAddress } from './transport.ts';

/** Every connection over a Unix socket. */
const UNIX = 'unix';
/** Of ::ffff:0:0, which has all IPv4 addresses in it. */
const MAPPED_PREFIX_BITS = 96;

/**
 * Addresses that are trusted: single ones, networks as `10.0.0.0/8` or `fd00::/8`, and `unix` for every connection over
 * a Unix socket. A v4-mapped IPv6 address is the IPv4 address, on the list and at the check.
 */
export class AddressList {
  readonly #networks = new BlockList();
  readonly #hasUnix: boolean;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for an empty list, and for an entry that is none of these. */
  constructor(entries: readonly string[]) {
    if (!Array.isArray(entries) || entries.length === 0) throw usage('a list of addresses was expected');
    this.#hasUnix = entries.includes(UNIX);
    for (const entry of entries) if (entry !== UNIX) this.#add(entry);
  }

  /** Whether `address` is on the list. Never throws, whatever the system says an address is. */
  has(address: SocketAddress): boolean {
    if (address.family === 'unix') return this.#hasUnix;
    if (address.family === 'memory') return false;
    // A link-local peer comes with the interface that it is on.
    const ip = normalizeIp(address.address.split('%', 1)[0] as string);
    const family = isIP(ip);
    return family !== 0 && this.#networks.check(ip, family === 4 ? 'ipv4' : 'ipv6');
  }

  #add(entry: string): void {
    const [, text = '', prefix] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(entry) ?? [];
    const listed = isIP(text);
    if (listed === 0)
      throw usage(`an address, a network or "unix" was expected, not ${JSON.stringify(entry)}`);
    const ip = normalizeIp(text);
    const family = isIP(ip) === 4 ? 'ipv4' : 'ipv6';
    const most = family === 'ipv4' ? 32 : 128;
    let bits = prefix === undefined ? most : Number(prefix);
    if (prefix !== undefined && listed === 6 && family === 'ipv4') bits -= MAPPED_PREFIX_BITS;
    if (bits < 0 || bits > most) throw usage(`a prefix of 0 to ${most} bits was expected in ${entry}`);
    this.#networks.addSubnet(ip, bits, family);
  }
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}
