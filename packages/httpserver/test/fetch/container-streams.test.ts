import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import { FetchContainer } from '../../src/fetch/index.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';
import {
  bytes,
  chunk,
  chunkedPost,
  LAST_CHUNK,
  parsed,
  post,
  requestText,
  unchunked,
  withContainer,
} from './container-fixture.ts';

let undo: () => void = () => {};
afterEach(() => undo());

/** A stream that the test writes. */
class Source {
  readonly cancelledWith: unknown[] = [];
  pulls = 0;
  controller!: ReadableStreamDefaultController<unknown>;
  readonly stream: ReadableStream<Uint8Array>;

  constructor(onPull?: (controller: ReadableStreamDefaultController<unknown>) => void) {
    this.stream = new ReadableStream<unknown>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: (controller) => {
          this.pulls += 1;
          onPull?.(controller);
        },
        cancel: (reason) => {
          this.cancelledWith.push(reason);
        },
      },
      { highWaterMark: 0 },
    ) as ReadableStream<Uint8Array>;
  }
}

/** Waits until a number has not changed for many turns of the loop. */
async function standstill(read: () => number): Promise<number> {
  let last = read();
  for (let unchanged = 0; unchanged < 30; unchanged += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (read() !== last) unchanged = 0;
    last = read();
  }
  return last;
}

describe.each([
  ['native', false],
  ['light', true],
])('the stream of a %s Response', (_kind, isLight) => {
  beforeEach(() => {
    undo = isLight ? installGlobalObjects() : () => {};
  });

  it('is sent as it comes, the head first', () => {
    const source = new Source();
    return withContainer(
      () => new Response(source.stream),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.endsWith('\r\n\r\n'));
        source.controller.enqueue(bytes('one'));
        await client.until((received) => received.endsWith('3\r\none\r\n'));
        source.controller.enqueue(bytes('three'));
        await client.until((received) => received.endsWith('5\r\nthree\r\n'));
        source.controller.close();
        expect(unchunked(parsed(await client.untilEnd()).body)).toBe('onethree');
        client.close();
        expect(records).toEqual([]);
      },
    );
  });

  it('of several chunks that are there is chunked', () =>
    withContainer(
      () => {
        const source = new Source((controller) => {
          controller.enqueue(bytes(`${source.pulls}`));
          if (source.pulls === 3) controller.close();
        });
        return new Response(source.stream);
      },
      async ({ get }) => {
        const { fields, body } = parsed(await get('/'));
        expect([fields.get('transfer-encoding'), unchunked(body)]).toEqual([['chunked'], '123']);
      },
    ));

  it('that is empty has the length 0', () =>
    withContainer(
      () => new Response(new Source((controller) => controller.close()).stream),
      async ({ get }) => {
        expect(parsed(await get('/')).fields.get('content-length')).toEqual(['0']);
      },
    ));

  it('is read no faster than the client reads', () => {
    const CHUNKS = 1_000;
    const piece = Buffer.alloc(64 * 1024, 'a');
    const source = new Source((controller) => {
      controller.enqueue(new Uint8Array(piece));
      if (source.pulls === CHUNKS) controller.close();
    });
    return withContainer(
      () => new Response(source.stream),
      async ({ port, server }) => {
        const client = await RawClient.connect({ port });
        client.socket.pause();
        client.send(requestText('GET', '/'));
        await waitUntil(() => server.stats().queuedBytes > 0);
        expect(await standstill(() => source.pulls)).toBeLessThan(CHUNKS);
        client.socket.resume();
        const received = await client.untilEnd();
        expect(source.pulls).toBe(CHUNKS);
        expect(received.length).toBeGreaterThan(CHUNKS * piece.length);
        client.close();
      },
    );
  });

  it.each<[string, (source: Source) => void]>([
    ['before its first chunk', () => {}],
    ['after a chunk', (source) => source.controller.enqueue(bytes('one'))],
    [
      'in a chunk',
      (source) => {
        source.controller.enqueue(new Uint8Array(8 * 1024 * 1024));
      },
    ],
  ])('is cancelled with the reason if the client leaves %s', (_when, act) => {
    const source = new Source();
    return withContainer(
      () => new Response(source.stream),
      async ({ port, records, serverRecords }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('\r\n\r\n'));
        act(source);
        await waitUntil(() => source.pulls > 0);
        client.reset();
        await waitUntil(() => source.cancelledWith.length > 0);
        expect(source.cancelledWith).toMatchObject([{ code: 'ERR_HTTP_RESET' }]);
        expect([records, serverRecords]).toEqual([[], []]);
      },
    );
  });

  it('that never ends is cancelled when the client leaves', () => {
    const source = new Source((controller) =>
      setImmediate(() => {
        if (source.cancelledWith.length === 0) controller.enqueue(bytes('more'));
      }),
    );
    return withContainer(
      () => new Response(source.stream),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('more'));
        client.reset();
        await waitUntil(() => source.cancelledWith.length > 0);
        expect(records).toEqual([]);
      },
    );
  });

  it('goes on with halfOpen if the client has only ended its side', () => {
    const source = new Source();
    let signal: AbortSignal | undefined;
    const handler = (request: Request): Response => {
      signal = request.signal;
      return new Response(source.stream);
    };
    const container = new FetchContainer(handler, { halfOpen: true });
    const reasons: Error[] = [];
    const server: HTTPServerConnectionDelegate = {
      startRequest(exchange) {
        const message = container.startRequest(exchange);
        return {
          headersReceived: (head) => message.headersReceived(head),
          dataReceived: (part) => message.dataReceived(part),
          finish: (trailers) => message.finish(trailers),
          connectionClosed(reason: Error) {
            reasons.push(reason);
            message.connectionClosed(reason);
          },
        };
      },
    };
    return withServer(server, async ({ port }) => {
      const client = await RawClient.connect({ port }, requestText('GET', '/'));
      await client.until((received) => received.includes('\r\n\r\n'));
      client.socket.end();
      await waitUntil(() => reasons.length > 0);
      expect(reasons).toMatchObject([{ code: 'ERR_HTTP_PEER_ENDED' }]);
      source.controller.enqueue(bytes('still'));
      source.controller.close();
      expect(unchunked(parsed(await client.untilEnd()).body)).toBe('still');
      expect([signal?.aborted, source.cancelledWith]).toEqual([false, []]);
      client.close();
    });
  });

  it('is cancelled without halfOpen if the client ends its side', () => {
    const source = new Source();
    let signal: AbortSignal | undefined;
    return withContainer(
      (request) => {
        signal = request.signal;
        return new Response(source.stream);
      },
      async ({ port, records, serverRecords }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('\r\n\r\n'));
        client.socket.end();
        await waitUntil(() => source.cancelledWith.length > 0);
        expect(source.cancelledWith).toMatchObject([{ code: 'ERR_HTTP_PEER_ENDED' }]);
        expect(signal?.reason).toBe(source.cancelledWith[0]);
        expect(await client.untilEnd()).not.toContain('0\r\n\r\n');
        expect([records, serverRecords]).toEqual([[], []]);
      },
    );
  });

  it('reaches a client that ends its side as soon as the request was sent, if it is complete at once', () =>
    withContainer(
      () => new Response('complete'),
      async ({ port }) => {
        const client = await RawClient.connect({ port });
        client.socket.end(requestText('GET', '/'));
        expect(parsed(await client.untilEnd()).body).toBe('complete');
      },
    ));

  it('that fails before the head is a 500, and one record', () => {
    const source = new Source((controller) => controller.error(new Error('on purpose')));
    return withContainer(
      () => new Response(source.stream),
      async ({ get, records }) => {
        const { status, body } = parsed(await get('/'));
        expect([status, body]).toEqual([500, 'Internal Server Error\n']);
        expect(records).toMatchObject([{ error: { message: 'on purpose' } }]);
      },
    );
  });

  it('that fails after a chunk cuts the response, with one record', () => {
    const source = new Source();
    return withContainer(
      () => new Response(source.stream),
      async ({ port, records, serverRecords }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('\r\n\r\n'));
        source.controller.enqueue(bytes('one'));
        await client.until((received) => received.endsWith('one\r\n'));
        source.controller.error(new Error('on purpose'));
        expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
        expect(client.errorCode).toBe('ECONNRESET');
        expect(records).toMatchObject([{ error: { message: 'on purpose' } }]);
        expect(serverRecords).toEqual([]);
      },
    );
  });

  it.each<[string, unknown]>([
    ['a number', 1],
    ['undefined', undefined],
    ['an ArrayBuffer', new ArrayBuffer(2)],
  ])('with %s for a chunk is a 500 that names what was expected, and is cancelled', (_what, value) => {
    const source = new Source((controller) => controller.enqueue(value));
    return withContainer(
      () => new Response(source.stream),
      async ({ get, records }) => {
        expect(parsed(await get('/')).status).toBe(500);
        expect(records).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
        expect(String(records[0]?.error)).toContain('Uint8Array');
        expect(source.cancelledWith.length).toBe(1);
      },
    );
  });

  it('with a number after bytes cuts the response', () => {
    const source = new Source((controller) => controller.enqueue(source.pulls === 1 ? bytes('one') : 2));
    return withContainer(
      () => new Response(source.stream),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
        expect(records).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
      },
    );
  });

  it.each([
    ['shorter', '7', 'ERR_HTTP1_BODY_SHORT'],
    ['longer', '2', 'ERR_HTTP1_BODY_LONG'],
  ])('that is %s than its Content-Length cuts the response, with one record', (_what, length, code) => {
    const source = new Source();
    return withContainer(
      () => new Response(source.stream, { headers: { 'Content-Length': length } }),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('\r\n\r\n'));
        source.controller.enqueue(bytes('one'));
        source.controller.close();
        await client.untilEnd();
        expect(client.errorCode).toBe('ECONNRESET');
        expect(records).toMatchObject([{ error: { code } }]);
      },
    );
  });
});

describe('the stream of a request', () => {
  it('delivers chunks as they come', () => {
    const texts: string[] = [];
    return withContainer(
      async (request) => {
        const decoder = new TextDecoder();
        for await (const part of request.body as ReadableStream<Uint8Array>) texts.push(decoder.decode(part));
        return new Response(`${texts.length} chunks`);
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, chunkedPost('/'));
        client.send(chunk('one'));
        await waitUntil(() => texts.length === 1);
        client.send(chunk('two'));
        await waitUntil(() => texts.length === 2);
        client.send(LAST_CHUNK);
        expect(parsed(await client.untilEnd()).body).toBe('2 chunks');
        client.close();
        expect(texts).toEqual(['one', 'two']);
      },
    );
  });

  it('holds the client back while the handler does not read', () => {
    const SIZE = 32 * 1024 * 1024;
    let start: (() => void) | undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    let taken = 0;
    return withContainer(
      async (request) => {
        const reader = (request.body as ReadableStream<Uint8Array>).getReader();
        await started;
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return new Response(String(taken));
          taken += value.length;
        }
      },
      async ({ port, server }) => {
        const client = await RawClient.connect(
          { port },
          requestText('POST', '/', `Content-Length: ${SIZE}\r\n`),
        );
        client.socket.write(Buffer.alloc(SIZE, 'a'));
        const sent = () => client.socket.bytesWritten - client.socket.writableLength;
        expect(await standstill(sent)).toBeLessThan(SIZE);
        expect(server.stats().requests.underWay).toBe(1);
        start?.();
        expect(parsed(await client.untilEnd()).body).toBe(String(SIZE));
        client.close();
      },
      { server: { maxBodyBytes: SIZE } },
    );
  });

  it('can be sent back while it arrives', () =>
    withContainer(
      (request) => new Response(request.body),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, chunkedPost('/'));
        for (const text of ['one', 'two', 'three']) {
          client.send(chunk(text));
          await client.until((received) => received.includes(text));
        }
        client.send(LAST_CHUNK);
        expect(unchunked(parsed(await client.untilEnd()).body)).toBe('onetwothree');
        client.close();
        expect(records).toEqual([]);
      },
    ));

  it('that is cancelled lets the response be sent', () =>
    withContainer(
      async (request) => {
        await request.body?.cancel();
        return new Response(String(request.bodyUsed));
      },
      async ({ port }) => {
        expect(parsed(await converse(port, post('/', 'abc'))).body).toBe('true');
      },
    ));

  it.each<[string, (request: Request) => Promise<unknown>]>([
    ['text', (request) => request.text()],
    ['a reader', (request) => (request.body as ReadableStream).getReader().read()],
    ['a copy', (request) => new Request(request).text()],
  ])('fails with the reason for %s if the client leaves in the body', (_who, read) => {
    let failure: unknown;
    let isWaiting = false;
    return withContainer(
      async (request) => {
        isWaiting = true;
        await read(request).catch((error: unknown) => {
          failure = error;
          throw error;
        });
        return new Response('not reached');
      },
      async ({ port, records, serverRecords }) => {
        const client = await RawClient.connect(
          { port },
          requestText('POST', '/', 'Content-Length: 100000\r\n'),
        );
        await waitUntil(() => isWaiting);
        client.reset();
        await waitUntil(() => failure !== undefined);
        expect(failure).toMatchObject({ code: 'ERR_HTTP_RESET' });
        expect([records, serverRecords]).toEqual([[], []]);
      },
    );
  });

  it('fails if the server refuses the rest of the body', () => {
    let failure: unknown;
    return withContainer(
      async (request) => {
        await request.text().catch((error: unknown) => {
          failure = error;
        });
        return new Response('too late');
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, `${chunkedPost('/')}${chunk('a'.repeat(20))}`);
        expect(parsed(await client.untilEnd()).status).toBe(413);
        client.close();
        await waitUntil(() => failure !== undefined);
        expect(failure).toMatchObject({ status: 413 });
      },
      { server: { maxBodyBytes: 10 } },
    );
  });
});

describe('the signal of a request', () => {
  it.each(['read before', 'read after'])('aborts with the reason when the client leaves: %s', (when) => {
    let request: Request | undefined;
    let aborted: unknown;
    return withContainer(
      (given) => {
        request = given;
        if (when === 'read before') {
          given.signal.addEventListener('abort', () => {
            aborted = given.signal.reason;
          });
        }
        return new Promise(() => {});
      },
      async ({ port, server, records, serverRecords }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => request !== undefined);
        client.reset();
        await waitUntil(() => server.stats().requests.underWay === 0);
        if (when === 'read after') aborted = request?.signal.reason;
        expect([request?.signal.aborted, aborted]).toMatchObject([true, { code: 'ERR_HTTP_RESET' }]);
        expect([records, serverRecords]).toEqual([[], []]);
      },
    );
  });

  it('aborts a copy of the request', () => {
    let copy: Request | undefined;
    return withContainer(
      (request) => {
        copy = new Request(request);
        return new Promise(() => {});
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => copy !== undefined);
        client.reset();
        await waitUntil(() => copy?.signal.aborted === true);
      },
    );
  });

  it('does not abort after the response', () => {
    let signal: AbortSignal | undefined;
    return withContainer(
      (request) => {
        signal = request.signal;
        return new Response('done');
      },
      async ({ get }) => {
        await get('/');
        expect(signal?.aborted).toBe(false);
      },
    );
  });
});
