/** For the bounds of buckets, whose text is part of the identity of a series, this is fixed. */
const MAX_BOUND_EXPONENT = 6;
const MIN_EXPONENT = -4;

/** Formats the value of a line. */
export function sampleText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return specialText(value);
}

/**
 * Formats a bound of a bucket as the libraries of Prometheus do, so that the label `le` of a series does not change with
 * the library: `0.5`, `1e+06`. In OpenMetrics whole numbers have a fraction: `1.0`.
 */
export function boundText(value: number, isOpenMetrics: boolean): string {
  if (!Number.isFinite(value)) return specialText(value);
  const [digits = '0', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (value !== 0 && (exponent < MIN_EXPONENT || exponent >= MAX_BOUND_EXPONENT)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const text = String(value);
  return isOpenMetrics && !text.includes('.') ? `${text}.0` : text;
}

function specialText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
