import { describe, expect, it } from 'vitest';
import { excerpt, printable, printableLogValue } from './printable.ts';

/** What could begin a line, move a cursor, hide or reorder text. */
const HOSTILE = 'a\r\nb\x1b[2J\x9bc\u2028d\u202eé';
const HARMLESS = 'a\\x0d\\x0ab\\x1b[2J\\x9bc\\u2028d\\u202e\\xe9';

describe('printable', () => {
  it('escapes whatever could begin a line or move a cursor [ATT-40]', () => {
    expect(printable(HOSTILE)).toBe(HARMLESS);
  });

  it('keeps visible ASCII, quotation marks and backslashes too', () => {
    expect(printable('GET /"a\\b" ~')).toBe('GET /"a\\b" ~');
  });

  it('clips what is long', () => {
    expect(printable('x'.repeat(10_000))).toBe(`${'x'.repeat(300)}…`);
    expect(printable('x'.repeat(300))).toBe('x'.repeat(300));
    expect(printable('abc', 2)).toBe('ab…');
  });

  it('clips characters of the peer, not of its own escapes', () => {
    expect(printable('\n'.repeat(3), 2)).toBe('\\x0a\\x0a…');
  });
});

describe('excerpt', () => {
  it('quotes, and escapes the marks of the quotation', () => {
    expect(excerpt('say "a\\b"')).toBe('"say \\"a\\\\b\\""');
    expect(excerpt(HOSTILE)).toBe(`"${HARMLESS}"`);
  });

  it('says behind the quotation that more has come', () => {
    expect(excerpt('x'.repeat(49))).toBe(`"${'x'.repeat(48)}"…`);
    expect(excerpt('abc', 2)).toBe('"ab"…');
  });
});

describe('printableLogValue', () => {
  it('writes quotation marks and backslashes as nginx does [ATT-40]', () => {
    expect(printableLogValue('a"b\\c\n', 100)).toBe('a\\x22b\\x5cc\\x0a');
  });

  it('ends what was clipped with a mark that no peer can send', () => {
    expect(printableLogValue('abc', 2)).toBe('ab\\...');
    expect(printableLogValue('\\...', 10)).toBe('\\x5c...');
  });
});
