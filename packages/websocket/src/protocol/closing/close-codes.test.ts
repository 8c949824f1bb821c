import { describe, expect, it } from 'vitest';
import { CLOSE_CODES, isValidCloseCode } from './close-codes.ts';

describe('isValidCloseCode', () => {
  it('lets exactly the codes pass that RFC 6455 §7.4 and the registry allow on the wire [WS-15 ATT-66]', () => {
    const ranges: [number, number][] = [];
    for (let code = 0; code <= 65_535; code += 1) {
      if (!isValidCloseCode(code)) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === code - 1) last[1] = code;
      else ranges.push([code, code]);
    }
    expect(ranges).toEqual([
      [1000, 1003],
      [1007, 1014],
      [3000, 4999],
    ]);
  });

  it.each([Number.NaN, 1000.5, -1000, Number.POSITIVE_INFINITY])('refuses %d', (code) => {
    expect(isValidCloseCode(code)).toBe(false);
  });

  it('lets no code pass that is only for reports', () => {
    expect([CLOSE_CODES.noStatus, CLOSE_CODES.abnormal].some(isValidCloseCode)).toBe(false);
  });
});
