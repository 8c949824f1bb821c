import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocketProtocolError } from '../../src/index.ts';
import {
  encodeClose,
  encodeFrame,
  encodeFrameHead,
  encodeMessage,
  encodePing,
  OPCODES,
} from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { type Running, until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const masked = { maskKey: MASK };
const TEN_MIB = 10 * 1024 * 1024;

const served = (use: (running: Running) => Promise<void>) => withApp([['/', RecordingHandler]], use);

/** A masked close frame with any payload, valid or not. */
const closeWith = (...payload: readonly number[]) =>
  encodeFrame(OPCODES.close, Uint8Array.from(payload), masked);

const withBit = (frame: Uint8Array, bit: number) => {
  frame[0] = (frame[0] as number) | bit;
  return frame;
};

describe('WebSocketHandler, given what breaks the protocol', () => {
  it.each<[string, number, Uint8Array]>([
    ['an unmasked frame [WS-10, ATT-63]', 1002, encodeMessage('hello')],
    ['the first reserved bit [WS-11, ATT-64]', 1002, withBit(encodeMessage('x', MASK), 0x40)],
    ['the second reserved bit [WS-11, ATT-64]', 1002, withBit(encodeMessage('x', MASK), 0x20)],
    ['the third reserved bit [WS-11, ATT-64]', 1002, withBit(encodeMessage('x', MASK), 0x10)],
    ['a reserved data opcode [WS-11, ATT-64]', 1002, withBit(encodeMessage('x', MASK), 0x02 | 0x01)],
    ['a reserved control opcode [WS-11, ATT-64]', 1002, withBit(encodePing('', MASK), 0x0b)],
    ['a fragmented ping [WS-11, ATT-64]', 1002, Buffer.from('0980000000', 'hex').fill(0, 2)],
    ['a ping of 126 bytes [WS-11, ATT-64]', 1002, Buffer.from('89fe007e00000000', 'hex')],
    ['a stray continuation [WS-11, ATT-64]', 1002, encodeFrame(OPCODES.continuation, 'x', masked)],
    [
      'a message inside another [WS-11, ATT-64]',
      1002,
      Buffer.concat([encodeFrame(OPCODES.text, 'a', { fin: false, ...masked }), encodeMessage('b', MASK)]),
    ],
    ['text that is not UTF-8 [WS-12, ATT-65]', 1007, encodeFrame(OPCODES.text, Uint8Array.of(0xff), masked)],
    [
      'a surrogate in text [WS-12, ATT-77]',
      1007,
      encodeFrame(OPCODES.text, Uint8Array.of(0xed, 0xa0, 0x80), masked),
    ],
    [
      'a length with its top bit set [WS-14, ATT-30]',
      1002,
      Buffer.from('82ff800000000000000100000000', 'hex'),
    ],
    ['a length of 2^62 [WS-14, ATT-30]', 1009, Buffer.from('82ff400000000000000000000000', 'hex')],
    ['10 MiB and a byte, announced [WS-14]', 1009, encodeFrameHead(OPCODES.binary, TEN_MIB + 1, masked)],
    ['a close payload of one byte [WS-15, ATT-66]', 1002, closeWith(3)],
    ['a close reason that is not UTF-8 [WS-15, ATT-65]', 1007, closeWith(3, 232, 0xff)],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map((code): [string, number, Uint8Array] => [
      `the close code ${code} [WS-15, ATT-66]`,
      1002,
      closeWith(code >> 8, code & 0xff),
    ]),
  ])('closes after %s', async (_what, code, bytes) => {
    await served(async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(bytes);
      const frames = await client.untilEnd();
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatch(new RegExp(`^close ${code} .`));
      const handler = RecordingHandler.only;
      await until(() => handler.closes > 0);
      expect(handler.calls).toEqual(['open', 'close']);
      expect([handler.closeCode, handler.closeReason]).toEqual([1006, '']);
      expect(handler.closeError).toBeInstanceOf(WebSocketProtocolError);
      expect(log.problems).toEqual([]);
    });
  });

  it('answers messages that came before what it refuses [WS-11]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(
        Buffer.concat([
          encodeMessage('fine', MASK),
          encodeMessage('not masked'),
          encodeMessage('late', MASK),
        ]),
      );
      const frames = await client.untilEnd();
      expect(frames[0]).toBe('text fine');
      expect(frames[1]).toMatch(/^close 1002/);
      expect(frames).toHaveLength(2);
    }));

  it('lets the peer read the close frame although it goes on sending [WS-14]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeFrameHead(OPCODES.binary, TEN_MIB + 1, masked));
      for (let i = 0; i < 64; i += 1) client.send(new Uint8Array(64 * 1024));
      expect(await client.frame()).toMatch(/^close 1009/);
      expect(client.error).toBeUndefined();
      client.socket.destroy();
    }));

  it('takes 10 MiB, but not a byte more in fragments [WS-14]', () =>
    served(async ({ port }) => {
      const whole = await RawClient.open(port);
      whole.send(encodeMessage(new Uint8Array(TEN_MIB), MASK));
      expect(await whole.frame()).toBe(`binary ${TEN_MIB}`);
      whole.socket.destroy();
      const split = await RawClient.open(port);
      split.send(encodeFrame(OPCODES.binary, new Uint8Array(TEN_MIB), { fin: false, ...masked }));
      split.send(encodeFrame(OPCODES.continuation, new Uint8Array(1), masked));
      expect(await split.frame()).toMatch(/^close 1009/);
      split.socket.destroy();
    }));

  it('puts fragments together in linear time, and refuses more than 10,000 [ATT-29]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      const fragment = encodeFrame(OPCODES.continuation, 'x', { fin: false, ...masked });
      const first = encodeFrame(OPCODES.text, 'x', { fin: false, ...masked });
      const last = encodeFrame(OPCODES.continuation, 'x', masked);
      client.send(first, ...Array.from({ length: 98 }, () => Buffer.concat(Array(100).fill(fragment))), last);
      expect(await client.frame()).toBe(`text ${'x'.repeat(9802)}`);
      client.send(first, Buffer.concat(Array(99_999).fill(fragment)));
      expect(await client.frame(2)).toMatch(/^close 1008/);
      client.socket.destroy();
    }));

  it('takes a character that is spread over fragments, with a ping between them [WS-12, WS-13]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      const euro = Buffer.from('€');
      client.send(encodeFrame(OPCODES.text, euro.subarray(0, 1), { fin: false, ...masked }));
      client.send(encodePing('between', MASK));
      client.send(encodeFrame(OPCODES.continuation, euro.subarray(1), masked));
      expect([await client.frame(), await client.frame(2)]).toEqual(['pong between', 'text €']);
      client.socket.destroy();
    }));

  it('reads bytes that come one at a time [WS-10]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      client.socket.setNoDelay(true);
      for (const byte of Buffer.concat([encodeMessage('slow', MASK), encodeClose(4000, 'bye', MASK)])) {
        client.send(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await client.untilEnd()).toEqual(['text slow', 'close 4000']);
    }));
});
