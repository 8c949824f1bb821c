import { describe, expect, it } from 'vitest';
import { ProxyProtocolError } from './proxy-errors.ts';
import type { ProxiedAddresses } from './proxy-header.ts';
import { ProxyHeaderDecoder } from './proxy-header-decoder.ts';

const LIMIT = 4_096;
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const DATA = 'GET / HTTP/1.1\r\n\r\nPROXY ';

const inet = (source: string, sourcePort: number, destination: string, destinationPort: number) => {
  const family = source.includes(':') ? ('IPv6' as const) : ('IPv4' as const);
  return {
    source: { family, address: source, port: sourcePort },
    destination: { family, address: destination, port: destinationPort },
  };
};

/** A header of version 2. @param rest - addresses and TLVs. @param length - what the header says, if not their size. */
function v2(
  command: number,
  transport: number,
  rest: Buffer = Buffer.alloc(0),
  length = rest.length,
): Buffer {
  const fixed = Buffer.from(`${SIGNATURE}00000000`, 'hex');
  fixed.writeUInt8(command, 12);
  fixed.writeUInt8(transport, 13);
  fixed.writeUInt16BE(length, 14);
  return Buffer.concat([fixed, rest]);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const V4 = hex('c0000201 c6336402 d431 01bb');
const V6 = hex('20010db8000000000000000000000001 20010db8000100000000000000000000 0001 ffff');
const MAPPED = hex('00000000000000000000ffffc0000201 00000000000000000000ffffc6336402 0001 0050');
const V4_ADDRESSES = inet('192.0.2.1', 54_321, '198.51.100.2', 443);
const TLVS = hex('01 0002 6832 04 0005 0000000000 20 0003 010203');

function unix(source: string, destination: string): Buffer {
  const bytes = Buffer.alloc(216);
  bytes.write(source, 0);
  bytes.write(destination, 108);
  return bytes;
}

/** What a header comes to, in whichever pieces it comes. */
const VECTORS: [string, Buffer | string, 1 | 2, ProxiedAddresses | undefined][] = [
  ['TCP4', 'PROXY TCP4 192.0.2.1 198.51.100.2 54321 443\r\n', 1, V4_ADDRESSES],
  [
    'ports 0 and 65535',
    'PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n',
    1,
    inet('0.0.0.0', 0, '255.255.255.255', 65_535),
  ],
  [
    'TCP6',
    'PROXY TCP6 2001:db8::1 2001:db8:1:: 1 65535\r\n',
    1,
    inet('2001:db8::1', 1, '2001:db8:1::', 65_535),
  ],
  [
    'the longest TCP6',
    `PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`,
    1,
    inet(`${'ffff:'.repeat(7)}ffff`, 65_535, `${'ffff:'.repeat(7)}ffff`, 65_535),
  ],
  [
    'TCP6 with mapped addresses',
    'PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6402 54321 443\r\n',
    1,
    V4_ADDRESSES,
  ],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', 1, undefined],
  ['UNKNOWN with more', 'PROXY UNKNOWN what ever 1 2 3\r\n', 1, undefined],
  ['the longest UNKNOWN', `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`, 1, undefined],
  ['IPv4', v2(0x21, 0x11, V4), 2, V4_ADDRESSES],
  ['IPv4 with TLVs', v2(0x21, 0x11, Buffer.concat([V4, TLVS])), 2, V4_ADDRESSES],
  ['IPv6', v2(0x21, 0x21, V6), 2, inet('2001:db8::1', 1, '2001:db8:1::', 65_535)],
  ['IPv6 with mapped addresses', v2(0x21, 0x21, MAPPED), 2, inet('192.0.2.1', 1, '198.51.100.2', 80)],
  [
    'IPv6 without zeros',
    v2(0x21, 0x21, Buffer.alloc(36, 0x11)),
    2,
    inet(
      '1111:1111:1111:1111:1111:1111:1111:1111',
      0x1111,
      '1111:1111:1111:1111:1111:1111:1111:1111',
      0x1111,
    ),
  ],
  [
    'Unix sockets',
    v2(0x21, 0x31, unix('/run/a.sock', '\0abstract')),
    2,
    { source: { family: 'unix', path: '/run/a.sock' }, destination: { family: 'unix', path: '\0abstract' } },
  ],
  [
    'unnamed and full Unix sockets',
    v2(0x21, 0x31, unix('', 'x'.repeat(108))),
    2,
    { source: { family: 'unix', path: '' }, destination: { family: 'unix', path: 'x'.repeat(108) } },
  ],
  ['LOCAL', v2(0x20, 0x00), 2, undefined],
  ['LOCAL with addresses', v2(0x20, 0x11, V4), 2, undefined],
  ['LOCAL of a family with less', v2(0x20, 0x21, TLVS), 2, undefined],
  ['UNSPEC', v2(0x21, 0x00), 2, undefined],
  ['UNSPEC with TLVs', v2(0x21, 0x00, TLVS), 2, undefined],
  ['a datagram', v2(0x21, 0x12, V4), 2, undefined],
  [
    'the longest that is taken',
    v2(0x21, 0x11, Buffer.concat([V4, Buffer.alloc(LIMIT - 28)])),
    2,
    V4_ADDRESSES,
  ],
];

const MALFORMED: [string, Buffer | string][] = [
  ['another protocol', 'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['small letters', 'PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['no protocol', 'PROXY \r\n'],
  ['UNKNOWN and more without a space', 'PROXY UNKNOWNx\r\n'],
  ['two spaces', 'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'],
  ['a tab', 'PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n'],
  ['a space at the end', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n'],
  ['a bare LF', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n'],
  ['a bare LF inside', 'PROXY UNKNOWN a\nb\r\n'],
  ['a second CR', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n'],
  ['a missing port', 'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'],
  ['a port too large', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n'],
  ['a port with a zero before', 'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'],
  ['a port with a sign', 'PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n'],
  ['an address of the other family', 'PROXY TCP4 ::1 192.0.2.2 1 2\r\n'],
  ['the other way round', 'PROXY TCP6 ::1 192.0.2.2 1 2\r\n'],
  ['an address with zeros before', 'PROXY TCP4 192.000.002.001 192.0.2.2 1 2\r\n'],
  ['a name', 'PROXY TCP4 localhost 192.0.2.2 1 2\r\n'],
  ['an address with a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
  ['version 1 in binary', v2(0x11, 0x11, V4)],
  ['version 3', v2(0x31, 0x11, V4)],
  ['an unknown command', v2(0x22, 0x11, V4)],
  ['an unknown family', v2(0x21, 0x41, V4)],
  ['an unknown protocol', v2(0x21, 0x13, V4)],
  ['an unknown family of LOCAL', v2(0x20, 0xf1)],
  ['too few bytes for IPv4', v2(0x21, 0x11, V4.subarray(1))],
  ['too few bytes for IPv6', v2(0x21, 0x21, V6.subarray(1))],
  ['too few bytes for Unix sockets', v2(0x21, 0x31, Buffer.alloc(215))],
  ['no addresses', v2(0x21, 0x11)],
];

const bytesOf = (bytes: Buffer | string): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;

/** Feeds pieces until there is an answer. */
function decode(pieces: readonly Buffer[], limit = LIMIT) {
  const decoder = new ProxyHeaderDecoder(limit);
  for (const [i, piece] of pieces.entries()) {
    const progress = decoder.receive(piece);
    // The decoder has copied what it was lent.
    piece.fill(0x58);
    if (progress.kind === 'need-data') continue;
    const rest = Buffer.concat([
      decoder.takeFrom(progress.kind === 'header' ? progress.byteLength : 0),
      ...pieces.slice(i + 1),
    ]);
    return { ...progress, rest: rest.toString('latin1') };
  }
  return { kind: 'need-data' as const };
}

/** Cut into two at each place, and into single bytes. */
function* splits(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at += 1) {
    yield [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))];
  }
  yield Array.from(bytes, (byte) => Buffer.of(byte));
}

function failure(attempt: () => unknown): unknown {
  try {
    return attempt();
  } catch (error) {
    return error;
  }
}

describe('ProxyHeaderDecoder', () => {
  it.each(VECTORS)('reads %s, cut anywhere, and leaves what follows', (_, given, version, addresses) => {
    const header = bytesOf(given);
    for (const pieces of splits(Buffer.concat([header, Buffer.from(DATA)]))) {
      expect(decode(pieces)).toEqual({
        kind: 'header',
        header: { version, addresses },
        byteLength: header.length,
        rest: DATA,
      });
    }
  });

  it.each(VECTORS)('waits for all of %s', (_, given) => {
    const header = bytesOf(given);
    for (let length = 1; length < header.length; length += 1) {
      expect(decode([Buffer.from(header.subarray(0, length))])).toEqual({ kind: 'need-data' });
    }
  });

  it.each(MALFORMED)('refuses %s, cut anywhere', (_, given) => {
    for (const pieces of splits(bytesOf(given))) {
      const error = failure(() => decode(pieces));
      expect(error).toBeInstanceOf(ProxyProtocolError);
      expect(error).toMatchObject({ code: 'ERR_PROXY_MALFORMED' });
    }
  });

  it.each([
    'GET / HTTP/1.1\r\n',
    'PROXYX',
    'PROXY\r\n',
    'proxy TCP4',
    '\r\n\r\n\0\r\nQUIT\r',
    '\x16\x03\x01',
  ])('takes %j for data, and gives all of it back', (data) => {
    for (const pieces of splits(Buffer.from(data, 'latin1'))) {
      expect(decode(pieces)).toEqual({ kind: 'no-header', rest: data });
    }
  });

  it.each([
    ['a line of 108 bytes', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    ['a line that does not end', `PROXY TCP4 ${'1'.repeat(96)}`],
    ['a binary header that is larger than its limit', v2(0x21, 0x11, V4, LIMIT - 15)],
    ['a binary header as large as can be', v2(0x20, 0x00, V4, 0xffff)],
  ])('refuses %s, before it is complete', (_, given) => {
    expect(failure(() => decode([bytesOf(given)]))).toMatchObject({ code: 'ERR_PROXY_TOO_LARGE' });
  });

  it('takes a header as large as can be when it may', () => {
    const most = 16 + 0xffff;
    const header = v2(0x20, 0x00, Buffer.alloc(0xffff));
    expect(
      decode(
        Array.from(header, (byte) => Buffer.of(byte)),
        most,
      ),
    ).toMatchObject({
      kind: 'header',
      byteLength: most,
    });
  });

  it('refuses as soon as it is certain', () => {
    expect(failure(() => decode([v2(0x31, 0).subarray(0, 13)]))).toMatchObject({
      code: 'ERR_PROXY_MALFORMED',
    });
    expect(failure(() => decode([v2(0x21, 0x41).subarray(0, 14)]))).toMatchObject({
      code: 'ERR_PROXY_MALFORMED',
    });
    expect(failure(() => decode([v2(0x21, 0x11, V4, 11).subarray(0, 16)]))).toMatchObject({
      code: 'ERR_PROXY_MALFORMED',
    });
  });
});
