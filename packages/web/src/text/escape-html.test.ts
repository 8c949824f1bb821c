import { describe, expect, it } from 'vitest';
import { escapeHtml } from './escape-html.ts';

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

describe('escapeHtml', () => {
  it('escapes & < > " and \' and no other UTF-16 code unit, in short and long texts', () => {
    const padding = 'x'.repeat(100);
    for (let unit = 0; unit <= 0xffff; unit += 1) {
      const char = String.fromCharCode(unit);
      const expected = REFERENCES[char] ?? char;
      expect(escapeHtml(char)).toBe(expected);
      if (unit < 0x200) expect(escapeHtml(padding + char + padding)).toBe(padding + expected + padding);
    }
  });

  it('escapes each occurrence, at the start, in the middle and at the end', () => {
    expect(escapeHtml(`<a href="x">'&amp;'</a>`)).toBe(
      '&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;',
    );
    expect(escapeHtml('<>'.repeat(100))).toBe('&lt;&gt;'.repeat(100));
  });

  it('returns text without such characters as it is', () => {
    for (const text of ['', 'a', 'ä 😀 \ud800 \0', 'long '.repeat(50)]) expect(escapeHtml(text)).toBe(text);
  });
});
