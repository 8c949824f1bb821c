import { describe, expect, it } from 'vitest';
import { formDecode, percentDecode } from './percent-decoding.ts';

describe('percentDecode', () => {
  it('leaves a plus in a path alone, where formDecode makes it a space', () => {
    expect(percentDecode('a+b%20c%2Bd')).toBe('a+b c+d');
    expect(formDecode('a+b%20c%2Bd')).toBe('a b c+d');
  });

  it('decodes once', () => {
    expect(percentDecode('%252e%2e')).toBe('%2e.');
  });

  it.each(['%', '%4', '%g0', '%ff', '%c3(', '\xff', '\u0141%20'])('refuses %j [ATT-75, ATT-77]', (text) => {
    for (const decode of [percentDecode, formDecode]) {
      expect(() => decode(text)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_QUERY_ENCODING', status: 400 }),
      );
    }
  });
});
