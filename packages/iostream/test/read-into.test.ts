import { describe, expect, it } from 'vitest';
import { CHANNEL_NAMES, sendByBytes, text, withPair } from './support/stream-pair.ts';
import { until } from './support/until.ts';

describe.each(CHANNEL_NAMES)('IOStream.readInto over %s', (channel) => {
  it('fills the buffer and keeps the rest [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('abcdef');
      const target = Buffer.alloc(4);
      expect(await b.readInto(target)).toBe(4);
      expect(text(target)).toBe('abcd');
      expect(text(await b.readBytes(2))).toBe('ef');
    }));

  it('fills it with bytes that come later, in any pieces [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      const target = Buffer.alloc(6);
      await a.write('a');
      const read = b.readInto(target);
      await sendByBytes(a, b, 'bcdefgh');
      expect(await read).toBe(6);
      expect(text(target)).toBe('abcdef');
      expect(text(await b.readBytes(2))).toBe('gh');
    }));

  it('answers with what is there when partial [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('abc');
      const target = Buffer.alloc(10, '.');
      expect(await b.readInto(target, { partial: true })).toBe(3);
      expect(text(target)).toBe('abc.......');
      const later = b.readInto(target, { partial: true });
      await a.write('de');
      expect(await later).toBe(2);
      expect(text(target)).toBe('dec.......');
    }));

  it('answers at once for an empty buffer [STR-04]', () =>
    withPair(channel, async ({ b }) => {
      expect(await b.readInto(new Uint8Array(0))).toBe(0);
      expect(await b.readInto(new Uint8Array(0), { partial: true })).toBe(0);
    }));

  it('moves many megabytes', () =>
    withPair(channel, async ({ a, b }) => {
      const sent = Buffer.alloc(
        5 * 1024 * 1024,
        Uint8Array.from({ length: 251 }, (_, i) => i),
      );
      void a.write(sent);
      const target = Buffer.alloc(sent.length);
      expect(await b.readInto(target)).toBe(sent.length);
      expect(target.equals(sent)).toBe(true);
    }));

  it('puts back what it has taken when aborted', () =>
    withPair(channel, async ({ a, b }) => {
      const controller = new AbortController();
      const read = b
        .readInto(Buffer.alloc(10), { signal: controller.signal })
        .catch((error: unknown) => error);
      await a.write('half');
      await until(() => b.bytesReceived === 4);
      controller.abort('enough');
      expect(await read).toBe('enough');
      await a.write('!');
      expect(text(await b.readBytes(5))).toBe('half!');
    }));

  it('puts back what it has taken when the peer ends first [STR-05]', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readInto(Buffer.alloc(10)).catch((error: unknown) => error);
      await a.write('half');
      a.endWrite();
      expect(await read).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      expect(text(await b.readUntilClose())).toBe('half');
    }));

  it('takes memory that was transferred meanwhile for full', () =>
    withPair(channel, async ({ a, b }) => {
      const target = new Uint8Array(10);
      const read = b.readInto(target);
      structuredClone(target.buffer, { transfer: [target.buffer] });
      await a.write('bytes');
      expect(await read).toBe(0);
      expect(text(await b.readBytes(5))).toBe('bytes');
    }));

  it('refuses what is no Uint8Array, and a buffer above the limit', () =>
    withPair(
      channel,
      async ({ a, b }) => {
        for (const target of [new Float64Array(2), 'text', undefined, new Uint8Array(1025)]) {
          await expect(b.readInto(target as Uint8Array)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
        }
        void a.write(Buffer.alloc(1024));
        expect(await b.readInto(new Uint8Array(1024))).toBe(1024);
      },
      { maxReadBufferBytes: 1024 },
    ));
});
