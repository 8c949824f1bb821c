import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { HTTPHeaders } from '@landspout/http1';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import { exchangeOf, type FetchEnvironment } from '../../src/fetch/index.ts';
import { REQUEST_STATE_IS_VISIBLE } from '../../src/fetch/native-objects.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { bytes, parsed, requestText, unchunked, withContainer } from './container-fixture.ts';

let undo: () => void = () => {};
afterEach(() => undo());

/** A stream of chunks that are there when it is read. */
function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  }) as ReadableStream<Uint8Array>;
}

describe.each([
  ['native', false],
  ['light', true],
])('a %s Response', (_kind, isLight) => {
  beforeEach(() => {
    undo = isLight ? installGlobalObjects() : () => {};
  });

  /** The response to one request, whose handler returns what `create` returns. */
  async function responseTo(
    create: (request: Request) => unknown,
    method = 'GET',
  ): Promise<ReturnType<typeof parsed>> {
    let received = '';
    await withContainer(create, async ({ port, records }) => {
      received = await converse(port, requestText(method, '/'));
      expect(records).toEqual([]);
    });
    return parsed(received);
  }

  it.each<[string, () => NonNullable<ConstructorParameters<typeof Response>[0]>, string, string | undefined]>(
    [
      ['text', () => 'text é', 'text \xc3\xa9', 'text/plain;charset=UTF-8'],
      ['empty text', () => '', '', 'text/plain;charset=UTF-8'],
      ['bytes', () => bytes('bytes'), 'bytes', undefined],
      ['a part of a buffer', () => Buffer.from('a buffer').subarray(2), 'buffer', undefined],
      ['an ArrayBuffer', () => bytes('buffer').buffer, 'buffer', undefined],
      ['a view', () => new DataView(bytes('buffer').buffer, 1, 3), 'uff', undefined],
      [
        'a form',
        () => new URLSearchParams({ a: 'b c' }),
        'a=b+c',
        'application/x-www-form-urlencoded;charset=UTF-8',
      ],
      ['a stream', () => streamOf(bytes('str')), 'str', undefined],
    ],
  )('of %s has a length and a type', async (_body, body, text, type) => {
    const { status, reason, fields, body: received } = await responseTo(() => new Response(body()));
    expect([status, reason, received]).toEqual([200, 'OK', text]);
    expect(fields.get('content-length')).toEqual([String(text.length)]);
    expect(fields.get('content-type')).toEqual(type === undefined ? undefined : [type]);
    expect(fields.get('transfer-encoding')).toBe(undefined);
  });

  it('of a Blob has its type', async () => {
    const { fields, body } = await responseTo(() => new Response(new Blob(['blob'], { type: 'text/x' })));
    expect(fields.get('content-type')).toEqual(['text/x']);
    expect(fields.has('transfer-encoding') ? unchunked(body) : body).toBe('blob');
  });

  it('of null has the length 0', async () => {
    const { fields, body } = await responseTo(() => new Response(null));
    expect([fields.get('content-length'), fields.get('content-type'), body]).toEqual([['0'], undefined, '']);
  });

  it('of a FormData has its boundary', async () => {
    const { fields, body } = await responseTo(() => {
      const form = new FormData();
      form.set('a', 'b');
      return new Response(form);
    });
    expect(fields.get('content-type')?.[0]).toMatch(/^multipart\/form-data; boundary=/);
    expect(fields.get('transfer-encoding') === undefined ? body : unchunked(body)).toContain(
      'name="a"\r\n\r\nb\r\n',
    );
  });

  it('may come in a promise', async () => {
    expect((await responseTo(async () => new Response('later'))).body).toBe('later');
    // biome-ignore lint/suspicious/noThenProperty: an object that is awaited like a promise.
    const thenable = { then: (resolve: (response: Response) => void) => resolve(new Response('thenable')) };
    expect((await responseTo(() => thenable)).body).toBe('thenable');
  });

  it('has a status and a reason', async () => {
    const { status, reason } = await responseTo(
      () => new Response('x', { status: 418, statusText: 'Short and stout' }),
    );
    expect([status, reason]).toEqual([418, 'Short and stout']);
  });

  it('has headers, and one field for each cookie', async () => {
    const { fields } = await responseTo(() => {
      const response = new Response('x', { headers: { 'X-A': '1', 'Content-Type': 'text/x' } });
      response.headers.append('Set-Cookie', 'a=1; Path=/');
      response.headers.append('set-cookie', 'b=2, 3');
      response.headers.append('x-a', '2');
      return response;
    });
    expect(fields.get('set-cookie')).toEqual(['a=1; Path=/', 'b=2, 3']);
    expect(fields.get('x-a')?.join(', ')).toBe('1, 2');
    expect(fields.get('content-type')).toEqual(['text/x']);
  });

  it('has no fields of the connection', async () => {
    const { fields, body } = await responseTo(
      () =>
        new Response('whole', {
          headers: {
            'Transfer-Encoding': 'chunked',
            Connection: 'x-a',
            'Keep-Alive': 'timeout=5',
            'Proxy-Connection': 'close',
            'X-A': '1',
          },
        }),
    );
    expect(body).toBe('whole');
    expect(fields.get('connection')).toEqual(['close']);
    for (const name of ['transfer-encoding', 'keep-alive', 'proxy-connection'])
      expect(fields.has(name)).toBe(false);
    expect(fields.get('x-a')).toEqual(['1']);
  });

  it('keeps a Content-Length that is right', async () => {
    const headers = { 'Content-Length': '5' };
    for (const body of ['whole', streamOf(bytes('wh'), bytes('ole'))]) {
      const { fields, body: received } = await responseTo(() => new Response(body, { headers }));
      expect([fields.get('content-length'), received]).toEqual([['5'], 'whole']);
    }
  });

  it.each(['4', '6', 'x'])('with the Content-Length %s, which is wrong, is a 500', (length) =>
    withContainer(
      () => new Response('whole', { headers: { 'Content-Length': length } }),
      async ({ get, records }) => {
        expect(statusLines(await get('/'))).toEqual(['HTTP/1.1 500 Internal Server Error']);
        expect(records).toMatchObject([{ error: { code: 'ERR_HTTP1_LENGTH_MISMATCH' } }]);
      },
    ),
  );

  it('to HEAD has the length of the text, and no body', async () => {
    const { status, fields, body } = await responseTo(() => new Response('text'), 'HEAD');
    // Node 24 and later do not show of what a native Response was made.
    const isLengthKnown = isLight || REQUEST_STATE_IS_VISIBLE;
    expect([status, fields.get('content-length'), body]).toEqual([
      200,
      isLengthKnown ? ['4'] : undefined,
      '',
    ]);
  });

  it.each<[string, () => Response]>([
    ['to HEAD without a body', () => new Response(null)],
    ['to HEAD with a stream', () => new Response(streamOf(bytes('text')))],
  ])('%s has no length', async (_what, create) => {
    const { status, fields, body } = await responseTo(create, 'HEAD');
    expect([status, fields.has('content-length'), fields.has('transfer-encoding'), body]).toEqual([
      200,
      false,
      false,
      '',
    ]);
  });

  it('to HEAD keeps a Content-Length', async () => {
    const { fields } = await responseTo(
      () => new Response(null, { headers: { 'Content-Length': '7' } }),
      'HEAD',
    );
    expect(fields.get('content-length')).toEqual(['7']);
  });

  it('to HEAD cancels a stream', async () => {
    let isCancelled = false;
    const endless = new ReadableStream({
      cancel() {
        isCancelled = true;
      },
    });
    const { status, body } = await responseTo(() => new Response(endless), 'HEAD');
    expect([status, body, isCancelled]).toEqual([200, '', true]);
  });

  it.each([
    [204, undefined],
    [205, ['0']],
    [304, undefined],
  ])('with the status %s has no body', async (status, length) => {
    const { status: received, fields, body } = await responseTo(() => new Response(null, { status }));
    expect([received, fields.get('content-length'), body]).toEqual([status, length, '']);
  });

  it('is made by Response.json and Response.redirect', async () => {
    const json = await responseTo(() => Response.json({ a: 1 }, { status: 201 }));
    expect([json.status, json.fields.get('content-type'), json.body]).toEqual([
      201,
      ['application/json'],
      '{"a":1}',
    ]);
    const redirect = await responseTo(() => Response.redirect('http://example.com/a b', 307));
    expect([redirect.status, redirect.fields.get('location')]).toEqual([307, ['http://example.com/a%20b']]);
  });

  it('may be a copy of another', async () => {
    const { status, fields, body } = await responseTo(async () => {
      const first = new Response('copied', { status: 202, headers: { 'X-A': '1' } });
      const copy = new Response(first.body, first);
      copy.headers.set('X-B', '2');
      return copy;
    });
    expect([status, fields.get('x-a'), fields.get('x-b'), body]).toEqual([202, ['1'], ['2'], 'copied']);
    expect((await responseTo(() => new Response('cloned').clone())).body).toBe('cloned');
  });

  it('may be that of fetch', () =>
    withContainer(
      (request) => {
        const url = new URL(request.url);
        return url.pathname === '/inner'
          ? new Response('inner', { status: 203, headers: { 'X-A': '1' } })
          : fetch(new URL('/inner', url));
      },
      async ({ port }) => {
        const received = parsed(
          await converse(port, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`),
        );
        expect([received.status, received.fields.get('x-a'), received.body]).toEqual([203, ['1'], 'inner']);
      },
    ));

  it('may be of a class of the program', async () => {
    class Page extends Response {
      constructor(text: string) {
        super(`<p>${text}</p>`, { headers: { 'Content-Type': 'text/html' } });
      }
    }
    const { fields, body } = await responseTo(() => new Page('mine'));
    expect([fields.get('content-type'), body]).toEqual([['text/html'], '<p>mine</p>']);
  });

  it('may be of another implementation of Fetch', async () => {
    const other = {
      [Symbol.toStringTag]: 'Response',
      status: 201,
      statusText: '',
      headers: new Map([['x-a', '1']]),
      bodyUsed: false,
      body: streamOf(bytes('other')),
    };
    const { status, fields, body } = await responseTo(() => other);
    expect([status, fields.get('x-a'), body]).toEqual([201, ['1'], 'other']);
  });

  it('is sent to HTTP/1.0 without chunks', () =>
    withContainer(
      () => {
        let count = 0;
        const pull = async (controller: ReadableStreamDefaultController) => {
          await new Promise(setImmediate);
          count += 1;
          if (count > 2) controller.close();
          else controller.enqueue(bytes(`${count}`));
        };
        return new Response(new ReadableStream({ pull }));
      },
      async ({ port }) => {
        const { fields, body } = parsed(await converse(port, 'GET / HTTP/1.0\r\n\r\n'));
        expect([fields.has('transfer-encoding'), body]).toEqual([false, '12']);
      },
    ));
});

describe('an interim response', () => {
  it('is sent through the exchange', () =>
    withContainer(
      (request) => {
        exchangeOf(request)?.exchange.writeInterim(103, HTTPHeaders.from({ Link: '</a.css>; rel=preload' }));
        return new Response('page');
      },
      async ({ get }) => {
        const received = await get('/');
        expect(statusLines(received)).toEqual(['HTTP/1.1 103 Early Hints', 'HTTP/1.1 200 OK']);
        expect(received).toContain('Link: </a.css>; rel=preload\r\n\r\n');
      },
    ));
});

describe('a handler that responds itself', () => {
  it.each<[string, unknown]>([
    ['RESPONSE_ALREADY_SENT', RESPONSE_ALREADY_SENT],
    ['nothing', undefined],
  ])('through `outgoing` and returns %s is left alone', (_what, returned) =>
    withContainer(
      (_request, { outgoing }: FetchEnvironment) => {
        outgoing.writeHead(201, { 'X-A': '1' });
        outgoing.end('written');
        return returned;
      },
      async ({ get, records }) => {
        const { status, fields, body } = parsed(await get('/'));
        expect([status, fields.get('x-a'), body]).toEqual([201, ['1'], 'written']);
        expect(records).toEqual([]);
      },
    ),
  );

  it('later, after it returned RESPONSE_ALREADY_SENT, is waited for', () =>
    withContainer(
      (_request, { outgoing }: FetchEnvironment) => {
        setImmediate(() => outgoing.end('later'));
        return RESPONSE_ALREADY_SENT;
      },
      async ({ get }) => {
        expect(parsed(await get('/')).body).toBe('later');
      },
    ));

  it('through the light RESPONSE_ALREADY_SENT is left alone', async () => {
    undo = installGlobalObjects();
    const sent = new Response(null, { headers: { 'x-hono-already-sent': 'true' } });
    await withContainer(
      (_request, { outgoing }: FetchEnvironment) => {
        outgoing.end('written');
        return sent;
      },
      async ({ get }) => {
        expect(parsed(await get('/')).body).toBe('written');
      },
    );
  });

  it('on a connection that it took over: its Response is ignored, and its stream cancelled', async () => {
    let isCancelled = false;
    await withContainer(
      (request) => {
        const stream = exchangeOf(request)?.exchange.detach();
        void stream
          ?.write(bytes('HTTP/1.1 101 Switching Protocols\r\n\r\nnew protocol'))
          .then(() => stream.close());
        const body = new ReadableStream({
          cancel() {
            isCancelled = true;
          },
        });
        return new Response(body);
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, requestText('GET', '/'));
        expect(await client.untilEnd()).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\nnew protocol');
        client.close();
        await waitUntil(() => isCancelled);
        expect(records).toEqual([]);
      },
    );
  });
});
