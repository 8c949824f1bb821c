import { isIPv4, isIPv6 } from 'node:net';
import { excerpt } from '@landspout/ioloop/errors';
import { internetAddress } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';
import { ProxyProtocolError } from './proxy-errors.ts';
import { NEED_DATA, type ProxyHeader, type ProxyHeaderProgress } from './proxy-header.ts';

export const V1_SIGNATURE: Uint8Array = Buffer.from('PROXY ', 'latin1');
/**
 * The longest possible line, including CRLF. The specification says that "a 108-byte buffer is always enough", which
 * includes a terminating NUL.
 */
const V1_MAX_BYTES = 107;

const CR = 0x0d;
const LF = 0x0a;
/** The fields are separated by one space; a port has no sign and no leading zero. */
const LINE = /^PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

/**
 * Decodes a version 1 header: one line of text.
 *
 * @param bytes - all bytes received so far. They start with {@link V1_SIGNATURE}, or with its first bytes if the rest
 *   has not arrived.
 * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`.
 */
export function readProxyHeaderV1(bytes: Buffer): ProxyHeaderProgress {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf(LF);
  if (end === -1) {
    if (bytes.length < V1_MAX_BYTES) return NEED_DATA;
    throw new ProxyProtocolError(
      'ERR_PROXY_TOO_LARGE',
      `PROXY v1: the line does not end within ${V1_MAX_BYTES} bytes`,
    );
  }
  if (bytes[end - 1] !== CR) throw malformed('the line must end with CRLF, got LF alone');
  return { kind: 'header', header: parseLine(bytes.toString('latin1', 0, end - 1)), byteLength: end + 1 };
}

function parseLine(line: string): ProxyHeader {
  // For UNKNOWN, "the receiver must ignore anything presented before the CRLF".
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) {
    return { version: 1, addresses: undefined };
  }
  const [, protocol = '', source = '', destination = '', sourcePort, destinationPort] = LINE.exec(line) ?? [];
  if (protocol === '')
    throw malformed(`expected a TCP4, TCP6 or UNKNOWN line, got ${excerpt(line, V1_MAX_BYTES)}`);
  const isAddress = protocol === 'TCP4' ? isIPv4 : isPlainIPv6;
  if (!isAddress(source) || !isAddress(destination)) {
    throw malformed(`expected two ${protocol} addresses, got ${excerpt(line, V1_MAX_BYTES)}`);
  }
  return {
    version: 1,
    addresses: {
      source: addressOf(source, Number(sourcePort), line),
      destination: addressOf(destination, Number(destinationPort), line),
    },
  };
}

function addressOf(address: string, port: number, line: string): SocketAddress {
  if (port > 65_535) throw malformed(`ports must be at most 65535, got ${excerpt(line, V1_MAX_BYTES)}`);
  return internetAddress(address, port);
}

/** Refuses a zone such as `%eth0`: it names a network interface of the proxy's host. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function malformed(what: string): ProxyProtocolError {
  return new ProxyProtocolError('ERR_PROXY_MALFORMED', `PROXY v1: ${what}`);
}
