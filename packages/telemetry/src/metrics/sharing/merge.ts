import { PROCESS_LABEL } from '../registry/metric-names.ts';
import type { MetricFamily, MetricPoint } from '../registry/snapshot.ts';
import { FamilySum } from './family-sum.ts';
import type { ShownSeries } from './shown-series.ts';

/** What one process has counted. */
export interface ProcessSnapshot {
  /** The number of its task, or `parent`: the value of the label `process`. */
  readonly process: string;
  readonly families: readonly MetricFamily[];
  /** Whether it did not reply now. Its totals are those of an earlier reply, and its gauges are left out. */
  readonly isStale: boolean;
}

/** Most metrics of ended processes: as many as a registry may have. Those that ended long ago are forgotten first. */
const MAX_METRICS = 1_000;

/** What the processes that have ended had counted, so that no total decreases when one ends. */
export class EndedTotals {
  readonly #sums = new Map<string, { sum: FamilySum; order: number }>();
  readonly #shown: ShownSeries;

  constructor(shown: ShownSeries) {
    this.#shown = shown;
  }

  /**
   * Adds the totals of a process that has ended. Its gauges are gone with it.
   *
   * @param order - greater for a process that was started later. After a change of the definition of a metric, only what
   *   the later processes have counted is kept, whichever of them end first.
   */
  add(families: readonly MetricFamily[], order: number): void {
    for (const { points, ...family } of families) {
      if (family.type === 'gauge') continue;
      let ended = this.#sums.get(family.name);
      if (ended === undefined || !ended.sum.fits(family)) {
        if (ended !== undefined && ended.order > order) continue;
        ended = { sum: new FamilySum(family, this.#shown.admits(family)), order };
      }
      ended.sum.add(points);
      ended.order = Math.max(ended.order, order);
      this.#sums.delete(family.name); // so that the latest is the last
      this.#sums.set(family.name, ended);
    }
    for (const name of this.#sums.keys()) {
      if (this.#sums.size <= MAX_METRICS) break;
      this.#sums.delete(name);
    }
  }

  families(): readonly MetricFamily[] {
    return Array.from(this.#sums.values(), ({ sum }) => sum.family());
  }
}

export interface Merged {
  readonly families: readonly MetricFamily[];
  /** Metrics that some process defines in another way than the others; what it has counted is left out. */
  readonly conflicts: ReadonlySet<string>;
}

/**
 * Makes one page of what several processes have counted: totals are added up, gauges as each of them says.
 *
 * @param snapshots - the latest processes first: if they differ in how they define a metric, the first one decides. Of
 *   two processes of one task, the values by process are those of the first.
 * @param ended - totals of processes that have ended.
 */
export function mergeSnapshots(
  snapshots: readonly ProcessSnapshot[],
  ended: readonly MetricFamily[],
  shown: ShownSeries,
): Merged {
  const sums = new Map<string, FamilySum>();
  const conflicts = new Set<string>();
  const seen = new Set<string>();
  const add = ({ points, hasFailed: _, ...family }: MetricFamily, isBounded = true): void => {
    let sum = sums.get(family.name);
    if (sum === undefined) {
      sum = new FamilySum(family, isBounded ? shown.admits(family) : () => true);
      sums.set(family.name, sum);
    }
    if (sum.fits(family)) sum.add(points);
    else conflicts.add(family.name);
  };
  for (const { process, families, isStale } of snapshots) {
    for (const family of families) {
      const isByProcess = family.across === 'process';
      const isLeftOut = family.type === 'gauge' && (isStale || (isByProcess && seen.has(process)));
      const labelled = isByProcess ? withProcess(family, process) : family;
      // Those by process are bounded by the number of processes, and by the limits of each.
      add(isLeftOut ? { ...labelled, points: [] } : labelled, !isByProcess);
    }
    if (!isStale) seen.add(process);
  }
  for (const family of ended) add(family);
  return { families: Array.from(sums.values(), (sum) => sum.family()), conflicts };
}

function withProcess(family: MetricFamily, process: string): MetricFamily {
  const points: readonly MetricPoint[] = family.points.map(({ labels, values }) => ({
    labels: [...labels, process],
    values,
  }));
  return { ...family, labelNames: [...family.labelNames, PROCESS_LABEL], points };
}

/**
 * Puts what a process has counted in place of what it had counted before. The total of a metric that could not be read
 * stays as it was: without it, the sum would go back, and come again as a burst.
 */
export function keepUnread(
  before: readonly MetricFamily[],
  now: readonly MetricFamily[],
): readonly MetricFamily[] {
  if (now.every(({ hasFailed }) => hasFailed !== true)) return now;
  const earlier = new Map(before.map((family) => [family.name, family]));
  return now.map((family) => {
    if (family.hasFailed !== true || family.type === 'gauge') return family;
    return earlier.get(family.name) ?? family;
  });
}
