import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { Application, RequestHandler } from '@landspout/web';
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { RecordingLogger, spanIdOf, spanOf, traceIdOf, withTracing } from './fixtures/tracing.ts';

const FETCHES = { requests: false };

/** Runs a server of node:http, which has no spans, while `use` runs. */
async function withPeer(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const newClient = () => new AsyncHTTPClient({ defaults: { raiseError: false } });

describe('the span of a fetch', () => {
  it('is a child of the active span, has the attributes of the conventions, and is sent to the server', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      let traceparent: unknown;
      await withPeer(
        (request, response) => {
          traceparent = request.headers.traceparent;
          response.end('ok');
        },
        async (url) => {
          await using client = newClient();
          await trace.getTracer('test').startActiveSpan('caller', async (caller) => {
            await client.fetch(`${url}/a?token=secret#part`);
            caller.end();
          });
          const spans = await waitSpans(2);
          const [fetch, caller] = [spanOf(spans, 'CLIENT'), spanOf(spans, 'INTERNAL')];
          expect(fetch.name).toBe('GET');
          expect(fetch.parentSpanContext?.spanId).toBe(spanIdOf(caller));
          expect(fetch.status.code).toBe(SpanStatusCode.UNSET);
          expect(fetch.attributes).toEqual({
            'http.request.method': 'GET',
            'http.response.status_code': 200,
            'url.full': `${url}/a`,
            'url.scheme': 'http',
            'server.address': '127.0.0.1',
            'server.port': Number(new URL(url).port),
          });
          expect(traceparent).toBe(`00-${traceIdOf(fetch)}-${spanIdOf(fetch)}-01`);
        },
      );
    }));

  it('ends with each redirect; the next request has its own span and traceparent', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      const received: unknown[] = [];
      await withPeer(
        (request, response) => {
          received.push(request.headers.traceparent);
          if (request.url === '/1') response.writeHead(302, { Location: '/2' });
          response.end();
        },
        async (url) => {
          await using client = newClient();
          await client.fetch(`${url}/1`);
          const spans = await waitSpans(2);
          expect(
            spans.map(({ attributes }) => [
              attributes['url.full'],
              attributes['http.response.status_code'],
              attributes['http.request.resend_count'],
            ]),
          ).toEqual([
            [`${url}/1`, 302, undefined],
            [`${url}/2`, 200, 1],
          ]);
          expect(received).toEqual(spans.map((span) => `00-${traceIdOf(span)}-${spanIdOf(span)}-01`));
        },
      );
    }));

  it('is an error for a status of 400 or more', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      await withPeer(
        (_, response) => response.writeHead(404).end(),
        async (url) => {
          await using client = new AsyncHTTPClient();
          await expect(client.fetch(url)).rejects.toMatchObject({ status: 404 });
          const [span] = await waitSpans(1);
          expect(span?.status.code).toBe(SpanStatusCode.ERROR);
          expect(span?.attributes).toMatchObject({ 'http.response.status_code': 404, 'error.type': '404' });
        },
      );
    }));

  it('exists for a request that could not be sent', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      const server = createTcpServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      server.close();
      await using client = newClient();
      await expect(client.fetch(`http://127.0.0.1:${port}/x`)).rejects.toThrow();
      const [span] = await waitSpans(1);
      expect(span?.status.code).toBe(SpanStatusCode.ERROR);
      expect(span?.attributes['error.type']).toBe('ERR_HTTPCLIENT_CONNECT');
      expect(span?.events.map(({ name }) => name)).toEqual(['exception']);
    }));

  it('exists for a redirect to a server that cannot be reached', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      const closed = createTcpServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const location = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/away`;
      closed.close();
      await withPeer(
        (_, response) => response.writeHead(302, { Location: location }).end(),
        async (url) => {
          await using client = newClient();
          await expect(client.fetch(url)).rejects.toThrow();
          const [redirect, failed] = await waitSpans(2);
          expect(redirect?.attributes['http.response.status_code']).toBe(302);
          expect(redirect?.status.code).toBe(SpanStatusCode.UNSET);
          expect(failed?.attributes).toMatchObject({
            'url.full': location,
            'http.request.resend_count': 1,
            'error.type': 'ERR_HTTPCLIENT_CONNECT',
          });
        },
      );
    }));

  it('ends if an idle connection was lost, and the request is sent again on another', () =>
    withTracing(FETCHES, async ({ waitSpans }) => {
      let requests = 0;
      await withPeer(
        (request, response) => {
          requests += 1;
          if (requests === 2) request.socket.destroy();
          else response.end('ok');
        },
        async (url) => {
          await using client = newClient();
          await client.fetch(url);
          await client.fetch(`${url}/again`);
          const [, lost, again] = await waitSpans(3);
          expect(lost?.status.code).toBe(SpanStatusCode.ERROR);
          expect(lost?.attributes).not.toHaveProperty('http.response.status_code');
          expect(again?.status.code).toBe(SpanStatusCode.UNSET);
          expect(again?.attributes).toMatchObject({
            'http.response.status_code': 200,
            'http.request.resend_count': 1,
          });
        },
      );
    }));

  it('ends with the body of a streamed response, or when the fetch is aborted', () =>
    withTracing(FETCHES, async ({ spans, waitSpans }) => {
      await withPeer(
        (_, response) => void response.write('part'),
        async (url) => {
          await using client = newClient();
          const aborting = new AbortController();
          const response = await client.stream(url, { signal: aborting.signal });
          expect(spans()).toEqual([]);
          aborting.abort();
          const [span] = await waitSpans(1);
          expect(span?.attributes).toMatchObject({
            'http.response.status_code': 200,
            'error.type': 'AbortError',
          });
          await expect(response.text()).rejects.toThrow();
        },
      );
    }));
});

describe('the options for fetches', () => {
  it('decide which servers get the trace and the baggage', () =>
    withTracing(
      { ...FETCHES, fetches: { propagate: ({ url }) => new URL(url).pathname.startsWith('/own') } },
      async ({ waitSpans }) => {
        const received: unknown[] = [];
        await withPeer(
          (request, response) => {
            received.push([request.url, request.headers.traceparent !== undefined, request.headers.baggage]);
            if (request.url === '/own') response.writeHead(302, { Location: '/foreign' });
            response.end();
          },
          async (url) => {
            await using client = newClient();
            const baggage = propagation.createBaggage({ user: { value: '7' } });
            await context.with(propagation.setBaggage(context.active(), baggage), () =>
              client.fetch(`${url}/own`),
            );
            await waitSpans(2);
            expect(received).toEqual([
              ['/own', true, 'user=7'],
              ['/foreign', false, undefined],
            ]);
          },
        );
      },
    ));

  it('leave out what is ignored, name a template, and record the query', () =>
    withTracing(
      {
        ...FETCHES,
        fetches: {
          ignore: ({ method }) => method === 'HEAD',
          attributes: () => ({ 'url.template': '/item/{id}' }),
          recordQuery: ['page'],
        },
      },
      async ({ waitSpans }) => {
        const received: unknown[] = [];
        await withPeer(
          (request, response) => {
            received.push(request.headers.traceparent !== undefined);
            response.end();
          },
          async (url) => {
            await using client = newClient();
            await client.fetch(url, { method: 'HEAD' });
            await client.fetch(`${url}/item/7?page=2&q=private`);
            const [span] = await waitSpans(1);
            expect(span?.name).toBe('GET /item/{id}');
            expect(span?.attributes['url.full']).toBe(`${url}/item/7?page=2&q=REDACTED`);
            expect(received).toEqual([false, true]);
          },
        );
      },
    ));
});

describe('a trace over two servers', () => {
  it('has the request, the fetch of its handler, and the request that this sends', () =>
    withTracing({}, async ({ waitSpans }) => {
      class Back extends RequestHandler {
        override get(): void {
          this.write('back');
        }
      }
      await using client = newClient();
      await using back = await new Application([['/back/:id', Back]], {
        logger: new RecordingLogger(),
      }).listen({
        port: 0,
        host: '127.0.0.1',
      });
      class Front extends RequestHandler {
        override async get(): Promise<void> {
          const responses = await Promise.all([
            client.fetch(`${back.url}/back/1`),
            client.fetch(`${back.url}/back/2`),
          ]);
          this.write(responses.map(({ status }) => status).join());
        }
      }
      await using front = await new Application([['/front', Front]], {
        logger: new RecordingLogger(),
      }).listen({
        port: 0,
        host: '127.0.0.1',
      });
      const socket = connect(front.port, '127.0.0.1');
      socket.resume().write('GET /front HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await once(socket, 'close');
      const spans = await waitSpans(5);
      expect(new Set(spans.map(traceIdOf)).size).toBe(1);
      const request = spanOf(spans, 'SERVER', 'GET /front');
      const fetches = spans.filter(({ name }) => name === 'GET');
      expect(fetches.map((span) => span.parentSpanContext?.spanId)).toEqual([
        spanIdOf(request),
        spanIdOf(request),
      ]);
      const parents = spans
        .filter(({ name }) => name === 'GET /back/:id')
        .map((span) => span.parentSpanContext?.spanId);
      expect(new Set(parents)).toEqual(new Set(fetches.map(spanIdOf)));
    }));
});
