/** The formats of pages: the text format 0.0.4 of Prometheus, and OpenMetrics 1.0. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/** The `Content-Type` of each format. */
export const METRICS_CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = Object.freeze({
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
});

/** A longer header is ignored; that of Prometheus has about 300 characters. */
const MAX_ACCEPT_CHARS = 2_048;

/**
 * Chooses the format for the `Accept` header of a request (RFC 9110 §12.5.1): OpenMetrics if the client asks for it by
 * name, in version 1 or without a version, and does not prefer `text/plain`. Otherwise that of Prometheus, which browsers
 * and other programs show too; also if the client accepts neither, as RFC 9110 §15.5.7 allows.
 */
export function chooseMetricsFormat(accept: string | undefined): MetricsFormat {
  if (accept === undefined || accept.length > MAX_ACCEPT_CHARS) return 'prometheus';
  let openMetrics = 0;
  let text = -1;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (type !== 'application/openmetrics-text' && type !== 'text/plain') continue;
    const weight = weightOf(parameters);
    if (type === 'text/plain') text = Math.max(text, weight);
    else if (isVersionOne(parameters)) openMetrics = Math.max(openMetrics, weight);
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'prometheus';
}

/** An invalid weight counts as 0. */
function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith('q='));
  if (text === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text.slice(2)) : 0;
}

function isVersionOne(parameters: readonly string[]): boolean {
  const version = parameters.find((parameter) => parameter.startsWith('version='));
  return version === undefined || version.slice('version='.length).replaceAll('"', '') === '1.0.0';
}
