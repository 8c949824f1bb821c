// Section 7 of the Autobahn test suite: the closing handshake, close codes and reasons.

import { type ConformanceCase, closes, conform, fails } from '../fixtures/conformance-case.ts';
import { close, frame, more, ping, text } from '../fixtures/wire-frames.ts';

const HELLO = 'Hello World!';

const LARGE = text('BAsd7&jh23'.repeat(26_215).slice(0, 256 * 1024));

conform('close frames among other frames (7.1)', [
  {
    name: '7.1.1 a message and a close frame',
    covers: '[WS-15]',
    sends: [text(HELLO), close(1000)],
    replies: [text(HELLO)],
    ends: closes(1000),
  },
  {
    name: '7.1.2 two close frames',
    covers: '[WS-15]',
    sends: [close(1000), close(1000)],
    ends: closes(1000),
  },
  {
    name: '7.1.3 a ping after a close frame',
    covers: '[WS-15]',
    sends: [close(1000), ping()],
    ends: closes(1000),
  },
  {
    name: '7.1.4 a message after a close frame',
    covers: '[WS-15]',
    sends: [close(1000), text(HELLO)],
    ends: closes(1000),
  },
  {
    name: '7.1.5 a close frame between two fragments',
    covers: '[WS-15]',
    sends: [text('fragment1', { fin: false }), close(1000), more('fragment2')],
    ends: closes(1000),
  },
  {
    name: '7.1.6 256 KiB, a message, a close frame and a ping',
    covers: '[WS-15]',
    sends: [LARGE, text(HELLO), close(1000), ping()],
    replies: [LARGE, text(HELLO)],
    chops: ['one packet', 'frames', 4_099],
    ends: closes(1000),
  },
  // Not in the suite: what follows a close frame is not even checked.
  {
    name: '7.1+ an invalid frame after a close frame',
    covers: '[WS-15]',
    sends: [close(1000), frame(3, HELLO, { rsv: 7 })],
    ends: closes(1000),
  },
]);

const LONGEST = '*'.repeat(123);

conform('close payloads (7.3, 7.5)', [
  { name: '7.3.1 no payload', covers: '[WS-15]', sends: [close()], ends: closes() },
  {
    name: '7.3.2 a payload of one byte',
    covers: '[WS-15] [ATT-66]',
    sends: [frame(8, 'a')],
    ends: fails(1002, 'ERR_WEBSOCKET_BAD_CLOSE_PAYLOAD'),
  },
  { name: '7.3.3 a code', covers: '[WS-15]', sends: [close(1000)], ends: closes(1000) },
  {
    name: '7.3.4 a code and a reason',
    covers: '[WS-15]',
    sends: [close(1000, HELLO)],
    ends: closes(1000, HELLO),
  },
  {
    name: '7.3.5 a code and a reason of 123 bytes',
    covers: '[WS-15]',
    sends: [close(1000, LONGEST)],
    ends: closes(1000, LONGEST),
  },
  {
    name: '7.3.6 a code and a reason of 124 bytes',
    covers: '[WS-15] [ATT-64]',
    sends: [close(1000, `${LONGEST}*`)],
    ends: fails(1002, 'ERR_WEBSOCKET_CONTROL_TOO_LONG'),
  },
  {
    name: '7.5.1 a reason that is not UTF-8',
    covers: '[WS-15] [ATT-65]',
    sends: [close(1000, Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex'))],
    ends: fails(1007, 'ERR_WEBSOCKET_BAD_UTF8'),
  },
  // Not in the suite: a character must not be cut off, and one of several bytes may end the reason.
  {
    name: '7.5+ a reason whose last character is incomplete',
    covers: '[WS-15] [ATT-65]',
    sends: [close(1000, Buffer.from('€').subarray(0, 2))],
    ends: fails(1007, 'ERR_WEBSOCKET_BAD_UTF8'),
  },
  {
    name: '7.5+ a reason of 123 bytes that ends with a character of three bytes',
    covers: '[WS-15]',
    sends: [close(1000, `${'*'.repeat(120)}€`)],
    ends: closes(1000, `${'*'.repeat(120)}€`),
  },
]);

// The last three are not in the suite; IANA registered them later.
const VALID = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014,
];
// The last one is not in the suite.
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015];

const invalid = (name: string, code: number): ConformanceCase => ({
  name,
  covers: '[WS-15] [ATT-66]',
  sends: [close(code), text('after it')],
  ends: fails(1002, 'ERR_WEBSOCKET_BAD_CLOSE_CODE'),
});

conform('close codes (7.7, 7.9, 7.13)', [
  ...VALID.map((code, i) => ({
    name: `${i < 13 ? `7.7.${i + 1}` : '7.7+'} the valid code ${code}`,
    covers: '[WS-15]',
    sends: [close(code)],
    ends: closes(code),
  })),
  ...INVALID.map((code, i) => invalid(`${i < 9 ? `7.9.${i + 1}` : '7.9+'} the invalid code ${code}`, code)),
  // The suite accepts any behaviour here. RFC 6455 §7.4.2 defines no codes above 4999.
  invalid('7.13.1 the code 5000', 5000),
  invalid('7.13.2 the code 65535', 65_535),
]);
