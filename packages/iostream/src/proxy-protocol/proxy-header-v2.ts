import { internetAddress } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';
import { ProxyProtocolError } from './proxy-errors.ts';
import { NEED_DATA, type ProxiedAddresses, type ProxyHeaderProgress } from './proxy-header.ts';

/** Chosen by the specification so that no other protocol starts with it. */
export const V2_SIGNATURE: Uint8Array = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** The fixed part: signature, version and command, family and protocol, and the length of the rest. */
const FIXED_BYTES = 16;
/**
 * The smallest value allowed for `maxHeaderBytes`: enough for the longest addresses, which are two Unix socket paths.
 */
export const V2_LEAST_MAX_BYTES = FIXED_BYTES + 2 * 108;
/** The longest header that the length field can describe. */
export const V2_MOST_MAX_BYTES = FIXED_BYTES + 0xffff;

const COMMANDS = { LOCAL: 0, PROXY: 1 } as const;
const STREAM = 1;
const MOST_PROTOCOL = 2;

/**
 * The layout of the addresses, indexed by family: source and destination address, then two ports if the family has
 * them.
 */
const FAMILIES: readonly AddressLayout[] = [
  { size: 0, read: () => undefined },
  { size: 12, read: (bytes) => inetAddresses(bytes, 4, readIPv4) },
  { size: 36, read: (bytes) => inetAddresses(bytes, 16, readIPv6) },
  { size: 216, read: unixAddresses },
];

interface AddressLayout {
  /** Size of both addresses and both ports in bytes. */
  readonly size: number;
  read(bytes: Buffer): ProxiedAddresses | undefined;
}

/**
 * Decodes a version 2 header, which is binary. The extensions after the addresses (TLVs), including checksums, are
 * skipped.
 *
 * @param bytes - all bytes received so far. They start with {@link V2_SIGNATURE}, or with its first bytes if the rest
 *   has not arrived.
 * @param maxBytes - limit for the whole header.
 * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`, as soon as the received bytes show the
 *   error.
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
      `PROXY v2: the header has ${byteLength} bytes; the limit is ${maxBytes}`,
    );
  }
  // With LOCAL the proxy itself is the client: "the receiver must accept this connection as valid and must use the real
  // endpoints".
  const isLocal = command === COMMANDS.LOCAL;
  if (!isLocal && length < layout.size) {
    throw malformed(`expected ${layout.size} bytes of addresses, got ${length}`);
  }
  if (bytes.length < byteLength) return NEED_DATA;
  // A datagram header makes no sense on a stream, so its addresses are ignored.
  const isKnown = !isLocal && (transport & 0x0f) === STREAM;
  const addresses = isKnown ? layout.read(bytes.subarray(FIXED_BYTES, byteLength)) : undefined;
  return { kind: 'header', header: { version: 2, addresses }, byteLength };
}

function commandOf(byte: number): number {
  const [version, command] = [byte >> 4, byte & 0x0f];
  if (version !== 2) throw malformed(`expected version 2, got ${version}`);
  if (command > COMMANDS.PROXY) throw malformed(`the command must be 0 (LOCAL) or 1 (PROXY), got ${command}`);
  return command;
}

/** "Other values are reserved and must be rejected as invalid by receivers." */
function layoutOf(family: number, protocol: number): AddressLayout {
  const layout = FAMILIES[family];
  if (layout !== undefined && protocol <= MOST_PROTOCOL) return layout;
  throw malformed(`unknown address family or protocol: got ${family} and ${protocol}`);
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

/**
 * Formats the address according to RFC 5952 §4, so that the text equals the one that the system reports for the same
 * address.
 */
function readIPv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  // A v4-mapped address (RFC 4291 §2.5.5.2), which `internetAddress` converts to IPv4.
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    return `::ffff:${groups[6]}:${groups[7]}`;
  }
  const [start, length] = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** Finds the longest run of zero groups; if several are equally long, the first one. */
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

/**
 * As in `struct sockaddr_un`: the path ends at its first NUL. An abstract name starts with NUL and is padded with NULs.
 */
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
