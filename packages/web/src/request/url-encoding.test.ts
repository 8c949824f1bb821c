import { describe, expect, it } from 'vitest';
import { percentDecode } from './url-encoding.ts';

describe('percentDecode', () => {
  it('leaves a plus in a path alone [IN-03]', () => {
    expect(percentDecode('a+b%20c')).toBe('a+b c');
  });

  it('keeps a byte order mark and a NUL as they came', () => {
    expect(percentDecode('%EF%BB%BFa%00')).toBe('\ufeffa\0');
  });
});
