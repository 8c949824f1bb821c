import { describe, expect, it } from 'vitest';
import { HTTPError, type Middleware, RequestHandler } from '../../src/index.ts';
import { RawClient, statusesOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Paths that were handled. */
const handled: string[] = [];

class Admin extends RequestHandler {
  override get(): void {
    handled.push(this.request.path);
    this.write('admin');
  }
}

class Streams extends RequestHandler {
  static override readonly streamRequestBody = true;
  override prepare(): void {
    handled.push(this.request.path);
    if (this.request.path === '/finish') this.finish('early');
    if (this.request.path === '/throw') throw new HTTPError(403);
  }
  override dataReceived(): void {
    handled.push('data');
    if (!this.finished) this.finish('early');
  }
  override post(): void {}
}

class Collects extends RequestHandler {
  override post(): void {}
}

const middleware: Middleware = ({ request, response }, next) => {
  if (request.path === '/middleware') {
    handled.push(request.path);
    return response.finish(200, 'early');
  }
  return next();
};

describe('a response before the end of the request', () => {
  it.each(['/finish', '/throw', '/data', '/middleware', '/nowhere'])(
    'closes the connection, and nothing of the rest of the body is taken for a request: %s [ATT-14]',
    async (path) => {
      const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';
      for (const framing of [`Content-Length: ${smuggled.length + 1}`, 'Transfer-Encoding: chunked']) {
        handled.length = 0;
        await withApp(
          [
            ['/admin', Admin],
            ['/middleware', Collects],
            [/\/(?:finish|throw|data)/, Streams],
          ],
          async ({ port, server, log }) => {
            const isChunked = framing.startsWith('T');
            const begin = isChunked ? '1\r\nx\r\n' : 'x';
            const client = await RawClient.connect(
              port,
              `POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${begin}`,
            );
            await client.until('\r\n\r\n');
            client.send(
              isChunked
                ? `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n${smuggled}`
                : smuggled + smuggled,
            );
            const received = await client.untilEnd();
            expect(statusesOf(received)).toHaveLength(1);
            expect(received).toContain('Connection: close');
            expect([handled.includes('/admin'), received.includes('admin')]).toEqual([false, false]);
            while (server.stats().open > 0) await new Promise((resolve) => setImmediate(resolve));
            expect(server.stats().requests).toMatchObject({
              begun: 1,
              underWay: 0,
            });
            expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
          },
          { middleware: [middleware] },
        );
      }
    },
  );
});
