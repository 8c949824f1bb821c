import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { MessageCompression } from '../../src/compression/message-compression.ts';
import { CODERS, endOf, ForeignEnd, jsonText, noise, rejection } from '../fixtures/compressed-ends.ts';

const MOST = 4_000_000;
/** Sizes on both sides of the limits between threads, and of those of one call in the thread pool. */
const MESSAGES: readonly Buffer[] = [
  Buffer.from(jsonText(80)),
  Buffer.from(jsonText(80)),
  Buffer.from(jsonText(1000, 2)),
  noise(300),
  Buffer.from(jsonText(16_000, 3)),
  noise(16_384),
  noise(16_385),
  Buffer.alloc(0),
  Buffer.from(jsonText(65_000, 4)),
  Buffer.alloc(65_536, 7),
  Buffer.alloc(65_537, 7),
  Buffer.from(jsonText(80)),
  noise(300_000, 5),
  Buffer.from(jsonText(700_000, 6)),
  Buffer.alloc(2_000_000, 'ab'),
  Buffer.from(jsonText(80)),
];

const WINDOWS = [9, 10, 11, 12, 13, 14, 15];

describe.each(CODERS)('MessageCompression over %s', (_, coders) => {
  describe.each([false, true])('with takeover %s', (takeover) => {
    it.each(WINDOWS)('is understood by zlib, with a window of %i bits [WS-17]', async (windowBits) => {
      const { compression } = endOf(coders, { takeover, windowBits });
      const foreign = new ForeignEnd(takeover, windowBits);
      for (const message of MESSAGES) {
        const payload = await compression.deflate(message);
        expect(foreign.inflate(payload).equals(message), `${message.length} bytes`).toBe(true);
      }
      compression.close();
    });

    it.each(WINDOWS)('understands zlib, with a window of %i bits [WS-17]', async (windowBits) => {
      const { compression } = endOf(coders, { takeover, windowBits });
      const foreign = new ForeignEnd(takeover, windowBits);
      for (const message of MESSAGES) {
        const received = await compression.inflate(foreign.deflate(message), MOST);
        expect(message.equals(received), `${message.length} bytes`).toBe(true);
      }
      compression.close();
    });

    it('sends text as UTF-8, and reads it back, with lone surrogates replaced [WS-17] [ATT-77]', async () => {
      const { compression } = endOf(coders, { takeover });
      for (const text of ['é€😀', '€'.repeat(16_384), '€'.repeat(100_000), jsonText(5000), 'a\ud800b']) {
        const payload = await compression.deflate(text);
        expect(await compression.inflateText(payload, MOST)).toBe(text.replace('\ud800', '\ufffd'));
      }
    });

    it.each([100, 30_000, 300_000])(
      'refuses %i bytes that are not UTF-8 as text with 1007 [WS-12]',
      async (size) => {
        const { compression } = endOf(coders, { takeover });
        const payload = new ForeignEnd(takeover).deflate(noise(size));
        const error = await rejection(async () => compression.inflateText(payload, MOST));
        expect(error).toMatchObject({ code: 'ERR_WEBSOCKET_BAD_UTF8', closeCode: 1007 });
      },
    );

    it('returns bytes that the caller owns, in an ArrayBuffer of exactly their size [WS-17]', async () => {
      const { compression } = endOf(coders, { takeover });
      const kept: [Uint8Array, Buffer][] = [];
      for (const message of MESSAGES) {
        const payload = await compression.deflate(message);
        const received = await compression.inflate(payload, MOST);
        expect(received.constructor).toBe(Uint8Array);
        expect(received.buffer.byteLength).toBe(message.length);
        kept.push([received, message]);
      }
      for (const [received, message] of kept) expect(message.equals(received)).toBe(true);
    });

    it('processes up to 16 KiB at once, and borrows them for the call only [WS-17]', async () => {
      const { compression } = endOf(coders, { takeover });
      const message = Buffer.from(jsonText(16_384, 9).replaceAll('é', 'e'));
      const payload = compression.deflate(message) as Buffer;
      expect(Buffer.isBuffer(payload)).toBe(true);
      expect(compression.inflate(payload, MOST)).toEqual(new Uint8Array(message));
      // Small, but large when it is decompressed.
      const small = await compression.deflate(Buffer.alloc(1_000_000, 1));
      const later = compression.inflate(small, MOST);
      small.fill(0xff);
      expect(Buffer.alloc(1_000_000, 1).equals(await later)).toBe(true);
    });

    it('decompresses blocks that were flushed in any number of pieces [WS-17]', async () => {
      const { compression } = endOf(coders, { takeover });
      const foreign = new ForeignEnd(true);
      const message = Buffer.from(jsonText(40_000, 11));
      for (const step of [1, 7, 1000, 39_999]) {
        const sender = step < 10 ? message.subarray(0, 700 * step) : message;
        const parts: Buffer[] = [];
        const stream = takeover ? foreign : new ForeignEnd(true);
        for (let at = 0; at < sender.length; at += step) {
          parts.push(stream.deflate(sender.subarray(at, at + step)), Buffer.from([0, 0, 0xff, 0xff]));
        }
        const payload = Buffer.concat(parts.slice(0, -1));
        expect(sender.equals(await compression.inflate(payload, MOST)), `steps of ${step}`).toBe(true);
      }
    });
  });

  it('understands messages of several streams that end with BFINAL, whatever their size [WS-17]', async () => {
    for (const takeover of [false, true]) {
      const { compression } = endOf(coders, { takeover });
      for (const size of [10, 5000, 100_000, 400_000]) {
        const part = Buffer.from(jsonText(size, size));
        const payload = Buffer.concat([deflateRawSync(part), deflateRawSync(part), deflateRawSync(part)]);
        for (const end of [payload, Buffer.concat([payload, Buffer.alloc(1)])]) {
          const received = await compression.inflate(end, MOST);
          expect(Buffer.concat([part, part, part]).equals(received), `${size}, takeover ${takeover}`).toBe(
            true,
          );
        }
        // The window is empty after a final block, and messages may refer to what came after it.
        const foreign = new ForeignEnd(takeover);
        for (let round = 0; round < 2; round += 1) {
          const received = await compression.inflate(foreign.deflate(part), MOST);
          expect(part.equals(received)).toBe(true);
        }
        await compression.inflate(deflateRawSync('end'), MOST);
      }
    }
  });

  it('keeps the context through messages of every kind, in both directions at once [WS-17]', async () => {
    const ends = [endOf(coders, { takeover: true }), endOf(coders, { takeover: true })].map(
      ({ compression }) => compression,
    ) as [MessageCompression, MessageCompression];
    const pass = async (from: MessageCompression, to: MessageCompression): Promise<void> => {
      for (const message of MESSAGES) {
        expect(message.equals(await to.inflate(await from.deflate(message), MOST))).toBe(true);
      }
    };
    await Promise.all([pass(ends[0], ends[1]), pass(ends[1], ends[0])]);
    const [small] = MESSAGES as [Buffer];
    expect((await ends[0].deflate(small)).length).toBeLessThan(20);
  });
});

describe.each(CODERS)('CompressionPool over %s', (_, coders) => {
  it('compresses the same message to the same bytes, whatever was compressed before [WS-17]', async () => {
    const { pool } = endOf(coders);
    const message = jsonText(3000, 1);
    const large = jsonText(50_000, 1);
    const first = pool.deflate(message, 12, 6, 8);
    const firstLarge = await pool.deflate(large, 12, 6, 8);
    for (const other of MESSAGES) {
      await pool.deflate(other, 12, 6, 8);
      await pool.deflate(other, 15, 1, 9);
      expect(pool.deflate(message, 12, 6, 8)).toEqual(first);
    }
    expect(await pool.deflate(Buffer.from(large), 12, 6, 8)).toEqual(firstLarge);
    expect(new ForeignEnd(false, 12).inflate(first as Buffer).toString()).toBe(message);
  });

  it.each(['8', '16', '9.5', 'NaN'])('refuses a window of %s bits', (bits) => {
    const { pool } = endOf(coders);
    const compress = () => pool.deflate('text', Number(bits), 6, 8);
    expect(compress).toThrow(expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }));
  });
});
