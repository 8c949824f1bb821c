import { describe, expect, it } from 'vitest';
import { chooseMetricsFormat } from './formats.ts';

describe('chooseMetricsFormat', () => {
  it.each([
    [undefined, 'prometheus'],
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/html, */*;q=0.8', 'prometheus'],
    ['application/json', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
    ['application/openmetrics-text;version=0.0.1', 'prometheus'],
    ['application/openmetrics-text;version=1.0.0;q=0', 'prometheus'],
    ['application/openmetrics-text;q=2', 'prometheus'],
    ['application/openmetrics-text;q=0.4,text/plain;version=0.0.4;q=0.5', 'prometheus'],
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.2',
      'openmetrics',
    ],
    [`application/openmetrics-text,${' '.repeat(3_000)}`, 'prometheus'],
  ])('of %j is %s', (accept, format) => {
    expect(chooseMetricsFormat(accept)).toBe(format);
  });
});
