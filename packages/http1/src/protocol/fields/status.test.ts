import { describe, expect, it } from 'vitest';
import { responses } from '../../index.ts';

describe('responses', () => {
  it('has the phrase of every registered status [HU-13]', () => {
    expect([responses[200], responses[404], responses[431]]).toEqual([
      'OK',
      'Not Found',
      'Request Header Fields Too Large',
    ]);
    expect(responses[299]).toBeUndefined();
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(responses)).toBe(true);
  });
});
