import { describe, expect, it } from 'vitest';
import { boundText } from './numbers.ts';

describe('boundText', () => {
  it.each([
    [0, '0', '0.0'],
    [0.005, '0.005', '0.005'],
    [0.0001, '0.0001', '0.0001'],
    [0.00005, '5e-05', '5e-05'],
    [1, '1', '1.0'],
    [2.5, '2.5', '2.5'],
    [100_000, '100000', '100000.0'],
    [1_000_000, '1e+06', '1e+06'],
    [10_485_760, '1.048576e+07', '1.048576e+07'],
    [Infinity, '+Inf', '+Inf'],
  ])('writes %d as the libraries of Prometheus do', (value, prometheus, openMetrics) => {
    expect([boundText(value, false), boundText(value, true)]).toEqual([prometheus, openMetrics]);
  });
});
