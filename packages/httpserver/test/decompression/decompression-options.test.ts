import { describe, expect, it } from 'vitest';
import {
  type DecompressionOptions,
  resolveDecompression,
} from '../../src/decompression/decompression-options.ts';
import { AVAILABLE_CODINGS } from '../fixtures/encoded-bodies.ts';

const REFUSED: readonly (readonly [name: string, options: unknown])[] = [
  ['no codings', { codings: [] }],
  ['a coding that nobody knows', { codings: ['gzip', 'compress'] }],
  ['identity, which is no coding', { codings: ['identity'] }],
  ['no codings at all for a body', { maxCodings: 0 }],
  ['half a coding', { maxCodings: 1.5 }],
  ['pieces of nothing', { chunkBytes: 0 }],
  ['pieces below what zlib can', { chunkBytes: 63 }],
  ['an endless piece', { chunkBytes: Number.POSITIVE_INFINITY }],
  ['less than nothing as a limit', { maxBodyBytes: -1 }],
  ['a limit that limits nothing', { maxBodyBytes: Number.NaN }],
  ['a body that must shrink', { maxRatio: 0.5 }],
  ['a ratio that is none', { maxRatio: Number.NaN }],
];

describe('resolveDecompression', () => {
  it('takes every coding that this Node has, two at once, in pieces of 64 KiB, up to 100 MiB', () => {
    expect(resolveDecompression()).toEqual({
      codings: AVAILABLE_CODINGS,
      maxCodings: 2,
      chunkBytes: 65_536,
      maxBodyBytes: 104_857_600,
      maxRatio: Number.POSITIVE_INFINITY,
    });
  });

  it('keeps what it is given', () => {
    const options = { codings: ['br'], maxCodings: 1, chunkBytes: 64, maxBodyBytes: 0, maxRatio: 1 } as const;
    expect(resolveDecompression(options)).toEqual(options);
  });

  it.each(REFUSED)('refuses %s', (_, options) => {
    expect(() => resolveDecompression(options as DecompressionOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE', name: 'StreamUsageError' }),
    );
  });

  it('refuses zstd where Node has none, and takes it where it has', () => {
    const resolve = () => resolveDecompression({ codings: ['zstd'] }).codings;
    if (AVAILABLE_CODINGS.includes('zstd')) expect(resolve()).toEqual(['zstd']);
    else expect(resolve).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });
});
