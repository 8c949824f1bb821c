import { describe, expect, it } from 'vitest';
import { expectLinear } from '../../../test/fixtures/expect-linear.ts';
import { hostName, splitHostAndPort } from './host.ts';

describe('splitHostAndPort', () => {
  it.each([
    ['a.example:8080', 'a.example', 8080],
    ['A.Example', 'A.Example', undefined],
    ['a:', 'a', undefined],
    ['a:0', 'a', 0],
    ['a:00080', 'a', 80],
    ['127.0.0.1:65535', '127.0.0.1', 65535],
    ['[::1]:80', '[::1]', 80],
    ['[::ffff:1.2.3.4]', '[::ffff:1.2.3.4]', undefined],
    ['a%20b:1', 'a%20b', 1],
  ])('splits %s [HU-13]', (authority, host, port) => {
    expect(splitHostAndPort(authority)).toEqual({ host, port });
  });

  it.each([
    '',
    ':80',
    '::1',
    '::1:80',
    '[::1',
    '[::1]x',
    '[fe80::1%25eth0]',
    'a:b',
    'a:80:80',
    'a:65536',
    'a:-1',
    'a:+1',
    'a: 1',
    'a b',
    'u@a',
    'a,b',
    'a/b',
    'a%zz',
    'ä',
    // Cut to a byte, this one would be a letter.
    '\u0141',
    'a\n',
  ])('refuses %j [HU-08, HU-13]', (authority) => {
    expect(splitHostAndPort(authority)).toBeUndefined();
  });

  it('works in linear time', () => {
    expectLinear((size) => {
      const authorities = ['a'.repeat(size), ':'.repeat(size), `a:${'1'.repeat(size)}`, '['.repeat(size)];
      return () => authorities.forEach(splitHostAndPort);
    }, 100_000);
  });
});

describe('hostName', () => {
  it.each([
    ['A.Example:80', 'a.example'],
    ['[2001:DB8::1]:80', '[2001:db8::1]'],
    ['a', 'a'],
  ])('gives %s in lower case and without its port [HU-07, HU-08]', (authority, expected) => {
    expect(hostName(authority)).toBe(expected);
  });
});
