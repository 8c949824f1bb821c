import { describe, expect, it } from 'vitest';
import { cpuCount, resolveProcessCount } from '../../../src/processes/supervisor/supervisor-options.ts';

describe('cpuCount', () => {
  it('is at least 1 [PROC-01]', () => {
    expect(cpuCount()).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(cpuCount())).toBe(true);
  });
});

describe('resolveProcessCount', () => {
  it.each([undefined, null, 0, -3])('takes %s for one process for each CPU [PROC-01]', (count) => {
    expect(resolveProcessCount(count)).toBe(Math.min(cpuCount(), 1024));
  });

  it.each([1, 7, 1024])('takes %d as it is', (count) => {
    expect(resolveProcessCount(count)).toBe(count);
  });

  it.each([1.5, 1025, Number.NaN, Number.POSITIVE_INFINITY, '2' as unknown as number])(
    'refuses %s',
    (count) => {
      expect(() => resolveProcessCount(count)).toThrow(
        expect.objectContaining({ name: 'ProcessUsageError', code: 'ERR_PROCESS_USAGE' }),
      );
    },
  );
});
