// The bridge to OpenTelemetry, with the SDK: one trace over a request, a fetch and a request; a message and a run.
import assert from 'node:assert/strict';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { IOLoop } from '@landspout/ioloop';
import {
  type TracingOptions,
  TracingUsageError,
  traceWithOpenTelemetry,
} from '@landspout/telemetry/opentelemetry';
import { Runs } from '@landspout/topics';
import { Application, RequestHandler } from '@landspout/web';
import { WebSocketHandler, websocketConnect } from '@landspout/websocket';
import { propagation, SpanKind, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();

// @ts-expect-error: there is no such option.
assert.throws(() => traceWithOpenTelemetry({ request: true }), TracingUsageError);
const options: TracingOptions = {
  // The objects of the API and the SDK fit the types of the options.
  tracerProvider: provider,
  propagator: {
    inject: propagation.inject.bind(propagation),
    extract: propagation.extract.bind(propagation),
    fields: () => [],
  },
  messages: { ignore: ({ side }) => side === 'client' },
};
using bridge = traceWithOpenTelemetry(options);
assert.throws(() => traceWithOpenTelemetry(), { code: 'ERR_TRACING_ACTIVE' });

await using client = new AsyncHTTPClient();
class Inner extends RequestHandler {
  override get(): void {
    this.write(String(trace.getActiveSpan()?.spanContext().traceId));
  }
}
class Outer extends RequestHandler {
  override async get(): Promise<void> {
    this.write((await client.fetch(`${server.url}/inner/1`)).body);
  }
}
class Echo extends WebSocketHandler {
  override async onMessage(message: string | Uint8Array): Promise<void> {
    await this.writeMessage(message);
  }
}
const app = new Application([
  ['/outer', Outer],
  ['/inner/:id', Inner],
  ['/echo', Echo],
]);
const server = await app.listen({ port: 0, host: '127.0.0.1' });
const { body } = await client.fetch(`${server.url}/outer`);

const connection = await websocketConnect(`${server.url.replace('http', 'ws')}/echo`);
await connection.writeMessage('hello');
assert.equal(await connection.readMessage(), 'hello');
connection.close();
await using runs = new Runs();
assert.equal((await (await runs.start('one', { owner: 'ada' }, async () => 1)).ended).how, 'finished');
await server.stop();
bridge.close();

const spans = exporter.getFinishedSpans();
assert.deepEqual(spans.map(({ kind, name }) => `${SpanKind[kind]} ${name}`).sort(), [
  'CLIENT GET',
  'CLIENT GET',
  'INTERNAL run',
  'INTERNAL websocket message /echo',
  'SERVER GET /echo',
  'SERVER GET /inner/:id',
  'SERVER GET /outer',
]);
const traceId = new TextDecoder().decode(body);
assert.equal(spans.filter((span) => span.spanContext().traceId === traceId).length, 4);
await provider.shutdown();
console.log(`${IOLoop.current().backend} backend`);
