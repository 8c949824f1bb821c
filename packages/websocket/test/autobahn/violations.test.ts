// Sections 3 to 5 of the Autobahn test suite: reserved bits, reserved opcodes and fragmentation. The suite also accepts
// a connection that fails before it has echoed earlier messages ("non-strict"); here the echo is required.

import { type ConformanceCase, conform, fails } from '../fixtures/conformance-case.ts';
import type { Chops } from '../fixtures/raw-peer.ts';
import { binary, close, frame, more, ping, pong, text, type WireFrame } from '../fixtures/wire-frames.ts';

const HELLO = 'Hello, world!';
const PACKET: readonly Chops[] = ['one packet'];
const FRAMES: readonly Chops[] = ['frames'];
const BYTES: readonly Chops[] = [1];

const RSV = fails(1002, 'ERR_WEBSOCKET_RESERVED_BITS');

/** A message, what breaks the protocol, and a ping: the message is echoed, and no pong is sent. */
const afterHello = (bad: WireFrame) => ({ sends: [text(HELLO), bad, ping()], replies: [text(HELLO)] });

conform('reserved bits (3)', [
  {
    name: '3.1 a text message with RSV 1',
    covers: '[WS-11] [ATT-64]',
    sends: [text(HELLO, { rsv: 1 })],
    ends: RSV,
  },
  {
    name: '3.2 a message, one with RSV 2, and a ping',
    covers: '[WS-11] [ATT-64]',
    ...afterHello(text(HELLO, { rsv: 2 })),
    chops: PACKET,
    ends: RSV,
  },
  {
    name: '3.3 a message, one with RSV 3, and a ping, frame by frame',
    covers: '[WS-11] [ATT-64]',
    ...afterHello(text(HELLO, { rsv: 3 })),
    chops: FRAMES,
    ends: RSV,
  },
  {
    name: '3.4 a message, one with RSV 4, and a ping, byte by byte',
    covers: '[WS-11] [ATT-64]',
    ...afterHello(text(HELLO, { rsv: 4 })),
    chops: [1, 'one packet'],
    ends: RSV,
  },
  {
    name: '3.5 a binary message with RSV 5',
    covers: '[WS-11] [ATT-64]',
    sends: [binary(Buffer.from('00fffefdfcfb00ff', 'hex'), { rsv: 5 })],
    ends: RSV,
  },
  { name: '3.6 a ping with RSV 6', covers: '[WS-11] [ATT-64]', sends: [ping(HELLO, { rsv: 6 })], ends: RSV },
  {
    name: '3.7 a close frame with RSV 7',
    covers: '[WS-11] [ATT-64]',
    sends: [close(undefined, '', { rsv: 7 })],
    ends: RSV,
  },
  // Not in the suite.
  {
    name: '3+ a continuation frame with RSV1',
    covers: '[WS-19] [ATT-64]',
    sends: [text('a', { fin: false }), more('b', { rsv: 4 })],
    ends: RSV,
  },
  ...[ping(HELLO, { rsv: 4 }), pong(HELLO, { rsv: 4 }), close(1000, '', { rsv: 4 })].map((bad) => ({
    name: `3+ a message, a frame of opcode ${bad.opcode} with RSV1, and a ping`,
    covers: '[WS-19] [ATT-64]',
    ...afterHello(bad),
    ends: RSV,
  })),
]);

const OPCODE = fails(1002, 'ERR_WEBSOCKET_RESERVED_OPCODE');

/** The five cases of section 4.1 or 4.2, with the opcodes from `first`. */
const reserved = (section: string, first: number): ConformanceCase[] => [
  { name: `${section}.1 opcode ${first}`, covers: '[WS-11] [ATT-64]', sends: [frame(first)], ends: OPCODE },
  {
    name: `${section}.2 opcode ${first + 1} with a payload`,
    covers: '[WS-11] [ATT-64]',
    sends: [frame(first + 1, 'reserved opcode payload')],
    ends: OPCODE,
  },
  {
    name: `${section}.3 a message, opcode ${first + 2}, and a ping`,
    covers: '[WS-11] [ATT-64]',
    ...afterHello(frame(first + 2)),
    ends: OPCODE,
  },
  {
    name: `${section}.4 a message, opcode ${first + 3} with a payload, and a ping`,
    covers: '[WS-11] [ATT-64]',
    ...afterHello(frame(first + 3, HELLO)),
    ends: OPCODE,
  },
  {
    name: `${section}.5 a message, opcode ${first + 4} with a payload, and a ping, byte by byte`,
    covers: '[WS-11] [ATT-64]',
    ...afterHello(frame(first + 4, HELLO)),
    chops: BYTES,
    ends: OPCODE,
  },
];

conform('reserved opcodes (4)', [...reserved('4.1', 3), ...reserved('4.2', 11)]);

const STRAY = fails(1002, 'ERR_WEBSOCKET_STRAY_CONTINUATION');
const INTERRUPTED = fails(1002, 'ERR_WEBSOCKET_INTERRUPTED_MESSAGE');
const OPEN = { fin: false };
const WAYS: readonly [string, readonly Chops[]][] = [
  ['in one packet', PACKET],
  ['frame by frame', FRAMES],
  ['byte by byte', BYTES],
];

/** The same frames, sent in three ways: three cases with consecutive numbers. */
const threeWays = (first: number, what: string, rest: Omit<ConformanceCase, 'name'>): ConformanceCase[] =>
  WAYS.map(([way, chops], i) => ({ name: `5.${first + i} ${what}, ${way}`, ...rest, chops }));

const START = 'fragment1';
const END = 'fragment2';
const WHOLE = text('fragment1fragment2');
const PINGED = 'ping payload';

conform('fragmentation (5)', [
  {
    name: '5.1 a ping in two fragments',
    covers: '[WS-11] [ATT-64]',
    sends: [ping(START, OPEN), more(END)],
    ends: fails(1002, 'ERR_WEBSOCKET_FRAGMENTED_CONTROL'),
  },
  {
    name: '5.2 a pong in two fragments',
    covers: '[WS-11] [ATT-64]',
    sends: [pong(START, OPEN), more(END)],
    ends: fails(1002, 'ERR_WEBSOCKET_FRAGMENTED_CONTROL'),
  },
  ...threeWays(3, 'text in two fragments', {
    covers: '[WS-10]',
    sends: [text(START, OPEN), more(END)],
    replies: [WHOLE],
  }),
  ...threeWays(6, 'text in two fragments with a ping between them', {
    covers: '[WS-13]',
    sends: [text(START, OPEN), ping(PINGED), more(END)],
    replies: [pong(PINGED), WHOLE],
  }),
  ...threeWays(9, 'a final continuation without a start, and a message', {
    covers: '[WS-11] [ATT-64]',
    sends: [more('non-continuation payload'), text(HELLO)],
    ends: STRAY,
  }),
  ...threeWays(12, 'a continuation without a start or end, and a message', {
    covers: '[WS-11] [ATT-64]',
    sends: [more('non-continuation payload', OPEN), text(HELLO)],
    ends: STRAY,
  }),
  {
    name: '5.15 text in two fragments, a continuation without a start, and a message',
    covers: '[WS-11] [ATT-64]',
    sends: [text(START, OPEN), more(END), more('fragment3', OPEN), text('fragment4')],
    replies: [WHOLE],
    ends: STRAY,
  },
  ...[false, true].map((fin): ConformanceCase => {
    const round = [more(START, { fin }), text(END, OPEN), more('fragment3')];
    return {
      name: `5.${fin ? 17 : 16} twice a continuation with FIN ${fin} without a start, and text in two fragments`,
      covers: '[WS-11] [ATT-64]',
      sends: [...round, ...round],
      ends: STRAY,
    };
  }),
  {
    name: '5.18 two fragments that both have the opcode of text',
    covers: '[WS-11] [ATT-64]',
    sends: [text(START, OPEN), text(END)],
    ends: INTERRUPTED,
  },
  ...[19, 20].map(
    (number): ConformanceCase => ({
      name: `5.${number} text in five fragments with two pings among them, ${number === 19 ? 'in one packet' : 'in pieces'}`,
      covers: '[WS-13]',
      sends: [
        text('fragment1', OPEN),
        more('fragment2', OPEN),
        ping('pongme 1!'),
        more('fragment3', OPEN),
        more('fragment4', OPEN),
        ping('pongme 2!'),
        more('fragment5'),
      ],
      replies: [pong('pongme 1!'), pong('pongme 2!'), text('fragment1fragment2fragment3fragment4fragment5')],
      chops: number === 19 ? PACKET : ['frames', 1, 2, 7],
    }),
  ),
  // Not in the suite.
  {
    name: '5+ a binary message inside a fragmented text, which follows a message',
    covers: '[WS-11] [ATT-64]',
    sends: [text(HELLO), text(START, OPEN), ping(), binary(END)],
    replies: [text(HELLO), pong()],
    ends: INTERRUPTED,
  },
]);
