import { describe, expect, it } from 'vitest';
import { type Awaitable, cors, RequestHandler, type RouteSpec } from '../../src/index.ts';
import { bodyOf, converse, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const JSON_ONLY = 'Accept: application/json';

class Takes extends RequestHandler {
  override post(): void {
    this.write('taken');
  }
}

const events: string[] = [];

class Streams extends RequestHandler {
  static override readonly streamRequestBody = true;

  override prepare(): void {
    this.signal.addEventListener('abort', () => events.push('aborted'));
  }

  override post(): void {
    events.push('post');
  }

  override onConnectionClose(reason: Error): void {
    events.push(`closed ${(reason as { code?: string }).code}`);
  }

  override onFinish(): void {
    events.push('finished');
  }

  override writeError(status: number): Awaitable {
    this.finish(`own page ${status}`);
  }
}

class Late extends Streams {
  override async writeError(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.finish('too late');
  }
}

const routes: RouteSpec[] = [
  ['/takes', Takes, {}, { maxBodyBytes: 3 }],
  ['/shared', Takes, {}, { maxBodyBytes: 3, middleware: [cors({ origins: ['https://a.example'] })] }],
  ['/streams', Streams, {}, { maxBodyBytes: 3 }],
  ['/late', Late, {}, { maxBodyBytes: 3 }],
];

const post = (target: string, body: string, ...fields: readonly string[]): string =>
  [`POST ${target} HTTP/1.1`, 'Host: a.example', ...fields, `Content-Length: ${body.length}`, '', body].join(
    '\r\n',
  );

const chunked = (target: string, ...fields: readonly string[]): string =>
  [
    `POST ${target} HTTP/1.1`,
    'Host: a.example',
    ...fields,
    'Transfer-Encoding: chunked',
    '',
    '4\r\nabcd\r\n',
  ].join('\r\n');

describe('a request that the server refuses', () => {
  it.each([
    ['by its length', post('/takes', 'abcd', JSON_ONLY)],
    ['in the middle of its body', chunked('/takes', JSON_ONLY)],
  ])(
    'gets the error page of the application, and the connection ends: a body too large %s',
    (_how, request) =>
      withApp(routes, async ({ port, log, server }) => {
        const answer = await converse(port, request);
        expect(statusOf(answer)).toBe(413);
        expect(headerOf(answer, 'Content-Type')).toBe('application/problem+json; charset=UTF-8');
        expect(headerOf(answer, 'Connection')).toBe('close');
        expect(JSON.parse(bodyOf(answer))).toEqual({
          type: 'about:blank',
          title: 'Content Too Large',
          status: 413,
          detail: expect.stringContaining('more than 3 bytes'),
          instance: '/takes',
        });
        expect(log.records.filter(({ level }) => level !== 'info')).toEqual([]);
        expect(server.stats().requests).toMatchObject({ begun: 1, refused: 1, completed: 0, underWay: 0 });
      }),
  );

  it('has the headers of the middleware', () =>
    withApp(routes, async ({ port }) => {
      for (const request of [
        post('/shared', 'abcd', 'Origin: https://a.example'),
        chunked('/shared', 'Origin: https://a.example'),
      ]) {
        const answer = await converse(port, request);
        expect([statusOf(answer), headerOf(answer, 'Access-Control-Allow-Origin')]).toEqual([
          413,
          'https://a.example',
        ]);
      }
    }));

  it('is told to a handler that streams, whose own page is sent; it is logged once', async () => {
    const logged: number[] = [];
    await withApp(
      routes,
      async ({ port }) => {
        events.length = 0;
        const answer = await converse(port, chunked('/streams'));
        expect([statusOf(answer), bodyOf(answer)]).toEqual([413, 'own page 413']);
        expect(events).toEqual(['aborted', 'closed ERR_HTTP1_BODY_TOO_LARGE', 'finished']);
        expect(logged).toEqual([413]);
      },
      { logFunction: ({ status }) => logged.push(status) },
    );
  });

  it('gets a line of text if the page of its handler takes time', () =>
    withApp(routes, async ({ port, log }) => {
      const answer = await converse(port, chunked('/late'));
      expect([statusOf(answer), bodyOf(answer)]).toEqual([
        413,
        expect.stringContaining('413 Content Too Large: the body has more than 3 bytes'),
      ]);
      expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
    }));

  it.each([
    ['malformed', 'GET / HTTP/1.1\r\nHost: a.example\r\nBad Name: x\r\n\r\n', 400],
    ['of two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['too large', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'<b>'.repeat(30_000)}\r\n\r\n`, 431],
    ['of another version', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', 505],
  ])('gets the page in HTML if its head is %s', (_what, request, status) =>
    withApp(routes, async ({ port }) => {
      const answer = await converse(port, request);
      expect([statusOf(answer), headerOf(answer, 'Content-Type')]).toEqual([
        status,
        'text/html; charset=UTF-8',
      ]);
      expect(bodyOf(answer)).toMatch(/^<!DOCTYPE html>/);
      expect(Buffer.byteLength(bodyOf(answer), 'latin1')).toBe(Number(headerOf(answer, 'Content-Length')));
    }),
  );

  it('does not hurt another one: the next connection is served', () =>
    withApp(routes, async ({ port }) => {
      const waiting = await RawClient.connect(port, chunked('/takes'));
      await waiting.until('413');
      expect(statusOf(await converse(port, post('/takes', 'abc', 'Connection: close')))).toBe(200);
      waiting.close();
    }));

  it('is a 405 before its body is read, if a handler that streams has no such method [RH-02]', () =>
    withApp(routes, async ({ port }) => {
      events.length = 0;
      const client = await RawClient.connect(port, chunked('/streams').replace('POST', 'PUT'));
      const answer = await client.untilEnd();
      expect([statusOf(answer), headerOf(answer, 'Allow'), bodyOf(answer)]).toEqual([
        405,
        'POST, OPTIONS',
        'own page 405',
      ]);
      expect(events).toEqual(['finished']);
    }));

  it('says in the log why a streamed form has no XSRF token', () =>
    withApp(
      routes,
      async ({ port, log }) => {
        const form = 'Content-Type: application/x-www-form-urlencoded';
        const answer = await converse(port, post('/streams', '_=1', form));
        expect(statusOf(answer)).toBe(403);
        expect(log.records.map(({ message }) => message)).toEqual([
          expect.stringContaining('streamRequestBody'),
        ]);
      },
      { xsrfCookies: true },
    ));
});
