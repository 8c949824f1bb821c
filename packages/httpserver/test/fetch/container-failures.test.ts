import { HTTPException } from 'hono/http-exception';
import { describe, expect, it } from 'vitest';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { bytes, parsed, post, requestText, withContainer } from './container-fixture.ts';

const used = async () => {
  const response = new Response('used');
  await response.text();
  return response;
};

const locked = () => {
  const response = new Response('locked');
  response.body?.getReader();
  return response;
};

const once = new Response('once');

describe('a handler that misbehaves', () => {
  const failures: [string, (request: Request) => unknown, object][] = [
    [
      'throws',
      () => {
        throw new Error('on purpose');
      },
      { message: 'on purpose' },
    ],
    ['rejects', () => Promise.reject(new Error('on purpose')), { message: 'on purpose' }],
    [
      'throws what is no error',
      () => {
        throw 'text';
      },
      {},
    ],
    ['returns undefined', () => undefined, { code: 'ERR_HTTP_USAGE' }],
    ['returns a promise of null', async () => null, { code: 'ERR_HTTP_USAGE' }],
    ['returns a string', () => 'text', { code: 'ERR_HTTP_USAGE' }],
    ['returns an object', () => ({ status: 200 }), { code: 'ERR_HTTP_USAGE' }],
    ['returns Response.error()', () => Response.error(), { code: 'ERR_HTTP_USAGE' }],
    ['returns a used body', used, { code: 'ERR_HTTP_USAGE' }],
    ['returns a locked body', locked, { code: 'ERR_HTTP_USAGE' }],
    [
      'returns a locked stream',
      () => {
        const stream = new ReadableStream();
        const response = new Response(stream);
        stream.getReader();
        return response;
      },
      { code: 'ERR_HTTP_USAGE' },
    ],
    [
      'returns a header that must not be sent',
      () => new Response('x', { headers: { 'X-A': 'a\u0001b' } }),
      {},
    ],
    ['creates an invalid response', () => new Response('x', { status: 99 }), { name: 'RangeError' }],
    [
      'reads the body twice',
      async (request) => {
        await request.text();
        return new Response(await request.text());
      },
      { name: 'TypeError' },
    ],
    [
      'reads JSON that is none',
      async (request) => Response.json(await request.json()),
      { name: 'SyntaxError' },
    ],
  ];

  it.each(failures)('and %s gets a 500 without details, and one record', (_what, handler, error) =>
    withContainer(handler, async ({ port, records, serverRecords }) => {
      const { status, fields, body } = parsed(await converse(port, post('/', 'text')));
      expect([status, body]).toEqual([500, 'Internal Server Error\n']);
      expect(fields.get('content-type')).toEqual(['text/plain; charset=utf-8']);
      expect(records).toMatchObject([{ message: 'a Fetch handler failed', error }]);
      expect(serverRecords).toEqual([]);
    }),
  );

  it('and returns a Response a second time gets a 500', () =>
    withContainer(
      () => once,
      async ({ get, records }) => {
        expect(parsed(await get('/')).body).toBe('once');
        expect(parsed(await get('/')).status).toBe(500);
        expect(records).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
      },
    ));

  it('and names what came', () =>
    withContainer(
      () => ({ status: 200 }),
      async ({ get, records }) => {
        await get('/');
        expect(String(records[0]?.error)).toMatch(/must return a Response.*not/);
      },
    ));

  it('keeps the connection for the next request', () =>
    withContainer(
      (request) => {
        if (request.method === 'POST') throw new Error('on purpose');
        return new Response('next');
      },
      async ({ port }) => {
        const text = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
        const received = await converse(port, text + requestText('GET', '/'));
        expect(statusLines(received)).toEqual(['HTTP/1.1 500 Internal Server Error', 'HTTP/1.1 200 OK']);
      },
    ));
});

describe('a client that leaves', () => {
  it.each<[string, () => unknown]>([
    ['with the reason', () => 'reason'],
    ['with an AbortError', () => new DOMException('aborted', 'AbortError')],
    ['with an error caused by the reason', () => 'cause'],
  ])('is no error of a handler that rejects %s', (_how, error) => {
    let request: Request | undefined;
    let isOver = false;
    return withContainer(
      (given) => {
        request = given;
        return new Promise((_resolve, reject) => {
          given.signal.addEventListener('abort', () => {
            const { reason } = given.signal;
            const failure = error();
            if (failure === 'reason') reject(reason);
            else reject(failure === 'cause' ? new Error('gave up', { cause: reason }) : failure);
            isOver = true;
          });
        });
      },
      async ({ port, records, serverRecords }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => request !== undefined);
        client.reset();
        await waitUntil(() => isOver);
        await new Promise((resolve) => setImmediate(resolve));
        expect([records, serverRecords]).toEqual([[], []]);
      },
    );
  });

  it('does not hide another error of the handler', () => {
    let request: Request | undefined;
    return withContainer(
      (given) => {
        request = given;
        return new Promise((_resolve, reject) => {
          given.signal.addEventListener('abort', () => reject(new Error('on purpose')));
        });
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => request !== undefined);
        client.reset();
        await waitUntil(() => records.length > 0);
        expect(records).toMatchObject([{ error: { message: 'on purpose' } }]);
      },
    );
  });

  it('lets the stream of a late Response be cancelled', () => {
    let respond: ((response: Response) => void) | undefined;
    let cancelledWith: unknown;
    return withContainer(
      () =>
        new Promise<Response>((resolve) => {
          respond = resolve;
        }),
      async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => respond !== undefined);
        client.reset();
        await waitUntil(() => server.stats().requests.underWay === 0);
        const cancel = (reason: unknown) => {
          cancelledWith = reason;
        };
        respond?.(new Response(new ReadableStream({ cancel })));
        await waitUntil(() => cancelledWith !== undefined);
        expect(cancelledWith).toMatchObject({ code: 'ERR_HTTP_RESET' });
        expect(records).toEqual([]);
      },
    );
  });

  it('before its body is complete means that the handler is not called', () => {
    let calls = 0;
    return withContainer(
      () => {
        calls += 1;
        return new Response('called');
      },
      async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, requestText('POST', '/', 'Content-Length: 5\r\n'));
        client.send('ab');
        await waitUntil(() => server.stats().requests.begun === 1);
        client.reset();
        await waitUntil(() => server.stats().requests.underWay === 0);
        expect([calls, records]).toEqual([0, []]);
      },
    );
  });
});

describe('an error that has a response', () => {
  const refusal = () => new Response('refused', { status: 403, headers: { 'X-A': '1' } });
  class Refusal extends Error {
    readonly #made = refusal();
    getResponse(): Response {
      return this.#made;
    }
  }
  const spent = refusal();
  spent.body?.getReader();
  const throwing = (error: () => unknown) => () => {
    throw error();
  };

  it.each<[string, () => unknown]>([
    ['an error with getResponse', throwing(() => new Refusal('on purpose'))],
    ['a rejection with such an error', async () => throwing(() => new Refusal('on purpose'))()],
    ['the HTTPException of Hono', throwing(() => new HTTPException(403, { res: refusal() }))],
    ['a Response', throwing(refusal)],
    ['a rejection with a Response', () => Promise.reject(refusal())],
  ])('is sent as it is, is not logged, and does not reach onError: %s', async (_what, handler) => {
    for (const onError of [undefined, () => new Response('onError')]) {
      await withContainer(
        handler,
        async ({ get, records }) => {
          const { status, fields, body } = parsed(await get('/'));
          expect([status, fields.get('x-a'), body, records]).toEqual([403, ['1'], 'refused', []]);
        },
        { onError },
      );
    }
  });

  it('may be thrown by onError', () =>
    withContainer(
      throwing(() => new Error('on purpose')),
      async ({ get, records }) => {
        expect([parsed(await get('/')).body, records]).toEqual(['refused', []]);
      },
      { onError: throwing(refusal) as () => never },
    ));

  it.each<[string, () => unknown]>([
    ['returns no Response', () => ({ getResponse: () => 'text' })],
    ['returns a used Response', () => ({ getResponse: () => spent })],
    ['throws', () => ({ getResponse: throwing(() => new Error('on purpose')) })],
    ['throws such an error again', () => ({ getResponse: throwing(() => new Refusal('on purpose')) })],
  ])('gets a 500, and one record, if getResponse %s', (_what, error) =>
    withContainer(throwing(error), async ({ get, records }) => {
      expect([parsed(await get('/')).status, records.length]).toEqual([500, 1]);
    }),
  );

  it('is discarded, and not logged, if the client has left', () => {
    let request: Request | undefined;
    let isCancelled = false;
    const late = () =>
      new Response(
        new ReadableStream({
          cancel() {
            isCancelled = true;
          },
        }),
      );
    return withContainer(
      (given) => {
        request = given;
        return new Promise((_resolve, reject) => {
          given.signal.addEventListener('abort', () => reject(late()));
        });
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await waitUntil(() => request !== undefined);
        client.reset();
        await waitUntil(() => isCancelled);
        expect(records).toEqual([]);
      },
    );
  });
});

describe('onError', () => {
  const fail = () => {
    throw new Error('on purpose');
  };

  it('makes the response for an error, which is not logged', () => {
    const called: unknown[] = [];
    return withContainer(
      fail,
      async ({ get, records }) => {
        const { status, body } = parsed(await get('/a'));
        expect([status, body, records]).toEqual([503, 'sorry', []]);
        expect(called).toMatchObject([{ message: 'on purpose' }, 'http://example.com/a']);
      },
      {
        onError: (error, { url }) => {
          called.push(error, url);
          return new Response('sorry', { status: 503 });
        },
      },
    );
  });

  it.each<[string, (request: Request) => unknown]>([
    ['a rejection', () => Promise.reject(new Error('on purpose'))],
    ['a value that is no Response', () => undefined],
    ['a used body', used],
    [
      'a stream that fails at once',
      () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error('x')) })),
    ],
  ])('is called for %s', (_what, handler) =>
    withContainer(
      handler,
      async ({ get, records }) => {
        expect([parsed(await get('/')).body, records]).toEqual(['sorry', []]);
      },
      { onError: async () => new Response('sorry') },
    ),
  );

  it.each<[string, () => Response | Promise<Response>]>([
    ['throws', fail],
    ['rejects', async () => fail()],
    ['returns no Response', () => undefined as never],
  ])('that %s gets a 500, and one record', (_what, onError) =>
    withContainer(
      fail,
      async ({ get, records }) => {
        expect(parsed(await get('/')).status).toBe(500);
        expect(records.length).toBe(1);
      },
      { onError },
    ),
  );

  it('is not called after the head was sent', () => {
    let controller: ReadableStreamDefaultController | undefined;
    let calls = 0;
    return withContainer(
      () =>
        new Response(
          new ReadableStream({
            start(given) {
              controller = given;
            },
          }),
        ),
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        await client.until((received) => received.includes('\r\n\r\n'));
        controller?.enqueue(bytes('one'));
        await client.until((received) => received.includes('one'));
        controller?.error(new Error('on purpose'));
        await client.untilEnd();
        expect([calls, records.length]).toEqual([0, 1]);
      },
      {
        onError: () => {
          calls += 1;
          return new Response('sorry');
        },
      },
    );
  });
});
