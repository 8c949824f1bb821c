import { shownValue } from '@landspout/ioloop/errors';
import { MetricsUsageError } from '../../errors.ts';
import { labelsKey } from './snapshot.ts';

/** The value of a label: data, so it may have any characters. */
export type LabelValue = string | number | boolean;
/** The values of all labels of a metric. */
export type Labels<Name extends string> = { readonly [Key in Name]: LabelValue };

/** The value of each label of the series that observations go to when there are too many series. */
export const OTHER = 'other';

/** How many series all metrics of a registry may have together. */
export class SeriesBudget {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  take(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken += 1;
    return true;
  }

  release(count: number): void {
    this.#taken -= count;
  }
}

export interface SeriesRules {
  /** The full name of the metric, for errors. */
  readonly metric: string;
  readonly labelNames: readonly string[];
  readonly maxSeries: number;
  readonly maxLabelChars: number;
  readonly budget: SeriesBudget;
  /** Called with each observation that goes to the series `other`, since there is no room for one of its own. */
  overflowed(): void;
}

/** One series, with the values of its labels. */
export interface SeriesEntry<Series> {
  readonly labels: readonly string[];
  readonly series: Series;
  /** Whether the budget counts it. */
  readonly isCounted: boolean;
}

/**
 * The series of one metric by their label values, which are data that may come from peers: they are clipped, and new
 * combinations above the limit share one series.
 */
export class SeriesTable<Series> {
  readonly #rules: SeriesRules;
  readonly #create: () => Series;
  readonly #entries = new Map<string, SeriesEntry<Series>>();
  #counted = 0;

  constructor(rules: SeriesRules, create: () => Series) {
    this.#rules = rules;
    this.#create = create;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<SeriesEntry<Series>> {
    return this.#entries.values();
  }

  /**
   * Finds or makes the series of these labels.
   *
   * @throws MetricsUsageError `ERR_METRICS_LABELS` if they are not those of the metric.
   */
  find(labels: unknown): Series {
    const values = this.#valuesOf(labels);
    const key = labelsKey(values);
    const present = this.#entries.get(key);
    if (present !== undefined) return present.series;
    if (this.#counted < this.#rules.maxSeries && this.#rules.budget.take()) {
      this.#counted += 1;
      return this.#add(key, values, true);
    }
    this.#rules.overflowed();
    const others = values.map(() => OTHER);
    const otherKey = labelsKey(others);
    return this.#entries.get(otherKey)?.series ?? this.#add(otherKey, others, false);
  }

  /** Forgets one series. @returns whether it was there. */
  remove(labels: unknown): boolean {
    const key = labelsKey(this.#valuesOf(labels));
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    if (entry.isCounted) {
      this.#counted -= 1;
      this.#rules.budget.release(1);
    }
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#rules.budget.release(this.#counted);
    this.#counted = 0;
  }

  #add(key: string, labels: readonly string[], isCounted: boolean): Series {
    const series = this.#create();
    // Copies: a part of a long text of a peer would keep all of it in memory.
    this.#entries.set(key, { labels: labels.map(copyOf), series, isCounted });
    return series;
  }

  #valuesOf(labels: unknown): string[] {
    const { labelNames, maxLabelChars } = this.#rules;
    if (typeof labels !== 'object' || labels === null) throw this.#wrong(labels);
    const given = labels as Readonly<Record<string, unknown>>;
    const values: string[] = [];
    for (const name of labelNames) values.push(this.#textOf(name, given[name], maxLabelChars));
    let count = 0;
    for (const name in given) {
      if (!labelNames.includes(name)) throw this.#wrong(labels, `; ${shownValue(name)} is none of them`);
      count += 1;
    }
    if (count !== labelNames.length) throw this.#wrong(labels);
    return values;
  }

  #textOf(name: string, value: unknown, maxChars: number): string {
    if (typeof value === 'string') return labelText(value, maxChars);
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    const { metric } = this.#rules;
    throw new MetricsUsageError(
      'ERR_METRICS_LABELS',
      `${metric}: label ${name}: a string, a number or a boolean was expected, not ${shownValue(value)}`,
    );
  }

  #wrong(labels: unknown, detail = ''): MetricsUsageError {
    const { metric, labelNames } = this.#rules;
    const names = labelNames.length === 0 ? 'no labels' : `the labels ${labelNames.join(', ')}`;
    return new MetricsUsageError(
      'ERR_METRICS_LABELS',
      `${metric}: an object with ${names} was expected, not ${shownValue(labels)}${detail}`,
    );
  }
}

/**
 * Clips a label value. Halves of surrogate pairs are replaced, since they would become the same bytes as others when
 * the page is encoded, and two lines of a page must not be the same.
 */
function labelText(value: string, maxChars: number): string {
  let text = value;
  if (text.length > maxChars) {
    const last = text.charCodeAt(maxChars - 1);
    // Not between the two halves of a character.
    text = text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
  }
  return text.replace(LONE_SURROGATE, '\ufffd');
}

function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
