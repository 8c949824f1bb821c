import { familyName } from '../registry/metric-names.ts';
import type { MetricFamily, MetricPoint } from '../registry/snapshot.ts';
import type { MetricsFormat } from './formats.ts';
import { boundText, sampleText } from './numbers.ts';

/**
 * Writes a page with these metrics, in pieces: at least one for each metric, so that the caller can let other work run
 * between them.
 *
 * Names are valid by construction. Help texts and label values are data, and escaped.
 */
export function* pageOf(families: Iterable<MetricFamily>, format: MetricsFormat): Generator<string, void> {
  for (const family of families) {
    let text = headOf(family, format);
    let lines = 0;
    for (const point of family.points) {
      text += linesOf(family, point, format);
      lines += family.type === 'histogram' ? family.buckets.length + 3 : 1;
      if (lines < PIECE_LINES) continue;
      yield text;
      text = '';
      lines = 0;
    }
    if (text !== '') yield text;
  }
  if (format === 'openmetrics') yield '# EOF\n';
}

/** Lines of one piece: about a millisecond. */
const PIECE_LINES = 2_000;

function headOf({ name, type, help }: MetricFamily, format: MetricsFormat): string {
  const isOpen = format === 'openmetrics';
  const family = isOpen ? familyName(name, type) : name;
  return `# HELP ${family} ${isOpen ? quotable(help) : oneLine(help)}\n# TYPE ${family} ${type}\n`;
}

function linesOf(family: MetricFamily, point: MetricPoint, format: MetricsFormat): string {
  const { name, type, labelNames } = family;
  const labels = labelsText(labelNames, point.labels);
  if (type !== 'histogram') {
    const set = labels === '' ? '' : `{${labels}}`;
    return `${name}${set} ${sampleText(point.values[0] as number)}\n`;
  }
  return histogramLines(family, point, labels, format === 'openmetrics');
}

function histogramLines(
  { name, buckets }: MetricFamily,
  point: MetricPoint,
  labels: string,
  isOpen: boolean,
): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  let count = 0;
  for (let at = 0; at <= buckets.length; at += 1) {
    count += point.values[at] as number;
    const bound = boundText(buckets[at] ?? Infinity, isOpen);
    text += `${name}_bucket{${before}le="${bound}"} ${count}\n`;
  }
  const set = labels === '' ? '' : `{${labels}}`;
  const sum = sampleText(point.values[buckets.length + 1] as number);
  return `${text}${name}_sum${set} ${sum}\n${name}_count${set} ${count}\n`;
}

function labelsText(names: readonly string[], values: readonly string[]): string {
  let text = '';
  for (let at = 0; at < names.length; at += 1)
    text += `${at === 0 ? '' : ','}${names[at]}="${quotable(values[at] as string)}"`;
  return text;
}

/** Escapes a text within quotation marks. */
function quotable(text: string): string {
  return /[\\"\n]/.test(text) ? oneLine(text).replaceAll('"', '\\"') : text;
}

function oneLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
