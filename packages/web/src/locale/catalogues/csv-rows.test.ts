import { describe, expect, it } from 'vitest';
import { CatalogueSource } from './catalogue-source.ts';
import { csvRows } from './csv-rows.ts';

function rows(text: string): (readonly [number, readonly string[]])[] {
  return [...csvRows(text, new CatalogueSource('x.csv'))].map(({ line, cells }) => [line, cells]);
}

describe('csvRows', () => {
  it.each([
    ['', []],
    ['a,b', [[1, ['a', 'b']]]],
    ['a,b\n', [[1, ['a', 'b']]]],
    [
      'a,b\r\nc,d\re,f\n',
      [
        [1, ['a', 'b']],
        [2, ['c', 'd']],
        [3, ['e', 'f']],
      ],
    ],
    ['\n\na,\n', [[3, ['a', '']]]],
    [',', [[1, ['', '']]]],
    ['"a","b"', [[1, ['a', 'b']]]],
    ['"a ""quoted"" word",b', [[1, ['a "quoted" word', 'b']]]],
    ['"","""",x', [[1, ['', '"', 'x']]]],
    [
      '"a,b\r\nc",d\ne,f',
      [
        [1, ['a,b\r\nc', 'd']],
        [3, ['e', 'f']],
      ],
    ],
    ['5" disk,x"y"', [[1, ['5" disk', 'x"y"']]]],
    [' "a" ,b', [[1, [' "a" ', 'b']]]],
  ])('reads %j (RFC 4180 §2) [LO-01]', (text, expected) => {
    expect(rows(text)).toEqual(expected);
  });

  it.each([
    ['a,b\n"c,d\ne,f', 2, /not closed/],
    ['a,"b"c', 1, /comma/],
    ['a,"b" ,c', 1, /no space/],
    ['"x\ny"z', 2, /comma/],
  ])('refuses %j with the line [LO-01]', (text, line, message) => {
    expect(() => rows(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_CATALOGUE',
        file: 'x.csv',
        line,
        message: expect.stringMatching(message),
      }),
    );
  });
});
