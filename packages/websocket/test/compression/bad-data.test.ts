import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WebSocketProtocolError } from '../../src/protocol/index.ts';
import { CODERS, endOf, ForeignEnd, jsonText, noise, rejection } from '../fixtures/compressed-ends.ts';

const MIB = 1024 * 1024;
const tooBig = { name: 'WebSocketProtocolError', code: 'ERR_WEBSOCKET_MESSAGE_TOO_BIG', closeCode: 1009 };
const badDeflate = { name: 'WebSocketProtocolError', code: 'ERR_WEBSOCKET_BAD_DEFLATE', closeCode: 1007 };

/** A payload that is a message of `mebibytes` zero bytes: about a thousandth of that. */
function bomb(mebibytes: number): Buffer {
  const zeros = Buffer.alloc(MIB);
  const first = deflateRawSync(zeros, { finishFlush: constants.Z_FULL_FLUSH });
  const parts = Array.from({ length: mebibytes }, () => first);
  return Buffer.concat(parts).subarray(0, -4);
}

describe.each(CODERS)('MessageCompression.inflate over %s', (_, coders) => {
  describe.each([false, true])('with takeover %s', (takeover) => {
    it.each([1, 100, 16_384, 65_536, 65_537, 300_000])(
      'accepts a message of exactly the limit of %i bytes, and refuses one byte more [WS-18]',
      async (size) => {
        for (const message of [Buffer.alloc(size), noise(size)]) {
          const { compression } = endOf(coders, { takeover });
          const payload = new ForeignEnd(takeover).deflate(message);
          expect((await compression.inflate(payload, size)).length).toBe(size);
          const { compression: other } = endOf(coders, { takeover });
          const error = await rejection(() => other.inflate(payload, size - 1));
          expect(error).toMatchObject(tooBig);
        }
      },
    );

    it('refuses a bomb as soon as it is larger than the limit [WS-18] [ATT-28]', async () => {
      const { compression, pool } = endOf(coders, { takeover });
      // Of 16 GiB, which would take many seconds, and more memory than there is.
      const payload = bomb(16_384);
      const before = process.memoryUsage().arrayBuffers;
      expect(await rejection(() => compression.inflate(payload, MIB))).toMatchObject(tooBig);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
      await settled(() => pool.running === 0);
    });

    it('refuses a small bomb with a small limit at once [WS-18] [ATT-28]', () => {
      const { compression } = endOf(coders, { takeover });
      expect(() => compression.inflate(bomb(10), 1000)).toThrow(expect.objectContaining(tooBig));
    });

    it('decompresses no more than 64 KiB in the thread of the caller [ATT-28]', async () => {
      const { compression } = endOf(coders, { takeover });
      const later = compression.inflate(bomb(3), 4 * MIB);
      expect(later).toBeInstanceOf(Promise);
      expect((await later).length).toBe(3 * MIB);
    });

    it('refuses a payload that is cut off within a block with 1007 [WS-19] [ATT-68]', async () => {
      for (const message of [
        Buffer.from('Hello'),
        Buffer.from(jsonText(400)),
        Buffer.alloc(300, 'ab'),
        noise(100),
      ]) {
        const whole = new ForeignEnd(false).deflate(message);
        for (let length = 1; length < whole.length; length += 1) {
          // What is left of these is a complete message: an empty one, and one that ends with four bytes of its tail.
          if (whole[0] === 0 && (length === 1 || length === whole.length - 5)) continue;
          const { compression } = endOf(coders, { takeover });
          const error = await rejection(() => compression.inflate(whole.subarray(0, length), 10_000));
          expect(error, `${length} of ${whole.length} bytes of ${message.length}`).toMatchObject(badDeflate);
        }
      }
    });

    it('refuses a large payload that is cut off with 1007 [WS-19] [ATT-68]', async () => {
      const whole = new ForeignEnd(false).deflate(Buffer.from(jsonText(800_000)));
      for (const length of [17_000, 17_001, 50_000, whole.length - 5, whole.length - 1]) {
        const { compression, pool } = endOf(coders, { takeover });
        const error = await rejection(() => compression.inflate(whole.subarray(0, length), MIB));
        expect(error, `${length} of ${whole.length}`).toMatchObject(badDeflate);
        await settled(() => pool.running === 0);
      }
    });

    it.each([
      ['a block of the reserved type', '06'],
      ['lengths of a block that do not match', '00 05 00 fa fe 48 65 6c 6c 6f 00'],
      ['a reference before the first byte', '4b 04 12 00'],
      ['Huffman codes that are not complete', '04 c0 81 08 00 00 00 00 20 7f eb 0b 00'],
      ['plain text', Buffer.from('hello, I am not compressed').toString('hex')],
      ['a final block that ends in the tail', '01 04 00 fb ff'],
    ])('refuses %s with 1007 [WS-19] [ATT-68]', async (_name, text) => {
      const { compression } = endOf(coders, { takeover });
      const payload = Buffer.from(text.replaceAll(' ', ''), 'hex');
      const error = await rejection(() => compression.inflate(payload, 1000));
      expect(error).toMatchObject(badDeflate);
    });

    it('refuses thousands of final blocks, each of which would cost a call of zlib', async () => {
      const { compression } = endOf(coders, { takeover });
      const few = Buffer.concat(Array.from({ length: 50 }, () => Buffer.from([3, 0])));
      expect(await compression.inflate(few, 1000)).toEqual(new Uint8Array(0));
      for (const count of [1000, 100_000]) {
        const many = Buffer.alloc(count * 2, few);
        const { compression: other } = endOf(coders, { takeover });
        expect(await rejection(() => other.inflate(many, 1000))).toMatchObject(badDeflate);
      }
    });

    it('does not disturb other connections of the pool [ATT-68]', async () => {
      const { compression, pool } = endOf(coders, { takeover });
      for (let round = 0; round < 3; round += 1) {
        const { compression: broken } = endOf(coders, { takeover, pool });
        expect(await rejection(() => broken.inflate(Buffer.from('ffff', 'hex'), 1000))).toMatchObject(
          badDeflate,
        );
        const { compression: other } = endOf(coders, { takeover, pool });
        expect(await rejection(() => other.inflate(noise(50_000), 1000))).toBeInstanceOf(
          WebSocketProtocolError,
        );
        const message = jsonText(round === 1 ? 50_000 : 300);
        expect(await compression.inflateText(await compression.deflate(message), MIB)).toBe(message);
      }
    });
  });

  it('fails after a message that has failed, because the context is lost [ATT-68]', async () => {
    for (const payload of [Buffer.from('ffff', 'hex'), noise(50_000)]) {
      const { compression } = endOf(coders, { takeover: true });
      expect(await rejection(() => compression.inflate(payload, 1000))).toMatchObject(badDeflate);
      const next = await rejection(() => compression.inflate(Buffer.from('f248cdc9c90700', 'hex'), 1000));
      expect(next).toMatchObject({ code: 'ERR_WEBSOCKET_COMPRESSION_CLOSED' });
      // The other direction does not depend on it.
      expect(compression.deflate('Hello')).toEqual(Buffer.from('f248cdc9c90700', 'hex'));
    }
  });
});

/** Waits, loop iteration by loop iteration, until a job has left the thread pool. */
async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
