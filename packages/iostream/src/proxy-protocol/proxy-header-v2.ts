import { internetAddress } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';
import { ProxyProtocolError } from './proxy-errors.ts';
import { NEED_DATA, type ProxiedAddresses, type ProxyHeaderProgress } from './proxy-header.ts';

/** Chosen so that no other protocol begins with it. */
export const V2_SIGNATURE: Uint8Array = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Signature, version and command, family and protocol, and the length of what follows. */
const FIXED_BYTES = 16;
/** A family with its longest addresses, two paths of Unix sockets: what a limit must leave room for. */
export const V2_LEAST_MAX_BYTES = FIXED_BYTES + 2 * 108;
/** What the length field can say. */
export const V2_MOST_MAX_BYTES = FIXED_BYTES + 0xffff;

const COMMANDS = { LOCAL: 0, PROXY: 1 } as const;
const STREAM = 1;
const MOST_PROTOCOL = 2;

/** How the addresses of each family lie in the bytes: two of `size`, and two ports where there are such. */
const FAMILIES: readonly AddressLayout[] = [
  { size: 0, read: () => undefined },
  { size: 12, read: (bytes) => inetAddresses(bytes, 4, readIPv4) },
  { size: 36, read: (bytes) => inetAddresses(bytes, 16, readIPv6) },
  { size: 216, read: unixAddresses },
];

interface AddressLayout {
  /** Bytes of all of it. */
  readonly size: number;
  read(bytes: Buffer): ProxiedAddresses | undefined;
}

/**
 * Reads a header of version 2: binary. What follows the addresses (TLVs) is skipped, checksums included.
 *
 * @param bytes - that begin as {@link V2_SIGNATURE}, as far as they go.
 * @param maxBytes - of the whole header.
 * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`, as soon as it is certain.
 */
export function readProxyHeaderV2(bytes: Buffer, maxBytes: number): ProxyHeaderProgress {
  const command = bytes.length > 12 ? commandOf(bytes.readUInt8(12)) : undefined;
  const transport = bytes.length > 13 ? bytes.readUInt8(13) : 0;
  const layout = layoutOf(transport >> 4, transport & 0x0f);
  if (command === undefined || bytes.length < FIXED_BYTES) return NEED_DATA;
  const length = bytes.readUInt16BE(14);
  const byteLength = FIXED_BYTES + length;
  if (byteLength > maxBytes) {
    throw new ProxyProtocolError(
      'ERR_PROXY_TOO_LARGE',
      `PROXY v2: ${byteLength} bytes, and at most ${maxBytes} are taken`,
    );
  }
  // The proxy speaks for itself: "the receiver must accept this connection as valid and must use the real endpoints".
  const isLocal = command === COMMANDS.LOCAL;
  if (!isLocal && length < layout.size) {
    throw malformed(`${layout.size} bytes of addresses were expected, not ${length}`);
  }
  if (bytes.length < byteLength) return NEED_DATA;
  // Datagrams do not come through a stream: where a proxy says so, we do not know what it means.
  const isKnown = !isLocal && (transport & 0x0f) === STREAM;
  const addresses = isKnown ? layout.read(bytes.subarray(FIXED_BYTES, byteLength)) : undefined;
  return { kind: 'header', header: { version: 2, addresses }, byteLength };
}

function commandOf(byte: number): number {
  const [version, command] = [byte >> 4, byte & 0x0f];
  if (version !== 2) throw malformed(`version 2 was expected, not ${version}`);
  if (command > COMMANDS.PROXY) throw malformed(`the command LOCAL or PROXY was expected, not ${command}`);
  return command;
}

/** "Other values are reserved and must be rejected as invalid by receivers." */
function layoutOf(family: number, protocol: number): AddressLayout {
  const layout = FAMILIES[family];
  if (layout !== undefined && protocol <= MOST_PROTOCOL) return layout;
  throw malformed(`a known family and protocol were expected, not ${family} and ${protocol}`);
}

function inetAddresses(
  bytes: Buffer,
  size: number,
  read: (bytes: Buffer, at: number) => string,
): ProxiedAddresses {
  const ports = 2 * size;
  return {
    source: internetAddress(read(bytes, 0), bytes.readUInt16BE(ports)),
    destination: internetAddress(read(bytes, size), bytes.readUInt16BE(ports + 2)),
  };
}

function readIPv4(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}

/** As RFC 5952 §4 writes it, so that it reads as the same address does from the system. */
function readIPv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  // The form that names an IPv4 address (RFC 4291 §2.5.5.2), which is normalised by who makes an address of it.
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    return `::ffff:${groups[6]}:${groups[7]}`;
  }
  const [start, length] = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** The first of the longest. */
function longestZeroRun(groups: readonly string[]): [start: number, length: number] {
  let [bestStart, bestLength] = [0, 0];
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
  }
  return [bestStart, bestLength];
}

function unixAddresses(bytes: Buffer): ProxiedAddresses {
  return { source: unixAddress(bytes.subarray(0, 108)), destination: unixAddress(bytes.subarray(108, 216)) };
}

/** As in `struct sockaddr_un`: ends at its first NUL, unless it begins with it; then it is padded with them. */
function unixAddress(bytes: Buffer): SocketAddress {
  const isAbstract = bytes[0] === 0;
  const text = bytes.toString('utf8');
  const path = isAbstract ? text.replace(/\0+$/, '') : text.slice(0, indexOr(text, '\0', text.length));
  return { family: 'unix', path };
}

function indexOr(text: string, part: string, otherwise: number): number {
  const at = text.indexOf(part);
  return at === -1 ? otherwise : at;
}

function malformed(what: string): ProxyProtocolError {
  return new ProxyProtocolError('ERR_PROXY_MALFORMED', `PROXY v2: ${what}`);
}
