import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decoded, sampleText } from '../../test/fixtures/decoding.ts';
import { encodeOver } from './encode-once.ts';
import { AVAILABLE_CODINGS, type ContentCoding, DEFAULT_LEVELS, encodeOnce, LEVELS } from './index.ts';
import { zlibEngines } from './zlib-engine.ts';

const SIZES = [0, 1, 2, 100, 1_023, 1_024, 5_461, 16_384, 16_385, 70_000, 300_000];

describe.each(AVAILABLE_CODINGS)('encodeOnce with %s', (coding) => {
  it.each(SIZES)('encodes %d bytes so that another decoder reads them [OUT-10]', (size) => {
    const text = sampleText(size);
    expect(decoded(coding, encodeOnce(coding, text)).toString()).toBe(text);
    expect(decoded(coding, encodeOnce(coding, Buffer.from(text))).toString()).toBe(text);
  });

  it('encodes text as UTF-8, lone surrogates as U+FFFD', () => {
    const text = `${'ä€😀'.repeat(4_000)}\ud800`;
    expect(decoded(coding, encodeOnce(coding, text)).equals(Buffer.from(text))).toBe(true);
    expect(decoded(coding, encodeOnce(coding, '\u0800'.repeat(16_384))).length).toBe(49_152);
  });

  it.each(SIZES)('encodes %d bytes that cannot be made smaller', (size) => {
    const bytes = randomBytes(size);
    const encoded = encodeOnce(coding, bytes);
    expect(decoded(coding, encoded).equals(bytes)).toBe(true);
    expect(encoded.length).toBeLessThanOrEqual(size + (size >> 7) + 128);
  });

  it('gives results that do not depend on earlier bodies, and leaves earlier results as they are', () => {
    const bodies = Array.from({ length: 50 }, (_, index) => sampleText(index * 97, index + 1));
    const results = bodies.map((body) => encodeOnce(coding, body));
    for (const [index, result] of results.entries()) {
      expect(decoded(coding, result).toString()).toBe(bodies[index]);
      expect(result.equals(encodeOnce(coding, bodies[index] as string))).toBe(true);
    }
  });

  it('gives a length that does not depend on any byte of the body before', () => {
    // Ends with three bytes that occurred before: with the byte after them, zlib looks for the match.
    const body = Buffer.from('q7abcXzz9hello0123456789_mnopqrstuvwabc');
    const lengths = new Set<number>();
    for (let byte = 0; byte < 256; byte += 1) {
      encodeOnce(coding, Buffer.alloc(600, '.').fill(byte, body.length, body.length + 1));
      lengths.add(encodeOnce(coding, body).length);
    }
    expect(lengths.size).toBe(1);
  });

  it('does the same with the public functions of node:zlib', () => {
    for (const size of SIZES) {
      const text = sampleText(size);
      const level = DEFAULT_LEVELS[coding];
      expect(decoded(coding, encodeOver(undefined, coding, text, level)).toString()).toBe(text);
      expect(decoded(coding, encodeOver(zlibEngines(), coding, text, level)).toString()).toBe(text);
    }
  });

  it('has engines for it in this version of Node', () => {
    const engine = zlibEngines()?.encoder(coding, DEFAULT_LEVELS[coding]);
    expect(engine, `the handle of ${coding} has other internals than expected`).toBeDefined();
    engine?.close();
  });

  it('knows every level, and uses it', () => {
    const [least, most] = LEVELS[coding];
    const text = sampleText(100_000);
    const sizes = new Set<number>();
    for (let level = least; level <= Math.min(most, 9); level += 1) {
      const encoded = encodeOnce(coding, text, level);
      expect(decoded(coding, encoded).toString()).toBe(text);
      sizes.add(encoded.length);
    }
    expect(sizes.size).toBeGreaterThan(4);
  });

  it('refuses other levels', () => {
    const [least, most] = LEVELS[coding];
    for (const level of [least - 1, most + 1, 1.5, Number.NaN, '5' as unknown as number]) {
      expect(() => encodeOnce(coding, 'text', level)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
      );
    }
  });
});

describe('encodeOnce', () => {
  it.each(['identity', 'GZIP', 'compress', '__proto__', undefined])('refuses the coding %j', (coding) => {
    expect(() => encodeOnce(coding as ContentCoding, 'text')).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE', message: expect.stringContaining('coding') }),
    );
  });

  it.each([undefined, null, 1, {}, ['text']])('refuses the body %j', (body) => {
    expect(() => encodeOnce('gzip', body as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE', message: expect.stringContaining('body') }),
    );
  });
});
