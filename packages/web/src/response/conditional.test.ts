import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import {
  evaluatePreconditions,
  ifRangeApplies,
  isEntityTag,
  listsEntityTag,
  type Representation,
  representationOf,
} from './conditional.ts';

const MODIFIED_MS = Date.UTC(1994, 10, 6, 8, 49, 37);
const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';
const NOW = Date.UTC(2026, 0, 1);
const FUTURE = 'Thu, 31 Dec 2099 23:59:59 GMT';
/** Dates that `Date.parse` accepts but RFC 9110 §5.6.7 does not. */
const NO_HTTP_DATES = [
  '2099',
  '1',
  'Nov 6',
  '2099-11-06',
  '2099-11-06T08:49:37Z',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 2099 09:49:37 +0100',
  'Sun, 06 Nov 2099 08:49:37 UTC',
  'Sun, 06 Nov 2099 08:49:37',
  `${FUTURE}, ${FUTURE}`,
  'whenever',
  '',
];

const STRONG: Representation = { etag: '"a"', lastModifiedMs: MODIFIED_MS };
const WEAK: Representation = { etag: 'W/"a"', lastModifiedMs: MODIFIED_MS };
const DATED: Representation = { etag: undefined, lastModifiedMs: MODIFIED_MS };
const PLAIN: Representation = { etag: undefined, lastModifiedMs: undefined };

const evaluate = (
  method: string,
  fields: Record<string, string | readonly string[]>,
  current: Representation | 'none' = STRONG,
) => evaluatePreconditions(method, HTTPHeaders.from(fields), current === 'none' ? undefined : current, NOW);

describe('evaluatePreconditions', () => {
  it.each(['GET', 'HEAD', 'PUT'])('lets %s without conditions through', (method) => {
    expect(evaluate(method, { Range: 'bytes=0-1', 'If-Range': '"b"' })).toBe('met');
    expect(evaluate(method, {}, 'none')).toBe('met');
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'PROPPATCH'])(
    'compares If-Match of %s strongly (RFC 9110 §13.1.1) [ST-04]',
    (method) => {
      expect(evaluate(method, { 'If-Match': '"a"' })).toBe('met');
      expect(evaluate(method, { 'If-Match': '"b", "a"' })).toBe('met');
      expect(evaluate(method, { 'If-Match': ['"b"', '"a"'] })).toBe('met');
      expect(evaluate(method, { 'If-Match': '*' })).toBe('met');
      expect(evaluate(method, { 'If-Match': '*' }, PLAIN)).toBe('met');
      expect(evaluate(method, { 'If-Match': 'W/"a"' })).toBe('failed');
      expect(evaluate(method, { 'If-Match': '"a"' }, WEAK)).toBe('failed');
      expect(evaluate(method, { 'If-Match': 'W/"a"' }, WEAK)).toBe('failed');
      expect(evaluate(method, { 'If-Match': '"a"' }, DATED)).toBe('failed');
      expect(evaluate(method, { 'If-Match': '*' }, 'none')).toBe('failed');
      expect(evaluate(method, { 'If-Match': '"a"' }, 'none')).toBe('failed');
    },
  );

  it.each(['', 'a', '"b"', '"A"', '"a', 'W/ "a"', 'w/"a"', '"b", *', 'x"a"'])(
    'takes the If-Match %j for one that lists no such tag',
    (field) => {
      expect(evaluate('PUT', { 'If-Match': field })).toBe('failed');
    },
  );

  it.each(['GET', 'PUT'])('compares If-Unmodified-Since of %s with the date (RFC 9110 §13.1.4)', (method) => {
    expect(evaluate(method, { 'If-Unmodified-Since': MODIFIED })).toBe('met');
    expect(evaluate(method, { 'If-Unmodified-Since': AFTER })).toBe('met');
    expect(evaluate(method, { 'If-Unmodified-Since': BEFORE })).toBe('failed');
    expect(evaluate(method, { 'If-Unmodified-Since': BEFORE }, DATED)).toBe('failed');
    expect(evaluate(method, { 'If-Unmodified-Since': BEFORE }, PLAIN)).toBe('met');
    expect(evaluate(method, { 'If-Unmodified-Since': BEFORE }, 'none')).toBe('met');
  });

  it('ignores If-Unmodified-Since beside If-Match, and where it is no HTTP-date', () => {
    expect(evaluate('PUT', { 'If-Match': '"a"', 'If-Unmodified-Since': BEFORE })).toBe('met');
    expect(evaluate('PUT', { 'If-Match': '"b"', 'If-Unmodified-Since': AFTER })).toBe('failed');
    expect(evaluate('PUT', { 'If-Unmodified-Since': '1990-01-01T00:00:00Z' })).toBe('met');
    expect(evaluate('PUT', { 'If-Unmodified-Since': [BEFORE, BEFORE] })).toBe('met');
  });

  it('compares If-None-Match weakly: a 304 to GET and HEAD, a 412 to others (RFC 9110 §13.1.2) [OUT-11]', () => {
    for (const [method, result] of [
      ['GET', 'not-modified'],
      ['HEAD', 'not-modified'],
      ['PUT', 'failed'],
      ['DELETE', 'failed'],
      ['get', 'failed'],
    ] as const) {
      for (const field of ['"a"', 'W/"a"', '"b", W/"a"', '*'])
        expect(evaluate(method, { 'If-None-Match': field })).toBe(result);
      expect(evaluate(method, { 'If-None-Match': '"a"' }, WEAK)).toBe(result);
      expect(evaluate(method, { 'If-None-Match': '*' }, PLAIN)).toBe(result);
      expect(evaluate(method, { 'If-None-Match': '"a"' }, PLAIN)).toBe('met');
      expect(evaluate(method, { 'If-None-Match': '"b"' })).toBe('met');
      expect(evaluate(method, { 'If-None-Match': '*' }, 'none')).toBe('met');
    }
  });

  it.each(['GET', 'HEAD'])(
    'compares If-Modified-Since of %s with the date (RFC 9110 §13.1.3) [ST-04]',
    (method) => {
      expect(evaluate(method, { 'If-Modified-Since': MODIFIED })).toBe('not-modified');
      expect(evaluate(method, { 'If-Modified-Since': AFTER })).toBe('not-modified');
      expect(evaluate(method, { 'If-Modified-Since': FUTURE })).toBe('not-modified');
      expect(evaluate(method, { 'If-Modified-Since': 'Sunday, 06-Nov-94 08:49:37 GMT' })).toBe(
        'not-modified',
      );
      expect(evaluate(method, { 'If-Modified-Since': 'Sun Nov  6 08:49:37 1994' })).toBe('not-modified');
      expect(evaluate(method, { 'If-Modified-Since': BEFORE })).toBe('met');
      expect(evaluate(method, { 'If-Modified-Since': AFTER }, PLAIN)).toBe('met');
      expect(evaluate(method, { 'If-Modified-Since': AFTER }, 'none')).toBe('met');
    },
  );

  it.each(NO_HTTP_DATES)('ignores the If-Modified-Since %j, which is no HTTP-date [ST-04]', (text) => {
    expect(evaluate('GET', { 'If-Modified-Since': text })).toBe('met');
  });

  it('ignores If-Modified-Since if it came twice, beside If-None-Match, and for other methods [ST-04]', () => {
    expect(evaluate('GET', { 'If-Modified-Since': [AFTER, AFTER] })).toBe('met');
    expect(evaluate('GET', { 'If-Modified-Since': AFTER, 'If-None-Match': '"b"' })).toBe('met');
    expect(evaluate('GET', { 'If-Modified-Since': AFTER, 'If-None-Match': '' })).toBe('met');
    expect(evaluate('GET', { 'If-Modified-Since': BEFORE, 'If-None-Match': '"a"' })).toBe('not-modified');
    expect(evaluate('POST', { 'If-Modified-Since': AFTER })).toBe('met');
  });

  it('looks at If-Match before If-None-Match (RFC 9110 §13.2.2)', () => {
    expect(evaluate('GET', { 'If-Match': '"b"', 'If-None-Match': '"a"' })).toBe('failed');
    expect(evaluate('GET', { 'If-Match': '"a"', 'If-None-Match': '"a"' })).toBe('not-modified');
    expect(evaluate('GET', { 'If-Unmodified-Since': BEFORE, 'If-Modified-Since': AFTER })).toBe('failed');
  });

  it.each(['CONNECT', 'OPTIONS', 'TRACE'])('ignores all of %s (RFC 9110 §13.2.1)', (method) => {
    expect(evaluate(method, { 'If-Match': '"b"', 'If-None-Match': '*' })).toBe('met');
  });
});

describe('ifRangeApplies', () => {
  it('wants the same strong tag (RFC 9110 §13.1.5) [ST-05]', () => {
    expect(ifRangeApplies('"a"', STRONG, NOW)).toBe(true);
    expect(ifRangeApplies('"b"', STRONG, NOW)).toBe(false);
    expect(ifRangeApplies('"b", "a"', STRONG, NOW)).toBe(false);
    expect(ifRangeApplies('W/"a"', STRONG, NOW)).toBe(false);
    expect(ifRangeApplies('W/"a"', WEAK, NOW)).toBe(false);
    expect(ifRangeApplies('"a"', WEAK, NOW)).toBe(false);
    expect(ifRangeApplies('"a"', PLAIN, NOW)).toBe(false);
    expect(ifRangeApplies('*', STRONG, NOW)).toBe(false);
  });

  it('wants the very date, a second old or older (RFC 9110 §8.8.2.2) [ST-05]', () => {
    expect(ifRangeApplies(MODIFIED, WEAK, NOW)).toBe(true);
    expect(ifRangeApplies(MODIFIED, WEAK, MODIFIED_MS + 1_000)).toBe(true);
    expect(ifRangeApplies(MODIFIED, WEAK, MODIFIED_MS + 999)).toBe(false);
    expect(ifRangeApplies(AFTER, WEAK, NOW)).toBe(false);
    expect(ifRangeApplies(BEFORE, WEAK, NOW)).toBe(false);
    expect(ifRangeApplies(MODIFIED, PLAIN, NOW)).toBe(false);
  });

  it.each(['1994-11-06T08:49:37Z', 'Sun, 06 Nov 1994 09:49:37 +0100', '784111777', ''])(
    'takes %j for no condition that could hold [ST-05]',
    (text) => {
      expect(ifRangeApplies(text, STRONG, NOW)).toBe(false);
    },
  );
});

describe('representationOf', () => {
  it('reads ETag and Last-Modified; a date that is none says nothing', () => {
    const fields = { ETag: 'W/"a"', 'Last-Modified': MODIFIED };
    expect(representationOf(HTTPHeaders.from(fields), NOW)).toEqual(WEAK);
    expect(representationOf(HTTPHeaders.from({ 'Last-Modified': '2020-01-01' }), NOW)).toEqual(PLAIN);
  });
});

describe('isEntityTag', () => {
  it.each(['"a"', 'W/"a"', '""', '"a,b"'])('is true of %s', (text) => {
    expect(isEntityTag(text)).toBe(true);
  });

  it.each(['', 'a', '"a', 'w/"a"', 'W/ "a"', '"a""b"', ' "a"', '*'])('is false of %j', (text) => {
    expect(isEntityTag(text)).toBe(false);
  });
});

describe('listsEntityTag', () => {
  it.each(['"a"', 'W/"a"', '"x", "a"', ' "x" ,W/"a",', '*', 'garbage, "a"', ',, ,"a"', '"x"\t,\t"a"\t'])(
    'finds "a" in %s [OUT-11]',
    (field) => {
      expect(listsEntityTag(field, '"a"')).toBe(true);
    },
  );

  it.each(['', 'a', '"a', '"A"', '"aa"', '"b", *', 'x"a"', '"a"x', '"x""a"'])(
    'finds no "a" in %s [OUT-11]',
    (field) => {
      expect(listsEntityTag(field, '"a"')).toBe(false);
    },
  );

  it('compares weakly in both directions [OUT-11]', () => {
    expect(listsEntityTag('"a"', 'W/"a"')).toBe(true);
  });

  it('does not look into tags for commas or other tags [OUT-11]', () => {
    expect(listsEntityTag('"x,y"', '"x,y"')).toBe(true);
    expect(listsEntityTag('"b", "c"', '", "')).toBe(false);
  });

  it.each(['W/"', '"', '",', '"a,', ',', ' ', ', ', '"a" x,', '"b",'])(
    'takes linear time for many %j',
    (part) => {
      expect(listsEntityTag(part.repeat(100_000), '"zzz"')).toBe(false);
    },
  );
});
