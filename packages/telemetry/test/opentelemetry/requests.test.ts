import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { HTTPHeaders } from '@landspout/http1';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { HTTPServer } from '@landspout/httpserver';
import {
  Application,
  type ApplicationListenOptions,
  HTTPError,
  type Middleware,
  RequestHandler,
  type RouteSpec,
} from '@landspout/web';
import { SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import {
  activeSpanId,
  RecordingLogger,
  spanIdOf,
  spanOf,
  traceIdOf,
  withTracing,
} from './fixtures/tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

/** Fetches have no spans here, so that each span is that of a request. */
const REQUESTS = { fetches: false };

class UserHandler extends RequestHandler {
  override async get(): Promise<void> {
    await delay(1);
    this.write({ span: activeSpanId() ?? null });
  }

  override post(): never {
    throw new TypeError('no');
  }

  override put(): never {
    throw new HTTPError(503, 'overloaded');
  }
}

class LateFailure extends RequestHandler {
  override async get(): Promise<void> {
    this.write('x');
    await this.flush();
    throw new RangeError('late');
  }
}

const ROUTES: readonly RouteSpec[] = [['/user/:id', UserHandler]];

async function serving(
  routes: readonly RouteSpec[],
  use: (url: string, client: AsyncHTTPClient, port: number) => Promise<void>,
  {
    middleware = [],
    listen = {},
  }: { middleware?: readonly Middleware[]; listen?: ApplicationListenOptions } = {},
): Promise<void> {
  const app = new Application(routes, { logger: new RecordingLogger(), middleware });
  await using server = await app.listen({ port: 0, host: '127.0.0.1', ...listen });
  await using client = new AsyncHTTPClient({ defaults: { raiseError: false } });
  await use(server.url, client, server.port);
}

/** Sends a request that ends the connection, and waits for that. */
async function talk(port: number, request: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const closed = once(socket, 'close');
  socket.resume().write(request);
  await closed;
}

describe('the span of a request', () => {
  it('does without attributes of the program that throw when they are read', () => {
    const attributes = () => ({
      get tenant(): string {
        throw new Error('broken');
      },
    });
    return withTracing({ fetches: false, requests: { attributes } }, async ({ waitSpans, log }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/user/7`);
        expect(spanOf(await waitSpans(1), 'SERVER').name).toBe('GET /user/:id');
        expect(log.records.length).toBe(1);
      });
    });
  });

  it('is an error with the exception if the handler fails after the headers were sent', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving([['/late', LateFailure]], async (url, client) => {
        await expect(client.fetch(`${url}/late`)).rejects.toThrow();
        const span = spanOf(await waitSpans(1), 'SERVER');
        expect(span.status.code).toBe(SpanStatusCode.ERROR);
        expect(span.attributes).toMatchObject({
          'http.response.status_code': 200,
          'error.type': 'RangeError',
        });
        expect(span.events.map(({ name }) => name)).toEqual(['exception']);
      });
    }));

  it('has the name and the attributes of the semantic conventions', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving(ROUTES, async (url, client, port) => {
        await client.fetch(`${url}/user/7?token=secret`, { headers: { 'User-Agent': 'test/1' } });
        const [span] = await waitSpans(1);
        expect(span?.name).toBe('GET /user/:id');
        expect(span?.kind).toBe(SpanKind.SERVER);
        expect(span?.status.code).toBe(SpanStatusCode.UNSET);
        expect(span?.parentSpanContext).toBeUndefined();
        expect(span?.instrumentationScope.name).toBe('@landspout/telemetry');
        expect(span?.attributes).toEqual({
          'http.request.method': 'GET',
          'http.response.status_code': 200,
          'http.route': '/user/:id',
          'url.scheme': 'http',
          'url.path': '/user/7',
          'server.address': '127.0.0.1',
          'server.port': port,
          'client.address': '127.0.0.1',
          'network.peer.address': '127.0.0.1',
          'network.peer.port': expect.any(Number),
          'network.protocol.version': '1.1',
          'user_agent.original': 'test/1',
        });
      });
    }));

  it('continues the trace of the client', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/user/7`, { headers: { traceparent: TRACEPARENT } });
        const [span] = await waitSpans(1);
        expect(span?.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT, isRemote: true });
        expect(span && traceIdOf(span)).toBe(TRACE);
      });
    }));

  it.each([
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    'x'.repeat(4000),
    `${TRACEPARENT}, ${TRACEPARENT}`,
    `ff-${TRACE}-${PARENT}-01`,
  ])('starts a trace if the traceparent of the client is invalid: %.30s', (traceparent) =>
    withTracing(REQUESTS, async ({ waitSpans, log }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/user/7`, { headers: { traceparent } });
        const [span] = await waitSpans(1);
        expect(span?.parentSpanContext).toBeUndefined();
        expect(log.records).toEqual([]);
      });
    }),
  );

  it('is linked to the trace of the client instead, or not connected to it', async () => {
    for (const incoming of ['link', 'ignore'] as const) {
      await withTracing({ ...REQUESTS, requests: { incoming } }, async ({ waitSpans }) => {
        await serving(ROUTES, async (url, client) => {
          await client.fetch(`${url}/user/7`, { headers: { traceparent: TRACEPARENT } });
          const [span] = await waitSpans(1);
          expect(span?.parentSpanContext).toBeUndefined();
          expect(span && traceIdOf(span)).not.toBe(TRACE);
          expect(span?.links.map((link) => link.context.spanId)).toEqual(incoming === 'link' ? [PARENT] : []);
        });
      });
    }
  });

  it('is active in middleware, the handler, what they await, and not outside of the request', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      const seen: (string | undefined)[] = [];
      const middleware: Middleware = async (_, next) => {
        seen.push(activeSpanId());
        await next();
        seen.push(activeSpanId());
      };
      await serving(
        ROUTES,
        async (url, client) => {
          const { body } = await client.fetch(`${url}/user/7`);
          const [span] = await waitSpans(1);
          const id = span && spanIdOf(span);
          expect(JSON.parse(Buffer.from(body).toString())).toEqual({ span: id });
          expect(seen).toEqual([id, id]);
          expect(activeSpanId()).toBeUndefined();
        },
        { middleware: [middleware] },
      );
    }));

  it('is active for pieces of the body that arrive later, each in its own request of a pipeline', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      const seen = new Map<string, (string | undefined)[]>();
      let onData: (() => void) | undefined;
      const server = new HTTPServer({
        startRequest(exchange) {
          let path = '';
          const see = (): void => {
            seen.set(path, [...(seen.get(path) ?? []), activeSpanId()]);
          };
          return {
            headersReceived(head) {
              path = head.target;
              see();
            },
            dataReceived() {
              see();
              onData?.();
            },
            async finish() {
              see();
              await delay(1);
              see();
              exchange.writeHead(200, 'OK', new HTTPHeaders(), 'ok', true);
            },
            connectionClosed() {},
          };
        },
      });
      await server.listen({ port: 0, host: '127.0.0.1' });
      const socket = connect(server.port, '127.0.0.1');
      const closed = once(socket.resume(), 'close');
      const send = (piece: string): Promise<void> =>
        new Promise((resolve) => {
          onData = resolve;
          socket.write(piece);
        });
      const head = (path: string, more: string) =>
        `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n${more}\r\n`;
      await send(`${head('/1', '')}a`);
      await send('b');
      // The end of one request and the start of the next arrive together.
      await send(`c${head('/2', 'Connection: close\r\n')}`);
      await send('a');
      await send('bc');
      await closed;
      const spans = await waitSpans(2);
      for (const span of spans) {
        const path = String(span.attributes['url.path']);
        const times = path === '/1' ? 6 : 5;
        expect(seen.get(path)).toEqual(Array.from({ length: times }, () => spanIdOf(span)));
      }
      expect(new Set(spans.map(traceIdOf)).size).toBe(2);
      await server.closeAll();
    }));

  it('is an error for a 5xx, with what was thrown', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/user/7`, { method: 'POST', body: '' });
        await client.fetch(`${url}/user/7`, { method: 'PUT', body: '' });
        const spans = await waitSpans(2);
        const [thrown, refused] = [
          spanOf(spans, 'SERVER', 'POST /user/:id'),
          spanOf(spans, 'SERVER', 'PUT /user/:id'),
        ];
        expect(thrown.status.code).toBe(SpanStatusCode.ERROR);
        expect(thrown.attributes).toMatchObject({
          'http.response.status_code': 500,
          'error.type': 'TypeError',
        });
        expect(
          thrown.events.map(({ name, attributes }) => [name, attributes?.['exception.message']]),
        ).toEqual([['exception', 'no']]);
        expect(refused.status.code).toBe(SpanStatusCode.ERROR);
        expect(refused.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' });
      });
    }));

  it('is no error for a 4xx, and has no route if none was found', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/nowhere`);
        const [span] = await waitSpans(1);
        expect(span?.name).toBe('GET');
        expect(span?.status.code).toBe(SpanStatusCode.UNSET);
        expect(span?.attributes['http.response.status_code']).toBe(404);
        expect(span?.attributes).not.toHaveProperty('http.route');
        expect(span?.attributes).not.toHaveProperty('error.type');
      });
    }));

  it('has the method _OTHER if the client sends an unknown one', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      await serving(ROUTES, async (_, __, port) => {
        await talk(port, 'BREW /user/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        const [span] = await waitSpans(1);
        expect(span?.name).toBe('HTTP /user/:id');
        expect(span?.attributes).toMatchObject({
          'http.request.method': '_OTHER',
          'http.request.method_original': 'BREW',
        });
      });
    }));

  it('has the whole route of a mounted application, and the address that a trusted proxy reports', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      const inner = new Application(ROUTES, { logger: new RecordingLogger() });
      await serving(
        [['/api', inner]],
        async (url, client) => {
          const headers = { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
          await client.fetch(`${url}/api/user/7`, { headers });
          const [span] = await waitSpans(1);
          expect(span?.name).toBe('GET /api/user/:id');
          expect(span?.attributes).toMatchObject({
            'url.path': '/api/user/7',
            'url.scheme': 'https',
            'client.address': '203.0.113.9',
            'network.peer.address': '127.0.0.1',
          });
        },
        { listen: { trustedProxies: ['127.0.0.1'] } },
      );
    }));

  it('ends when the client leaves, with the reason', () =>
    withTracing(REQUESTS, async ({ waitSpans }) => {
      class Slow extends RequestHandler {
        override async get(): Promise<void> {
          await this.flush();
          await once(this.request.signal, 'abort');
        }
      }
      await serving([['/slow', Slow]], async (_, __, port) => {
        const socket = connect(port, '127.0.0.1');
        socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
        await once(socket, 'data');
        socket.resetAndDestroy();
        const [span] = await waitSpans(1);
        expect(span?.attributes['error.type']).toMatch(/^ERR_HTTP/);
        expect(span?.status.code).toBe(SpanStatusCode.UNSET);
      });
    }));

  it('is not recorded if the trace of the client is not sampled, but its context is carried on', () =>
    withTracing(REQUESTS, async ({ spans, bridge }) => {
      let flags: number | undefined;
      let traceId: string | undefined;
      class Look extends RequestHandler {
        override get(): void {
          const spanContext = trace.getActiveSpan()?.spanContext();
          flags = spanContext?.traceFlags;
          traceId = spanContext?.traceId;
        }
      }
      await serving([['/', Look]], async (url, client) => {
        await client.fetch(url, { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } });
        expect([flags, traceId]).toEqual([TraceFlags.NONE, TRACE]);
        expect(spans()).toEqual([]);
      });
      expect(bridge.openSpans).toBe(0);
    }));

  it('is not recorded by a sampler that drops all', () =>
    withTracing({ ...REQUESTS, sampler: new AlwaysOffSampler() }, async ({ spans, log }) => {
      await serving(ROUTES, async (url, client) => {
        expect((await client.fetch(`${url}/user/7`)).status).toBe(200);
        expect((await client.fetch(`${url}/user/7`, { method: 'POST', body: '' })).status).toBe(500);
      });
      expect(spans()).toEqual([]);
      expect(log.records).toEqual([]);
    }));
});

describe('the options for requests', () => {
  it('leave out what is ignored, and add attributes that a sampler sees', () =>
    withTracing(
      {
        ...REQUESTS,
        requests: {
          ignore: ({ target }) => target === '/health',
          attributes: ({ headers }) => ({ 'app.tenant': headers.get('X-Tenant'), 'http.route': '/assumed' }),
        },
      },
      async ({ waitSpans }) => {
        await serving([], async (url, client) => {
          await client.fetch(`${url}/health`);
          await client.fetch(`${url}/other`, { headers: { 'X-Tenant': 'acme' } });
          const spans = await waitSpans(1);
          expect(spans.map(({ name, attributes }) => [name, attributes['app.tenant']])).toEqual([
            ['GET /assumed', 'acme'],
          ]);
        });
      },
    ));

  it('record the query if wanted, without credentials', () =>
    withTracing({ ...REQUESTS, requests: { recordQuery: true } }, async ({ waitSpans }) => {
      await serving(ROUTES, async (url, client) => {
        await client.fetch(`${url}/user/7?page=2&access_token=hunter2`);
        const [span] = await waitSpans(1);
        expect(span?.attributes['url.query']).toBe('page=2&access_token=REDACTED');
      });
    }));

  it('may have functions that fail: requests are not affected, and the failures are logged', async () => {
    const failures = [
      () => {
        throw new Error('a bug');
      },
      async () => {
        throw new Error('a bug');
      },
    ] as unknown as (() => never)[];
    for (const bug of failures) {
      await withTracing(
        { ...REQUESTS, requests: { ignore: bug, attributes: bug } },
        async ({ waitSpans, log }) => {
          await serving(ROUTES, async (url, client) => {
            expect((await client.fetch(`${url}/user/7`)).status).toBe(200);
            const [span] = await waitSpans(1);
            expect(span?.name).toBe('GET /user/:id');
          });
          expect(log.records[0]?.message).toBe('tracing failed; what is traced is not affected');
        },
      );
    }
  });
});
