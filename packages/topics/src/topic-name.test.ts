import { describe, expect, it } from 'vitest';
import { isName, requireName } from './topic-name.ts';

describe('isName', () => {
  it.each([
    'a',
    ' ',
    '.',
    '..',
    '/',
    '{a}:b/*',
    '__proto__',
    'é',
    'e\u0301',
    '😀',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\uffff',
    '\u{10ffff}',
    'x'.repeat(256),
    'é'.repeat(128),
    '€'.repeat(85),
    '😀'.repeat(64),
  ])('accepts %j', (name) => {
    expect(isName(name)).toBe(true);
    expect(requireName('topic', 'name', name)).toBe(name);
  });

  it.each([
    '',
    '\0',
    'a\tb',
    'a\n',
    'a\r\nb',
    '\x1f',
    '\x7f',
    '\x80',
    '\x9f',
    '\ud800',
    '\udc00',
    'a\ud83d',
    '\ude00\ud83d',
    'x'.repeat(257),
    'é'.repeat(129),
    `${'😀'.repeat(64)}a`,
    undefined,
    null,
    7,
    {},
    ['a'],
    new String('a'),
  ])('does not accept %j', (name) => {
    expect(isName(name)).toBe(false);
    expect(() => requireName('topic', 'name', name)).toThrow(
      expect.objectContaining({ name: 'TopicsUsageError', code: 'ERR_TOPICS_USAGE' }),
    );
  });

  it('names the operation and what the value is for', () => {
    expect(() => requireName('join', 'member', '')).toThrow(/^join: member: 1 to 256 bytes of UTF-8/);
  });
});
