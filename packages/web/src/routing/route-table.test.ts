import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern.ts';
import { RouteTable } from './route-table.ts';

const tableOf = (...patterns: readonly (string | RegExp)[]) => {
  const table = new RouteTable<{ compiled: ReturnType<typeof compilePattern>; index: number }>();
  for (const [index, pattern] of patterns.entries()) table.add({ compiled: compilePattern(pattern), index });
  return table;
};

/** The position of the pattern that is found, and the values of its parameters. */
const find = (table: ReturnType<typeof tableOf>, path: string) => {
  const found = table.find(path);
  return found === undefined ? undefined : [found.index, ...table.values];
};

describe('RouteTable', () => {
  it('finds the first of several patterns that match, whatever their kind [APP-01]', () => {
    const table = tableOf('/a/:x', /\/a\/(\d+)/, '/a/*rest', '/a/b', '/:y/b', '/c/d', '/c/:z');
    expect(find(table, '/a/7')).toEqual([0, '7']);
    expect(find(table, '/a/b')).toEqual([0, 'b']);
    expect(find(table, '/a/b/c')).toEqual([2, 'b/c']);
    expect(find(table, '/x/b')).toEqual([4, 'x']);
    expect(find(table, '/c/d')).toEqual([5]);
    expect(find(table, '/c/e')).toEqual([6, 'e']);
    expect(find(table, '/c/')).toBeUndefined();
    expect(find(table, '/c')).toBeUndefined();
  });

  it('goes back from a literal segment to a parameter before it', () => {
    const table = tableOf('/:a/:b/end', '/x/y/other', '/x/:c/*rest');
    expect(find(table, '/x/y/end')).toEqual([0, 'x', 'y']);
    expect(find(table, '/x/y/other')).toEqual([1]);
    expect(find(table, '/x/z/')).toEqual([2, 'z', '']);
  });

  it('tries an expression only below its literal start, and one without case everywhere', () => {
    const table = tableOf(/\/story\/(\d+)/, /\/STORY\/([a-z]+)/i, /\/(?:story|tale)/, /\/a\/?/, /\/b(\/c)?/);
    expect(find(table, '/story/7')).toEqual([0, '7']);
    expect(find(table, '/Story/x')).toEqual([1, 'x']);
    expect(find(table, '/tale')).toEqual([2]);
    expect([find(table, '/a'), find(table, '/a/')]).toEqual([[3], [3]]);
    expect(find(table, '/b')).toEqual([4, undefined]);
  });

  it('names the groups of an expression in order, and no others', () => {
    const names = (pattern: RegExp) => compilePattern(pattern).paramNames;
    expect(names(/\/(?<year>\d+)\/(\w+)\/(?:x)(?=y)(?<!z)[(](\()/)).toEqual(['year', undefined, undefined]);
  });

  it('matches a target without a slash by an expression only', () => {
    expect(find(tableOf('/*rest', /.*/), '*')).toEqual([1]);
    expect(find(tableOf('/:a'), '')).toBeUndefined();
  });

  it('agrees with a search from the first pattern to the last', () => {
    const patterns = [
      '/:a',
      '/x',
      '/x/:b',
      /\/x\/y/,
      '/:c/y',
      '/x/*r',
      '/y/*s',
      /\/(x|y)\/z/,
      '/x/y/z',
      '/:d/:e/z',
    ];
    const table = tableOf(...patterns);
    const words = ['', 'x', 'y', 'z', 'xy'];
    for (const one of words) {
      for (const two of words) {
        for (const path of [`/${one}`, `/${one}/${two}`, `/${one}/${two}/z`]) {
          const first = patterns.findIndex((pattern) => tableOf(pattern).find(path) !== undefined);
          expect([path, table.find(path)?.index ?? -1]).toEqual([path, first]);
        }
      }
    }
  });
});
