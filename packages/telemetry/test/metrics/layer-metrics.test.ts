import { AsyncHTTPClient } from '@landspout/httpclient';
import { HTTPServer } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import { Runs, Topics } from '@landspout/topics';
import { Application } from '@landspout/web';
import { LogRecorder } from '@landspout/web/testing';
import { WebSocketHandler, websocketConnect } from '@landspout/websocket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type InstrumentOptions, instrument, Metrics, MetricsUsageError } from '../../src/index.ts';
import { pageOf } from './support/exchanges.ts';
import { sampleOf } from './support/parse-page.ts';

function instrumented(options: InstrumentOptions = {}) {
  const metrics = new Metrics();
  const instrumentation = instrument(metrics, options);
  onTestFinished(() => instrumentation.close());
  return { metrics, instrumentation };
}

describe('the metrics of fetches', () => {
  it('count them by method and class of the status, and each request that is sent', async () => {
    const server = new HTTPServer((request) => {
      if (request.path === '/moved') request.respond(302, '', { Location: '/here' });
      else request.respond(request.path === '/here' ? 200 : 404, 'body');
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(async () => void (await server.stop({ graceMs: 0 })));
    const { metrics } = instrumented();
    const client = new AsyncHTTPClient();
    const url = `http://127.0.0.1:${server.port}`;
    await client.fetch(`${url}/moved`);
    await client.fetch(`${url}/missing`).catch(() => {});
    await client.fetch('http://127.0.0.1:1/', { method: 'HEAD' }).catch(() => {});
    await client.close();
    const page = await pageOf(metrics);
    const count = (of: object) => sampleOf(page, 'http_client_fetches_total', { group: '', ...of });
    expect(count({ method: 'GET', status: '2xx' })).toBe(1);
    expect(count({ method: 'GET', status: '4xx' })).toBe(1);
    expect(count({ method: 'HEAD', status: 'error' })).toBe(1);
    expect(sampleOf(page, 'http_client_requests_sent_total')).toBe(3);
    expect(sampleOf(page, 'http_client_fetches_in_flight')).toBe(0);
  });

  it('have a group that the program chooses, and other if its function fails', async () => {
    const log = new LogRecorder();
    const { metrics } = instrumented({
      logger: log,
      fetchGroup: ({ url }) => {
        if (url.endsWith('/bad')) throw new Error('no group');
        return new URL(url).host;
      },
    });
    const client = new AsyncHTTPClient();
    for (const path of ['/good', '/bad', '/bad'])
      await client.fetch(`http://127.0.0.1:1${path}`).catch(() => {});
    await client.close();
    const page = await pageOf(metrics);
    const of = { method: 'GET', status: 'error' };
    expect(sampleOf(page, 'http_client_fetches_total', { ...of, group: '127.0.0.1:1' })).toBe(1);
    expect(sampleOf(page, 'http_client_fetches_total', { ...of, group: 'other' })).toBe(2);
    expect(log.records.length).toBe(1);
    log.expect('error', /fetchGroup/);
  });
});

describe('the metrics of WebSockets', () => {
  it('count connections of both sides, messages and bytes', async () => {
    class Echo extends WebSocketHandler {
      override async onMessage(message: string | Uint8Array): Promise<void> {
        if (message === 'fail') return Promise.reject(undefined);
        await this.writeMessage(message);
      }
    }
    const { metrics } = instrumented();
    const app = new Application([['/echo', Echo]], { logger: new LogRecorder() });
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(async () => void (await server.stop({ graceMs: 0 })));
    const socket = await websocketConnect(`ws://127.0.0.1:${server.port}/echo`);
    for (const message of ['hello', 'é', Uint8Array.of(1, 2, 3)]) {
      await socket.writeMessage(message);
      await socket.readMessage();
    }
    const open = await pageOf(metrics);
    for (const side of ['server', 'client'])
      expect(sampleOf(open, 'websocket_connections_open', { side })).toBe(1);
    await socket.writeMessage('fail');
    await socket.readMessage();
    const isClosed = async () =>
      sampleOf(await pageOf(metrics), 'websocket_connections_open', { side: 'server' });
    await expect.poll(isClosed).toBe(0);
    const page = await pageOf(metrics);
    const text = { side: 'server', type: 'text' };
    expect(sampleOf(page, 'websocket_messages_received_total', text)).toBe(3);
    expect(sampleOf(page, 'websocket_received_message_bytes_total', text)).toBe(11);
    expect(sampleOf(page, 'websocket_messages_sent_total', text)).toBe(2);
    expect(sampleOf(page, 'websocket_sent_message_bytes_total', { side: 'server', type: 'binary' })).toBe(3);
    expect(sampleOf(page, 'websocket_message_failures_total', { side: 'server' })).toBe(1);
    expect(sampleOf(page, 'websocket_message_duration_seconds_count', { side: 'server' })).toBe(4);
    expect(sampleOf(page, 'websocket_connections_total', { side: 'client' })).toBe(1);
    const upgrade = { route: '/echo', method: 'GET', status: 'detached' };
    expect(sampleOf(page, 'http_server_requests_total', upgrade)).toBe(1);
  });

  it('have few series whatever codes peers close with', async () => {
    class Quiet extends WebSocketHandler {
      override onMessage(): void {}
    }
    const { metrics } = instrumented();
    const app = new Application([['/', Quiet]], { logger: new LogRecorder() });
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(async () => void (await server.stop({ graceMs: 0 })));
    for (const code of [1000, 3000, 3001, 4000, 4999]) {
      const socket = await websocketConnect(`ws://127.0.0.1:${server.port}/`);
      await socket.close(code);
    }
    const count = async (code: string) =>
      sampleOf(await pageOf(metrics), 'websocket_connections_closed_total', { side: 'server', code });
    await expect.poll(() => count('1000')).toBe(1);
    await expect.poll(() => count('3xxx')).toBe(2);
    await expect.poll(() => count('4xxx')).toBe(2);
  });
});

describe('the metrics of topics and runs', () => {
  it('count publishes by group, subscriptions, and runs by how they end', async () => {
    await using topics = new Topics();
    await using runs = new Runs({ logger: new LogRecorder() });
    const { metrics } = instrumented({
      topics,
      runs,
      topicGroup: (topic) => topic.split(':', 1)[0] as string,
    });
    const subscription = await topics.topic('room:1').subscribe();
    for (const name of ['room:1', 'room:2', 'news']) await topics.topic(name).publish('data');
    const handle = await runs.start('a', { owner: 'ada' }, async (run) => void (await run.write('token')));
    await handle.ended;
    const failing = await runs.start('b', { owner: 'ada' }, async () => {
      throw new Error('no');
    });
    await failing.ended;
    const ended = async (how: string) => sampleOf(await pageOf(metrics), 'runs_ended_total', { how });
    await expect.poll(() => ended('finished')).toBe(1);
    await expect.poll(() => ended('failed')).toBe(1);
    const page = await pageOf(metrics);
    expect(sampleOf(page, 'topics_publishes_total', { group: 'room' })).toBe(2);
    expect(sampleOf(page, 'topics_published_bytes_total', { group: 'news' })).toBeGreaterThan(0);
    expect(sampleOf(page, 'topics_subscriptions')).toBe(1);
    expect(sampleOf(page, 'topics_backplane_records')).toBe(3);
    expect(sampleOf(page, 'runs_started_total')).toBe(2);
    expect(sampleOf(page, 'runs_written_records_total')).toBe(1);
    expect(sampleOf(page, 'runs_in_progress')).toBe(0);
    expect(sampleOf(page, 'run_duration_seconds_count', { how: 'finished' })).toBe(1);
    subscription.close();
  });
});

describe('the metrics of the event loop', () => {
  it('show a block as lag, the time that it was busy, and what the watchdog reports', async () => {
    const { metrics } = instrumented();
    await using loop = IOLoop.current();
    await using _watch = loop.watch({ thresholdMs: 100, enabled: true, immediate: false });
    const blocks = async (): Promise<number> => {
      // Again and again, since the watchdog may not run yet.
      const until = performance.now() + 300;
      while (performance.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { samples } = (await pageOf(metrics)).get('event_loop_blocks_total') ?? { samples: new Map() };
      return [...samples.values()].reduce((sum, value) => sum + value, 0);
    };
    await expect.poll(blocks).toBeGreaterThanOrEqual(1);
    const page = await pageOf(metrics);
    const count = sampleOf(page, 'event_loop_lag_seconds_count') as number;
    expect(
      count - (sampleOf(page, 'event_loop_lag_seconds_bucket', { le: '0.1' }) as number),
    ).toBeGreaterThan(0);
    expect(sampleOf(page, 'event_loop_busy_seconds_total')).toBeGreaterThan(0.3);
    expect(sampleOf(page, 'event_loop_idle_seconds_total')).toBeGreaterThan(0);
  });
});

describe('the metrics of the process', () => {
  it('have the names that other libraries of Prometheus give them', async () => {
    const { metrics } = instrumented();
    const page = await pageOf(metrics);
    expect(sampleOf(page, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(sampleOf(page, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(sampleOf(page, 'nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
    expect(sampleOf(page, 'nodejs_version_info', { version: process.version })).toBe(1);
    const startedAt = sampleOf(page, 'process_start_time_seconds') as number;
    expect(Math.abs(startedAt + process.uptime() - Date.now() / 1000)).toBeLessThan(60);
    if (process.platform !== 'linux') return;
    expect(sampleOf(page, 'process_open_fds')).toBeGreaterThan(2);
    expect(sampleOf(page, 'process_max_fds')).toBeGreaterThan(2);
    expect(sampleOf(page, 'process_virtual_memory_bytes')).toBeGreaterThan(1e6);
  });
});

describe('instrument', () => {
  it('leaves out layers that the program does not want', async () => {
    const { metrics } = instrumented({ without: ['process', 'loop', 'httpClient', 'topics'] });
    const names = [...(await pageOf(metrics)).keys()].filter((name) => !name.startsWith('metrics_'));
    expect(names.every((name) => /^(http_server|websocket)_/.test(name))).toBe(true);
    expect(names.length).toBeGreaterThan(0);
  });

  it('can be used once for metrics at a time, and again after its end', async () => {
    const { metrics, instrumentation } = instrumented();
    const duplicate = expect.objectContaining({ code: 'ERR_METRICS_DUPLICATE' });
    expect(() => instrument(metrics)).toThrow(duplicate);
    // The attempt has left everything as it was.
    expect([...(await pageOf(metrics)).keys()]).toContain('http_server_requests_total');
    instrumentation.close();
    const names = [...(await pageOf(metrics)).keys()];
    expect(names.every((name) => name.startsWith('metrics_'))).toBe(true);
    instrument(metrics).close();
  });

  it('defines nothing if one of its names is in use', async () => {
    const metrics = new Metrics();
    metrics.counter('websocket_messages_sent_total', { help: 'Mine.' }).inc(5);
    expect(() => instrument(metrics)).toThrow(MetricsUsageError);
    const page = await pageOf(metrics);
    expect([...page.keys()].filter((name) => !name.startsWith('metrics_'))).toEqual([
      'websocket_messages_sent_total',
    ]);
    expect(sampleOf(page, 'websocket_messages_sent_total')).toBe(5);
  });

  it('has the prefix of the metrics', async () => {
    const metrics = new Metrics({ prefix: 'shop_' });
    const instrumentation = instrument(metrics);
    expect([...(await pageOf(metrics)).keys()].every((name) => name.startsWith('shop_'))).toBe(true);
    instrumentation.close();
    const names = [...(await pageOf(metrics)).keys()];
    expect(names.every((name) => name.startsWith('shop_metrics_'))).toBe(true);
  });

  it('refuses invalid options', () => {
    const metrics = new Metrics();
    const usage = expect.objectContaining({ code: 'ERR_METRICS_USAGE' });
    // @ts-expect-error: these are no metrics.
    expect(() => instrument({})).toThrow(usage);
    // @ts-expect-error: there is no such option.
    expect(() => instrument(metrics, { servers: [] })).toThrow(/did you mean "server"/);
    // @ts-expect-error: there is no such layer.
    expect(() => instrument(metrics, { without: ['redis'] })).toThrow(usage);
    // @ts-expect-error: it has no stats.
    expect(() => instrument(metrics, { server: {} })).toThrow(usage);
    expect(() => instrument(metrics, { durationBuckets: [] })).toThrow(usage);
    instrument(metrics).close(); // nothing was left
  });

  it('accepts 64 servers', () => {
    const { instrumentation } = instrumented();
    const add = () => instrumentation.addServer(new HTTPServer(() => {}));
    for (let at = 0; at < 64; at += 1) add();
    expect(add).toThrow(/64/);
  });
});
