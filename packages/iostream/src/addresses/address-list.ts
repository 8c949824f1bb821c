import { BlockList, isIP } from 'node:net';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamUsageError } from '../errors.ts';
import type { SocketAddress } from '../transport.ts';
import { normalizeIp } from './net-address.ts';

/** The entry for every connection over a Unix socket. */
const UNIX = 'unix';
/** The prefix length of ::ffff:0:0/96, which contains all IPv4 addresses. */
const MAPPED_PREFIX_BITS = 96;

/**
 * A list of trusted addresses: single ones, networks such as `10.0.0.0/8` or `fd00::/8`, and `unix` for every
 * connection over a Unix socket. An IPv4-mapped IPv6 address is treated as the IPv4 address, both in the list and in
 * the check.
 */
export class AddressList {
  // One list per family: a common list would find an IPv4 address in ::/0.
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();
  readonly #hasUnix: boolean;
  readonly #entries: readonly string[];

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if the list is empty or an entry is invalid. */
  constructor(entries: readonly string[]) {
    if (!Array.isArray(entries) || entries.length === 0)
      throw usage('a non-empty array of addresses was expected');
    this.#entries = [...entries];
    this.#hasUnix = entries.includes(UNIX);
    for (const entry of entries) if (entry !== UNIX) this.#add(entry);
  }

  /** Whether `address` is in the list. Never throws, whatever the system reports as an address. */
  has(address: SocketAddress): boolean {
    if (address.family === 'unix') return this.#hasUnix;
    if (address.family === 'memory') return false;
    // A link-local address includes its interface, as in `fe80::1%eth0`.
    const ip = normalizeIp(address.address.split('%', 1)[0] as string);
    const family = isIP(ip);
    if (family === 4) return this.#ipv4.check(ip, 'ipv4');
    return family === 6 && this.#ipv6.check(ip, 'ipv6');
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ entries: this.#entries }));
  }

  #add(entry: string): void {
    const [, text = '', prefix] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(entry) ?? [];
    const listed = isIP(text);
    if (listed === 0)
      throw usage(`an IP address, a network or "unix" was expected, not ${JSON.stringify(entry)}`);
    const ip = normalizeIp(text);
    const isIPv4 = isIP(ip) === 4;
    const most = isIPv4 ? 32 : 128;
    let bits = prefix === undefined ? most : Number(prefix);
    if (prefix !== undefined && listed === 6 && isIPv4) bits -= MAPPED_PREFIX_BITS;
    if (bits < 0 || bits > most)
      throw usage(`a prefix length from 0 to ${most} bits was expected in ${entry}`);
    if (isIPv4) this.#ipv4.addSubnet(ip, bits, 'ipv4');
    else this.#ipv6.addSubnet(ip, bits, 'ipv6');
  }
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}
