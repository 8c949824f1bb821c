import { describe, expect, it } from 'vitest';
import {
  type ApplicationSettings,
  HTTPError,
  type Middleware,
  RequestHandler,
  type RouteSpec,
  StaticFileHandler,
} from '../../src/index.ts';
import { ask, bodyOf, converse, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Fails extends RequestHandler {
  override get(): void {
    throw new HTTPError(409, undefined, { detail: 'in use', headers: { 'X-Why': 'test' } });
  }

  override post(): void {}
}

class Own extends Fails {
  override writeError(status: number): void {
    this.write(`class ${status}`);
  }
}

const refuse: Middleware = () => {
  throw new HTTPError(429);
};

const routes: RouteSpec[] = [
  ['/fails', Fails, {}, { maxBodyBytes: 1 }],
  ['/own', Own],
  ['/refused', Fails, {}, { middleware: [refuse] }],
  ['/files/*path', StaticFileHandler, { path: import.meta.dirname }],
];

const settings: ApplicationSettings = {
  writeError({ response, request }, error) {
    if (request.query === 'broken') throw new Error('the page failed');
    const detail = error instanceof HTTPError ? error.detail : 'bug';
    response.setHeader('Content-Type', 'text/plain');
    response.write(`page ${response.status} ${detail}`);
  },
};

describe('the setting writeError', () => {
  it('writes the page of every error, with and without a handler, unless a class has its own [RH-03]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const body = 'POST /fails HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx';
        const pages = [
          await ask(port, '/fails'),
          await ask(port, '/missing'),
          await ask(port, '/files/missing'),
          await ask(port, '/files/.hidden'),
          await ask(port, '/refused'),
          await converse(port, body),
        ];
        expect(pages.map((page) => [statusOf(page), bodyOf(page)])).toEqual([
          [409, 'page 409 in use'],
          [404, 'page 404 undefined'],
          [404, 'page 404 undefined'],
          [403, 'page 403 undefined'],
          [429, 'page 429 undefined'],
          [413, expect.stringContaining('page 413 the body has more than 1 byte')],
        ]);
        expect(pages.map((page) => headerOf(page, 'Content-Type'))).toEqual(pages.map(() => 'text/plain'));
        expect(headerOf(pages[0] as string, 'X-Why')).toBe('test');
        expect(bodyOf(await ask(port, '/own'))).toBe('class 409');
      },
      settings,
    ));

  it('is replaced by the built-in page if it throws', () =>
    withApp(
      routes,
      async ({ port, log }) => {
        for (const path of ['/fails?broken', '/refused?broken']) {
          const page = await ask(port, path);
          expect([statusOf(page), bodyOf(page)]).toEqual([
            500,
            expect.stringContaining('Internal Server Error'),
          ]);
        }
        const messages = log.records.map(({ error }) => (error as Error | undefined)?.message);
        expect(messages).toEqual(['the page failed', 'the page failed']);
      },
      settings,
    ));
});
