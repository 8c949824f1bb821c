import { describe, expect, it } from 'vitest';
import { parseExtensions } from './extensions.ts';

/** The extensions as text: `name;parameter=value`, one a line. */
function shown(header: string): string[] | undefined {
  return parseExtensions(header)?.map(({ name, parameters }) =>
    [
      name,
      ...parameters.map((each) => (each.value === undefined ? each.name : `${each.name}=${each.value}`)),
    ].join(';'),
  );
}

describe('parseExtensions', () => {
  // The first five are the examples of RFC 6455 §9.1, and the last two of RFC 7692 §5.1 and §7.1.3.
  it.each([
    ['foo', ['foo']],
    ['foo, bar; baz=2', ['foo', 'bar;baz=2']],
    ['deflate-stream', ['deflate-stream']],
    [
      'mux; max-channels=4; flow-control, deflate-stream',
      ['mux;max-channels=4;flow-control', 'deflate-stream'],
    ],
    ['private-extension', ['private-extension']],
    ['permessage-foo; use_y, permessage-foo', ['permessage-foo;use_y', 'permessage-foo']],
    ['permessage-bar; x="10"', ['permessage-bar;x=10']],
  ])('reads the example %j [WS-17]', (header, expected) => {
    expect(shown(header)).toEqual(expected);
  });

  it.each([
    ['', []],
    [' \t', []],
    [' , ,', []],
    [',a,,b ,', ['a', 'b']],
    ['\ta ; b\t=\t1 ;c , d', ['a;b=1;c', 'd']],
    ['a;b=1;b=2;B', ['a;b=1;b=2;B']],
    ["a;b=!#$%&'*+-.^_`|~09azAZ", ["a;b=!#$%&'*+-.^_`|~09azAZ"]],
    ['a;b="1"', ['a;b=1']],
    ['a; b = "x\\y\\z" ;c', ['a;b=xyz;c']],
    ['__proto__; constructor=1', ['__proto__;constructor=1']],
  ])('reads %j', (header, expected) => {
    expect(shown(header)).toEqual(expected);
  });

  it.each([
    ';',
    '=',
    'a b',
    'a;',
    'a;;b',
    'a; ,b',
    'a=1',
    'a;b=',
    'a;b=,c',
    'a;b=1 2',
    'a;b==1',
    'a;=1',
    'a/b',
    'a;b/c',
    'a;b=c/d',
    '"a"',
    'a;"b"',
    'a;b=""',
    'a;b=" 1"',
    'a;b="1 "',
    'a;b="1,2"',
    'a;b="1;2"',
    'a;b="1',
    'a;b="',
    'a;b="1\\"',
    'a;b="1\\\\"',
    'a;b="1\\"2"',
    'a;b="1"2',
    'a;b=1"2"',
    'é',
    'a;b="é"',
    'a\u0000',
    'a\r\n',
    'a\u00a0',
    '\ufeffa',
  ])('refuses %j [WS-17]', (header) => {
    expect(parseExtensions(header)).toBeUndefined();
  });

  it('takes up to 64 extensions, and 64 parameters of each', () => {
    const parameters = ';p'.repeat(64);
    const header = Array.from({ length: 64 }, () => `x${parameters}`).join();
    expect(parseExtensions(header)).toHaveLength(64);
    expect(parseExtensions(`${header},`)).toHaveLength(64);
    expect(parseExtensions(`${header},x`)).toBeUndefined();
    expect(parseExtensions(`x${parameters};p`)).toBeUndefined();
  });
});
