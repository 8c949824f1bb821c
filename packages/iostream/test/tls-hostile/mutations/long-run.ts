// A run of `pnpm fuzz tls`. argv: how many records are to be mutated, and the seed. The exit code is 1 if a property
// does not hold.
import { IOLoop } from '@landspout/ioloop';
import { makeCredentials } from './credentials.ts';
import { MutationRun } from './mutation-run.ts';

const REPORT_EVERY_MS = 10_000;
const [records, seed] = process.argv.slice(2).map(Number) as [number, number];

const { reactor, tlsReason } = IOLoop.current();
if (reactor === undefined || 'reason' in reactor.tls) throw new Error(`native TLS is not used: ${tlsReason}`);
const run = new MutationRun(reactor.binding, reactor.tls.binding, makeCredentials(), seed);
const { tally } = run;
const begin = performance.now();
let reported = begin;
try {
  while (tally.mutated < records) {
    run.runConnection();
    const now = performance.now();
    if (now - reported < REPORT_EVERY_MS) continue;
    reported = now;
    console.log(`${tally.mutated} records mutated in ${tally.connections} connections`);
  }
} catch (error) {
  console.error(`connection ${tally.connections} of seed ${seed}: ${(error as Error).stack}`);
  process.exitCode = 1;
}
run.close();
const { reasons, ...counts } = tally;
console.log({ ...counts, seconds: Math.round((performance.now() - begin) / 1000) });
console.log([...reasons].sort(([, a], [, b]) => b - a));
