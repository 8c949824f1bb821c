// A soak of many minutes, whose memory is watched. argv: minutes, seed and concurrency. See tooling/soak/main.mjs.
import { makeIdentity } from '../fixtures/certificates.ts';
import { Soak } from './soak.ts';

const MiB = 2 ** 20;
const SAMPLE_MS = 5_000;
const PROGRESS_SAMPLES = 12;
/** How much larger the heap may be in the second half of the time than in the first. */
const MAX_GROWTH = 1.2;
/** Of fewer samples, the halves differ by chance. */
const MIN_SAMPLES = 40;

const [minutes = 30, seed = 1, concurrency = 24] = process.argv.slice(2).map(Number);
const identity = makeIdentity('IP:127.0.0.1');
await Soak.warmUp(identity);

const end = performance.now() + minutes * 60_000;
const heap: number[] = [];
const resident: number[] = [];
const soak = new Soak({
  seed,
  identity,
  concurrency,
  maxBetween: 120,
  continues: () => performance.now() < end,
});

process.on('unhandledRejection', (reason) => soak.ledger.find(`unhandled rejection: ${String(reason)}`));
const sampling = setInterval(sample, SAMPLE_MS);
const report = await soak.run();
clearInterval(sampling);

const { fetches, outcomes, disturbances, findings, repeated, stats } = report;
console.log({ fetches, repeated, outcomes: shown(outcomes), disturbances: shown(disturbances), stats });
const [first, second] = halvesOf(heap);
console.log(
  `heap ${inMiB(first)}, then ${inMiB(second)}; resident ${halvesOf(resident).map(inMiB).join(', then ')}`,
);
if (heap.length >= MIN_SAMPLES && second > first * MAX_GROWTH)
  soak.ledger.find(`the heap grew from ${inMiB(first)} to ${inMiB(second)}`);
for (const finding of findings) console.error(finding);
console.log(findings.length === 0 ? 'nothing found' : `${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;

function sample(): void {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  heap.push(heapUsed + external);
  resident.push(rss);
  if (heap.length % PROGRESS_SAMPLES !== 0) return;
  const { settled, findings } = soak.ledger;
  console.log(`${settled} fetches, heap ${inMiB(heapUsed)}, ${findings.length} findings`);
  for (const finding of findings) console.log(`  ${finding}`);
}

/** The medians of the two halves. */
function halvesOf(samples: readonly number[]): [number, number] {
  const middle = samples.length >> 1;
  return [medianOf(samples.slice(0, middle)), medianOf(samples.slice(middle))];
}

function medianOf(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? 0;
}

function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

function shown(counts: ReadonlyMap<string, number>): object {
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
