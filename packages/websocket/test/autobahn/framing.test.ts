// Sections 1 and 2 of the Autobahn test suite: data frames of every length encoding, pings and pongs.

import { type ConformanceCase, conform, fails } from '../fixtures/conformance-case.ts';
import type { Chops } from '../fixtures/raw-peer.ts';
import { binary, frame, ping, pong, text, type WireFrame } from '../fixtures/wire-frames.ts';

/** The last number of the case, the payload's length and how it is sent. */
const LENGTHS: readonly [number, number, readonly Chops[]][] = [
  [1, 0, ['one packet', 1]],
  [2, 125, ['one packet', 1]],
  [3, 126, ['one packet', 1]],
  [4, 127, ['one packet', 1]],
  [5, 128, ['one packet', 1]],
  [6, 65_535, ['one packet']],
  [7, 65_536, ['one packet']],
  [8, 65_536, [997]],
];

function echoes(section: string, make: (payload: Uint8Array) => WireFrame, fill: number): ConformanceCase[] {
  return LENGTHS.map(([number, length, chops]) => {
    const message = make(Buffer.alloc(length, fill));
    const what = `${section}.${number} ${length} bytes${chops[0] === 997 ? ' in pieces of 997' : ''}`;
    return { name: what, covers: '[WS-10]', sends: [message], replies: [message], chops };
  });
}

conform('text messages (1.1)', echoes('1.1', text, 0x2a));
conform('binary messages (1.2)', echoes('1.2', binary, 0xfe));

const OCTETS = Buffer.from('00fffefdfcfb00ff', 'hex');
const LONGEST = Buffer.alloc(125, 0xfe);
const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`);

const pinged = (name: string, payload: string | Uint8Array, chops?: readonly Chops[]): ConformanceCase => ({
  name,
  covers: '[WS-13]',
  sends: [ping(payload)],
  replies: [pong(payload)],
  ...(chops === undefined ? {} : { chops }),
});

conform('pings and pongs (2)', [
  pinged('2.1 an empty ping', ''),
  pinged('2.2 a ping with text', 'Hello, world!'),
  pinged('2.3 a ping with bytes', OCTETS),
  pinged('2.4 a ping of 125 bytes', LONGEST, ['one packet']),
  {
    name: '2.5 a ping of 126 bytes',
    covers: '[WS-11] [ATT-64]',
    sends: [ping(Buffer.alloc(126, 0xfe))],
    ends: fails(1002, 'ERR_WEBSOCKET_CONTROL_TOO_LONG'),
  },
  pinged('2.6 a ping of 125 bytes, byte by byte', LONGEST, [1]),
  { name: '2.7 a pong without a ping', covers: '[WS-13]', sends: [pong()] },
  { name: '2.8 a pong with a payload, without a ping', covers: '[WS-13]', sends: [pong('unsolicited')] },
  {
    name: '2.9 a pong without a ping, then a ping',
    covers: '[WS-13]',
    sends: [pong('unsolicited pong payload'), ping('ping payload')],
    replies: [pong('ping payload')],
  },
  {
    name: '2.10 ten pings',
    covers: '[WS-13]',
    sends: TEN.map((payload) => ping(payload)),
    replies: TEN.map((payload) => pong(payload)),
    chops: ['one packet', 'frames'],
  },
  {
    name: '2.11 ten pings, byte by byte',
    covers: '[WS-13]',
    sends: TEN.map((payload) => ping(payload)),
    replies: TEN.map((payload) => pong(payload)),
    chops: [1],
  },
  // Not in the suite: the other control frames have the same limits.
  ...[ping, pong].flatMap((make): ConformanceCase[] => [
    {
      name: `2+ a fragmented ${make === ping ? 'ping' : 'pong'}`,
      covers: '[WS-11] [ATT-64]',
      sends: [make('', { fin: false }), frame(0, '')],
      ends: fails(1002, 'ERR_WEBSOCKET_FRAGMENTED_CONTROL'),
    },
    {
      name: `2+ a ${make === ping ? 'ping' : 'pong'} of 65,536 bytes`,
      covers: '[WS-11] [ATT-64]',
      sends: [make(Buffer.alloc(65_536))],
      chops: ['one packet', 997],
      ends: fails(1002, 'ERR_WEBSOCKET_CONTROL_TOO_LONG'),
    },
  ]),
]);
