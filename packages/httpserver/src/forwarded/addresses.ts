import { isIP } from 'node:net';
import { normalizeIp, type SocketAddress } from '@landspout/iostream';

const BRACKETED = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i;
const IPV4 = /^([0-9.]+)(?::(\d{1,5}))?$/;
/** No zone: `fe80::1%eth0` means something to the proxy's host alone, and `isIP` would take it. */
const BARE_IPV6 = /^[0-9a-f:.]+$/i;
/** RFC 7239 §6: an IPv6 address stands in brackets, and a port may be an obfuscated name, which is no use to us. */
const NODE = /^(?:([0-9.]+)|\[([0-9a-f:.]+)\])(?::(?:(\d{1,5})|_[\w.-]+))?$/i;
const MAX_PORT = 65_535;

/**
 * Reads an address as `X-Forwarded-For` and `X-Real-Ip` have it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
 * `[2001:db8::1]` or `[2001:db8::1]:80`. A port is 0 where none is told.
 *
 * @returns the address in its one spelling, v4-mapped ones as IPv4; `undefined` for everything else.
 */
export function readAddress(text: string): SocketAddress | undefined {
  const [, ip, port] = BRACKETED.exec(text) ?? [];
  if (ip !== undefined) return addressOf(ip, port, 6);
  const [, ipv4, ipv4Port] = IPV4.exec(text) ?? [];
  if (ipv4 !== undefined) return addressOf(ipv4, ipv4Port, 4);
  return BARE_IPV6.test(text) ? addressOf(text, undefined, 6) : undefined;
}

/** Reads an RFC 7239 node. `unknown` and obfuscated names are addresses of nobody, and so `undefined`. */
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
 * The one spelling of an address, as the system would give it: a list of trusted addresses, a ban or a rate limit
 * compares text. A v4-mapped address is the IPv4 address in each of its spellings.
 *
 * The text is a new one: a slice would keep the whole head of the request in memory for as long as somebody
 * remembers the address.
 */
function canonical(ip: string, family: 4 | 6): string {
  if (family === 4) return Buffer.from(ip, 'latin1').toString('latin1');
  // WHATWG URL writes IPv6 addresses as RFC 5952 does.
  return normalizeIp(new URL(`http://[${ip}]`).hostname.slice(1, -1));
}
