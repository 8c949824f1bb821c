import { open, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPClosedError, HTTPHeaders, HTTPInputError, HTTPUsageError } from '@landspout/http1';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPDetachError, toFetchHandler } from '../../src/fetch/index.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { deferred, RecordingLogger, respond } from './outer-servers.ts';

const URL = 'http://shop.example/items?id=1#part';

/** A body that the test feeds. */
function fedBody(): {
  readonly stream: ReadableStream<Uint8Array>;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly cancelled: unknown[];
} {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return { stream, controller, cancelled };
}

function post(body: RequestInit['body'], init: RequestInit = {}): Request {
  return new Request(URL, { method: 'POST', body: body ?? null, duplex: 'half', ...init } as RequestInit);
}

describe('toFetchHandler: the request', () => {
  it('passes method, target and headers, with the host of the URL if there is no Host', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate);
    const response = await handler(new Request(URL, { headers: { 'X-One': 'a', Cookie: 'b=c' } }));
    const [request] = delegate.requests;
    expect(request?.head).toMatchObject({ method: 'GET', target: '/items?id=1', version: 'HTTP/1.1' });
    expect(request?.head?.headers.get('Host')).toBe('shop.example');
    expect(request?.head?.headers.get('X-One')).toBe('a');
    expect(request?.head?.headers.get('Cookie')).toBe('b=c');
    expect(request?.head?.mountPath).toBeUndefined();
    expect(request?.calls).toEqual(['head', 'finish']);
    expect(await response.text()).toBe('0 bytes');
  });

  it('passes the body, its length, and the mountPath', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate, { mountPath: '/live' });
    const response = await handler(post('a body', { headers: { 'Content-Length': '6' } }));
    expect(await response.text()).toBe('6 bytes');
    expect(delegate.requests[0]?.body.toString()).toBe('a body');
    expect(delegate.requests[0]?.head?.mountPath).toBe('/live');
    expect(delegate.requests[0]?.head?.headers.get('Content-Length')).toBe('6');
  });

  it('announces a body of unknown length as chunked', async () => {
    const delegate = new RecordingDelegate();
    await toFetchHandler(delegate)(post('a body'));
    expect(delegate.requests[0]?.head?.headers.get('Transfer-Encoding')).toBe('chunked');
  });

  it('collects a body of known length for a delegate that needs all of it', async () => {
    const { stream, controller } = fedBody();
    const chunks: string[] = [];
    const handler = toFetchHandler({
      startRequest: (exchange) => ({
        collectsBody: true,
        headersReceived: () => {},
        dataReceived: (chunk) => void chunks.push(Buffer.from(chunk).toString()),
        finish: () => respond(exchange, 200, 'ok'),
        connectionClosed: () => {},
      }),
    });
    const response = handler(post(stream, { headers: { 'Content-Length': '6' } }));
    for (const part of ['ab', 'cd', 'ef']) controller.enqueue(Buffer.from(part));
    controller.close();
    await response;
    expect(chunks).toEqual(['abcdef']);
  });

  it('reads no more while the promise of the delegate is pending', async () => {
    const gate = deferred();
    const delegate = new RecordingDelegate({ data: () => gate.promise });
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls += 1;
          if (pulls === 4) controller.close();
          else controller.enqueue(Buffer.from('x'));
        },
      },
      { highWaterMark: 0 },
    );
    const response = toFetchHandler(delegate)(post(stream));
    await waitUntil(() => delegate.requests[0]?.bytes === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls).toBe(1);
    gate.resolve();
    expect(await (await response).text()).toBe('3 bytes');
  });

  it('describes the connection: the scheme of the URL, and what the server in front knows', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate);
    await handler(new Request('https://shop.example/'));
    await handler(new Request(URL), { remoteAddress: '::ffff:192.0.2.1', remotePort: 70 });
    await handler(new Request(URL), {
      incoming: { socket: { remoteAddress: '2001:db8::1', remotePort: 71 } },
    });
    await handler(Object.assign(new Request(URL), { ip: '192.0.2.3' }));
    const [first, second, third, fourth] = delegate.requests.map(({ exchange }) => exchange.connection);
    expect(first).toMatchObject({ protocol: 'https', remoteAddress: { family: 'memory' }, tls: undefined });
    expect(second).toMatchObject({
      protocol: 'http',
      remoteAddress: { family: 'IPv4', address: '192.0.2.1', port: 70 },
    });
    expect(third?.remoteAddress).toEqual({ family: 'IPv6', address: '2001:db8::1', port: 71 });
    expect(fourth?.remoteAddress).toEqual({ family: 'IPv4', address: '192.0.2.3', port: 0 });
  });

  it('believes trusted proxies', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate, { trustedProxies: ['10.0.0.1'] });
    const headers = { 'X-Forwarded-For': '192.0.2.9', 'X-Forwarded-Proto': 'https' };
    await handler(new Request(URL, { headers }), { remoteAddress: '10.0.0.1' });
    await handler(new Request(URL, { headers }), { remoteAddress: '10.0.0.2' });
    const [trusted, other] = delegate.requests.map(({ exchange }) => exchange.connection);
    expect(trusted).toMatchObject({ protocol: 'https', remoteAddress: { address: '192.0.2.9' } });
    expect(other).toMatchObject({ protocol: 'http', remoteAddress: { address: '10.0.0.2' } });
  });

  it('rejects if the body was already read', async () => {
    const delegate = new RecordingDelegate();
    const request = post('a body');
    await request.text();
    await expect(toFetchHandler(delegate)(request)).rejects.toThrow(HTTPUsageError);
    expect(delegate.requests).toEqual([]);
  });

  it('rejects what is no Request', async () => {
    await expect(toFetchHandler(new RecordingDelegate())('/' as never)).rejects.toThrow(/a Request/);
  });
});

describe('toFetchHandler: the response', () => {
  it('has the status, its reason, and every Set-Cookie', async () => {
    const headers = new HTTPHeaders()
      .add('Set-Cookie', 'a=1')
      .add('Set-Cookie', 'b=2')
      .add('Connection', 'close');
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => exchange.writeHead(201, 'Made', headers, 'ok', true),
    });
    const response = await toFetchHandler(delegate)(new Request(URL));
    expect(response.status).toBe(201);
    expect(response.statusText).toBe('Made');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('Content-Length')).toBe('2');
    expect(response.headers.has('Content-Type')).toBe(false);
    expect(response.headers.has('Connection')).toBe(false);
    expect(delegate.requests[0]?.exchange).toMatchObject({ finished: true, bodyBytesSent: 2, isCut: false });
  });

  it.each([204, 205, 304])('has no body if the status is %i', async (status) => {
    const delegate = new RecordingDelegate({ finish: ({ exchange }) => respond(exchange, status, '') });
    const response = await toFetchHandler(delegate)(new Request(URL));
    expect(response.status).toBe(status);
    expect(response.body).toBeNull();
    expect(response.headers.get('Content-Length')).toBe(status === 205 ? '0' : null);
  });

  it('has the length but no body if the method is HEAD', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => {
        exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Length': '5' }));
        exchange.write('hello');
        exchange.finish();
      },
    });
    const response = await toFetchHandler(delegate)(new Request(URL, { method: 'HEAD' }));
    expect(response.headers.get('Content-Length')).toBe('5');
    expect(response.body).toBeNull();
    expect(delegate.requests[0]?.exchange.bodyBytesSent).toBe(0);
  });

  it('streams what is written after the headers, with back-pressure', async () => {
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders());
        for (let at = 0; at < 8; at += 1) {
          exchange.write(Buffer.alloc(40_000, at));
          if (exchange.isDrained !== true) await exchange.waitDrained();
        }
        exchange.finish(HTTPHeaders.from({ 'X-Trailer': 'dropped' }));
      },
    });
    const response = await toFetchHandler(delegate)(new Request(URL));
    const { exchange } = delegate.requests[0] as { exchange: { bodyBytesSent: number; isDrained: boolean } };
    await new Promise((resolve) => setImmediate(resolve));
    expect(exchange.bodyBytesSent).toBe(80_000);
    expect(exchange.isDrained).toBe(false);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.length).toBe(320_000);
    expect([bytes[0], bytes[319_999]]).toEqual([0, 7]);
  });

  it('sends parts of files in the order of the calls', async () => {
    const path = join(tmpdir(), `landspout-reverse-${process.pid}`);
    await writeFile(path, 'x'.repeat(200_000));
    const file = await open(path);
    try {
      const delegate = new RecordingDelegate({
        finish: ({ exchange }) => {
          exchange.writeHead(200, '', new HTTPHeaders(), '<');
          void exchange.writeFile(file, { end: 150_000 });
          exchange.write('|');
          void exchange.writeFile(file.fd, { start: 199_990, end: 200_000 });
          exchange.write('>');
          exchange.finish();
        },
      });
      const response = await toFetchHandler(delegate)(new Request(URL));
      expect(await response.text()).toBe(`<${'x'.repeat(150_000)}|${'x'.repeat(10)}>`);
    } finally {
      await file.close();
      await unlink(path);
    }
  });

  it('fails the body, and the promise of writeFile, if a file is shorter than announced', async () => {
    const path = join(tmpdir(), `landspout-reverse-short-${process.pid}`);
    await writeFile(path, 'short');
    const file = await open(path);
    try {
      const failures: unknown[] = [];
      const delegate = new RecordingDelegate({
        finish: async ({ exchange }) => {
          exchange.writeHead(200, '', new HTTPHeaders());
          await exchange.writeFile(file, { end: 100 }).catch((error) => failures.push(error));
        },
      });
      const response = await toFetchHandler(delegate)(new Request(URL));
      await expect(response.text()).rejects.toMatchObject({ code: 'ERR_HTTP_CLOSED' });
      await waitUntil(() => failures.length > 0);
      expect(failures).toMatchObject([{ code: 'ERR_STREAM_FILE_CHANGED' }]);
      expect(delegate.requests[0]?.exchange.isCut).toBe(true);
      expect(delegate.requests[0]?.closedWith).toHaveLength(1);
    } finally {
      await file.close();
      await unlink(path);
    }
  });

  it('drops interim responses, but refuses those that must not be sent', async () => {
    const delegate = new RecordingDelegate({
      head: ({ exchange }) => {
        exchange.writeInterim(103, HTTPHeaders.from({ Link: '</a.css>; rel=preload' }));
        expect(() => exchange.writeInterim(200)).toThrow(/interim/);
      },
    });
    expect((await toFetchHandler(delegate)(new Request(URL))).status).toBe(200);
  });

  it('refuses a second response', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => {
        respond(exchange, 200, 'one');
        expect(() => respond(exchange, 200, 'two')).toThrow(HTTPUsageError);
        expect(() => exchange.write('more')).toThrow(HTTPUsageError);
        expect(() => exchange.finish()).toThrow(HTTPUsageError);
      },
    });
    expect(await (await toFetchHandler(delegate)(new Request(URL))).text()).toBe('one');
  });

  it('fails the body if it is longer or shorter than its Content-Length', async () => {
    const logger = new RecordingLogger();
    for (const text of ['abc', 'abcdefg']) {
      const delegate = new RecordingDelegate({
        finish: ({ exchange }) => {
          exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Length': '5' }));
          exchange.write(text);
          exchange.finish();
        },
      });
      const response = await toFetchHandler(delegate, { logger })(new Request(URL));
      await expect(response.text()).rejects.toMatchObject({ code: 'ERR_HTTP_CLOSED' });
    }
  });
});

describe('toFetchHandler: failures', () => {
  it('responds with a 500 and logs one record if the delegate throws', async () => {
    const logger = new RecordingLogger();
    const failure = new Error('secret');
    const steps = ['head', 'data', 'finish'] as const;
    for (const step of steps) {
      const delegate = new RecordingDelegate({
        [step]: () => {
          throw failure;
        },
      });
      const response = await toFetchHandler(delegate, { logger })(post('body'));
      expect([response.status, await response.text()]).toEqual([500, '500 Internal Server Error\n']);
      expect(delegate.requests[0]?.closedWith).toEqual([failure]);
    }
    expect(logger.records.map(({ error }) => error)).toEqual([failure, failure, failure]);
  });

  it('fails the body if the delegate rejects after the headers', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders(), 'part');
        throw new Error('late');
      },
    });
    const response = await toFetchHandler(delegate, { logger })(new Request(URL));
    await expect(response.text()).rejects.toMatchObject({ cause: { message: 'late' } });
    expect(logger.problems).toHaveLength(1);
  });

  it('responds with the status of an HTTPInputError', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      head: () => Promise.reject(new HTTPInputError('no such coding', 415)),
    });
    const response = await toFetchHandler(delegate, { logger })(post('body'));
    expect([response.status, await response.text()]).toEqual([
      415,
      '415 Unsupported Media Type: no such coding\n',
    ]);
    expect(logger.records.map(({ level }) => level)).toEqual(['info']);
  });

  it('rejects if the delegate aborts before its headers, and fails the body after them', async () => {
    const reason = new Error('given up');
    const before = new RecordingDelegate({ head: ({ exchange }) => exchange.abort(reason) });
    await expect(toFetchHandler(before)(new Request(URL))).rejects.toMatchObject({
      code: 'ERR_HTTP_CLOSED',
      cause: reason,
    });
    expect(before.requests[0]?.calls).toEqual(['head', 'closed']);
    const after = new RecordingDelegate({
      finish: ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders(), 'part');
        exchange.abort(reason);
      },
    });
    const response = await toFetchHandler(after)(new Request(URL));
    await expect(response.text()).rejects.toMatchObject({ code: 'ERR_HTTP_CLOSED', cause: reason });
    expect(after.requests[0]?.exchange.isCut).toBe(true);
  });

  it('throws HTTPDetachError from detach, and responds with a 501', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ head: ({ exchange }) => void exchange.detach() });
    const response = await toFetchHandler(delegate, { logger })(new Request(URL));
    expect(response.status).toBe(501);
    expect(await response.text()).toMatch(/HTTPServer/);
    expect(logger.records[0]?.error).toBeInstanceOf(HTTPDetachError);
    expect(logger.problems).toEqual([]);
  });

  it('asks the delegate for the response to a refusal', async () => {
    const logger = new RecordingLogger();
    const handler = toFetchHandler(
      {
        startRequest: (exchange) => ({
          headersReceived: () => {},
          dataReceived: () => {},
          finish: () => {},
          refused: ({ status, detail }) => respond(exchange, status, `own: ${detail}`),
          connectionClosed: () => {},
        }),
      },
      { maxBodyBytes: 3, logger },
    );
    const response = await handler(post('a body'));
    expect([response.status, await response.text()]).toEqual([
      413,
      'own: the body is larger than 3 bytes (RFC 9110 §15.5.14)',
    ]);
  });

  it('asks the delegate for a page if a head is refused', async () => {
    const logger = new RecordingLogger();
    const delegate = Object.assign(new RecordingDelegate(), {
      refusalPage: () => ({ contentType: 'text/html', body: '<p>no</p>' }),
    });
    const handler = toFetchHandler(delegate, { maxHeaders: 2, logger });
    const response = await handler(new Request(URL, { headers: { A: '1', B: '2', C: '3' } }));
    expect(response.status).toBe(431);
    expect(response.headers.get('Content-Type')).toBe('text/html');
    expect(await response.text()).toBe('<p>no</p>');
    expect(delegate.requests).toEqual([]);
  });
});

describe('toFetchHandler: limits', () => {
  it('refuses a body that is larger than maxBodyBytes, announced or not', async () => {
    const logger = new RecordingLogger();
    const handler = toFetchHandler(new RecordingDelegate(), { maxBodyBytes: 5, logger });
    expect((await handler(post('a body'))).status).toBe(413);
    expect((await handler(post('a body', { headers: { 'Content-Length': '6' } }))).status).toBe(413);
    expect((await handler(post('small'))).status).toBe(200);
  });

  it('lets the delegate change the limit for one request', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ head: ({ exchange }) => exchange.setMaxBodyBytes(100) });
    const handler = toFetchHandler(delegate, { maxBodyBytes: 5, logger });
    expect((await handler(post('a body'))).status).toBe(200);
    expect(() => delegate.requests[0]?.exchange.setMaxBodyBytes(-1)).toThrow(HTTPUsageError);
  });

  it('refuses a body that takes longer than bodyTimeoutMs, not counting the time of the delegate', async () => {
    const logger = new RecordingLogger();
    const clock = new VirtualClock();
    const gate = deferred();
    const delegate = new RecordingDelegate({ data: () => gate.promise });
    const { stream, controller } = fedBody();
    const response = toFetchHandler(delegate, { bodyTimeoutMs: 100, clock, logger })(post(stream));
    await clock.advance(60);
    controller.enqueue(Buffer.from('x'));
    await waitUntil(() => delegate.requests[0]?.bytes === 1);
    await clock.advance(1_000);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(39);
    expect(delegate.requests[0]?.closedWith).toEqual([]);
    await clock.advance(1);
    expect((await response).status).toBe(408);
    expect(delegate.requests[0]?.closedWith).toMatchObject([{ code: 'ERR_HTTP_DEADLINE' }]);
  });

  it.each(['5', '7'])('refuses a body of six bytes whose Content-Length is %s', async (length) => {
    const logger = new RecordingLogger();
    const handler = toFetchHandler(new RecordingDelegate(), { logger });
    expect((await handler(post('a body', { headers: { 'Content-Length': length } }))).status).toBe(400);
  });

  it.each([
    ['a Content-Length that is no number', { 'Content-Length': '1x' }, 400],
    ['a negative Content-Length', { 'Content-Length': '-1' }, 400],
    ['a Host that is a list', { Host: 'a.example, b.example' }, 400],
    ['a Host with user information', { Host: 'user@a.example' }, 400],
    ['a huge header', { 'X-Huge': 'x'.repeat(70_000) }, 431],
  ])('refuses %s', async (_name, headers, status) => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const response = await toFetchHandler(delegate, { logger })(
      new Request(URL, { method: 'POST', body: 'x', headers: headers as Record<string, string> }),
    );
    expect(response.status).toBe(status);
    expect(delegate.requests).toEqual([]);
  });

  it('refuses unknown and invalid options', () => {
    const delegate = new RecordingDelegate();
    const cases = [
      [{ maxBodyByte: 1 }, /maxBodyBytes/],
      [{ maxBodyBytes: -1 }, /maxBodyBytes/],
      [{ bodyTimeoutMs: Number.NaN }, /bodyTimeoutMs/],
      [{ mountPath: 'live' }, /mountPath/],
      [{ signal: {} }, /AbortSignal/],
      [{ protocol: 'ftp' }, /protocol/],
      [{ clock: {} }, /clock/],
      [{ trustedProxies: [] }, /array of addresses/],
    ] as const;
    for (const [options, message] of cases)
      expect(() => toFetchHandler(delegate, options as never)).toThrow(message);
    expect(() => toFetchHandler({} as never)).toThrow(/delegate/);
  });
});

describe('toFetchHandler: the client leaves', () => {
  it('notifies the delegate while it reads the body, and cancels the body', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const { stream, controller, cancelled } = fedBody();
    const client = new AbortController();
    const response = toFetchHandler(delegate, { logger })(post(stream, { signal: client.signal }));
    controller.enqueue(Buffer.from('x'));
    await waitUntil(() => delegate.requests[0]?.bytes === 1);
    client.abort();
    expect((await response).status).toBe(499);
    const [request] = delegate.requests;
    expect(request?.calls).toEqual(['head', 'data', 'closed']);
    expect(request?.closedWith[0]).toBeInstanceOf(HTTPClosedError);
    expect(request?.exchange.isCut).toBe(true);
    await waitUntil(() => cancelled.length > 0);
    request?.answer(200, 'too late');
    expect(logger.records).toEqual([]);
  });

  it('notifies the delegate before it has responded', async () => {
    const logger = new RecordingLogger();
    const gate = deferred();
    const delegate = new RecordingDelegate({
      finish: async (request) => {
        await gate.promise;
        const reason = request.closedWith[0];
        if (reason !== undefined) throw reason;
      },
    });
    const client = new AbortController();
    const response = toFetchHandler(delegate, { logger })(new Request(URL, { signal: client.signal }));
    await waitUntil(() => delegate.requests.length > 0);
    client.abort();
    expect((await response).status).toBe(499);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(logger.records).toEqual([]);
  });

  it('notifies the delegate if the body of the response is cancelled, and ends its waits', async () => {
    const logger = new RecordingLogger();
    const failures: unknown[] = [];
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders());
        try {
          for (;;) {
            exchange.write(Buffer.alloc(40_000));
            await exchange.waitDrained();
          }
        } catch (error) {
          failures.push(error);
          throw error;
        }
      },
    });
    const response = await toFetchHandler(delegate, { logger })(new Request(URL));
    await response.body?.cancel('enough');
    await waitUntil(() => failures.length > 0);
    expect(failures).toEqual(delegate.requests[0]?.closedWith);
    expect(delegate.requests[0]?.closedWith).toMatchObject([{ code: 'ERR_HTTP_CLOSED', cause: 'enough' }]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(logger.records).toEqual([]);
  });

  it('rejects if the body of the request fails, and notifies the delegate', async () => {
    const delegate = new RecordingDelegate();
    const { stream, controller } = fedBody();
    const response = toFetchHandler(delegate)(post(stream));
    const failure = new Error('broken upload');
    controller.error(failure);
    await expect(response).rejects.toMatchObject({ code: 'ERR_HTTP_CLOSED', cause: failure });
    expect(delegate.requests[0]?.calls).toEqual(['head', 'closed']);
  });

  it('rejects if the body of the request is one of text', async () => {
    const delegate = new RecordingDelegate();
    const { stream, controller } = fedBody();
    const response = toFetchHandler(delegate)(post(stream));
    controller.enqueue('text' as never);
    await expect(response).rejects.toMatchObject({ cause: { code: 'ERR_HTTP_USAGE' } });
  });

  it('leaves no listener on the signal of a request', async () => {
    const gate = deferred();
    const delegate = new RecordingDelegate({
      finish: async (request) => {
        await gate.promise;
        request.answer(200, 'ok');
      },
    });
    const request = new Request(URL, { signal: new AbortController().signal });
    let listeners = 0;
    const { signal } = request;
    const counted = {
      add: signal.addEventListener.bind(signal),
      remove: signal.removeEventListener.bind(signal),
    };
    signal.addEventListener = (...given: Parameters<typeof counted.add>) => {
      listeners += 1;
      counted.add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof counted.remove>) => {
      listeners -= 1;
      counted.remove(...given);
    };
    const response = toFetchHandler(delegate)(request);
    await waitUntil(() => listeners === 1);
    gate.resolve();
    await response;
    expect(listeners).toBe(0);
  });

  it('does not cancel a body that the delegate has not read to its end', async () => {
    const delegate = new RecordingDelegate({ data: (request) => request.answer(200, 'enough') });
    const { stream, controller, cancelled } = fedBody();
    controller.enqueue(Buffer.from('x'));
    const request = post(stream);
    const response = await toFetchHandler(delegate)(request);
    expect(await response.text()).toBe('enough');
    await new Promise((resolve) => setImmediate(resolve));
    expect(request.body?.locked).toBe(false);
    expect(cancelled).toEqual([]);
  });
});

describe('toFetchHandler: stopping', () => {
  it('is the signal of the options', async () => {
    const { signal } = new AbortController();
    const delegate = new RecordingDelegate();
    await toFetchHandler(delegate, { signal })(new Request(URL));
    await toFetchHandler(delegate)(new Request(URL));
    expect(delegate.requests[0]?.exchange.stopping).toBe(signal);
    expect(delegate.requests[1]?.exchange.stopping.aborted).toBe(false);
  });
});
