// `node tooling/checks/promtool.mjs [path of promtool]`: makes pages with the built `@landspout/telemetry`, and has
// promtool of Prometheus check their format and names. Debian has it in the package `prometheus`. Not part of
// the gate: the tests have a parser of their own.
import { spawnSync } from 'node:child_process';
import { instrument, Metrics } from '../../packages/telemetry/dist/index.js';

const promtool = process.argv[2] ?? 'promtool';
const metrics = new Metrics({ logger: { debug() {}, info() {}, warn() {}, error: console.error } });
const instrumentation = instrument(metrics);
const hostile = metrics.counter('hostile_total', {
  help: 'Labels with "quotes", \\ and\nlines.',
  labels: ['path'],
});
for (const path of ['"} 1\n# EOF', '\\', '\\"', '\n', '', 'é\u{1f600}\u0000', '\ud800'])
  hostile.inc({ path });
for (let at = 0; at < 2_000; at += 1) hostile.inc({ path: `/${at}` });
const sizes = metrics.histogram('size_bytes', {
  help: 'Sizes.',
  labels: ['of'],
  buckets: [1, 1024, 1e6, 1e9],
});
for (const size of [0, 1, 2, 5e8, 1e12]) sizes.observe({ of: 'it' }, size);
metrics.gauge('limit_ratio', { help: 'A limit.' }).set(Number.POSITIVE_INFINITY);

const page = await metrics.text();
instrumentation.close();
const { status, stdout, stderr, error } = spawnSync(promtool, ['check', 'metrics'], {
  input: page,
  encoding: 'utf8',
});
if (error !== undefined) throw error;
process.stdout.write(stdout + stderr);
console.log(`${page.length} characters: ${status === 0 ? 'valid' : 'refused'}`);
process.exitCode = status ?? 1;
