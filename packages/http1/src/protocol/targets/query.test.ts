import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { expectLinear } from '../../../test/fixtures/expect-linear.ts';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { DEFAULT_QUERY_LIMITS, formatQuery, mergeQueries, parseQuery, qsToQsl, urlConcat } from './query.ts';

const refusal = (code: string, status: number): unknown =>
  expect.objectContaining({ name: 'QueryProtocolError', code, status });

/** What URLSearchParams makes of a query, each name with its values. */
function theirs(query: string): [string, string[]][] {
  const params = new URLSearchParams(query);
  return [...new Set(params.keys())].map((name) => [name, params.getAll(name)]);
}

describe('parseQuery', () => {
  it('keeps every value of a name in order, and blank ones [HU-07]', () => {
    expect([...parseQuery('a=1&b=&a=2&c&=x&&d=1=2')]).toEqual([
      ['a', ['1', '2']],
      ['b', ['']],
      ['c', ['']],
      ['', ['x']],
      ['d', ['1=2']],
    ]);
  });

  it('splits at ampersands alone', () => {
    expect([...parseQuery('a=1;b=2')]).toEqual([['a', ['1;b=2']]]);
  });

  it('decodes escapes, plus signs and raw UTF-8 [HU-07]', () => {
    const raw = Buffer.from('ü😀').toString('latin1');
    expect([...parseQuery(`a+b=%C3%bC+c&r=${raw}&p=%2B%26%3D%25`)]).toEqual([
      ['a b', ['ü c']],
      ['r', ['ü😀']],
      ['p', ['+&=%']],
    ]);
  });

  it('keeps a byte order mark and a NUL as they came', () => {
    expect(parseQuery('a=%EF%BB%BFb%00').get('a')).toEqual(['\ufeffb\0']);
  });

  it.each(['%', 'a=%', 'a=%f', 'a=%zz', 'a=% 1', 'a=%u0041', 'a=%ff', '%c3=x', 'a=%c0%80', 'a=%00%+1'])(
    'refuses %j with 400, where others guess [ATT-75]',
    (text) => {
      expect(() => parseQuery(text)).toThrow(refusal('ERR_HTTP1_QUERY_ENCODING', 400));
    },
  );

  it.each(['a=%ED%A0%80', 'a=\xed\xa0\x80', 'a=\ud800', 'a=\u0100', 'a=\xfc'])(
    'refuses %j, which no UTF-8 spells [ATT-77]',
    (text) => {
      expect(() => parseQuery(text)).toThrow(refusal('ERR_HTTP1_QUERY_ENCODING', 400));
    },
  );

  it('takes 1,000 fields and no more, and as many as it is told to', () => {
    expect(parseQuery(Array(1_000).fill('a=1').join('&&')).get('a')).toHaveLength(1_000);
    const tooMany = refusal('ERR_HTTP1_QUERY_FIELDS', 400);
    expect(() => parseQuery('a&'.repeat(1_001))).toThrow(tooMany);
    expect(() => parseQuery('a&a&b', { maxFields: 2 })).toThrow(tooMany);
    expect(parseQuery('a&a&b', { maxFields: 3 }).size).toBe(2);
  });

  it('takes as many bytes as it is told to, and no more', () => {
    expect(parseQuery('a=%20', { maxBytes: 5 }).size).toBe(1);
    expect(() => parseQuery('a=%20', { maxBytes: 4 })).toThrow(refusal('ERR_HTTP1_QUERY_TOO_LARGE', 413));
    const { maxBytes } = DEFAULT_QUERY_LIMITS;
    expect(() => parseQuery('&'.repeat(maxBytes + 1))).toThrow(refusal('ERR_HTTP1_QUERY_TOO_LARGE', 413));
  });

  it.each([{ maxFields: -1 }, { maxBytes: Number.NaN }, { maxFields: Number.POSITIVE_INFINITY }])(
    'refuses the limit %j',
    (limits) => {
      expect(() => parseQuery('', limits)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }));
    },
  );

  it('takes names of Object.prototype as plain data, and finds none that was not sent [ATT-74]', () => {
    const fields = parseQuery('__proto__=1&constructor=2&a%5B__proto__%5D=3');
    expect([fields.get('__proto__'), fields.get('constructor'), fields.get('toString')]).toEqual([
      ['1'],
      ['2'],
      undefined,
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('agrees with URLSearchParams on all that it does not refuse', () => {
    const random = seededRandom(75);
    const pieces = [
      'a',
      'b',
      '=',
      '=',
      '&',
      '&',
      '+',
      '%20',
      '%C3%BC',
      '%26',
      '%3d',
      '%2B',
      ';',
      '?',
      '%F0%9F%98%80',
    ];
    const broken = [...pieces, '%', '%f', '%ff', '%C3', '%ED%A0%80'];
    let refused = 0;
    for (let round = 0; round < 4_000; round += 1) {
      const query = `x${randomText(random, round % 4 === 0 ? broken : pieces, 16)}`;
      try {
        expect([...parseQuery(query)], query).toEqual(theirs(query));
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_HTTP1_QUERY_ENCODING') throw error;
        refused += 1;
        // They replace what is no UTF-8, and keep what is no escape.
        expect(new URLSearchParams(query).toString(), query).toMatch(/%EF%BF%BD|%25/);
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  it.each<[string, (size: number) => string]>([
    ['separators', (size) => '&'.repeat(size)],
    ['fields of one name', (size) => 'a=1&'.repeat(size)],
    ['fields without a value', (size) => 'a&'.repeat(size)],
    ['escapes', (size) => '%41'.repeat(size)],
    ['equals signs', (size) => '='.repeat(size)],
  ])('reads many %s in linear time', (_what, queryOf) => {
    expectLinear((size) => {
      const query = queryOf(size);
      return () => parseQuery(query, { maxFields: 10_000_000 });
    }, 30_000);
  });
});

describe('formatQuery', () => {
  it('writes what parseQuery reads', () => {
    const random = seededRandom(13);
    const pieces = ['a', ' ', '+', '%', '&', '=', 'ü', '😀', '\0', '~', '*', "'"];
    for (let round = 0; round < 500; round += 1) {
      const fields = new Map<string, string[]>();
      for (let left = random(4); left > 0; left -= 1) {
        const values = Array.from({ length: 1 + random(2) }, () => randomText(random, pieces, 5));
        fields.set(`n${randomText(random, pieces, 4)}`, values);
      }
      expect(parseQuery(formatQuery(fields))).toEqual(fields);
    }
  });

  it('takes maps, pairs, URLSearchParams and records', () => {
    expect(formatQuery(new Map([['a', ['1', '2']]]))).toBe('a=1&a=2');
    expect(formatQuery([['a', 1] as const, ['b', [true, 'x y']] as const])).toBe('a=1&b=true&b=x+y');
    expect(formatQuery(new URLSearchParams('a=1&a=2'))).toBe('a=1&a=2');
    expect(formatQuery({ a: [], b: '' })).toBe('b=');
  });

  it('takes own names of a record only [ATT-74]', () => {
    expect(formatQuery(JSON.parse('{"__proto__":"1"}'))).toBe('__proto__=1');
    expect(formatQuery(Object.create({ inherited: '1' }))).toBe('');
  });

  it('replaces a lone surrogate by U+FFFD [ATT-77]', () => {
    expect(formatQuery({ a: '\ud800' })).toBe('a=%EF%BF%BD');
  });

  it.each([undefined, null, {}, Symbol('a'), new Date(0)])('refuses %s', (value) => {
    expect(() => formatQuery({ a: value as string })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
  });
});

describe('qsToQsl', () => {
  it('lists each value with its name [HU-13]', () => {
    expect([...qsToQsl(parseQuery('b=1&a=&b=2'))]).toEqual([
      ['b', '1'],
      ['b', '2'],
      ['a', ''],
    ]);
  });
});

describe('mergeQueries', () => {
  it('puts the values of the second behind those of the first, and changes neither [HU-07]', () => {
    const first = parseQuery('a=1&b=2');
    const second = parseQuery('b=3&c=4');
    expect([...mergeQueries(first, second)]).toEqual([
      ['a', ['1']],
      ['b', ['2', '3']],
      ['c', ['4']],
    ]);
    expect([first.get('b'), second.get('b')]).toEqual([['2'], ['3']]);
    expect(mergeQueries(first, new Map())).toBe(first);
  });
});

const PAIRS = [
  ['y', 'a b'],
  ['z', '1'],
  ['z', '2'],
] as const;
const ADDED = 'y=a+b&z=1&z=2';

describe('urlConcat', () => {
  it.each([
    ['https://a.example/p', 'https://a.example/p?', ''],
    ['https://a.example', 'https://a.example?', ''],
    ['/p?', '/p?', ''],
    ['/p?x=%2b', '/p?x=%2b&', ''],
    ['/p?x&', '/p?x&', ''],
    ['/p#f?g', '/p?', '#f?g'],
    ['/p?x=1#f', '/p?x=1&', '#f'],
    ['', '?', ''],
  ])('adds to %s, keeping its query and fragment [HU-13]', (url, before, after) => {
    expect(urlConcat(url, PAIRS)).toBe(`${before}${ADDED}${after}`);
  });

  it('takes a map, a record or pairs, and nothing [HU-13]', () => {
    expect(urlConcat('/p', new Map([['a', '1']]))).toBe('/p?a=1');
    expect(urlConcat('/p', { a: [1, 2], b: true })).toBe('/p?a=1&a=2&b=true');
    for (const nothing of [null, undefined, {}, [], new Map<string, string>()]) {
      expect(urlConcat('/p?x#f', nothing)).toBe('/p?x#f');
    }
  });

  it('escapes what would end the query', () => {
    expect(urlConcat('/p', { 'a&b': '#=?' })).toBe('/p?a%26b=%23%3D%3F');
  });
});
