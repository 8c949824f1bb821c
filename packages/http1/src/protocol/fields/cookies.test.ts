import { describe, expect, it } from 'vitest';
import { expectLinear } from '../../../test/fixtures/expect-linear.ts';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { parseCookies } from './cookies.ts';
import { HTTPHeaders } from './http-headers.ts';

function read(header: string | undefined): [string, string][] {
  return [...parseCookies(header)];
}

/** The same rules, written without any care for time: each value is unescaped one character after the other. */
function naively(header: string): [string, string][] {
  const found: [string, string][] = [];
  for (const part of header.split(';')) {
    const [rawName = '', ...rest] = part.split('=');
    const trim = (text: string): string => text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '');
    const name = trim(rawName);
    let value = trim(rest.join('='));
    if (rest.length === 0 || !/^[\w!#$%&'*+.^`|~:-]+$/.test(name)) continue;
    if (/^".*"$/s.test(value)) {
      let left = value.slice(1, -1);
      value = '';
      while (left !== '') {
        const octal = /^\\([0-3][0-7][0-7])/.exec(left);
        const escaped = /^\\(.)/s.exec(left);
        value +=
          octal === null
            ? (escaped?.[1] ?? left[0])
            : String.fromCharCode(Number.parseInt(octal[1] ?? '', 8));
        left = left.slice(octal?.[0].length ?? escaped?.[0].length ?? 1);
      }
    }
    const at = found.findIndex(([other]) => other === name);
    if (at === -1) found.push([name, value]);
    else found[at] = [name, value];
  }
  return found;
}

describe('parseCookies', () => {
  it('splits at semicolons, and each pair at its first equals sign [HU-09]', () => {
    expect(read('a=1; b=x=y==;c=')).toEqual([
      ['a', '1'],
      ['b', 'x=y=='],
      ['c', ''],
    ]);
  });

  it('trims SP and HTAB around names and values, and nothing else [HU-09]', () => {
    expect(read(' \ta\t =\t 1 2 \t;b=\xa03\xa0')).toEqual([
      ['a', '1 2'],
      ['b', '\xa03\xa0'],
    ]);
  });

  it('takes the last of two values [HU-09]', () => {
    expect(read('a=1; b=2; a=3')).toEqual([
      ['a', '3'],
      ['b', '2'],
    ]);
  });

  it('undoes quotes, backslashes and octal escapes [HU-09]', () => {
    expect(read(String.raw`a="x\"y\\z"; b="\101\054\073\303\274"; c=""; d="\q\1\400"`)).toEqual([
      ['a', 'x"y\\z'],
      ['b', 'A,;\xc3\xbc'],
      ['c', ''],
      ['d', 'q1400'],
    ]);
  });

  it('splits at a semicolon in quotes too, as browsers do [HU-09]', () => {
    expect(read('a="1;2"; b=3')).toEqual([
      ['a', '"1'],
      ['b', '3'],
    ]);
  });

  it.each([String.raw`"\"`, '"', 'x"y"', '"x', String.raw`\101`])(
    'keeps %s, which is not quoted [HU-09]',
    (value) => {
      expect(read(`a=${value}`)).toEqual([['a', value === String.raw`"\"` ? '\\' : value]]);
    },
  );

  it.each(['a b', 'a,b', '"a"', 'ä', '(', '[]', 'a/b', '\x7f', ''])(
    'leaves out a cookie named %j, and keeps those beside it [HU-09]',
    (name) => {
      expect(read(`x=1; ${name}=2; y=3`)).toEqual([
        ['x', '1'],
        ['y', '3'],
      ]);
    },
  );

  it.each([undefined, '', ';', ';;; ;', 'a', '=', '=1', 'a; b', ',;,'])(
    'finds none in %j [HU-09]',
    (header) => {
      expect(read(header)).toEqual([]);
    },
  );

  it('does not undo percent escapes', () => {
    expect(read('a=%22%3B')).toEqual([['a', '%22%3B']]);
  });

  it('reads several Cookie lines as one [HU-09]', () => {
    const headers = HTTPHeaders.parse('Cookie: a=1; b=2\r\ncookie: c=3\r\nCookie: a="4"\r\n');
    expect(read(headers.get('Cookie'))).toEqual([
      ['a', '4'],
      ['b', '2'],
      ['c', '3'],
    ]);
  });

  it('takes names of Object.prototype as plain data, and finds none that was not sent [ATT-74]', () => {
    const cookies = parseCookies('__proto__=1; constructor=2');
    expect([cookies.get('__proto__'), cookies.get('constructor'), cookies.get('toString')]).toEqual([
      '1',
      '2',
      undefined,
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('gives a lone surrogate back as it came [ATT-77]', () => {
    expect(read('a=\ud800; \udc00=1')).toEqual([['a', '\ud800']]);
  });

  it('looks at 300 pairs, and at as many as it is told to [HU-09]', () => {
    const many = Array.from({ length: 400 }, (_, at) => `c${at}=1`).join('; ');
    expect(parseCookies(many).size).toBe(300);
    expect([...parseCookies('bad; a=1;; a=2; b=3', { maxCookies: 3 })]).toEqual([['a', '2']]);
    expect(parseCookies('a=1', { maxCookies: 0 }).size).toBe(0);
    expect(() => parseCookies('a=1', { maxCookies: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }),
    );
  });

  it('agrees with a slow reading of the same rules [HU-09]', () => {
    const random = seededRandom(9);
    const pieces = [
      'a',
      'b',
      'Z',
      '=',
      '=',
      ';',
      '; ',
      '"',
      '"',
      '\\',
      '\\101',
      '0',
      '7',
      ' ',
      '\t',
      ',',
      ':',
      '\xff',
    ];
    for (let round = 0; round < 5_000; round += 1) {
      const header = randomText(random, pieces, 24);
      expect(read(header), JSON.stringify(header)).toEqual(naively(header));
    }
  });

  it.each<[string, (size: number) => string]>([
    ['backslashes in quotes', (size) => `a="${'\\'.repeat(size)}"`],
    ['pairs without an equals sign', (size) => 'a;'.repeat(size)],
    ['blanks', (size) => `a=${' '.repeat(size)}x${' '.repeat(size)}; b`],
    ['quotes', (size) => `a=${'"'.repeat(size)}`],
    ['equals signs', (size) => '='.repeat(size)],
    ['one name', (size) => 'a=1;'.repeat(size)],
  ])('reads many %s in linear time [HU-09, ATT-20]', (_what, headerOf) => {
    expectLinear((size) => {
      const header = headerOf(size);
      return () => parseCookies(header, { maxCookies: 1_000_000 });
    }, 60_000);
  });
});
