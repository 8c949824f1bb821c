import { Buffer } from 'node:buffer';
import { isAuthority } from './host.ts';

/** `uri-host [ ":" port ]`, taken apart. */
export interface HostAndPort {
  /** As it was written. An IPv6 address keeps its brackets, as in a URL. */
  readonly host: string;
  /** 0 to 65535; undefined where there is none. */
  readonly port: number | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Splits `host:port`, `host`, or `[::1]:port`, as Host and URLs have it (RFC 9110 §7.2).
 *
 * @returns undefined for what is no such thing: an IPv6 address without brackets, a user, a list, a port above 65535,
 *   a name that is not ASCII.
 */
export function splitHostAndPort(authority: string): HostAndPort | undefined {
  if (!ASCII.test(authority)) return undefined;
  const bytes = Buffer.from(authority, 'latin1');
  if (!isAuthority(bytes, 0, bytes.length)) return undefined;
  const colon = authority.indexOf(':', authority.lastIndexOf(']') + 1);
  if (colon === -1) return { host: authority, port: undefined };
  const port = authority.slice(colon + 1);
  return { host: authority.slice(0, colon), port: port === '' ? undefined : Number(port) };
}

/** The host of a Host field or authority without its port, in lower case. An IPv6 address keeps its brackets. */
export function hostName(authority: string): string {
  return (splitHostAndPort(authority)?.host ?? authority).toLowerCase();
}
