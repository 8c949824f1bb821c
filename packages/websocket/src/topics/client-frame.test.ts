import { describe, expect, it } from 'vitest';
import { parseClientFrame } from './client-frame.ts';

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

  it.each([
    ['topic', { op: 'sub', id: 1, topic: 'a\u0000' }],
    ['run', { op: 'sub', id: 1, run: 'a'.repeat(257) }],
    ['ref', { op: 'pub', id: 1, topic: 't', data: 1, ref: '' }],
  ])('refuses an invalid %s', (_, frame) => {
    expect(parseClientFrame(JSON.stringify(frame))).toMatchObject({
      op: undefined,
      id: 1,
      fault: { code: 'ERR_TOPICS_BAD_FRAME' },
    });
  });
});
