import { OTHER } from '../registry/series-table.ts';
import { type Across, labelsKey, type MetricFamily, type MetricPoint } from '../registry/snapshot.ts';

/** How two values of a gauge become one. A value of `process` is never combined with another. */
const COMBINED: Readonly<Record<Across, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
  process: (_, b) => b,
};

/** Whether a series may have a line of its own; otherwise its values go to the series whose labels are `other`. */
export type Admits = (key: string) => boolean;

/** One metric of several processes, as it becomes one. */
export class FamilySum {
  readonly #family: Omit<MetricFamily, 'points'>;
  readonly #admits: Admits;
  readonly #points = new Map<string, { readonly labels: readonly string[]; readonly values: number[] }>();

  constructor(family: Omit<MetricFamily, 'points'>, admits: Admits) {
    this.#family = family;
    this.#admits = admits;
  }

  /** Whether the points of the other can be added: it is defined in the same way, but for the help text. */
  fits(other: Omit<MetricFamily, 'points'>): boolean {
    const { type, across, labelNames, buckets } = this.#family;
    return (
      type === other.type &&
      across === other.across &&
      isSame(labelNames, other.labelNames) &&
      isSame(buckets, other.buckets)
    );
  }

  add(points: Iterable<MetricPoint>): void {
    for (const { labels, values } of points) this.#addPoint(labels, values);
  }

  family(): MetricFamily {
    return { ...this.#family, points: [...this.#points.values()] };
  }

  #addPoint(labels: readonly string[], values: readonly number[]): void {
    const key = labelsKey(labels);
    const present = this.#points.get(key);
    if (present !== undefined) this.#combine(present.values, values);
    else if (this.#admits(key)) this.#points.set(key, { labels, values: [...values] });
    else this.#addOther(labels, values);
  }

  #addOther(labels: readonly string[], values: readonly number[]): void {
    const others = labels.map(() => OTHER);
    const key = labelsKey(others);
    const present = this.#points.get(key);
    if (present === undefined) this.#points.set(key, { labels: others, values: [...values] });
    else this.#combine(present.values, values);
  }

  #combine(into: number[], values: readonly number[]): void {
    const combined = COMBINED[this.#family.across];
    for (let at = 0; at < into.length; at += 1) into[at] = combined(into[at] as number, values[at] ?? 0);
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
