import { describe, expect, it } from 'vitest';
import { parseContentEncoding } from './content-coding.ts';

describe('parseContentEncoding', () => {
  const parse = (value: string, maxCodings = 2) =>
    parseContentEncoding(value, ['gzip', 'deflate', 'br'], maxCodings);

  it('gives codings in the order in which they were applied, in any letter case', () => {
    expect(parse('gzip')).toEqual(['gzip']);
    expect(parse('BR \t,\tGZip')).toEqual(['br', 'gzip']);
    expect(parse('x-gzip')).toEqual(['gzip']);
    expect(parse('X-GZIP, br')).toEqual(['gzip', 'br']);
  });

  it('leaves out identity and empty elements (RFC 9110 section 5.6.1.2)', () => {
    expect(parse('identity')).toEqual([]);
    expect(parse('')).toEqual([]);
    expect(parse(', gzip,, identity ,')).toEqual(['gzip']);
  });

  it('gives nothing for a coding that is not known, wherever it stands', () => {
    for (const value of [
      'zstd',
      'gzip, zstd',
      'zstd, gzip',
      'gzip;q=1',
      'gzip br',
      'x-br',
      'constructor',
      '*',
    ]) {
      expect(parse(value), value).toBeUndefined();
    }
  });

  it('gives nothing for more codings than are allowed', () => {
    expect(parse('gzip, gzip', 1)).toBeUndefined();
    expect(parse('gzip, identity', 1)).toEqual(['gzip']);
    expect(parse('gzip, gzip, gzip')).toBeUndefined();
    expect(parse('gzip, gzip, gzip', 3)).toEqual(['gzip', 'gzip', 'gzip']);
  });

  it('takes time that grows with the value and no faster', () => {
    const begun = performance.now();
    expect(parse(`${' '.repeat(300_000)}gzip${' '.repeat(300_000)}`)).toEqual(['gzip']);
    expect(parse(`gzip${' '.repeat(300_000)}x`)).toBeUndefined();
    expect(parse('\u00a0gzip')).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});
