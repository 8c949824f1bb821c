import { describe, expect, it } from 'vitest';
import { isValidCloseCode } from './close-codes.ts';
import { readClosePayload, writeClosePayload } from './close-payload.ts';

describe('readClosePayload', () => {
  it('refuses every code that is not for the wire, and no other [WS-15 ATT-66]', () => {
    for (let code = 0; code <= 5100; code += 1) {
      const read = () => readClosePayload(Uint8Array.of(code >> 8, code & 0xff));
      if (isValidCloseCode(code)) expect(read()).toEqual({ code, reason: '' });
      else expect(read, `${code}`).toThrow(expect.objectContaining({ closeCode: 1002 }));
    }
  });
});

describe('writeClosePayload', () => {
  it.each([
    [undefined, ''],
    [1000, ''],
    [4999, 'x'.repeat(123)],
    [1001, '€'.repeat(41)],
  ])('writes what readClosePayload reads: %s %j [WS-15]', (code, reason) => {
    expect(readClosePayload(writeClosePayload(code, reason))).toEqual({ code: code ?? 1005, reason });
  });

  it('takes a reason without a code for a normal close [WS-15]', () => {
    expect(readClosePayload(writeClosePayload(undefined, 'bye'))).toEqual({ code: 1000, reason: 'bye' });
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536 + 1000, Number.NaN, 1000.5])(
    'refuses to send code %d [ATT-66]',
    (code) => {
      expect(() => writeClosePayload(code, '')).toThrow(
        expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' }),
      );
    },
  );

  it.each(['x'.repeat(124), '€'.repeat(42)])('refuses a reason over 123 bytes [WS-15]', (reason) => {
    expect(() => writeClosePayload(1000, reason)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' }),
    );
  });
});
