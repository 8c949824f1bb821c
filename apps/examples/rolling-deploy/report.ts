import type { CrowdReport } from './crowd.ts';

const BUCKET_MS = 100;
const MOST_SIGNS = 50;

/** Describes for people what happened. */
export function describe(report: CrowdReport): string {
  const { returnedMs, awayMs } = report;
  return [
    `${report.clients} clients, ${report.published} messages published, ${report.refused} refused`,
    `${report.deliveries} deliveries: ${report.lost} lost, ${report.doubled} doubled, ${report.disordered} readers with another order, ${report.gaps} gaps`,
    `longest time without a delivery to one reader: ${seconds(report.longestBeforeMs)} before, ${seconds(report.longestAfterMs)} in the deploy`,
    `${returnedMs.length} reconnections after SIGTERM: p50 ${seconds(percentile(returnedMs, 0.5))}, p99 ${seconds(percentile(returnedMs, 0.99))}`,
    `away: p50 ${seconds(percentile(awayMs, 0.5))}, p99 ${seconds(percentile(awayMs, 0.99))}`,
    ...histogram(returnedMs),
  ].join('\n');
}

/** One line for each 100 ms in which clients came back, with a sign for each, or for several if there are many. */
function histogram(times: readonly number[]): string[] {
  const counts: number[] = [];
  for (const ms of times) {
    const bucket = Math.floor(ms / BUCKET_MS);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  const all = Array.from(counts, (count) => count ?? 0); // Without holes.
  const each = Math.max(1, Math.max(...all, 0) / MOST_SIGNS);
  return all.map((count, bucket) => {
    const signs = '#'.repeat(Math.ceil(count / each));
    return `  ${seconds(bucket * BUCKET_MS).padStart(8)} ${String(count).padStart(5)} ${signs}`.trimEnd();
  });
}

/** The smallest value that this share of all does not exceed; 0 if there are none. */
function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
