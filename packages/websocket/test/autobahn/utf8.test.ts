// Section 6 of the Autobahn test suite: text in UTF-8, valid and not. Byte strings from Markus Kuhn's decoder stress
// test.

import { describe, expect, it } from 'vitest';
import { type ConformanceCase, checkEnd, conform, fails } from '../fixtures/conformance-case.ts';
import { SIDES, withEcho } from '../fixtures/echo-sides.ts';
import { fragments, more, text } from '../fixtures/wire-frames.ts';

const BAD = fails(1007, 'ERR_WEBSOCKET_BAD_UTF8');
const GREETING = 'Hello-µ@ßöäüàá-UTF-8!!';
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** κόσμε, whose second character is U+1F79 with three bytes. An editor might replace it with U+03CC, so not as text. */
const KOSME = bytes('cebae1bdb9cf83cebcceb5').toString();

/** Valid text, a surrogate, and valid text again. */
const WITH_SURROGATE = Buffer.concat([Buffer.from(KOSME), bytes('eda080'), Buffer.from('edited')]);

const echoed = (name: string, sends: ConformanceCase['sends'], whole: string): ConformanceCase => ({
  name,
  covers: '[WS-12]',
  sends,
  replies: [text(whole)],
});

conform('text and its fragments (6.1 to 6.3)', [
  echoed('6.1.1 an empty message', [text()], ''),
  echoed('6.1.2 three empty fragments', [text('', { fin: false }), more('', { fin: false }), more()], ''),
  echoed(
    '6.1.3 a fragment between two empty ones',
    [text('', { fin: false }), more('middle frame payload', { fin: false }), more()],
    'middle frame payload',
  ),
  echoed('6.2.1 characters of two bytes', [text(GREETING)], GREETING),
  echoed(
    '6.2.2 two fragments, split between characters',
    [text('Hello-µ@ßöä', { fin: false }), more('üàá-UTF-8!!')],
    GREETING,
  ),
  echoed('6.2.3 one-byte fragments', fragments(1, GREETING, 1), GREETING),
  echoed('6.2.4 one-byte fragments of characters of two and three bytes', fragments(1, KOSME, 1), KOSME),
  {
    name: '6.3.1 a surrogate inside text',
    covers: '[WS-12] [ATT-65] [ATT-77]',
    sends: [text(WITH_SURROGATE)],
    ends: BAD,
  },
  {
    name: '6.3.2 a surrogate inside text, in one-byte fragments',
    covers: '[WS-12] [ATT-65] [ATT-77]',
    sends: fragments(1, WITH_SURROGATE, 1),
    ends: BAD,
  },
]);

/** Text that becomes invalid at its thirteenth byte: no code point begins with f4 90. */
const TOO_HIGH = Buffer.concat([Buffer.from(KOSME), bytes('f4908080'), Buffer.from('edited')]);

/** Where the message is split: before the pieces that make it invalid, and after them. */
const SPLITS = [
  ['the invalid bytes', 11, 15],
  ['only the byte that makes it invalid', 12, 13],
] as const;

// The suite also accepts a connection that fails at the end of the message ("non-strict"). Text is checked here as its
// pieces are received, so that the connection fails before the last piece is sent.
describe.each(SIDES)('the %s, text that becomes invalid (6.4)', (side) => {
  it.each(SPLITS.map(([what, from, to], i) => [i + 1, what, from, to] as const))(
    '6.4.%i fails at the fragment with %s, without the rest [WS-12] [ATT-65]',
    (_number, _what, from, to) =>
      withEcho(side, {}, async (peer, echo) => {
        await peer.send([text(TOO_HIGH.subarray(0, from), { fin: false })], 'frames');
        // The response to the ping shows that the first fragment was received and accepted.
        await peer.send([pingNow]);
        await peer.untilFrames(1);
        expect(peer.frames.map(({ opcode }) => opcode)).toEqual([10]);
        await peer.send([more(TOO_HIGH.subarray(from, to), { fin: false })]);
        await checkEnd(side, peer, echo, { replies: [pongNow], ends: BAD, how: 'fragments' });
      }),
  );

  it.each(SPLITS.map(([what, from, to], i) => [i + 3, what, from, to] as const))(
    '6.4.%i fails at the piece of a frame with %s, without the rest [WS-12] [ATT-65]',
    (_number, _what, from, to) =>
      withEcho(side, {}, async (peer, echo) => {
        const wire = peer.wire(text(TOO_HIGH));
        const head = wire.length - TOO_HIGH.length;
        const pieces = [wire.subarray(0, head + from), wire.subarray(head + from, head + to)];
        await peer.sendBytes(pieces);
        await checkEnd(side, peer, echo, { replies: [], ends: BAD, how: 'pieces' });
      }),
  );
});

const pingNow = { ...text('now'), opcode: 9 };
const pongNow = { ...pingNow, opcode: 10 };

/** Each sequence of bytes in hexadecimal; the ones after `!` are invalid. */
const hexSequences = (list: string): readonly (readonly [Buffer, boolean])[] =>
  list
    .trim()
    .split(/\s*,\s*/)
    .map((one) => [bytes(one.replace('!', '')), !one.startsWith('!')] as const);

const utf8 = (string: string): string => Buffer.from(string).toString('hex');

/** The bytes from `first` up to, but without, `last`, each followed by `then`. */
const row = (first: number, last: number, then = ''): string =>
  Array.from({ length: last - first }, (_, i) => (first + i).toString(16) + then).join('');

/** The first bytes of κόσμε: valid where a character ends. */
const prefixes = Array.from({ length: 11 }, (_, i) => {
  const isWhole = [2, 5, 7, 9, 11].includes(i + 1);
  return `${isWhole ? '' : '!'}${utf8(KOSME).slice(0, (i + 1) * 2)}`;
}).join(',');

/** Sequences that lack their last byte. */
const CUT_OFF = [
  'c0',
  'e080',
  'f08080',
  'f8808080',
  'fc80808080',
  'df',
  'efbf',
  'f7bfbf',
  'fbbfbfbf',
  'fdbfbfbfbf',
];

const nonCharacters = ['efbfbe', 'efbfbf']
  .concat(
    ['f0', 'f1', 'f2', 'f3', 'f4'].flatMap((lead) =>
      ['8f', '9f', 'af', 'bf'].flatMap((second) => [`${lead}${second}bfbe`, `${lead}${second}bfbf`]),
    ),
  )
  // Not those that are overlong or above the last code point.
  .filter((hex) => !hex.startsWith('f08f') && (!hex.startsWith('f4') || hex.startsWith('f48f')))
  .join(',');

const SEQUENCES: readonly [string, string][] = [
  [
    'valid text',
    `${['hello$world', 'hello¢world', 'hello€world', 'hello𤭢world', KOSME].map(utf8).join(',')}`,
  ],
  ['a prefix of valid text', prefixes],
  ['the first code point of a length', '00, c280, e0a080, f0908080'],
  ['the first code point of five or six bytes', '!f888808080, !fc8480808080'],
  ['the last code point of a length', '7f, dfbf, efbfbf, f48fbfbf'],
  ['a code point past the last one', '!f7bfbfbf, !fbbfbfbfbf, !fdbfbfbfbfbf'],
  ['a code point at a boundary', 'ed9fbf, ee8080, efbfbd, f48fbfbf, !f4908080'],
  [
    'continuation bytes alone',
    `!80, !bf, !80bf, !80bf80, !80bf80bf, !80bf80bf80, !80bf80bf80bf, !${row(0x80, 0xbf)}`,
  ],
  [
    'first bytes alone',
    `!${row(0xc0, 0xdf, '20')}, !${row(0xe0, 0xef, '20')}, !${row(0xf0, 0xf7, '20')}, !${row(0xf8, 0xfb, '20')}, !${row(0xfc, 0xfd, '20')}`,
  ],
  ['a sequence without its last byte', CUT_OFF.map((hex) => `!${hex}`).join(',')],
  ['all those together', `!${CUT_OFF.join('')}`],
  ['impossible bytes', '!fe, !ff, !fefeffff'],
  ['an overlong "/"', '!c0af, !e080af, !f08080af, !f8808080af, !fc80808080af'],
  ['the longest overlong sequences', '!c1bf, !e09fbf, !f08fbfbf, !f887bfbfbf, !fc83bfbfbfbf'],
  ['an overlong NUL', '!c080, !e08080, !f0808080, !f880808080, !fc8080808080'],
  ['a surrogate', '!eda080, !edadbf, !edae80, !edafbf, !edb080, !edbe80, !edbfbf'],
  [
    'two surrogates',
    '!eda080edb080, !eda080edbfbf, !edadbfedb080, !edadbfedbfbf, !edae80edb080, !edae80edbfbf, !edafbfedb080, !edafbfedbfbf',
  ],
  ['a non-character, which is valid', nonCharacters],
  ['a special character', 'efbfb9, efbfba, efbfbb, efbfbc, efbfbd, efbfbe, efbfbf'],
];

SEQUENCES.forEach(([what, list], i) => {
  const cases = hexSequences(list).map(([payload, isValid], j): ConformanceCase => {
    const name = `6.${i + 5}.${j + 1} ${isValid ? 'valid' : 'invalid'}: ${payload.toString('hex')}`;
    const message = text(payload);
    return isValid
      ? { name, covers: '[WS-12]', sends: [message], replies: [message] }
      : { name, covers: '[WS-12] [ATT-65]', sends: [message], ends: BAD };
  });
  conform(`${what} (6.${i + 5})`, cases);
});
