import { isIP } from 'node:net';
import { normalizeIp, type SocketAddress } from '@landspout/iostream';

const BRACKETED = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i;
const IPV4 = /^([0-9.]+)(?::(\d{1,5}))?$/;
/**
 * IPv6 characters without a zone: `isIP` accepts `fe80::1%eth0`, but such a zone has a meaning only on the proxy's own
 * host.
 */
const BARE_IPV6 = /^[0-9a-f:.]+$/i;
/** RFC 7239 §6: an IPv6 address is in brackets, and a port may be an obfuscated name, which is ignored. */
const NODE = /^(?:([0-9.]+)|\[([0-9a-f:.]+)\])(?::(?:(\d{1,5})|_[\w.-]+))?$/i;
const MAX_PORT = 65_535;

/**
 * Parses an address of `X-Forwarded-For` or `X-Real-Ip`: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or
 * `[2001:db8::1]:80`. Without a port, the port is 0.
 *
 * @returns the address in its canonical form, a v4-mapped one as IPv4; `undefined` for any other text.
 */
export function readAddress(text: string): SocketAddress | undefined {
  const [, ip, port] = BRACKETED.exec(text) ?? [];
  if (ip !== undefined) return addressOf(ip, port, 6);
  const [, ipv4, ipv4Port] = IPV4.exec(text) ?? [];
  if (ipv4 !== undefined) return addressOf(ipv4, ipv4Port, 4);
  return BARE_IPV6.test(text) ? addressOf(text, undefined, 6) : undefined;
}

/** Parses an RFC 7239 node. @returns `undefined` for `unknown` and obfuscated names, which contain no address. */
export function readNode(text: string): SocketAddress | undefined {
  const [, ipv4, ipv6, port] = NODE.exec(text) ?? [];
  if (ipv4 !== undefined) return addressOf(ipv4, port, 4);
  return ipv6 === undefined ? undefined : addressOf(ipv6, port, 6);
}

function addressOf(ip: string, portText: string | undefined, family: 4 | 6): SocketAddress | undefined {
  const port = portText === undefined ? 0 : Number(portText);
  if (isIP(ip) !== family || port > MAX_PORT) return undefined;
  const address = canonical(ip, family);
  return { family: address.includes(':') ? 'IPv6' : 'IPv4', address, port };
}

/**
 * Returns the canonical text of an address, as the system would report it, because trusted proxies, bans and rate
 * limits are compared as text. A v4-mapped address becomes an IPv4 address.
 *
 * The result is a copy, because a slice would keep the whole request head in memory as long as the address is used.
 */
function canonical(ip: string, family: 4 | 6): string {
  if (family === 4) return Buffer.from(ip, 'latin1').toString('latin1');
  // The WHATWG URL parser formats IPv6 addresses as in RFC 5952.
  return normalizeIp(new URL(`http://[${ip}]`).hostname.slice(1, -1));
}
