import type { HTTPServerExchange } from '@landspout/http1';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type HTTPServerOptions, type ServerRequest } from '../src/index.ts';
import { converse, RawClient } from './fixtures/raw-client.ts';
import { withServer } from './fixtures/running-server.ts';

const hello = (request: ServerRequest): void => request.respond(200, 'hello');
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('HTTPServer', () => {
  const wrong: Record<string, Record<string, unknown>> = {
    ERR_STREAM_USAGE: {
      headerTimeoutMs: 0,
      idleTimeoutMs: -1,
      minBytesPerSecond: Number.NaN,
      progressMs: Number.POSITIVE_INFINITY,
      bodyTimeoutMs: -1,
      halfClosedMs: -1,
      lingerMs: 0,
      keepAlive: 5_000,
      protocol: 'gopher',
      accessLog: 'access.log',
      trustedProxies: ['everybody'],
      forwardedHeaders: 'x-forwarded',
      decompressRequests: { maxCodings: 0 },
      backlog: 0,
      maxConnections: -1,
      maxConnectionsPerAddress: 0.5,
      maxWriteBufferBytes: -1,
      writeOverflow: 'wait',
      proxyProtocol: { from: [] },
    },
    ERR_HTTP1_LIMIT: {
      maxHeadBytes: -1,
      maxHeaders: 0.5,
      maxBodyBytes: Number.POSITIVE_INFINITY,
      maxChunkExtensionBytes: Number.NaN,
      maxTrailerBytes: -1,
    },
    ERR_STREAM_TLS: { tls: { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' } },
  };
  const cases = Object.entries(wrong).flatMap(([code, options]) =>
    Object.entries(options).map(([name, value]) => [name, value, code] as const),
  );

  it.each(cases)('refuses %s: %o when it is made, by %s [HS-01]', (name, value, code) => {
    const options = { [name]: value } as HTTPServerOptions;
    expect(() => new HTTPServer(hello, options)).toThrow(expect.objectContaining({ code }));
  });

  it('closes after each answer with keepAlive: false [HS-01]', () =>
    withServer(
      hello,
      async ({ port }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        expect(received).toContain('\r\nConnection: close\r\n');
      },
      { keepAlive: false },
    ));

  it('serves whatever delegate it is given, and a subclass may look at each connection first [HS-05]', async () => {
    const seen: string[] = [];
    class Counting extends HTTPServer {
      override handleStream(stream: Parameters<HTTPServer['handleStream']>[0]): void {
        seen.push(stream.remoteAddress.family);
        super.handleStream(stream);
      }
    }
    const delegate = {
      startRequest: (exchange: HTTPServerExchange) => ({
        headersReceived() {},
        dataReceived() {},
        finish: () => exchange.writeHead(200, 'OK', new HTTPHeaders(), 'from a delegate', true),
        connectionClosed() {},
      }),
    };
    await using server = new Counting(delegate);
    await server.listen({ port: 0, host: '127.0.0.1' });
    expect(await converse(server.port, GET)).toMatch(/from a delegate$/);
    expect(seen).toEqual(['IPv4']);
  });
});

describe('HTTPServerExchange.detach', () => {
  it('gives the stream away with what came behind the head, and HTTP ends there [H1-18]', () =>
    withServer(
      async ({ exchange }) => {
        const stream = exchange.detach();
        const rest = await stream.readUntil('\n');
        void stream.write(`got ${rest.toString()}`);
        expect(() => exchange.detach()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
        stream.closeGracefully(1_000);
      },
      async ({ port, records, server }) => {
        const client = await RawClient.connect({ port }, `${GET}GET / HTTP/1.1\n`);
        expect(await client.untilEnd()).toBe('got GET / HTTP/1.1\n');
        client.close();
        expect(records).toEqual([]);
        expect(server.stats().requests).toMatchObject({ begun: 1, detached: 1 });
      },
    ));

  it('is refused once an answer has begun [H1-18]', () =>
    withServer(
      ({ exchange }) => {
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'begun');
        expect(() => exchange.detach()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
        exchange.finish();
      },
      async ({ port, records }) => {
        expect(await converse(port, GET)).toMatch(/begun\r\n0\r\n\r\n$/);
        expect(records).toEqual([]);
      },
    ));
});
