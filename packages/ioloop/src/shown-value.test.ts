import { describe, expect, it } from 'vitest';
import { errorOf } from './shown-value.ts';

describe('errorOf', () => {
  const refuse = (): never => {
    throw new Error('a trap');
  };

  it('returns an Error as it is', () => {
    const error = Object.freeze(new TypeError('x'));
    expect(errorOf(error)).toBe(error);
  });

  it.each(['name', 'message', 'cause', 'code', 'status'])(
    'replaces an Error whose %s cannot be read',
    (name) => {
      const error = Object.defineProperty(new Error('x'), name, {
        get: refuse,
      });
      expect(errorOf(error).message).toBe('an object of Error was thrown, which cannot be read');
    },
  );

  it.each<[unknown, string]>([
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{ toString: () => 'own text' }, 'own text'],
    [Object.create(null), 'an object was thrown, which cannot be read'],
    [{ toString: refuse }, 'an object of Object was thrown, which cannot be read'],
    [new Proxy({}, { get: refuse, getPrototypeOf: refuse }), 'an object was thrown, which cannot be read'],
  ])('makes an Error of anything else, whatever it does when it is read', (thrown, message) => {
    expect(errorOf(thrown).message).toBe(message);
  });
});
