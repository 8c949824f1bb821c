import { describe, expect, it } from 'vitest';
import { decodeLog } from '../../../testdata/pump-decoder.ts';
import { readHex } from '../../../testdata/read-vectors.ts';
import {
  encodeClose,
  encodeFrame,
  encodeFrameHead,
  encodeMessage,
  encodePing,
  encodePong,
} from './frame-encoder.ts';
import { OPCODES } from './frame-head.ts';

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

describe('encodeMessage', () => {
  it('writes the examples of RFC 6455 §5.7 [WS-10]', () => {
    expect(encodeMessage('Hello')).toEqual(readHex('81 05 48 65 6c 6c 6f'));
    expect(encodeMessage('Hello', KEY)).toEqual(readHex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
    expect(encodeMessage(new Uint8Array(256))).toEqual(readHex('82 7e 01 00 00*256'));
    expect(encodeMessage(new Uint8Array(65_536)).subarray(0, 10)).toEqual(readHex('82 7f 00*5 01 00 00'));
  });

  it.each([0, 1, 47, 48, 49, 125, 126, 65_535, 65_536])(
    'writes %d characters so that they are read [WS-10]',
    (length) => {
      for (const text of ['x'.repeat(length), '€'.repeat(length)]) {
        const log = [`text ${JSON.stringify(text)}`];
        expect(decodeLog([encodeMessage(text)], { role: 'client' })).toEqual(log);
        expect(decodeLog([encodeMessage(text, KEY)], { role: 'server' })).toEqual(log);
      }
    },
  );

  it.each([
    ['\ud800', '\ufffd'],
    ['a\udc00b', 'a\ufffdb'],
    ['\udc00\ud800', '\ufffd\ufffd'],
    [`${'x'.repeat(100)}\ud83c`, `${'x'.repeat(100)}\ufffd`],
  ])('replaces a lone surrogate in %j by U+FFFD [ATT-77]', (text, read) => {
    expect(decodeLog([encodeMessage(text)], { role: 'client' })).toEqual([`text ${JSON.stringify(read)}`]);
    expect(decodeLog([encodeMessage(text, KEY)], { role: 'server' })).toEqual([
      `text ${JSON.stringify(read)}`,
    ]);
  });

  it('leaves the bytes of the caller as they are', () => {
    const payload = Uint8Array.of(1, 2, 3);
    encodeMessage(payload, KEY);
    expect(payload).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each([undefined, null, 7, {}, [1], new ArrayBuffer(1), new Uint16Array(1)])('refuses %o', (message) => {
    expect(() => encodeMessage(message as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_DATA', name: 'WebSocketUsageError' }),
    );
  });

  it.each([0, 3, 5])('refuses a key of %d bytes [ATT-70]', (length) => {
    for (const message of ['', 'text', Uint8Array.of(1)]) {
      expect(() => encodeMessage(message, new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_MASK' }),
      );
    }
  });
});

describe('encodePing and encodePong', () => {
  it('write payloads of up to 125 bytes [WS-11]', () => {
    expect(encodePing()).toEqual(readHex('89 00'));
    expect(encodePong('Hello', KEY)).toEqual(readHex('8a 85 37 fa 21 3d 7f 9f 4d 51 58'));
    expect(encodePing(new Uint8Array(125))).toEqual(readHex('89 7d 00*125'));
  });

  it('refuse a payload over 125 bytes [WS-11]', () => {
    const tooLong = expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CONTROL' });
    expect(() => encodePing('x'.repeat(126))).toThrow(tooLong);
    expect(() => encodePong('€'.repeat(42), KEY)).toThrow(tooLong);
  });
});

describe('encodeClose', () => {
  it('writes nothing, a code, or a code and a reason [WS-15]', () => {
    expect(encodeClose()).toEqual(readHex('88 00'));
    expect(encodeClose(1000)).toEqual(readHex('88 02 03 e8'));
    expect(encodeClose(1001, 'hi')).toEqual(readHex('88 04 03 e9 68 69'));
    expect(encodeClose(undefined, 'hi')).toEqual(readHex('88 04 03 e8 68 69'));
    expect(encodeClose(1000, '', Uint8Array.of(0, 0, 0, 0))).toEqual(readHex('88 82 00*4 03 e8'));
  });

  it('never echoes a code that is only for reports [WS-15 ATT-66]', () => {
    for (const code of [1005, 1006, 1015]) {
      expect(() => encodeClose(code)).toThrow(
        expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' }),
      );
    }
  });
});

describe('encodeFrame', () => {
  it('writes fragments', () => {
    expect(encodeFrame(OPCODES.text, 'Hel', { fin: false })).toEqual(readHex('01 03 48 65 6c'));
    expect(encodeFrame(OPCODES.continuation, 'lo')).toEqual(readHex('80 02 6c 6f'));
  });

  it('refuses to fragment a control frame', () => {
    expect(() => encodeFrame(OPCODES.ping, '', { fin: false })).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CONTROL' }),
    );
  });

  it.each([-1, 3, 7, 11, 16, 1.5])('refuses the opcode %d', (opcode) => {
    expect(() => encodeFrame(opcode, '')).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_DATA' }),
    );
  });
});

describe('encodeFrameHead', () => {
  it.each([0, 125, 126, 65_535, 65_536])('writes what stands before %d bytes in encodeFrame', (length) => {
    for (const maskKey of [undefined, KEY]) {
      const frame = encodeFrame(OPCODES.binary, new Uint8Array(length), { maskKey });
      const head = encodeFrameHead(OPCODES.binary, length, { maskKey });
      expect(head).toEqual(frame.subarray(0, head.length));
      expect(head.length + length).toBe(frame.length);
    }
  });

  it('writes lengths above 32 bits', () => {
    expect(encodeFrameHead(OPCODES.binary, 2 ** 40 + 5)).toEqual(readHex('82 7f 00 00 01 00 00 00 00 05'));
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 60])('refuses a payload of %d bytes', (length) => {
    expect(() => encodeFrameHead(OPCODES.binary, length)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_DATA' }),
    );
  });
});
