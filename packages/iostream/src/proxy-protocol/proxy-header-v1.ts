import { isIPv4, isIPv6 } from 'node:net';
import { excerpt } from '@landspout/ioloop/errors';
import { internetAddress } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';
import { ProxyProtocolError } from './proxy-errors.ts';
import { NEED_DATA, type ProxyHeader, type ProxyHeaderProgress } from './proxy-header.ts';

export const V1_SIGNATURE: Uint8Array = Buffer.from('PROXY ', 'latin1');
/** The longest line there can be, CRLF included ("a 108-byte buffer is always enough", with a NUL at the end). */
const V1_MAX_BYTES = 107;

const CR = 0x0d;
const LF = 0x0a;
/** One space between the words, and no sign or leading zero in a port. */
const LINE = /^PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

/**
 * Reads a header of version 1: one line of text.
 *
 * @param bytes - that begin as {@link V1_SIGNATURE}, as far as they go.
 * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`.
 */
export function readProxyHeaderV1(bytes: Buffer): ProxyHeaderProgress {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf(LF);
  if (end === -1) {
    if (bytes.length < V1_MAX_BYTES) return NEED_DATA;
    throw new ProxyProtocolError(
      'ERR_PROXY_TOO_LARGE',
      `PROXY v1: no end of the line within ${V1_MAX_BYTES} bytes`,
    );
  }
  if (bytes[end - 1] !== CR) throw malformed('the line ends without CR');
  return { kind: 'header', header: parseLine(bytes.toString('latin1', 0, end - 1)), byteLength: end + 1 };
}

function parseLine(line: string): ProxyHeader {
  // "The receiver must ignore anything presented before the CRLF" then.
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) {
    return { version: 1, addresses: undefined };
  }
  const [, protocol = '', source = '', destination = '', sourcePort, destinationPort] = LINE.exec(line) ?? [];
  if (protocol === '')
    throw malformed(`a line of TCP4, TCP6 or UNKNOWN was expected, not ${excerpt(line, V1_MAX_BYTES)}`);
  const isAddress = protocol === 'TCP4' ? isIPv4 : isPlainIPv6;
  if (!isAddress(source) || !isAddress(destination)) {
    throw malformed(`two addresses of ${protocol} were expected in ${excerpt(line, V1_MAX_BYTES)}`);
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
  if (port > 65_535)
    throw malformed(`ports of at most 65535 were expected in ${excerpt(line, V1_MAX_BYTES)}`);
  return internetAddress(address, port);
}

/** The name of an interface of the proxy's says nothing here. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function malformed(what: string): ProxyProtocolError {
  return new ProxyProtocolError('ERR_PROXY_MALFORMED', `PROXY v1: ${what}`);
}
