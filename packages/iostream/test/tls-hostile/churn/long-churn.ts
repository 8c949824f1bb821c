// A run of `pnpm soak tls-churn`. argv: how many connections, and the seed. The exit code is 1 if anything is left.
import { IOLoop } from '@landspout/ioloop';
import { makeCertificates } from '../../support/certificates.ts';
import { heapBytes, type TlsCensus, takeTlsCensus, untilTlsCensusIs } from './census.ts';
import { TlsChurn, WAYS } from './tls-churn.ts';

const AT_ONCE = 100;
/** What the heap may have grown by in the second half. */
const MOST_GROWTH = 1.2;
const [connections, seed] = process.argv.slice(2).map(Number) as [number, number];

const [own, stranger] = [makeCertificates(), makeCertificates()];
await using churn = new TlsChurn(seed);
await churn.open(own, stranger);
await churn.runEach();
await churn.runWave(AT_ONCE);
const before = await takeTlsCensus(churn.signal);
const heaps: number[] = [];
const begin = performance.now();
for (const half of [1, 2]) {
  for (let done = 0; done < connections / 2; done += AT_ONCE) await churn.runWave(AT_ONCE);
  heaps.push(heapBytes());
  console.log(`half ${half}: heap ${Math.round((heaps.at(-1) as number) / 2 ** 20)} MiB`);
}
const after = await untilTlsCensusIs(before, churn.signal);
const problems = [
  ...(Object.keys(before) as (keyof TlsCensus)[])
    .filter((name) => after[name] > before[name])
    .map((name) => `${name}: ${before[name]} before, ${after[name]} after`),
  ...churn.unhandled.map((reason) => `unhandled: ${String(reason)}`),
  ...churn.errors.map((record) => `logged: ${JSON.stringify(record)}`),
];
const [first, second] = heaps as [number, number];
if (second > first * MOST_GROWTH) problems.push(`the heap grew from ${first} to ${second} bytes`);
const timers = await churn.timersAfterAMinute();
if (timers > 0) problems.push(`${timers} timers are left`);
for (const problem of problems) console.error(problem);
const seconds = Math.round((performance.now() - begin) / 1000);
const { tls } = IOLoop.current();
console.log({ tls, connections, ways: WAYS, seconds, ...after, problems: problems.length });
process.exitCode = problems.length > 0 ? 1 : 0;
own.remove();
stranger.remove();
