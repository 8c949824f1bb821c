import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { fieldsFrom, LightHeaders } from './light-headers.ts';

const light = (init: unknown) => new LightHeaders(fieldsFrom(init), false) as unknown as Headers;

describe('LightHeaders', () => {
  it.each<[string, ConstructorParameters<typeof Headers>[0]]>([
    ['a record', { 'X-B': ' 1 ', 'x-a': '2', 'X-a': '3', 'Set-Cookie': 'a=1' }],
    [
      'pairs',
      [
        ['B', '1'],
        ['a', ''],
        ['Set-Cookie', 'a=1'],
        ['b', '2'],
        ['set-cookie', 'b=2'],
      ],
    ],
    ['Headers', new Headers({ 'X-A': '1', Cookie: 'a' })],
    ['a value that is no string', { 'content-length': 7 } as never],
    ['nothing', {}],
  ])('of %s are like native ones', (_what, init) => {
    const headers = light(init);
    const native = new Headers(init);
    expect([...headers]).toEqual([...native]);
    expect([...headers.keys()]).toEqual([...native.keys()]);
    expect([...headers.values()]).toEqual([...native.values()]);
    expect(headers.getSetCookie()).toEqual(native.getSetCookie());
    for (const name of ['x-A', 'B', 'set-cookie', 'none']) {
      expect([headers.get(name), headers.has(name)]).toEqual([native.get(name), native.has(name)]);
    }
  });

  it('are changed like native ones', () => {
    const headers = light({ a: '1', b: '2' });
    const native = new Headers({ a: '1', b: '2' });
    for (const changed of [headers, native]) {
      changed.set('A', ' 3 ');
      changed.append('b', '4\t');
      changed.append('c', '5');
      changed.delete('none');
      changed.delete('C');
    }
    expect([...headers]).toEqual([...native]);
  });

  it('do not change fields that are shared', () => {
    const shared = HTTPHeaders.from({ a: '1' });
    const headers = new LightHeaders(shared, true);
    headers.set('a', '2');
    expect([shared.get('a'), headers.get('a')]).toEqual(['1', '2']);
    expect(LightHeaders.fieldsOf(headers)?.get('a')).toBe('2');
    expect(LightHeaders.fieldsOf({})).toBe(undefined);
  });

  it('call forEach with this and themselves', () => {
    const headers = light({ a: '1' });
    const calls: unknown[] = [];
    headers.forEach(function (this: unknown, value, name, all) {
      calls.push(this, value, name, all);
    }, 'this');
    expect(calls).toEqual(['this', '1', 'a', headers]);
    expect(() => headers.forEach(undefined as never)).toThrow(TypeError);
  });

  it.each<[string, () => unknown]>([
    ['a name that is no token', () => light({ 'a b': '1' })],
    ['an empty name', () => light([['', '1']])],
    ['a line end', () => light({ a: '1\r\nb: 2' })],
    ['a character above U+00FF', () => light({ a: '\u2713' })],
    ['a pair of three', () => light([['a', 'b', 'c']])],
    ['a pair of one', () => light([['a']])],
    ['null', () => light(null)],
    ['a string', () => light('a')],
    ['a lookup of an invalid name', () => light({}).get('a b')],
    ['a deletion of an invalid name', () => light({}).delete('')],
  ])('throw a TypeError for %s', (_what, act) => {
    expect(act).toThrow(TypeError);
  });

  it('ignore inherited properties of a record', () => {
    expect([...light(Object.create({ a: '1' }, { b: { value: '2', enumerable: true } }))]).toEqual([
      ['b', '2'],
    ]);
  });
});
