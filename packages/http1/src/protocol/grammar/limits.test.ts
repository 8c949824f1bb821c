import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, resolveLimits } from './limits.ts';

describe('resolveLimits', () => {
  it('fills in the defaults', () => {
    expect(resolveLimits({ maxHeaders: 3 })).toEqual({ ...DEFAULT_LIMITS, maxHeaders: 3 });
    expect(resolveLimits(undefined)).toBe(DEFAULT_LIMITS);
  });

  it('gives back what it made, so that connections share it', () => {
    const limits = resolveLimits({ maxHeaders: 3 });
    expect(resolveLimits(limits)).toBe(limits);
  });

  it('checks a copy of what it made', () => {
    const copy = { ...resolveLimits({ maxHeaders: 3 }) };
    expect(resolveLimits(copy)).not.toBe(copy);
    expect(() => resolveLimits({ ...copy, maxHeaders: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }),
    );
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY])('refuses %s', (value) => {
    for (const name of Object.keys(DEFAULT_LIMITS)) {
      expect(() => resolveLimits({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }),
      );
    }
  });
});
