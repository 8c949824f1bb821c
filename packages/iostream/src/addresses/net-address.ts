import { isIP } from 'node:net';
import type { NativeAddress } from '@landspout/ioloop/reactor';
import type { SocketAddress } from '../transport.ts';

/** The family of an IP address, as Node's resolver reports it. */
export type AddressFamily = 4 | 6;

/** IPv4-mapped IPv6 addresses, in both notations that systems use. */
const MAPPED_DOTTED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const MAPPED_HEX = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i;

/** Whether `text` is a numeric IPv4 or IPv6 address. Never throws, whatever a peer has sent. */
export function isValidIp(text: string): boolean {
  return typeof text === 'string' && isIP(text) !== 0;
}

/**
 * Returns the canonical notation of a numeric address, which is safe to compare in trust checks. An IPv4-mapped IPv6
 * address, which a dual-stack socket reports for an IPv4 peer, becomes the IPv4 address.
 */
export function normalizeIp(address: string): string {
  if (!address.startsWith('::')) return address;
  const dotted = MAPPED_DOTTED.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const hex = MAPPED_HEX.exec(address);
  if (hex === null) return address;
  const [high, low] = [Number.parseInt(hex[1] as string, 16), Number.parseInt(hex[2] as string, 16)];
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/**
 * Returns the network that identifies a client for limits per client: an IPv4 address itself, and the first 64 bits of
 * an IPv6 address, since an IPv6 customer usually has a whole /64.
 *
 * @param address - in canonical form, as in a `SocketAddress`.
 */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const missing = 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
    for (let i = 0; i < missing; i += 1) groups.push('0');
    if (tail !== '') groups.push(...tail.split(':'));
  }
  return groups.slice(0, 4).join(':');
}

/** Returns the address of one end of an internet connection, with IPv4-mapped addresses as IPv4. */
export function internetAddress(address: string, port: number): SocketAddress {
  const normal = normalizeIp(address);
  return { family: normal.includes(':') ? 'IPv6' : 'IPv4', address: normal, port };
}

export const NO_ADDRESS: SocketAddress = { family: 'unix', path: '' };

/**
 * Converts an address from the native backend. If the socket has no name or no longer exists, the result has an empty
 * path.
 */
export function toSocketAddress(native: NativeAddress | number): SocketAddress {
  if (typeof native === 'number') return NO_ADDRESS;
  if (native.length === 1) return { family: 'unix', path: native[0] };
  return { family: native[2] === 4 ? 'IPv4' : 'IPv6', address: native[0], port: native[1] };
}

/**
 * Formats a target for error messages: `127.0.0.1:80`, `[::1]:80`, a path, `@name` for an abstract socket (whose path
 * starts with NUL), `descriptor 3`.
 */
export function targetName(
  target:
    | { readonly address: string; readonly port: number }
    | { readonly path: string }
    | { readonly fd: number },
): string {
  if ('fd' in target) return `descriptor ${target.fd}`;
  if ('path' in target) return target.path.replace(/^\0/, '@');
  return target.address.includes(':')
    ? `[${target.address}]:${target.port}`
    : `${target.address}:${target.port}`;
}

/** Formats the address of one end of a connection for error messages; `undefined` if the end has none. */
export function addressText(address: SocketAddress): string | undefined {
  if (address.family === 'memory') return undefined;
  if (address.family === 'unix') return address.path === '' ? undefined : targetName(address);
  return targetName(address);
}
