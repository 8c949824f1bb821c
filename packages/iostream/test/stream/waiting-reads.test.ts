import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { IOStream } from '../../src/index.ts';
import { openPair, sendByBytes, text, withPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const CHANNELS = ['memory', 'TCP'];
const closed = { name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED' };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe.each(CHANNELS)('a read that waits, over %s', (channel) => {
  it('gets what comes for it, and leaves the rest to the next [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readBytes(4);
      await a.write('abcdefg');
      expect(text(await read)).toBe('abcd');
      expect(text(await b.readBytes(3))).toBe('efg');
    }));

  it('gets bytes that come in any pieces, whole [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readBytes(6);
      await sendByBytes(a, b, 'abcdefgh');
      expect(text(await read)).toBe('abcdef');
      expect(text(await b.readBytes(2))).toBe('gh');
    }));

  it('gets no more than it wants when partial [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      const first = b.readBytes(3, { partial: true });
      await a.write('abcde');
      expect(text(await first)).toBe('abc');
      expect(text(await b.readBytes(100, { partial: true }))).toBe('de');
    }));

  it('gets what ends with a delimiter, wherever the pieces part [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      const whole = b.readUntil('\r\n');
      await a.write('one\r\ntwo\r');
      expect(text(await whole)).toBe('one\r\n');
      const parted = b.readUntil('\r\n');
      await sendByBytes(a, b, '\nrest');
      expect(text(await parted)).toBe('two\r\n');
      expect(text(await b.readBytes(4))).toBe('rest');
    }));

  it('fails when the delimiter comes too late, in the same piece too [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readUntil('\n', { maxBytes: 4 });
      a.write('12345\n').catch(() => {});
      await expect(read).rejects.toMatchObject({
        ...closed,
        cause: { code: 'ERR_STREAM_UNSATISFIABLE' },
      });
    }));

  it('gets a delimiter that ends at the limit [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readUntil('\n', { maxBytes: 4 });
      await a.write('123\n456');
      expect(text(await read)).toBe('123\n');
    }));

  it('keeps its bytes, whatever comes afterwards', () =>
    withPair(channel, async ({ a, b }) => {
      const results: Buffer[] = [];
      const words = Array.from({ length: 50 }, (_, i) => `word ${i};`);
      for (const [i, word] of words.entries()) {
        const read = i % 2 === 0 ? b.readUntil(';') : b.readBytes(word.length);
        await a.write(word);
        results.push(await read);
      }
      expect(results.map(text)).toEqual(words);
    }));

  it('loses nothing to an abort, wherever it comes', () =>
    withPair(channel, async ({ a, b }) => {
      for (const sent of ['', 'ab']) {
        const controller = new AbortController();
        const reading = b.readBytes(4, { signal: controller.signal }).catch((error: unknown) => error);
        const before = b.bytesReceived;
        await a.write(sent);
        await until(() => b.bytesReceived === before + sent.length);
        controller.abort('enough');
        expect(await reading).toBe('enough');
        expect(b.isReading).toBe(false);
      }
      const read = b.readBytes(4);
      await a.write('cd');
      expect(text(await read)).toBe('abcd');
    }));

  it('is over when the bytes came first: a later abort changes nothing', () =>
    withPair(channel, async ({ a, b }) => {
      const controller = new AbortController();
      const read = b.readBytes(2, { signal: controller.signal });
      await a.write('ab');
      expect(text(await read)).toBe('ab');
      const next = b.readBytes(2);
      controller.abort();
      await a.write('cd');
      expect(text(await next)).toBe('cd');
    }));

  it('fails with the close of the stream, once, as an error that can be caught', () =>
    withPair(channel, async ({ b }) => {
      const read = b.readUntil('\n');
      const why = new Error('enough');
      b.close(why);
      await expect(read).rejects.toMatchObject({ ...closed, cause: why });
    }));

  it('gets memory of the size of what came', () =>
    withPair(channel, async ({ a, b }) => {
      // More than Node shares one buffer for.
      const length = Buffer.poolSize / 2 + 1;
      const read = b.readBytes(2 * length, { partial: true });
      await a.write(Buffer.alloc(length));
      const bytes = await read;
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }));

  it('gives streams apart what came on each, though empty buffers go around', async () => {
    const pairs = await Promise.all(Array.from({ length: 40 }, () => openPair(channel)));
    try {
      for (const round of ['first', 'second', 'third']) {
        for (const [i, { a }] of pairs.entries()) await a.write(`${round} of ${i}\nleft of ${i};`);
        for (const [i, { b }] of pairs.entries()) {
          expect(text(await b.readUntil('\n'))).toBe(`${round} of ${i}\n`);
        }
        for (const [i, { b }] of pairs.entries()) expect(text(await b.readUntil(';'))).toBe(`left of ${i};`);
      }
    } finally {
      await Promise.all(pairs.map((pair) => pair.close()));
    }
  });
});

describe('an idle stream', () => {
  it.each<[string, (stream: IOStream) => Promise<Buffer>]>([
    ['readBytes', (stream) => stream.readBytes(64 * KIB, { partial: true })],
    ['readUntil', (stream) => stream.readUntil('\n')],
  ])('with a waiting %s holds no buffer', async (_, read) => {
    const pairs = await Promise.all(Array.from({ length: 200 }, () => openPair('TCP')));
    try {
      collectGarbage();
      const before = process.memoryUsage().arrayBuffers;
      for (const { a, b } of pairs) {
        const first = read(b);
        await a.write('ping\n');
        await first;
        read(b).catch(() => {});
      }
      collectGarbage();
      expect((process.memoryUsage().arrayBuffers - before) / pairs.length).toBeLessThan(128);
    } finally {
      await Promise.all(pairs.map((pair) => pair.close()));
    }
  });
});
