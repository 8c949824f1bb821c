import { Application, type HTTPServerRequest, type Routes } from '@landspout/web';
import { LogRecorder, TestClient } from '@landspout/web/testing';
import { describe, expect, it } from 'vitest';
import {
  METRICS_CONTENT_TYPES,
  Metrics,
  type MetricsAccess,
  MetricsHandler,
  MetricsUnavailableError,
} from '../../src/index.ts';
import { parsePage, sampleOf } from './support/parse-page.ts';

const TOKEN = 'a-token-of-enough-characters';

function programWith(allow: MetricsAccess, metrics: Metrics = new Metrics()) {
  metrics.counter('hits_total', { help: 'Hits.' }).inc();
  const logger = new LogRecorder();
  const app = new Application([['/metrics', MetricsHandler, { metrics, allow }]], { logger });
  return { client: new TestClient(app), logger };
}

describe('MetricsHandler', () => {
  it('responds in the text format of Prometheus, not to be cached and without an entity tag', async () => {
    const { client } = programWith('anyone');
    await using _client = client;
    const { status, headers, text } = await responseOf(client);
    expect(status).toBe(200);
    expect(headers.get('Content-Type')).toBe(METRICS_CONTENT_TYPES.prometheus);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(headers.get('Vary')).toMatch(/Accept/);
    expect(headers.get('ETag')).toBeUndefined();
    expect(sampleOf(parsePage(text), 'hits_total')).toBe(1);
  });

  it('responds as OpenMetrics if the client prefers it', async () => {
    const { client } = programWith('anyone');
    await using _client = client;
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const { headers, text } = await responseOf(client, { Accept: accept });
    expect(headers.get('Content-Type')).toBe(METRICS_CONTENT_TYPES.openmetrics);
    expect(sampleOf(parsePage(text, 'openmetrics'), 'hits_total')).toBe(1);
  });

  it('responds to HEAD without a body, and refuses other methods', async () => {
    const { client } = programWith('anyone');
    await using _client = client;
    const head = await client.request('/metrics', { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect((await client.request('/metrics', { method: 'DELETE' })).status).toBe(405);
  });

  describe('with a token', () => {
    it.each([
      ['none', {}],
      ['another one', { Authorization: 'Bearer another-token-of-characters' }],
      ['a part of it', { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
      ['another scheme', { Authorization: `Basic ${TOKEN}` }],
      ['nothing after the scheme', { Authorization: 'Bearer ' }],
      ['two of them', { Authorization: `Bearer ${TOKEN} ${TOKEN}` }],
    ])('refuses a request with %s with 401 and a challenge', async (_, headers) => {
      const { client } = programWith({ token: TOKEN });
      await using _client = client;
      const response = await responseOf(client, headers);
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="metrics"');
      expect(response.headers.get('Cache-Control')).toBe('no-store');
      expect(response.text).not.toMatch(/hits_total|token-of/);
    });

    it('accepts it, and any of several while they are changed', async () => {
      for (const token of [TOKEN, ['an-older-token-of-characters', TOKEN]]) {
        const { client } = programWith({ token });
        await using _client = client;
        expect((await responseOf(client, { authorization: `bearer ${TOKEN}` })).status).toBe(200);
      }
    });
  });

  it('lets a function decide, also later', async () => {
    const seen: HTTPServerRequest[] = [];
    const { client } = programWith(async (request) => {
      seen.push(request);
      return request.headers.get('X-Scraper') === 'yes';
    });
    await using _client = client;
    expect((await responseOf(client)).status).toBe(403);
    expect((await responseOf(client, { 'X-Scraper': 'yes' })).status).toBe(200);
    expect(seen.length).toBe(2);
  });

  it('refuses what a function returns that is not true', async () => {
    const { client } = programWith((() => 'yes') as unknown as () => boolean);
    await using _client = client;
    expect((await responseOf(client)).status).toBe(403);
  });

  it('compares the address of the client with a list', async () => {
    for (const [addresses, status] of [
      [['127.0.0.0/8', '::1'], 200],
      [['192.0.2.0/24'], 403],
    ] as const) {
      const metrics = new Metrics();
      const app = new Application([['/metrics', MetricsHandler, { metrics, allow: { addresses } }]]);
      const server = await app.listen({ port: 0, host: '127.0.0.1' });
      const response = await fetch(new URL('/metrics', server.url), { headers: { Connection: 'close' } });
      await response.text();
      expect(response.status).toBe(status);
      await server.stop();
    }
  });

  it('refuses what a proxy forwards unless it is trusted, with one warning', async () => {
    for (const [trustedProxies, expected] of [
      [['192.0.2.1'], [403, 403, 200]],
      [['127.0.0.1'], [200, 403, 200]],
    ] as const) {
      const logger = new LogRecorder();
      const allow = { addresses: ['127.0.0.0/8'] };
      const routes = [['/metrics', MetricsHandler, { metrics: new Metrics(), allow }]] as const;
      const server = await new Application(routes, { logger }).listen({
        port: 0,
        host: '127.0.0.1',
        trustedProxies,
      });
      const statuses: number[] = [];
      for (const headers of [{ 'X-Forwarded-For': '127.0.0.9' }, { 'X-Forwarded-For': '203.0.113.9' }, {}]) {
        const response = await fetch(new URL('/metrics', server.url), {
          headers: { Connection: 'close', ...headers },
        });
        await response.text();
        statuses.push(response.status);
      }
      expect(statuses).toEqual(expected);
      const warnings = logger.records.filter(({ message }) => message.includes('trustedProxies'));
      expect(warnings.length).toBe(expected[0] === 403 ? 1 : 0);
      await server.stop();
    }
  });

  it('responds with 503 if the metrics of the other processes cannot be read, and says why in the log only', async () => {
    class Alone extends Metrics {
      override async text(): Promise<string> {
        throw new MetricsUnavailableError('the parent did not reply');
      }
    }
    const { client, logger } = programWith('anyone', new Alone());
    await using _client = client;
    const { status, text, headers } = await responseOf(client);
    expect([status, headers.get('Cache-Control')]).toEqual([503, 'no-store']);
    expect(text).not.toMatch(/parent/);
    expect(JSON.stringify(logger.records)).toMatch(/the parent did not reply/);
  });

  it.each([
    ['no allow', {}, /who may read the metrics/],
    ['a short token', { allow: { token: 'short' } }, /at least 16/],
    ['a token with spaces', { allow: { token: `${TOKEN} ${TOKEN}` } }, /visible ASCII/],
    ['no tokens', { allow: { token: [] } }, /at least 16/],
    ['no addresses', { allow: { addresses: [] } }, /addresses/],
    ['a host name as an address', { allow: { addresses: ['localhost'] } }, /localhost/],
    ['another kind', { allow: { user: 'a' } }, /allow/],
    ['a token as allow', { allow: TOKEN }, /allow must be/],
    ['an unknown option', { allow: 'anyone', alow: 1 }, /alow/],
    ['other metrics', { allow: 'anyone', metrics: {} }, /metrics must be a Metrics/],
  ])('is refused as a route with %s, without the token in the message', (_, init, message) => {
    const routes = [['/metrics', MetricsHandler, { metrics: new Metrics(), ...init }]] as unknown as Routes;
    expect(() => new Application(routes)).toThrow(message);
    try {
      new Application(routes);
    } catch (error) {
      expect(String(error)).not.toContain(TOKEN);
    }
  });

  it('can be subclassed with an initialize of its own', async () => {
    const metrics = new Metrics();
    class Own extends MetricsHandler {
      override initialize(_init: object): void {
        super.initialize({ metrics, allow: 'anyone' });
      }
    }
    await using client = new TestClient(new Application([['/metrics', Own, {}]]));
    expect((await client.request('/metrics')).status).toBe(200);
  });
});

async function responseOf(client: TestClient, headers: Record<string, string> = {}) {
  const response = await client.request('/metrics', { headers });
  return { status: response.status, headers: response.headers, text: response.text() };
}
