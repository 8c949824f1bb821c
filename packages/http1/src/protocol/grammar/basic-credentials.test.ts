import { describe, expect, it } from 'vitest';
import { encodeUsernamePassword } from './basic-credentials.ts';

describe('encodeUsernamePassword', () => {
  it('joins user and password, in UTF-8 [HU-13]', () => {
    expect(encodeUsernamePassword('ann', 'a:b\u00fc').toString('latin1')).toBe('ann:a:b\xc3\xbc');
    expect(encodeUsernamePassword('', '').toString()).toBe(':');
  });

  it('gives one spelling to an accent that was typed in two ways (RFC 7617 §2.1) [HU-13]', () => {
    expect(encodeUsernamePassword('e\u0301', 'u\u0308')).toEqual(encodeUsernamePassword('\u00e9', '\u00fc'));
  });

  it.each([
    ['a:b', 'c'],
    ['a\n', 'c'],
    ['a', '\0'],
    ['a', '\x7f'],
    ['\ud800', 'c'],
  ])('refuses %j with %j [HU-13, ATT-77]', (username, password) => {
    expect(() => encodeUsernamePassword(username, password)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
  });
});
