import { createGzip, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  AVAILABLE_CODINGS,
  countingFreedEngines,
  encode,
  words,
} from '../../test/fixtures/encoded-bodies.ts';
import { BodyInflater, type InflationLimits } from './body-inflater.ts';
import type { ContentCoding } from './content-coding.ts';

const LIMITS: InflationLimits = {
  chunkBytes: 64 * 1024,
  maxBodyBytes: 100 * 1024 * 1024,
  maxRatio: Number.POSITIVE_INFINITY,
};

function inflater(codings: readonly ContentCoding[], limits: Partial<InflationLimits> = {}): BodyInflater {
  return new BodyInflater(codings, { ...LIMITS, ...limits });
}

/** Every piece that is left of what was written. */
async function pieces(from: BodyInflater): Promise<Uint8Array[]> {
  const list: Uint8Array[] = [];
  for (let piece = await from.next(); piece !== undefined; piece = await from.next()) list.push(piece);
  return list;
}

/** The body that comes in chunks, without its codings. */
async function inflate(
  codings: readonly ContentCoding[],
  chunks: readonly Uint8Array[],
  limits: Partial<InflationLimits> = {},
): Promise<string> {
  const body = inflater(codings, limits);
  const all: Uint8Array[] = [];
  for (const chunk of chunks) {
    body.write(chunk);
    all.push(...(await pieces(body)));
  }
  body.end();
  all.push(...(await pieces(body)));
  body.close();
  return Buffer.concat(all).toString();
}

function splitAt(bytes: Buffer, ...places: number[]): Buffer[] {
  return [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length));
}

const CODED = [
  ...AVAILABLE_CODINGS.map((coding) => [coding]),
  ['gzip', 'br'],
  ['br', 'gzip'],
  ['deflate', 'deflate'],
] as ContentCoding[][];

const corrupt = { code: 'ERR_HTTP_CODING_CORRUPT', name: 'ContentCodingProtocolError' };
const truncated = { code: 'ERR_HTTP_CODING_TRUNCATED', name: 'ContentCodingProtocolError' };
const trailing = { code: 'ERR_HTTP_CODING_TRAILING', name: 'ContentCodingProtocolError' };
const tooLarge = { code: 'ERR_HTTP_CODING_LIMIT', name: 'ContentCodingLimitError' };

describe('BodyInflater', () => {
  it('undoes every coding and every list of them, wherever the bytes are split [H1-20]', async () => {
    const body = words(300).toString();
    for (const codings of CODED) {
      const encoded = encode(body, ...codings);
      for (let at = 1; at < encoded.length; at += 1) {
        expect(await inflate(codings, splitAt(encoded, at)), `${codings} split at ${at}`).toBe(body);
      }
      const bytes = [...encoded].map((byte) => Buffer.of(byte));
      expect(await inflate(codings, bytes), `${codings} byte by byte`).toBe(body);
    }
  });

  it('gives pieces of at most chunkBytes, and all of a large body [H1-20]', async () => {
    const body = words(1_000_000);
    for (const codings of CODED) {
      for (const chunkBytes of [1000, 64 * 1024]) {
        const from = inflater(codings, { chunkBytes });
        from.write(encode(body, ...codings));
        const list = await pieces(from);
        expect(Math.max(...list.map((piece) => piece.length))).toBeLessThanOrEqual(chunkBytes);
        expect(Buffer.concat(list).equals(body)).toBe(true);
        from.close();
      }
    }
  });

  it('gives pieces that are not written to again', async () => {
    const body = words(200_000);
    const from = inflater(['gzip']);
    const seen: [Uint8Array, string][] = [];
    for (const chunk of splitAt(encode(body, 'gzip'), 100, 5000, 5100, 20_000)) {
      from.write(chunk);
      for (const piece of await pieces(from)) seen.push([piece, Buffer.from(piece).toString('latin1')]);
    }
    for (const [piece, then] of seen) expect(Buffer.from(piece).toString('latin1')).toBe(then);
    from.close();
  });

  it('does not keep a whole buffer for a few bytes', async () => {
    const encoded = encode('few', 'gzip');
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 50; count += 1) {
      const from = inflater(['gzip']);
      from.write(encoded);
      for (const piece of await pieces(from)) buffers.add(piece.buffer);
      from.close();
    }
    const kept = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    expect(kept).toBeLessThan(50 * LIMITS.chunkBytes * 0.1);
  });

  it('makes no more than one piece before it is asked for another [H1-20]', async () => {
    const from = inflater(['gzip']);
    from.write(encode(Buffer.alloc(50 * 1024 * 1024), 'gzip'));
    const before = process.memoryUsage().arrayBuffers;
    const first = await from.next();
    // Fifty megabytes take less than this when nothing holds them back.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(first).toHaveLength(LIMITS.chunkBytes);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024);
    from.close();
  });

  it('takes the members of gzip one after the other, wherever the bytes are split [ATT-27]', async () => {
    const members = ['one ', '', 'two ', 'three'].map((body) => encode(body, 'gzip'));
    const encoded = Buffer.concat(members);
    for (let at = 1; at < encoded.length; at += 1) {
      expect(await inflate(['gzip'], splitAt(encoded, at)), `split at ${at}`).toBe('one two three');
    }
    const bytes = [...encoded].map((byte) => Buffer.of(byte));
    expect(await inflate(['gzip'], bytes)).toBe('one two three');
  });

  it('takes what was flushed in the middle as soon as it comes', async () => {
    const gzip = createGzip();
    const chunks: Buffer[] = [];
    gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
    gzip.write('begun');
    await new Promise<void>((resolve) => gzip.flush(resolve));
    const from = inflater(['gzip']);
    from.write(Buffer.concat(chunks));
    expect(Buffer.concat(await pieces(from)).toString()).toBe('begun');
    from.close();
    gzip.destroy();
  });

  it('refuses a body that is cut short, wherever that is [ATT-27]', async () => {
    const body = words(300);
    for (const codings of CODED) {
      const encoded = encode(body, ...codings);
      for (let length = 1; length < encoded.length; length += 1) {
        const cut = inflate(codings, [encoded.subarray(0, length)]);
        await expect(cut, `${codings} of ${length} bytes`).rejects.toMatchObject(truncated);
      }
    }
  });

  it('refuses a second member of gzip that is cut short, wherever that is [ATT-27]', async () => {
    const first = encode('first', 'gzip');
    const second = encode('second', 'gzip');
    for (let length = 1; length < second.length; length += 1) {
      const chunks = [first, second.subarray(0, length)];
      await expect(inflate(['gzip'], chunks)).rejects.toMatchObject(truncated);
      await expect(inflate(['gzip'], [Buffer.concat(chunks)])).rejects.toMatchObject(truncated);
    }
  });

  it('refuses what follows the end, at once or later, zeros too [ATT-27]', async () => {
    for (const codings of CODED) {
      const encoded = encode('body', ...codings);
      for (const more of ['garbage garbage garbage', '\0\0\0\0\0\0\0\0', 'g']) {
        // What follows gzip is taken for the beginning of another member.
        const second = codings.at(-1) === 'gzip' && !more.startsWith('\0');
        const failure = second ? (more === 'g' ? truncated : corrupt) : trailing;
        const at = `${codings} and ${JSON.stringify(more)}`;
        const together = inflate(codings, [Buffer.concat([encoded, Buffer.from(more)])]);
        await expect(together, at).rejects.toMatchObject(failure);
        const later = inflate(codings, [encoded, Buffer.from(more)]);
        await expect(later, at).rejects.toMatchObject(failure);
      }
    }
  });

  it('refuses a second stream where the coding knows only one', async () => {
    for (const coding of ['deflate', 'br'] as const) {
      const twice = Buffer.concat([encode('one', coding), encode('two', coding)]);
      await expect(inflate([coding], [twice])).rejects.toMatchObject(trailing);
    }
  });

  it('refuses what is not in the coding', async () => {
    for (const coding of AVAILABLE_CODINGS) {
      const failed = inflate([coding], [Buffer.from('this has never been compressed')]);
      await expect(failed).rejects.toMatchObject(corrupt);
    }
  });

  it('refuses a flipped bit or gives the same bytes, but never others', async () => {
    const body = words(200).toString();
    for (const coding of ['gzip', 'deflate'] as const) {
      const encoded = encode(body, coding);
      for (let bit = 0; bit < encoded.length * 8; bit += 1) {
        const flipped = Buffer.from(encoded);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        const outcome = await inflate([coding], [flipped]).catch((error: { name: string }) => error.name);
        expect([body, 'ContentCodingProtocolError'], `${coding}, bit ${bit}`).toContain(outcome);
      }
    }
  });

  it('takes deflate only in its zlib wrapping (RFC 9110 section 8.4.1.2)', async () => {
    await expect(inflate(['deflate'], [deflateRawSync('raw')])).rejects.toMatchObject(corrupt);
  });

  it('takes no bytes at all for an empty body, but not in the middle of a list', async () => {
    for (const codings of CODED) {
      expect(await inflate(codings, [])).toBe('');
      expect(await inflate(codings, [encode('', ...codings)])).toBe('');
    }
    await expect(inflate(['gzip', 'br'], [encode('', 'br')])).rejects.toMatchObject(truncated);
  });

  it('takes as many bytes as the limit says, and not one more [ATT-25]', async () => {
    for (const codings of CODED) {
      const encoded = encode(Buffer.alloc(1000), ...codings);
      expect(await inflate(codings, [encoded], { maxBodyBytes: 1000 })).toHaveLength(1000);
      const over = inflate(codings, [encoded], { maxBodyBytes: 999 });
      await expect(over).rejects.toMatchObject(tooLarge);
    }
  });

  it('limits what stands between two codings too', async () => {
    // Ten megabytes of empty members, which come to no body at all.
    const members = Buffer.concat(new Array(500_000).fill(encode('', 'gzip')));
    const encoded = encode(members, 'br');
    expect(encoded.length).toBeLessThan(1000);
    const failed = inflate(['gzip', 'br'], [encoded], { maxBodyBytes: 1_000_000 });
    await expect(failed).rejects.toMatchObject(tooLarge);
  });

  it('limits how much a body may grow, once it is more than a piece', async () => {
    const limits = { maxRatio: 20, chunkBytes: 10_000 };
    expect(await inflate(['gzip'], [encode(Buffer.alloc(10_000), 'gzip')], limits)).toHaveLength(10_000);
    const failed = inflate(['gzip'], [encode(Buffer.alloc(10_001), 'gzip')], limits);
    await expect(failed).rejects.toMatchObject(tooLarge);
    const honest = words(100_000);
    expect(await inflate(['gzip'], [encode(honest, 'gzip')], limits)).toBe(honest.toString());
  });

  it('gives nothing more after close, not even to who waits', async () => {
    const from = inflater(['br']);
    from.write(encode(Buffer.alloc(10_000_000), 'br'));
    await from.next();
    const waiting = [from.next(), new Promise((resolve) => setTimeout(resolve, 20))];
    from.close();
    expect(await waiting[0]).toBeUndefined();
    await waiting[1];
    expect(await from.next()).toBeUndefined();
    from.write(encode('more', 'br'));
    from.end();
    expect(await from.next()).toBeUndefined();
    from.close();
  });

  it('frees at once what is held outside of the heap, when it is closed and when it fails', () =>
    countingFreedEngines(async (freed) => {
      const encoded = encode(words(1000), 'gzip', 'br');
      const closed = inflater(['gzip', 'br']);
      closed.write(encoded.subarray(0, encoded.length / 2));
      await pieces(closed);
      expect(freed()).toBe(0);
      closed.close();
      expect([freed(), closed.isClosed]).toEqual([2, true]);
      const failed = inflater(['gzip', 'br'], { maxBodyBytes: 10 });
      failed.write(encoded);
      await expect(failed.next()).rejects.toMatchObject(tooLarge);
      expect(failed.isClosed).toBe(true);
      expect(freed()).toBeGreaterThanOrEqual(3);
    }));
});
