import assert from 'node:assert/strict';
import type { MetricsFormat } from '../../../src/index.ts';

/** One metric of a page. */
export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  /** The value of each line, by its name and its labels as `name{a="1",b="2"}`, with the values unescaped. */
  readonly samples: Map<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, 's');
const NUMBER = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf|-Inf|NaN)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  gauge: [''],
};

/** Reads a page, and refuses everything that the format does not allow, also what programs usually forgive. */
export function parsePage(page: string, format: MetricsFormat = 'prometheus'): Map<string, ParsedFamily> {
  assert(page.endsWith('\n'), 'the last line has no end');
  const lines = page.slice(0, -1).split('\n');
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF');
  const families = new Map<string, ParsedFamily>();
  let current: { name: string; family: ParsedFamily } | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    if (line.startsWith('#')) {
      const [, name = '', help = ''] =
        new RegExp(`^# HELP (${NAME}) (.*)$`).exec(line) ?? assert.fail(`not a HELP line: ${line}`);
      at += 1;
      const [, typed, type = ''] =
        new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(lines[at] ?? '') ??
        assert.fail(`not a TYPE line: ${lines[at]}`);
      assert.equal(typed, name);
      assert(!families.has(name), `${name} comes twice`);
      current = { name, family: { type, help: unescapedHelp(help, format), samples: new Map() } };
      families.set(name, current.family);
    } else {
      assert(current !== undefined, `a sample before its TYPE: ${line}`);
      addSample(line, current.name, current.family, format);
    }
  }
  for (const [name, family] of families)
    if (family.type === 'histogram') checkHistogram(name, family, format);
  return families;
}

/** The value of one line; undefined if it is not there. */
export function sampleOf(
  families: Map<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = seriesText(name, Object.entries(labels));
  for (const { samples } of families.values()) if (samples.has(wanted)) return samples.get(wanted);
  return undefined;
}

function addSample(
  line: string,
  familyName: string,
  { type, samples }: ParsedFamily,
  format: MetricsFormat,
): void {
  const [, name = '', labelText, number = ''] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`);
  assert.match(number, NUMBER);
  const suffixes =
    type === 'counter' ? [format === 'openmetrics' ? '_total' : ''] : (SUFFIXES[type] as readonly string[]);
  assert(
    suffixes.some((suffix) => name === familyName + suffix),
    `${name} in the metric ${familyName}`,
  );
  const value = numberOf(number);
  if (type === 'counter') assert(value >= 0 && name.endsWith('_total'), line);
  const labels = parseLabels(labelText);
  const series = seriesText(name, labels);
  assert(!samples.has(series), `${series} comes twice`);
  samples.set(series, value);
}

function parseLabels(text: string | undefined): [string, string][] {
  if (text === undefined) return [];
  assert.notEqual(text, '', 'empty braces');
  const labels: [string, string][] = [];
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const [, name = '', value = '', end] = LABEL.exec(text) ?? assert.fail(`labels at ${at}: ${text}`);
    assert(!labels.some(([other]) => other === name), `the label ${name} comes twice`);
    labels.push([name, value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))]);
    if (end === '') assert.equal(LABEL.lastIndex, text.length);
    else assert(LABEL.lastIndex < text.length, `a comma at the end: ${text}`);
  }
  return labels;
}

function seriesText(name: string, labels: readonly (readonly [string, string])[]): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${name}${JSON.stringify(sorted)}`;
}

function checkHistogram(name: string, { samples }: ParsedFamily, format: MetricsFormat): void {
  const groups = new Map<string, { before: number; bound: number; isComplete: boolean }>();
  for (const [series, value] of samples) {
    if (!series.startsWith(`${name}_bucket[`)) continue;
    const labels = JSON.parse(series.slice(`${name}_bucket`.length)) as [string, string][];
    const le = labels.find(([label]) => label === 'le')?.[1] ?? assert.fail(`${series} without le`);
    if (format === 'openmetrics') assert.match(le, /[.e]|Inf/);
    const key = JSON.stringify(labels.filter(([label]) => label !== 'le'));
    const group = groups.get(key) ?? { before: 0, bound: -Infinity, isComplete: false };
    assert(value >= group.before && numberOf(le) > group.bound, `${series} is not cumulative`);
    groups.set(key, { before: value, bound: numberOf(le), isComplete: le === '+Inf' });
  }
  for (const [key, { before, isComplete }] of groups) {
    assert(isComplete, `${name}${key} has no bucket +Inf`);
    assert.equal(samples.get(`${name}_count${key}`), before);
    assert.notEqual(samples.get(`${name}_sum${key}`), undefined);
  }
  assert.equal(
    [...samples.keys()].filter((series) => series.startsWith(`${name}_count`)).length,
    groups.size,
  );
}

function unescapedHelp(text: string, format: MetricsFormat): string {
  const allowed = format === 'openmetrics' ? /\\(["\\n])|"|\\/g : /\\([\\n])|\\/g;
  return text.replace(allowed, (_, character) => {
    assert(character !== undefined, `not escaped: ${text}`);
    return character === 'n' ? '\n' : character;
  });
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}
