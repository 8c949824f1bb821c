import { describe, expect, it } from 'vitest';
import { parseHttpDate } from './http-date-parsing.ts';

const TIME = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('parseHttpDate', () => {
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun, 06 Nov 1994 09:49:37 +0100',
  ])('reads %s [ST-04]', (text) => {
    expect(parseHttpDate(text)).toBe(TIME);
  });

  it('reads a date before 1970 [ST-04]', () => {
    expect(parseHttpDate('Sun, 06 Nov 1960 08:49:37 GMT')).toBe(Date.UTC(1960, 10, 6, 8, 49, 37));
  });

  it.each(['', 'yesterday', '0'.repeat(1000)])('ignores %j [ST-04]', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});
