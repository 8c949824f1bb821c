import { describe, expect, it } from 'vitest';
import { CODERS, endOf } from '../fixtures/compressed-ends.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe.each(CODERS)('MessageCompression over %s, the examples of RFC 7692 §7.2.3', (_, coders) => {
  it('compresses and decompresses one message (§7.2.3.1) [WS-17]', () => {
    const { compression } = endOf(coders);
    expect(hex(compression.deflate('Hello') as Buffer)).toBe('f248cdc9c90700');
    expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
  });

  it('shares the window between messages with context takeover (§7.2.3.2) [WS-17]', () => {
    const { compression } = endOf(coders, { takeover: true });
    expect(hex(compression.deflate('Hello') as Buffer)).toBe('f248cdc9c90700');
    expect(hex(compression.deflate('Hello') as Buffer)).toBe('f200110000');
    expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
    expect(compression.inflateText(bytes('f2 00 11 00 00'), 100)).toBe('Hello');
  });

  it('repeats the first result without context takeover, and refuses to refer back (§7.2.3.2) [WS-17]', () => {
    const { compression } = endOf(coders);
    expect(hex(compression.deflate('Hello') as Buffer)).toBe('f248cdc9c90700');
    expect(hex(compression.deflate('Hello') as Buffer)).toBe('f248cdc9c90700');
    expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
    const refersBack = () => compression.inflate(bytes('f2 00 11 00 00'), 100);
    expect(refersBack).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_DEFLATE', closeCode: 1007 }),
    );
  });

  it.each([false, true])(
    'accepts a block without compression (§7.2.3.3), takeover %s [WS-17]',
    (takeover) => {
      const { compression } = endOf(coders, { takeover });
      expect(compression.inflateText(bytes('00 05 00 fa ff 48 65 6c 6c 6f 00'), 100)).toBe('Hello');
      expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
    },
  );

  it.each([false, true])('accepts a block with BFINAL (§7.2.3.4), takeover %s [WS-17]', (takeover) => {
    const { compression } = endOf(coders, { takeover });
    for (let round = 0; round < 3; round += 1) {
      expect(compression.inflateText(bytes('f3 48 cd c9 c9 07 00 00'), 100)).toBe('Hello');
      // Without the last byte too, which senders easily forget.
      expect(compression.inflateText(bytes('f3 48 cd c9 c9 07 00'), 100)).toBe('Hello');
      expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
    }
  });

  it.each([false, true])('accepts two blocks in one message (§7.2.3.5), takeover %s [WS-17]', (takeover) => {
    const { compression } = endOf(coders, { takeover });
    const payload = bytes('f2 48 05 00 00 00 ff ff ca c9 c9 07 00');
    expect(compression.inflateText(payload, 100)).toBe('Hello');
    expect(compression.inflateText(payload, 100)).toBe('Hello');
  });

  it.each([false, true])('an empty message is one byte (§7.2.3.6), takeover %s [WS-17]', (takeover) => {
    const { compression } = endOf(coders, { takeover });
    for (let round = 0; round < 3; round += 1) {
      expect(hex(compression.deflate('') as Buffer)).toBe('00');
      expect(hex(compression.deflate(new Uint8Array(0)) as Buffer)).toBe('00');
      expect(compression.inflateText(bytes('00'), 100)).toBe('');
      expect(compression.inflate(bytes('00'), 100)).toEqual(new Uint8Array(0));
      expect(compression.inflateText(bytes(''), 100)).toBe('');
    }
    expect(compression.inflateText(bytes('f2 48 cd c9 c9 07 00'), 100)).toBe('Hello');
  });
});
