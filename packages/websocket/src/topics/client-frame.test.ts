import { describe, expect, it } from 'vitest';
import { isName, parseClientFrame } from './client-frame.ts';

describe('parseClientFrame', () => {
  it('takes what it knows, and ignores the rest', () => {
    const text =
      '{"op":"sub","run":"r","after":"e.1","last":3,"id":0,"__proto__":{"op":"pub"},"more":{"deep":[1]}}';
    expect(parseClientFrame(text)).toEqual({
      op: 'sub',
      id: 0,
      kind: 'run',
      name: 'r',
      after: 'e.1',
      last: 3,
      presence: false,
      data: undefined,
      ref: undefined,
    });
  });

  it('accepts null as data', () => {
    expect(parseClientFrame('{"op":"pub","topic":"t","data":null,"id":1}')).toMatchObject({
      op: 'pub',
      data: null,
    });
  });

  it('does not look into members that its op does not have', () => {
    const text = '{"op":"unsub","topic":"t","after":1,"last":"x","presence":7,"id":1}';
    expect(parseClientFrame(text)).toMatchObject({ op: 'unsub', name: 't' });
  });

  it('refers to as much of an invalid frame as it has understood', () => {
    expect(parseClientFrame('{')).toMatchObject({ op: undefined, id: undefined, kind: undefined });
    expect(parseClientFrame('{"op":"x","id":4}')).toMatchObject({ op: undefined, id: 4, kind: undefined });
    expect(parseClientFrame('{"op":"pub","id":4,"topic":"t"}')).toMatchObject({
      op: undefined,
      id: 4,
      name: 't',
    });
  });
});

describe('isName', () => {
  it('accepts 1 to 256 bytes of UTF-8 without control characters', () => {
    for (const name of ['a', 'room:{1}/x y', 'ü'.repeat(128), '👍'.repeat(64), 'a'.repeat(256)])
      expect(isName(name)).toBe(true);
    for (const name of [
      '',
      'ü'.repeat(129),
      'a'.repeat(257),
      'a\u0000',
      '\u007f',
      '\u0085',
      '\udc00',
      1,
      null,
    ])
      expect(isName(name)).toBe(false);
  });
});
