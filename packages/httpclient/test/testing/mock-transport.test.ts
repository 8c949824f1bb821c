import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient, type AsyncHTTPClientOptions, HTTPStreamClosedError } from '../../src/index.ts';
import { fail, MockTransport, type MockTransportOptions, VirtualClock } from '../../src/testing/index.ts';
import { passingTime } from '../fixtures/event-sources.ts';
import { rejection } from '../fixtures/recording.ts';

/** A client whose connections end in a mock. */
async function mocked<T>(
  test: (mock: MockTransport, client: AsyncHTTPClient) => Promise<T>,
  options: MockTransportOptions = {},
  clientOptions: AsyncHTTPClientOptions = {},
): Promise<T> {
  await using mock = new MockTransport(options);
  await using client = new AsyncHTTPClient({ connect: mock.connect, ...clientOptions });
  return await test(mock, client);
}

const URL_A = 'https://api.example/a';

describe('MockTransport', () => {
  it('responds by rules, and records what was requested [HC-02]', () =>
    mocked(async (mock, client) => {
      mock.on('POST', URL_A, { status: 201, json: { id: 1 }, headers: { 'X-Kind': 'new' } });
      const response = await client.fetch(URL_A, { method: 'POST', json: { name: 'Ada' } });
      expect([response.status, response.reason, response.json()]).toEqual([201, 'Created', { id: 1 }]);
      expect(response.headers.get('Content-Type')).toBe('application/json');
      expect(response.headers.get('X-Kind')).toBe('new');
      const [request] = mock.requests;
      expect([request?.method, request?.url, request?.json()]).toEqual(['POST', URL_A, { name: 'Ada' }]);
      expect(request?.headers.get('Host')).toBe('api.example');
      expect(inspect(mock)).toContain('"https://api.example/a" (used 1 times)');
      mock.assertDone();
    }));

  it('uses the first rule that matches and is not used up', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', { status: 503 }, { times: 2 });
      mock.on('*', /\/a$/, { body: 'later' });
      mock.on('GET', URL_A, { body: 'never' });
      mock.on('GET', URL_A, { body: 'first' }, { times: 1, first: true });
      const bodies: (number | string)[] = [];
      for (let count = 0; count < 4; count += 1) {
        const response = await client.fetch(URL_A, { raiseError: false });
        bodies.push(response.status === 200 ? response.text() : response.status);
      }
      expect(bodies).toEqual(['first', 503, 503, 'later']);
    }));

  it('matches any query unless the rule has one, a pattern, or by a function', () =>
    mocked(async (mock, client) => {
      mock.on('GET', 'http://h/a?x=1', { body: 'query' });
      mock.on('GET', 'http://h:80/a', { body: 'any' });
      mock.on('GET', '/only-path', { body: 'path' });
      mock.on('PUT', ({ url, body }) => url.endsWith('/put') && body.length === 3, { body: 'function' });
      const get = async (url: string) => (await client.fetch(url)).text();
      expect(await get('http://h/a?x=1')).toBe('query');
      expect(await get('http://h/a?x=2')).toBe('any');
      expect(await get('http://[::1]:8000/only-path?y')).toBe('path');
      expect(mock.requests.at(-1)?.url).toBe('http://[::1]:8000/only-path?y');
      const put = await client.fetch('http://h/put', { method: 'PUT', body: 'abc' });
      expect(put.text()).toBe('function');
    }));

  it('rejects a fetch that no rule matches, once, with an error that lists the rules', () =>
    mocked(async (mock, client) => {
      mock.on('GET', URL_A, {}, { times: 1 });
      await client.fetch(URL_A);
      const error = await rejection<HTTPStreamClosedError>(client.fetch(URL_A));
      expect(error).toBeInstanceOf(HTTPStreamClosedError);
      expect(error.message).toContain(
        'no rule matches GET "https://api.example/a": the rules are 1. GET "https://api.example/a" (used 1 of 1 times)',
      );
      expect(error.cause).toMatchObject({ name: 'MockTransportError', code: 'ERR_MOCK_UNMATCHED' });
      // The second request used an open connection, but was not sent again.
      expect(mock.requests).toHaveLength(2);
      expect(() => mock.assertDone()).toThrow('requests without a rule: 1. GET "https://api.example/a"');
      mock.clear();
      mock.assertDone();
    }));

  it('says which rules were not used often enough', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', {}, { times: 2 }).on('GET', '/b', {}, { times: 1 }).on('GET', '/c', {});
      await client.fetch(URL_A);
      expect(() => mock.assertDone()).toThrow(
        'assertDone: not used: 1. GET "/a" (used 1 of 2 times); 2. GET "/b" (used 0 of 1 times)',
      );
    }));

  it('passes the error of a function of a rule to the fetch', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', () => {
        throw new Error('as in a test');
      });
      mock.on('GET', '/b', () => ({ status: 99 }));
      mock.on('GET', '/c', {
        body: (function* () {
          yield 'x';
          throw new Error('in the body');
        })(),
      });
      for (const [path, message] of [
        ['a', 'as in a test'],
        ['b', 'status: a whole number of 200 to 599 was expected, not 99'],
        ['c', 'in the body'],
      ] as const) {
        const error = await rejection<Error>(client.fetch(`http://h/${path}`));
        expect(error.message).toContain(message);
        expect(error.cause).toMatchObject({ code: 'ERR_MOCK_RESPONSE' });
      }
    }));

  it('keeps connections alive, one for each origin, and ends them as a server does [CU-03]', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/close', { headers: { Connection: 'close' } }).on('*', /./, { body: 'x' });
      for (let count = 0; count < 3; count += 1) await client.fetch(URL_A);
      expect(mock.connections).toEqual({ opened: 1, open: 1, failed: 0 });
      await client.fetch('https://other.example/');
      await client.fetch('https://api.example/close');
      await client.fetch(URL_A);
      expect(mock.requests.map(({ connection }) => connection)).toEqual([1, 1, 1, 2, 1, 3]);
    }));

  it('serves redirects, content codings and HEAD [SH-07] [CU-04]', () =>
    mocked(async (mock, client) => {
      mock.on('GET', URL_A, { status: 302, headers: { Location: 'http://b.example/' } });
      const body = gzipSync('compressed');
      mock.on('*', 'http://b.example/', { headers: { 'Content-Encoding': 'gzip' }, body });
      const response = await client.fetch(URL_A);
      expect([response.effectiveUrl, response.text()]).toEqual(['http://b.example/', 'compressed']);
      const head = await client.fetch('http://b.example/', { method: 'HEAD' });
      expect([head.headers.get('Content-Length'), head.body.length]).toEqual([String(body.length), 0]);
    }));

  it('streams both bodies, and sends 100 Continue [SH-09]', () =>
    mocked(async (mock, client) => {
      const sent = Buffer.alloc(1_000_000, 'u');
      mock.on('POST', '/up', ({ body }) => ({ json: body.length }));
      mock.on('GET', '/down', () => ({ body: chunks() }));
      async function* chunks() {
        for (let count = 0; count < 20; count += 1) yield Buffer.alloc(50_000, 'd');
      }
      const up = await client.fetch('http://h/up', { method: 'POST', body: sent, expectContinue: true });
      expect(up.json()).toBe(sent.length);
      let received = 0;
      const down = await client.stream('http://h/down');
      for await (const chunk of down) received += chunk.length;
      expect([received, down.headers.get('Transfer-Encoding')]).toEqual([1_000_000, 'chunked']);
    }));

  it('stops the body of a response that the client cancels', () =>
    mocked(async (mock, client) => {
      let isReturned: (() => void) | undefined;
      const returned = new Promise<void>((resolve) => {
        isReturned = resolve;
      });
      mock.on('GET', '/endless', {
        body: (async function* () {
          try {
            for (;;) yield Buffer.alloc(10_000);
          } finally {
            isReturned?.();
          }
        })(),
      });
      const controller = new AbortController();
      const onData = () => controller.abort(new Error('enough'));
      const error = await rejection<Error>(
        client.fetch('http://h/endless', { onData, signal: controller.signal }),
      );
      expect(error.message).toBe('enough');
      await returned;
      mock.assertDone();
    }));

  it('waits on the clock of the loop', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    await mocked(
      async (mock, client) => {
        mock.on('GET', '/slow', { delayMs: 3_000, body: 'slow' });
        mock.on('GET', '/hang', fail.hang());
        const response = await passingTime(
          clock,
          client.fetch('http://h/slow', { requestTimeoutMs: 10_000 }),
        );
        expect([response.text(), response.timings.firstByteMs]).toEqual(['slow', 3_000]);
        const late = rejection(client.fetch('http://h/hang', { requestTimeoutMs: 5_000 }));
        expect(await passingTime(clock, late)).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT' });
        const waiting = new Promise<void>((resolve) => {
          mock.on('GET', '/later', () => {
            resolve();
            return { delayMs: 10_000 };
          });
        });
        const early = rejection(client.fetch('http://h/later', { requestTimeoutMs: 1_000 }));
        await waiting;
        await new Promise((resolve) => setImmediate(resolve));
        expect(await passingTime(clock, early)).toMatchObject({ phase: 'headers' });
        // No one waits for that response any more, and no timer is left for it.
        await client.close();
        await clock.advance(2_000);
        expect(clock.pending).toBe(0);
      },
      { loop },
      { loop },
    );
  });

  it('keeps a limited number of requests, and refuses bodies that are too long', () =>
    mocked(
      async (mock, client) => {
        mock.on('*', /./, {});
        for (const path of ['1', '2', '3']) await client.fetch(`http://h/${path}`);
        expect(mock.requests.map(({ url }) => url)).toEqual(['http://h/2', 'http://h/3']);
        await client.fetch('http://h/4', { method: 'POST', body: 'x'.repeat(10) });
        await client.fetch('http://h/5', { method: 'POST', body: 'x'.repeat(10) });
        expect(mock.requests.map(({ url }) => url)).toEqual(['http://h/5']);
        const error = await rejection(client.fetch('http://h/6', { method: 'POST', body: 'x'.repeat(101) }));
        expect(error).toMatchObject({ cause: { code: 'ERR_MOCK_LIMIT' } });
        expect(String(error.cause)).toContain('more than 100 bytes (maxBodyBytes)');
      },
      { maxRequests: 2, maxRequestBytes: 15, maxBodyBytes: 100 },
    ));

  it('closes its connections, and then refuses new ones', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', fail.hang({ after: 'head' }));
      const response = await client.stream(URL_A);
      await mock.close();
      await expect(response.text()).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
      await expect(client.fetch(URL_A)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CONNECT' });
    }));

  it('refuses unknown and invalid arguments by name', () => {
    const mock = new MockTransport();
    const usage = (call: () => unknown, message: string) =>
      expect(call).toThrow(
        expect.objectContaining({ code: 'ERR_MOCK_USAGE', message: expect.stringContaining(message) }),
      );
    usage(() => new MockTransport({ maxRequest: 1 } as object), 'unknown option "maxRequest"');
    usage(() => mock.on('GET /', '/a', {}), 'a method');
    usage(() => mock.on('GET', 'api.example/a', {}), 'on: an absolute URL');
    usage(() => mock.on('GET', 'http://h/#x', {}), 'without user information and fragment');
    usage(() => mock.on('GET', '/a', { text: 'x' } as object), 'unknown option "text"');
    usage(() => mock.on('GET', '/a', { body: { a: 1 } as never }), 'pass data as json');
    usage(() => mock.on('GET', '/a', { body: 'a', json: 1 }), 'body or json');
    usage(() => mock.on('GET', '/a', {}, { times: 0 }), 'times');
    usage(() => mock.on('GET', '/a', fail.refuse()), 'use onConnect');
    usage(() => mock.onConnect('http://h/a', fail.refuse()), 'an origin such as');
    usage(() => mock.onConnect('*', fail.reset()), 'fail.refuse(), fail.resolve() or fail.hang()');
    usage(() => fail.reset({ after: 'body' as never }), "'head' or { bodyBytes }");
    usage(() => fail.hang({ response: {} }), 'if there is a response');
    usage(() => fail.malformed('x', { close: true } as object), 'unknown option "close"');
    usage(() => mock.recorded(), 'only a transport of MockTransport.recording');
  });
});
