// The messages of a SOCKS5 client (RFC 1928) and of its user name and password authentication (RFC 1929): bytes in
// and out, without I/O.

import { isIP } from 'node:net';
import { CodedError } from '@landspout/ioloop/errors';

const VERSION = 5;
/** RFC 1929 §2: the version of the subnegotiation, not of SOCKS. */
const AUTH_VERSION = 1;
const CONNECT = 1;
const SUCCEEDED = 0;

/** The authentication methods (RFC 1928 §3). */
const METHODS = {
  none: 0x00,
  usernamePassword: 0x02,
  noneAcceptable: 0xff,
} as const;

const ADDRESS_TYPES = { ipv4: 1, domainName: 3, ipv6: 4 } as const;
/** The length of each field that is preceded by one byte with its length. */
const MAX_FIELD_BYTES = 255;
export const PORT_BYTES = 2;
/** The address of a reply is a name. */
export const LENGTH_FOLLOWS = -1;

/** Bytes of the server's choice of a method, and of its response to credentials. */
export const CHOICE_BYTES = 2;
/** Bytes of a reply up to the address: version, reply, reserved, address type. */
export const REPLY_HEAD_BYTES = 4;

/** The replies as RFC 1928 §6 words them. */
const REPLIES: readonly string[] = [
  'succeeded',
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'Network unreachable',
  'Host unreachable',
  'Connection refused',
  'TTL expired',
  'Command not supported',
  'Address type not supported',
];

/** The errors of the SOCKS5 messages. */
export const SOCKS5_ERRORS = {
  ERR_SOCKS5_FORMAT: {
    meaning: 'A host name, port or credential does not fit into a SOCKS5 message; nothing was sent.',
  },
  ERR_SOCKS5_PROTOCOL: {
    meaning: 'The proxy sent bytes that are not SOCKS5, or chose what was not offered.',
  },
  ERR_SOCKS5_REFUSED: {
    meaning: 'The SOCKS5 proxy refused the methods, the credentials or the connection; see `reply`.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** A SOCKS5 negotiation cannot begin or go on; the code says whose fault it is. */
export class Socks5Error extends CodedError<keyof typeof SOCKS5_ERRORS> {
  override readonly name = 'Socks5Error';
  /** The code of the reply to a request (RFC 1928 §6); `undefined` if the proxy refused earlier or did not refuse. */
  readonly reply: number | undefined;

  constructor(code: keyof typeof SOCKS5_ERRORS, message: string, reply?: number) {
    super(code, message);
    this.reply = reply;
  }
}

/**
 * Encodes the client's first message, with the methods that it offers (RFC 1928 §3). With credentials, it offers to
 * use them and to use none.
 */
export function socks5Greeting(hasCredentials: boolean): Buffer {
  const methods = hasCredentials ? [METHODS.none, METHODS.usernamePassword] : [METHODS.none];
  return Buffer.from([VERSION, methods.length, ...methods]);
}

/**
 * Decodes the method that the server chose.
 *
 * @param bytes - exactly {@link CHOICE_BYTES}.
 * @returns whether the credentials must be sent.
 * @throws Socks5Error `ERR_SOCKS5_REFUSED` if it accepts none of the methods; `ERR_SOCKS5_PROTOCOL`.
 */
export function decodeMethodChoice(bytes: Uint8Array, hasCredentials: boolean): boolean {
  requireLength('the choice of a method', bytes, CHOICE_BYTES);
  requireVersion(bytes[0] as number, VERSION);
  switch (bytes[1]) {
    case METHODS.none:
      return false;
    case METHODS.noneAcceptable:
      throw new Socks5Error(
        'ERR_SOCKS5_REFUSED',
        hasCredentials
          ? 'it accepts neither a username and password nor a client without them'
          : 'it requires authentication: set a username and a password',
      );
    case METHODS.usernamePassword:
      if (hasCredentials) return true;
  }
  throw broken(`it chose the method ${hex(bytes[1])}, which was not offered`);
}

/**
 * Encodes the credentials (RFC 1929 §2) as UTF-8. The RFC requires a password of at least one byte; an empty one is
 * sent as it is, because servers that use the user name alone accept it.
 *
 * @throws Socks5Error `ERR_SOCKS5_FORMAT` if the username is empty, or either is longer than 255 bytes.
 */
export function socks5Credentials(username: string, password: string): Buffer {
  const [user, secret] = [Buffer.from(username, 'utf8'), Buffer.from(password, 'utf8')];
  if (user.length === 0 || user.length > MAX_FIELD_BYTES)
    throw unfit(`username must have 1 to 255 bytes for a SOCKS5 proxy, got ${user.length}`);
  if (secret.length > MAX_FIELD_BYTES)
    throw unfit(`password must have at most 255 bytes for a SOCKS5 proxy, got ${secret.length}`);
  return Buffer.concat([
    Buffer.from([AUTH_VERSION, user.length]),
    user,
    Buffer.from([secret.length]),
    secret,
  ]);
}

/** Checks the response to the credentials. @throws Socks5Error `ERR_SOCKS5_REFUSED` if they are wrong. */
export function checkCredentialsStatus(bytes: Uint8Array): void {
  requireLength('the response to the credentials', bytes, CHOICE_BYTES);
  requireVersion(bytes[0] as number, AUTH_VERSION, 'authentication version');
  if (bytes[1] !== SUCCEEDED)
    throw new Socks5Error('ERR_SOCKS5_REFUSED', `it refused the credentials (status ${hex(bytes[1])})`);
}

/**
 * Encodes the request to connect to a server (RFC 1928 §4). A name is sent as it is, for the proxy to resolve.
 *
 * @param host - a name of visible ASCII characters, or a numeric address without brackets.
 * @throws Socks5Error `ERR_SOCKS5_FORMAT`
 */
export function socks5ConnectRequest(host: string, port: number): Buffer {
  if (!Number.isInteger(port) || port < 1 || port > 0xffff)
    throw unfit(`port must be an integer from 1 to 65535, got ${port}`);
  const address = encodeAddress(host);
  const head = Buffer.from([VERSION, CONNECT, 0]);
  return Buffer.concat([head, address, Buffer.from([port >> 8, port & 0xff])]);
}

/**
 * Decodes the start of the reply to a request (RFC 1928 §6): version, reply, reserved, address type.
 *
 * @param bytes - exactly {@link REPLY_HEAD_BYTES}.
 * @returns the bytes of the address that follows; {@link LENGTH_FOLLOWS} if it is a name, whose length is in the next
 *   byte. The reply ends {@link PORT_BYTES} after the address.
 * @throws Socks5Error `ERR_SOCKS5_REFUSED` if the proxy did not connect, whatever follows: some proxies send no address
 *   then. `ERR_SOCKS5_PROTOCOL`.
 */
export function replyAddressBytes(bytes: Uint8Array): number {
  requireLength('the start of a reply', bytes, REPLY_HEAD_BYTES);
  requireVersion(bytes[0] as number, VERSION);
  const reply = bytes[1] as number;
  if (reply !== SUCCEEDED) {
    const words = REPLIES[reply] ?? 'an unassigned code';
    throw new Socks5Error('ERR_SOCKS5_REFUSED', `it replied ${hex(reply)}: ${words}`, reply);
  }
  switch (bytes[3]) {
    case ADDRESS_TYPES.ipv4:
      return 4;
    case ADDRESS_TYPES.ipv6:
      return 16;
    case ADDRESS_TYPES.domainName:
      return LENGTH_FOLLOWS;
    default:
      throw broken(`its reply has the address type ${hex(bytes[3])}, which does not exist`);
  }
}

function encodeAddress(host: string): Buffer {
  switch (isIP(host)) {
    case 4:
      return Buffer.from([ADDRESS_TYPES.ipv4, ...host.split('.').map(Number)]);
    case 6:
      if (!host.includes('%')) return Buffer.from([ADDRESS_TYPES.ipv6, ...ipv6Bytes(host)]);
  }
  const bytes = Buffer.from(host, 'latin1');
  if (!/^[\x21-\x7e]+$/.test(host) || isIP(host) !== 0)
    throw unfit('host must be a name of visible ASCII characters, or an address without a zone');
  if (bytes.length > MAX_FIELD_BYTES) throw unfit(`host must have at most 255 bytes, got ${bytes.length}`);
  return Buffer.concat([Buffer.from([ADDRESS_TYPES.domainName, bytes.length]), bytes]);
}

/** The bytes of a valid IPv6 address, which may end in an IPv4 address. */
function ipv6Bytes(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = groupBytes(head);
  const after = tail === undefined ? [] : groupBytes(tail);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function requireLength(what: string, bytes: Uint8Array, count: number): void {
  if (bytes.length !== count) throw broken(`${what} must have ${count} bytes, got ${bytes.length}`);
}

function requireVersion(got: number, expected: number, what = 'version'): void {
  if (got === expected) return;
  // A common mistake is the address of an HTTP proxy: `HTTP/1.1 400 …`.
  const hint = got === 0x48 ? '; it seems to speak HTTP' : '';
  throw broken(`its ${what} is ${hex(got)}, not ${hex(expected)}${hint}`);
}

function hex(byte = 0): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function broken(message: string): Socks5Error {
  return new Socks5Error('ERR_SOCKS5_PROTOCOL', message);
}

function unfit(message: string): Socks5Error {
  return new Socks5Error('ERR_SOCKS5_FORMAT', message);
}
