// Sections 9 and 10 of the Autobahn test suite: large messages, small fragments, small pieces and many messages. The
// suite measures time here; these tests check the bytes, and run a selection of the sizes.

import { describe, expect, it } from 'vitest';
import type { WebSocketOptions } from '../../src/index.ts';
import { checkEnd, closes, conform, fails } from '../fixtures/conformance-case.ts';
import { type Echo, SIDES, type Side, withEcho } from '../fixtures/echo-sides.ts';
import type { Chops, RawPeer } from '../fixtures/raw-peer.ts';
import { close, fragments, frame, ping, pong, type WireFrame } from '../fixtures/wire-frames.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const LARGE: WebSocketOptions = { maxMessageBytes: 16 * MIB, maxFragments: 65_536 };
const TYPES = [
  ['text', 1],
  ['binary', 2],
] as const;

/** Bytes that are different at every place nearby; ASCII for text. */
function payload(opcode: 1 | 2, length: number): Buffer {
  const unit = opcode === 1 ? Buffer.from('BAsd7&jh23') : Buffer.from('00fffefdfcfb80ff017f', 'hex');
  return Buffer.alloc(length, unit);
}

/** Sends frames that are one message, and expects an equal one in a single frame. */
async function expectEcho(peer: RawPeer, frames: readonly WireFrame[], chops: Chops): Promise<void> {
  const already = peer.frames.length;
  const sending = peer.send(frames, chops);
  await peer.untilFrames(already + 1);
  await sending;
  const [echo, ...others] = peer.frames.splice(already);
  expect(others).toEqual([]);
  expect([echo?.fin, echo?.rsv, echo?.opcode]).toEqual([true, 0, frames[0]?.opcode]);
  const whole = Buffer.concat(frames.map((one) => one.payload));
  expect(echo?.payload.length).toBe(whole.length);
  expect(echo?.payload.equals(whole)).toBe(true);
}

/** Closes the connection in an orderly way, and forgets the messages, which were compared before. */
async function leave(side: Side, peer: RawPeer, echo: Echo): Promise<void> {
  (echo.messages as unknown[]).length = 0;
  await peer.send([close(1000)]);
  await checkEnd(side, peer, echo, { replies: [], ends: closes(1000), how: 'afterwards' });
}

describe.each(SIDES)('the %s, large messages (9)', (side) => {
  const echoes = (frames: readonly WireFrame[], chops: Chops = 'one packet') =>
    withEcho(side, LARGE, async (peer, echo) => {
      await expectEcho(peer, frames, chops);
      expect(echo.messages).toHaveLength(1);
      await leave(side, peer, echo);
    });

  describe.each(TYPES)('%s', (_type, opcode) => {
    const section = (first: number) => `9.${first + opcode - 1}`;

    it.each([
      [`${section(1)}.1`, 64 * KIB],
      [`${section(1)}.3`, MIB],
      [`${section(1)}.6`, 16 * MIB],
    ])('%s echoes one frame of %i bytes [WS-10] [WS-14]', (_number, length) =>
      echoes([frame(opcode, payload(opcode, length))]),
    );

    it.each([
      [`${section(3)}.1`, 64],
      [`${section(3)}.5`, 16 * KIB],
      [`${section(3)}.9`, 4 * MIB],
    ])('%s echoes 4 MiB in fragments of %i bytes [WS-14] [ATT-29]', (_number, size) =>
      echoes(fragments(opcode, payload(opcode, 4 * MIB), size)),
    );

    it.each([
      [`${section(5)}.1`, 64],
      [`${section(5)}.6`, 2_048],
    ])('%s echoes 1 MiB, or its first 2,000 pieces, in pieces of %i bytes [WS-14]', (_number, size) =>
      echoes([frame(opcode, payload(opcode, Math.min(MIB, 2_000 * size)))], size),
    );

    it.each([
      [`${section(7)}.1`, 0],
      [`${section(7)}.4`, 256],
      [`${section(7)}.6`, 4 * KIB],
    ])('%s echoes 1,000 messages of %i bytes, one after the other [WS-10]', (_number, length) =>
      withEcho(side, {}, async (peer, echo) => {
        const message = [frame(opcode, payload(opcode, length))];
        for (let i = 0; i < 1_000; i += 1) await expectEcho(peer, message, 'one packet');
        expect(echo.messages).toHaveLength(1_000);
        await leave(side, peer, echo);
      }),
    );
  });

  it('10.1.1 echoes 65,536 bytes that were sent in fragments of 1,300 bytes [WS-10] [WS-14]', () => {
    const sent = fragments(1, '*'.repeat(65_536), 1_300);
    expect(sent).toHaveLength(51);
    return echoes(sent);
  });

  it('10+ echoes the same with a ping in each gap, in pieces that are smaller than a frame [WS-13]', () =>
    withEcho(side, {}, async (peer, echo) => {
      const sent = fragments(1, '*'.repeat(65_536), 1_300);
      const frames = sent.flatMap((one, i) => (i === 0 ? [one] : [ping(String(i)), one]));
      await peer.send(frames, 997);
      await peer.untilFrames(51);
      const pongs = sent.slice(1).map((_, i) => pong(String(i + 1)));
      expect(peer.frames.splice(0, 50)).toEqual(pongs);
      expect(peer.frames.splice(0)).toEqual([frame(1, '*'.repeat(65_536))]);
      await leave(side, peer, echo);
    }));
});

// Not in the suite: limits, and lengths that must not be believed.
const TOO_BIG = fails(1009, 'ERR_WEBSOCKET_MESSAGE_TOO_BIG');
const SMALL: WebSocketOptions = { maxMessageBytes: 1_000, maxFragments: 4 };

conform('limits (9+)', [
  {
    name: '9+ a message of exactly the limit',
    covers: '[WS-14]',
    sends: [frame(2, Buffer.alloc(1_000))],
    replies: [frame(2, Buffer.alloc(1_000))],
    options: SMALL,
  },
  {
    name: '9+ a message of one byte more',
    covers: '[WS-14]',
    sends: [frame(2, Buffer.alloc(1_001))],
    ends: TOO_BIG,
    options: SMALL,
  },
  {
    name: '9+ a message, and fragments that together have one byte more',
    covers: '[WS-14]',
    sends: [frame(1, 'first'), ...fragments(2, Buffer.alloc(1_001), 500)],
    replies: [frame(1, 'first')],
    ends: TOO_BIG,
    options: SMALL,
  },
  {
    name: '9+ one fragment more than the limit',
    covers: '[WS-14] [ATT-29]',
    sends: fragments(1, 'abcde', 1),
    ends: fails(1008, 'ERR_WEBSOCKET_TOO_MANY_FRAGMENTS'),
    options: SMALL,
  },
]);

describe.each(SIDES)('the %s, announced lengths (9+)', (side) => {
  it.each([
    ['a length with its top bit set', '7f8000000000000001', 1002, 'ERR_WEBSOCKET_BAD_LENGTH'],
    ['the largest length', '7f7fffffffffffffff', 1009, 'ERR_WEBSOCKET_MESSAGE_TOO_BIG'],
    ['125 in 16 bits', '7e007d', 1002, 'ERR_WEBSOCKET_BAD_LENGTH'],
    ['65,535 in 64 bits', '7f000000000000ffff', 1002, 'ERR_WEBSOCKET_BAD_LENGTH'],
  ] as const)('refuses %s, before any of the payload is sent [WS-14] [ATT-30]', (_what, hex, code, error) =>
    withEcho(side, {}, async (peer, echo) => {
      const head = Buffer.from(`82${hex}`, 'hex');
      if (side === 'server') head[1] = (head[1] as number) | 128;
      await peer.sendBytes([
        side === 'server' ? Buffer.concat([head, Buffer.from('37fa213d', 'hex')]) : head,
      ]);
      await checkEnd(side, peer, echo, { replies: [], ends: fails(code, error), how: hex });
    }),
  );

  it.each(['text', 'ping', 'close'])(
    'refuses a %s frame with the mask bit of the wrong side [WS-10] [ATT-63]',
    (kind) =>
      withEcho(side, {}, async (peer, echo) => {
        const first = { text: 0x81, ping: 0x89, close: 0x88 }[kind] as number;
        await peer.sendBytes([side === 'server' ? Buffer.of(first, 0) : Buffer.of(first, 128, 1, 2, 3, 4)]);
        const error = side === 'server' ? 'ERR_WEBSOCKET_UNMASKED_FRAME' : 'ERR_WEBSOCKET_MASKED_FRAME';
        await checkEnd(side, peer, echo, { replies: [], ends: fails(1002, error), how: kind });
      }),
  );
});
