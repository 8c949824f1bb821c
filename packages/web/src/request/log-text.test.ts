import { describe, expect, it } from 'vitest';
import { printable } from './log-text.ts';

describe('printable', () => {
  it('escapes whatever could begin a line or move a cursor [ATT-40]', () => {
    expect(printable('a\r\nb\x1b[2J\x9bc\u2028d\u202eé')).toBe(
      'a\\u000d\\u000ab\\u001b[2J\\u009bc\\u2028d\\u202e\\u00e9',
    );
  });

  it('clips what is long', () => {
    expect(printable('x'.repeat(10_000))).toBe(`${'x'.repeat(300)}…`);
  });
});
