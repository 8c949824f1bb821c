// telemetry alone: metrics of the program and of its server, read as Prometheus does. The bridge to OpenTelemetry has a
// program of its own.
import assert from 'node:assert/strict';
import { IOLoop } from '@landspout/ioloop';
import {
  type Counter,
  chooseMetricsFormat,
  exponentialBuckets,
  instrument,
  Metrics,
  type MetricsAccess,
  MetricsHandler,
  MetricsUsageError,
} from '@landspout/telemetry';
import { Application, RequestHandler } from '@landspout/web';

// @ts-expect-error: there is no such option.
assert.throws(() => new Metrics({ maxSerie: 1 }), /did you mean "maxSeries"/);
using metrics = new Metrics({ shared: true });
assert.equal(metrics.role, 'alone');

const orders: Counter<'kind'> = metrics.counter('orders_total', { help: 'Orders.', labels: ['kind'] });
orders.inc({ kind: 'book' }, 2);
orders.labels({ kind: 'a "pen"\n' }).inc();
// @ts-expect-error: a label is missing.
assert.throws(() => orders.inc({}), MetricsUsageError);
metrics.gauge('queue_length', { help: 'Jobs.', labels: ['of'], collect: (report) => report({ of: 'a' }, 3) });
const sizes = metrics.histogram('size_bytes', { help: 'Sizes.', buckets: exponentialBuckets(1024, 4, 3) });
sizes.observe(5_000);
assert.throws(() => metrics.counter('orders_total', { help: 'Again.' }), { code: 'ERR_METRICS_DUPLICATE' });

class Hello extends RequestHandler<'/hello/:name'> {
  override get(): void {
    this.write(`hello, ${this.pathParams.name}`);
  }
}

const allow: MetricsAccess = { token: 'a-token-of-enough-characters' };
using instrumentation = instrument(metrics);
const app = new Application([
  ['/hello/:name', Hello],
  ['/metrics', MetricsHandler, { metrics, allow }],
]);
// @ts-expect-error: allow is missing.
assert.throws(() => new Application([['/metrics', MetricsHandler, { metrics }]]), /who may read/);
const server = await app.listen({ port: 0, host: '127.0.0.1' });
instrumentation.addServer(server);
await (await fetch(`${server.url}/hello/ada`)).text();
await (await fetch(`${server.url}/nowhere`)).text();
assert.equal((await fetch(`${server.url}/metrics`)).status, 401);

const Authorization = `Bearer ${allow.token}`;
const response = await fetch(`${server.url}/metrics`, { headers: { Authorization } });
const page = await response.text();
assert.match(response.headers.get('Content-Type') ?? '', /version=0\.0\.4/);
for (const line of [
  'orders_total{kind="book"} 2',
  'orders_total{kind="a \\"pen\\"\\n"} 1',
  'queue_length{of="a"} 3',
  'size_bytes_bucket{le="16384"} 1',
  'http_server_requests_total{route="/hello/:name",method="GET",status="2xx"} 1',
  'http_server_requests_total{route="",method="GET",status="4xx"} 1',
  'http_server_connections_refused_total 0',
])
  assert(page.includes(`${line}\n`), `no ${line} in ${page}`);

const Accept = 'application/openmetrics-text';
assert.equal(chooseMetricsFormat(Accept), 'openmetrics');
const open = await fetch(`${server.url}/metrics`, { headers: { Authorization, Accept } });
assert.match(await open.text(), /\n# EOF\n$/);
await server.stop({ graceMs: 0 });
console.log(`${IOLoop.current().backend} backend`);
