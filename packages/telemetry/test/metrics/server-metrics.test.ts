import { once } from 'node:events';
import { connect } from 'node:net';
import { HTTPServer, sumStats } from '@landspout/httpserver';
import { Application, ErrorHandler, RequestHandler } from '@landspout/web';
import { LogRecorder } from '@landspout/web/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { instrument, Metrics } from '../../src/index.ts';
import { exchange, pageOf } from './support/exchanges.ts';
import { sampleOf } from './support/parse-page.ts';

class User extends RequestHandler<'/user/:id'> {
  override get(): void {
    this.write(`user ${this.pathParams.id}`);
  }
  override post(): void {
    throw new Error('no');
  }
}

async function running(routes: ConstructorParameters<typeof Application>[0]) {
  const metrics = new Metrics();
  const instrumentation = instrument(metrics, { without: ['process', 'loop'] });
  onTestFinished(() => instrumentation.close());
  const app = new Application(routes, { logger: new LogRecorder() });
  const server = await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => void (await server.stop({ graceMs: 0 })));
  const send = (head: string) =>
    exchange(server.port as number, `${head}\r\nHost: a\r\nConnection: close\r\n\r\n`);
  return { metrics, instrumentation, server, send };
}

describe('the metrics of servers', () => {
  it('count requests by route, method and class of the status', async () => {
    const { metrics, send } = await running([['/user/:id', User]]);
    for (const id of [1, 2, 3]) await send(`GET /user/${id} HTTP/1.1`);
    await send('POST /user/1 HTTP/1.1\r\nContent-Length: 0');
    await send('GET /nowhere HTTP/1.1');
    const page = await pageOf(metrics);
    const route = '/user/:id';
    const count = (of: Record<string, string>) => sampleOf(page, 'http_server_requests_total', of);
    expect(count({ route, method: 'GET', status: '2xx' })).toBe(3);
    expect(count({ route, method: 'POST', status: '5xx' })).toBe(1);
    expect(count({ route: '', method: 'GET', status: '4xx' })).toBe(1);
    const durations = { route, method: 'GET', status: '2xx' };
    expect(sampleOf(page, 'http_server_request_duration_seconds_count', durations)).toBe(3);
    expect(sampleOf(page, 'http_server_request_duration_seconds_sum', durations)).toBeGreaterThan(0);
    expect(sampleOf(page, 'http_server_response_body_bytes_total', { route })).toBeGreaterThanOrEqual(18);
    expect(sampleOf(page, 'http_server_requests_in_flight')).toBe(0);
  });

  it('count responses whose handler fails after the headers were sent', async () => {
    class Late extends RequestHandler {
      override async get(): Promise<void> {
        this.write('x');
        await this.flush();
        throw new RangeError('late');
      }
    }
    const { metrics, send } = await running([
      ['/late', Late],
      ['/user/:id', User],
    ]);
    await send('GET /late HTTP/1.1');
    await send('POST /user/1 HTTP/1.1\r\nContent-Length: 0');
    const page = await pageOf(metrics);
    expect(sampleOf(page, 'http_server_broken_responses_total', { route: '/late' })).toBe(1);
    expect(sampleOf(page, 'http_server_broken_responses_total', { route: '/user/:id' })).toBeUndefined();
  });

  it('have the same series whatever paths and methods clients send', async () => {
    const { metrics, send } = await running([['/user/:id', User]]);
    const before = await seriesCount(metrics);
    for (let at = 0; at < 20; at += 1) {
      await send(`GET /scan/${at}%22%0a HTTP/1.1`);
      await send(`METHOD${at} /user/${at} HTTP/1.1`);
      await exchangeBroken(send, at);
    }
    const page = await pageOf(metrics);
    const count = (of: Record<string, string>) => sampleOf(page, 'http_server_requests_total', of);
    expect(count({ route: '', method: 'GET', status: '4xx' })).toBe(20);
    expect(count({ route: '/user/:id', method: 'other', status: '4xx' })).toBe(20);
    expect(count({ route: '', method: '', status: '4xx' })).toBe(20);
    // Three series with 14 lines in the histogram, one in the counter, and those without these labels.
    expect((await seriesCount(metrics)) - before).toBeLessThan(60);
  });

  it('know the route of a mounted application, and of a regular expression', async () => {
    const inner = new Application([['/user/:id', User]], { logger: new LogRecorder() });
    const { metrics, send } = await running([
      [/\/(?:a|b)/, ErrorHandler, { status: 410 }],
      ['/api', inner],
    ] as never);
    await send('GET /api/user/1 HTTP/1.1');
    await send('GET /b HTTP/1.1');
    const page = await pageOf(metrics);
    const routes = [...(page.get('http_server_response_body_bytes_total')?.samples.keys() ?? [])];
    expect(routes.join()).toContain('/api/user/:id');
    expect(routes.join()).toContain('(?:a|b)');
  });

  it('count a request whose client has gone as cut, and requests in flight', async () => {
    let arrived = (): void => {};
    const isThere = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        arrived();
        await new Promise<void>((resolve) =>
          this.request.signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      }
    }
    const { metrics, server } = await running([['/slow', Slow]]);
    const socket = connect(server.port as number, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await isThere;
    expect(sampleOf(await pageOf(metrics), 'http_server_requests_in_flight')).toBe(1);
    socket.resetAndDestroy();
    const cut = async () =>
      sampleOf(await pageOf(metrics), 'http_server_requests_cut_total', { route: '/slow', method: 'GET' });
    await expect.poll(cut).toBe(1);
    const page = await pageOf(metrics);
    expect(sampleOf(page, 'http_server_requests_in_flight')).toBe(0);
    expect(
      sampleOf(page, 'http_server_requests_total', { route: '/slow', method: 'GET', status: 'none' }),
    ).toBe(1);
  });

  it('count connections, and those that were open before are not missing', async () => {
    const server = new HTTPServer((request) => request.respond(200, 'hello'));
    await server.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(async () => void (await server.stop({ graceMs: 0 })));
    const old = connect(server.port as number, '127.0.0.1');
    old.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(old, 'data');
    const metrics = new Metrics();
    const instrumentation = instrument(metrics, { server, without: ['process', 'loop'] });
    onTestFinished(() => instrumentation.close());
    await exchange(server.port as number, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    old.end();
    await once(old, 'close');
    await expect.poll(() => server.stats().open).toBe(0);
    const page = await pageOf(metrics);
    expect(sampleOf(page, 'http_server_connections_total')).toBe(1);
    expect(sampleOf(page, 'http_server_connections_open')).toBe(0);
    const closed = page.get('http_server_connections_closed_total')?.samples.values() ?? [];
    expect([...closed].reduce((sum, value) => sum + value, 0)).toBe(1);
    const { bytesReceived, bytesSent } = server.stats();
    expect(sampleOf(page, 'http_server_received_bytes_total')).toBe(bytesReceived);
    expect(sampleOf(page, 'http_server_sent_bytes_total')).toBe(bytesSent);
    expect(bytesSent).toBeGreaterThan(0);
    expect(sampleOf(page, 'http_server_tls_handshakes_total', { result: 'failed' })).toBe(0);
  });

  it('tell complete, resumed and failed TLS handshakes apart, and why they failed', async () => {
    const { metrics, instrumentation } = await running([['/user/:id', User]]);
    const stats = (handshakeFailures: Record<string, number>) => ({
      stats: () => ({
        ...sumStats([]),
        handshakesCompleted: 5,
        handshakesResumed: 2,
        handshakesFailed: 3,
        handshakeFailures,
      }),
    });
    instrumentation.addServer(stats({ ERR_SSL_HTTP_REQUEST: 3 }));
    instrumentation.addServer(stats({ ERR_SSL_HTTP_REQUEST: 1, ECONNRESET: 2 }));
    const page = await pageOf(metrics);
    const count = (result: string) => sampleOf(page, 'http_server_tls_handshakes_total', { result });
    expect([count('complete'), count('resumed'), count('failed')]).toEqual([6, 4, 6]);
    const failed = (code: string) => sampleOf(page, 'http_server_tls_handshake_failures_total', { code });
    expect([failed('ERR_SSL_HTTP_REQUEST'), failed('ECONNRESET')]).toEqual([4, 2]);
  });

  it('add up several servers, and keep the totals of one that has stopped', async () => {
    const { metrics, instrumentation, server } = await running([['/user/:id', User]]);
    const other = new HTTPServer((request) => request.respond(200, 'hello'));
    await other.listen({ port: 0, host: '127.0.0.1' });
    instrumentation.addServer(server);
    instrumentation.addServer(server);
    instrumentation.addServer(other);
    for (const { port } of [server, other])
      await exchange(port as number, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await other.stop({ graceMs: 0 });
    await expect.poll(() => server.stats().open).toBe(0);
    const page = await pageOf(metrics);
    const sum = server.stats().bytesReceived + other.stats().bytesReceived;
    expect(other.stats().bytesReceived).toBeGreaterThan(0);
    expect(sampleOf(page, 'http_server_received_bytes_total')).toBe(sum);
  });
});

async function seriesCount(metrics: Metrics): Promise<number> {
  return [...(await pageOf(metrics)).values()].reduce((sum, { samples }) => sum + samples.size, 0);
}

/** A request whose head is refused before it has a method. */
async function exchangeBroken(send: (head: string) => Promise<string>, at: number): Promise<void> {
  expect(await send(`GET\u0001${at} / HTTP/1.1`)).toMatch(/^HTTP\/1\.1 400/);
}
