import { AVAILABLE_CODINGS, type ContentCoding } from '@landspout/http1/content-coding';
import { describe, expect, it } from 'vitest';
import { HOSTILE_ACCEPT_ENCODINGS } from '../../test/compression/hostile-accept-encoding.ts';
import { chooseContentCoding } from './accept-encoding.ts';

const ALL: readonly ContentCoding[] = ['zstd', 'gzip', 'br'];

describe('chooseContentCoding', () => {
  it.each([
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, deflate, br', 'gzip'],
    ['br', 'br'],
    ['br;q=1.0, gzip;q=0.8', 'br'],
    ['gzip;q=0.5, br;q=0.500', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;Q=0.5', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['X-GZip;q=0.5', 'gzip'],
    ['*', 'zstd'],
    ['*;q=0.5, br', 'br'],
    ['zstd;q=0, *', 'gzip'],
    ['zstd;q=0, x-gzip;q=0, *', 'br'],
    ['identity, gzip', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    ['gzip\t;\tq=0.5\t,\tbr', 'br'],
    [',, ,gzip,', 'gzip'],
  ])('chooses the coding of %j with the highest weight (RFC 9110 §12.5.3)', (accept, coding) => {
    expect(chooseContentCoding(accept, ALL)).toBe(coding);
  });

  it.each([
    [undefined],
    [''],
    ['identity'],
    ['deflate'],
    ['compress, x-compress'],
    ['gzip;q=0'],
    ['gzip;q=0.000, *;q=0, identity'],
    ['gzip;q=0.5, identity'],
    ['gzip;q=0.5, identity;q=0.501'],
  ])('chooses no coding for %j', (accept) => {
    expect(chooseContentCoding(accept, ALL)).toBe('identity');
  });

  it.each(['identity;q=0', '*;q=0', 'deflate, identity;q=0.0', '*;q=0, compress', 'gzip;q=0, *;q=0'])(
    'says that nothing is acceptable for %j',
    (accept) => {
      expect(chooseContentCoding(accept, ALL)).toBeUndefined();
    },
  );

  it('never chooses a coding that is listed with q=0, however often it is listed [OUT-10]', () => {
    expect(chooseContentCoding('gzip;q=0', ['gzip'])).toBe('identity');
    expect(chooseContentCoding('gzip, gzip;q=0', ['gzip'])).toBe('identity');
    expect(chooseContentCoding('gzip;q=0, x-gzip, *', ['gzip'])).toBe('identity');
  });

  it.each([
    'gzip;q=nonsense',
    'gzip;q=',
    'gzip;q',
    'gzip;',
    'gzip;q=2',
    'gzip;q=1.001',
    'gzip;q=0.1234',
    'gzip;q=.5',
    'gzip;q=0..5',
    'gzip;q=0.5.',
    'gzip;q=-1',
    'gzip;q=1e0',
    'gzip; q = 1',
    'gzip;q="1"',
    'gzip;level=5',
    'gzip;q=1;level=5',
    'gzip br',
    'gzip\u00a0',
    'gzipped',
    'notgzip',
    'x-x-gzip',
    'g\u017fzip',
  ])('skips the invalid member %j', (member) => {
    expect(chooseContentCoding(member, ['gzip'])).toBe('identity');
    expect(chooseContentCoding(`${member}, br;q=0.1`, ['gzip', 'br'])).toBe('br');
  });

  it('chooses only among what is available, and the first of what is equally welcome', () => {
    expect(chooseContentCoding('gzip, br', ['br', 'gzip'])).toBe('br');
    expect(chooseContentCoding('gzip, br', ['gzip'])).toBe('gzip');
    expect(chooseContentCoding('gzip, br', [])).toBe('identity');
    for (const coding of AVAILABLE_CODINGS)
      expect(chooseContentCoding(coding, AVAILABLE_CODINGS)).toBe(coding);
  });

  it('ignores a header that is longer than any client needs', () => {
    expect(chooseContentCoding(`gzip${' '.repeat(1_020)}`, ALL)).toBe('gzip');
    expect(chooseContentCoding(`gzip${' '.repeat(1_021)}`, ALL)).toBe('identity');
  });

  it.each(HOSTILE_ACCEPT_ENCODINGS)('reads a hostile header in linear time: $name', ({ value }) => {
    expect(chooseContentCoding(value, ALL)).toBe('identity');
    // The part that is short enough to be read at all.
    const chosen = chooseContentCoding(value.slice(0, 1_024), ALL);
    expect([undefined, 'identity', ...ALL]).toContain(chosen);
  });
});
