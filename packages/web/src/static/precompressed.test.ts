import { describe, expect, it } from 'vitest';
import { ALL_CODINGS, chooseCoding, isCompressedName } from './precompressed.ts';

describe('chooseCoding', () => {
  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['zstd, gzip', 'zstd'],
    ['*', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, *', 'zstd'],
    ['GZIP', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['identity, gzip', 'gzip'],
    ['deflate', undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip;q=0', undefined],
    ['gzip;q=0.5, identity', undefined],
    ['*;q=0', undefined],
    ['identity;q=0', undefined],
    ['gzip;q=nonsense', undefined],
    [undefined, undefined],
  ])('reads %j as %s (RFC 9110 §12.5.3)', (accept, coding) => {
    expect(chooseCoding(accept, ALL_CODINGS)).toBe(coding);
  });

  it('chooses only what is available', () => {
    expect(chooseCoding('br, gzip', ['gzip'])).toBe('gzip');
    expect(chooseCoding('br', ['gzip'])).toBeUndefined();
    expect(chooseCoding('br', [])).toBeUndefined();
  });

  it('follows the order of the available codings', () => {
    expect(chooseCoding('br, gzip', ['gzip', 'br'])).toBe('gzip');
  });

  it('ignores a header that no browser would send, so that parsing takes little time', () => {
    expect(chooseCoding(`gzip${' '.repeat(1_020)}`, ALL_CODINGS)).toBe('gzip');
    expect(chooseCoding(`gzip${' '.repeat(1_021)}`, ALL_CODINGS)).toBeUndefined();
    for (const part of ['gzip,', ',', ' ', 'a;q=1,', '*,', ';', '"', 'gzip;q=0.5;', '=', '\\']) {
      expect(chooseCoding(`${part.repeat(65_536)}x`, ALL_CODINGS)).toBeUndefined();
    }
  });
});

describe('isCompressedName', () => {
  it('recognises the names of compressed files', () => {
    expect(['a.js.br', 'a.zst', 'a.tar.gz', 'a.js', 'gz', 'br.js'].map(isCompressedName)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
