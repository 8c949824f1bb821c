import { OTHER } from '../registry/series-table.ts';
import { labelsKey, type MetricFamily } from '../registry/snapshot.ts';
import type { Admits } from './family-sum.ts';

/** Most metrics whose series are remembered: as many as two definitions of each metric of a registry. */
const MAX_METRICS = 2_000;

/**
 * Which series of shared metrics have lines of their own, of those that all processes together have. A total that has
 * a line keeps it, and one that was once added to `other` stays there: otherwise lines would disappear and come back
 * with another total while processes come and go, and a reader would see counters that go back.
 */
export class ShownSeries {
  readonly #byMetric = new Map<string, Set<string>>();
  readonly #overflowed: (metric: string) => void;

  /** @param overflowed - is called with each series that does not get a line. */
  constructor(overflowed: (metric: string) => void) {
    this.#overflowed = overflowed;
  }

  /** For one page, or for the totals of processes that have ended. */
  admits({ name, type, labelNames, maxSeries }: Omit<MetricFamily, 'points'>): Admits {
    // Values of now come and go, so only those of one page are counted.
    const shown = type === 'gauge' ? new Set<string>() : this.#of(`${name} ${labelNames.join()}`);
    const other = labelsKey(labelNames.map(() => OTHER));
    return (key) => {
      if (key === other || shown.has(key)) return true;
      if (shown.size >= maxSeries) {
        this.#overflowed(name);
        return false;
      }
      shown.add(key);
      return true;
    };
  }

  #of(metric: string): Set<string> {
    const shown = this.#byMetric.get(metric) ?? new Set();
    this.#byMetric.delete(metric); // so that the latest is the last
    this.#byMetric.set(metric, shown);
    for (const oldest of this.#byMetric.keys()) {
      if (this.#byMetric.size <= MAX_METRICS) break;
      this.#byMetric.delete(oldest);
    }
    return shown;
  }
}
