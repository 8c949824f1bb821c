import { describe, expect, it } from 'vitest';
import { compilePattern, extendPrefix, NO_PREFIX, type RoutePattern, reversePattern } from './pattern.ts';
import { RouteTable } from './route-table.ts';

/** The values that a pattern finds in a path, in order; null if it does not match. */
const valuesIn = (compiled: RoutePattern, path: string) => {
  const table = new RouteTable();
  table.add({ compiled, index: 0 });
  return table.find(path) === undefined ? null : table.values;
};

/** The same by name. */
const groupsOf = (pattern: string | RegExp, path: string) => {
  const compiled = compilePattern(pattern);
  const values = valuesIn(compiled, path);
  return values && Object.fromEntries(values.map((value, at) => [compiled.paramNames[at], value]));
};

describe('compilePattern', () => {
  it('takes a pattern without parameters as one exact path', () => {
    expect(compilePattern('/a.b/c').exact).toBe('/a.b/c');
    expect(compilePattern('/user/:id').exact).toBeUndefined();
  });

  it('gives one segment that is not empty to :name', () => {
    expect(groupsOf('/user/:id/post/:post', '/user/7/post/x.y')).toEqual({ id: '7', post: 'x.y' });
    expect(groupsOf('/user/:id', '/user/')).toBeNull();
    expect(groupsOf('/user/:id', '/user/7/8')).toBeNull();
  });

  it('gives the rest, even an empty one, to *name', () => {
    expect(groupsOf('/files/*rest', '/files/a/b.txt')).toEqual({ rest: 'a/b.txt' });
    expect(groupsOf('/files/*rest', '/files/')).toEqual({ rest: '' });
    expect(groupsOf('/files/*rest', '/files')).toBeNull();
  });

  it('compares everything else literally', () => {
    expect(groupsOf('/a.b/:x', '/aXb/1')).toBeNull();
    expect(groupsOf('/a:b/:x', '/a:b/1')).toEqual({ x: '1' });
  });

  it('anchors a regular expression at both ends, alternatives too, whatever its flags [RT-01]', () => {
    expect(groupsOf(/\/a|\/b/, '/ab')).toBeNull();
    expect(groupsOf(/\/a|\/b/gm, '/b')).toEqual({});
    expect(groupsOf(/\/a$/m, '/a\n/b')).toBeNull();
    const sticky = compilePattern(/\/a/gy);
    expect([valuesIn(sticky, '/a'), valuesIn(sticky, '/a')]).toEqual([[], []]);
  });

  it.each(['user', '', '/:', '/:1d', '/*rest/more', '/:a/:a'])('refuses %j', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: 'ERR_WEB_ROUTE' }));
  });

  it.each([
    ['/story/([0-9]+)', 'in a string, "(" has no special meaning', String.raw`/\/story\/([0-9]+)/`],
    ['/story/:id([0-9]+)', 'as in', "'/story/:id'"],
    ['/a|/b', '"|" has no special meaning', 'RegExp'],
    ['/c++', '"+" has no special meaning', String.raw`/\/c\+\+/`],
    [String.raw`/\d+`, String.raw`"\" has no special meaning`, String.raw`/\/\d+/`],
    ['^/a$', 'a pattern must start with /', 'route "^/a$"'],
    ['/a$', '"$" has no special meaning', String.raw`/\/a\$/`],
    ['/a/:id?', '"?" has no special meaning', "'/story/:id'"],
    ['/user/{id}', '"{" has no special meaning', "'/story/:id'"],
    ['/user/<id>', '"<" has no special meaning', "'/story/:id'"],
    ['/a/b*', '"*" has no special meaning', "'/files/*path'"],
    ['/files/*', 'a * must have a name', "'/files/*path'"],
    ['/straße', 'the path of a request never contains "ß"', '"/stra%C3%9Fe"'],
    ['/a b', 'the path of a request never contains " "', '"/a%20b"'],
    ['/a#b', 'the path of a request never contains "#"', 'route "/a#b"'],
    ['', 'the pattern is empty', "the root is '/'"],
  ])(
    'refuses %j, which no request matches as it was meant, with a remedy [RT-01]',
    (pattern, problem, remedy) => {
      expect(() => compilePattern(pattern)).toThrow(problem);
      expect(() => compilePattern(pattern)).toThrow(remedy);
    },
  );

  it.each([/story\/(\d+)/, /^a/, /%41/])(
    'refuses %s, since every path starts with a slash [RT-01]',
    (pattern) => {
      expect(() => compilePattern(pattern)).toThrow('every path starts with /');
    },
  );

  it.each([/a?\/b/, /a*\/b/, /\/a|b/, /.*/, /(\/a)?/, /^\/a/])('takes %s', (pattern) => {
    expect(() => compilePattern(pattern)).not.toThrow();
  });

  it('takes what a path may have besides letters', () => {
    const path = "/a-._~!&'(),;=:@%20".replace(/[()]/g, '');
    expect(compilePattern(path).exact).toBe(path);
  });

  it('joins a prefix with what is nested below it', () => {
    const prefix = extendPrefix(NO_PREFIX, '/api/:version');
    expect(valuesIn(compilePattern('/user/:id', prefix), '/api/2/user/9')).toEqual(['2', '9']);
    expect(compilePattern('/user/:id', prefix).paramNames).toEqual(['version', 'id']);
    expect(valuesIn(compilePattern(/\/n(\d+)/, prefix), '/api/2/n5')).toEqual(['2', '5']);
    expect(() => compilePattern(/\/(?<version>x)/, prefix)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_ROUTE' }),
    );
  });
});

describe('reversePattern', () => {
  it('puts escaped values in place of parameters, in order [RT-03]', () => {
    const pattern = compilePattern('/user/:id/*rest');
    expect(reversePattern(pattern, ['a/b c', 'x/y ü'])).toBe('/user/a%2Fb%20c/x/y%20%C3%BC');
    expect(reversePattern(compilePattern('/n/:n'), [7])).toBe('/n/7');
  });

  it('makes a path that the pattern matches, of whatever value', () => {
    const pattern = compilePattern('/user/:id');
    for (const value of ['a', '/', '?#%', '\ud800', '..', 'ä', '\n']) {
      expect(valuesIn(pattern, reversePattern(pattern, [value]))).toHaveLength(1);
    }
  });

  it('reverses a regular expression of text and simple groups only [RT-03]', () => {
    expect(reversePattern(compilePattern(/\/item\/(\d+)\.html/), [5])).toBe('/item/5.html');
    expect(reversePattern(compilePattern(/^\/(?<a>[^/]+)\/x$/), ['1'])).toBe('/1/x');
    for (const free of [/\/a(\d)?/, /\/a.b/, /\/(a(b))/, /\/a|b/, /\/\d/, /\/(?:a)/]) {
      expect(() => reversePattern(compilePattern(free), ['1'])).toThrow(
        expect.objectContaining({ code: 'ERR_WEB_REVERSE' }),
      );
    }
  });

  it.each([[[]], [['1', '2']], [['']]])('refuses the values %j for one segment [RT-03]', (values) => {
    expect(() => reversePattern(compilePattern('/user/:id'), values)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_REVERSE' }),
    );
  });
});
