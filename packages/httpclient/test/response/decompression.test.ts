import type { ServerResponse } from 'node:http';
import * as zlib from 'node:zlib';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPClientLimitError, HTTPDecodingError, type RequestOptions } from '../../src/index.ts';
import { rejection, withSite } from '../fixtures/recording.ts';
import { deferred, onHead, waitUntil, withClient, withRawServer } from '../fixtures/servers.ts';

const zstdCompressSync = (zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync;

const ENCODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  ...(zstdCompressSync === undefined ? {} : { zstd: zstdCompressSync }),
};
const CODINGS = Object.keys(ENCODERS);
const TEXT = Buffer.from('landspout und Wasserhosen \u{1f32a} '.repeat(5_000));

/** Applies codings in the order of Content-Encoding. */
function encode(bytes: Buffer, codings: readonly string[]): Buffer {
  return codings.reduce((body, coding) => (ENCODERS[coding] as (typeof ENCODERS)[string])(body), bytes);
}

/** Fetches a body that is sent with `encoding`; chunked, so that nothing depends on its length. */
function fetchEncoded<T>(
  encoding: string,
  body: Buffer,
  options: RequestOptions,
  look: (response: { body: Uint8Array; headers: { get(name: string): string | undefined } }) => T,
): Promise<T> {
  return withSite(
    (_, response) => {
      response.writeHead(200, { 'Content-Encoding': encoding });
      response.end(body);
    },
    async ({ url, sockets }, client) => {
      const response = await client.fetch(url, options);
      // The connection is not harmed by what was in the body.
      await client.fetch(url, { decompressResponse: false });
      expect(sockets).toHaveLength(1);
      return look(response);
    },
  );
}

/** Fetches a body that must be refused, and returns the error. */
function refused(encoding: string, body: Buffer, options: RequestOptions = {}): Promise<HTTPDecodingError> {
  return withSite(
    (_, response) => {
      response.writeHead(200, { 'Content-Encoding': encoding });
      response.end(body);
    },
    async ({ url }, client) => {
      const error = await rejection<HTTPDecodingError>(client.fetch(url, options));
      const streamed = await client.stream(url, options);
      const again = await rejection<HTTPDecodingError>(streamed.bytes());
      expect(again.code).toBe(error.code);
      return error;
    },
  );
}

describe('the body of a response', () => {
  it.each(CODINGS)('is decoded from %s, complete, by pieces and streamed [CU-04]', (coding) =>
    withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': coding });
        response.end(encode(TEXT, [coding]));
      },
      async ({ url, sockets, requests }, client) => {
        const complete = await client.fetch(url);
        expect(TEXT.equals(complete.body)).toBe(true);
        expect(complete.headers.get('Content-Encoding')).toBe(coding);
        const pieces: Uint8Array[] = [];
        await client.fetch(url, { onData: (piece) => void pieces.push(piece) });
        expect(Buffer.concat(pieces).equals(TEXT)).toBe(true);
        expect(pieces.length).toBeGreaterThan(1);
        expect(TEXT.equals(await (await client.stream(url)).bytes())).toBe(true);
        expect(requests[0]?.headers['accept-encoding']?.split(', ')).toContain(coding);
        expect(sockets).toHaveLength(1);
      },
    ),
  );

  it.each([
    ['gzip, br', ['gzip', 'br']],
    ['deflate,gzip', ['deflate', 'gzip']],
    ['br, identity, gzip, deflate', ['br', 'gzip', 'deflate']],
    ['GZIP', ['gzip']],
    ['x-gzip', ['gzip']],
    ['identity', []],
    ['', []],
  ])('is decoded in reverse order from Content-Encoding %j [CU-04]', (encoding, codings) =>
    fetchEncoded(encoding, encode(TEXT, codings), {}, ({ body }) => {
      expect(TEXT.equals(body)).toBe(true);
    }),
  );

  it('may have its codings in several fields [CU-04]', () =>
    withSite(
      (_, response) => {
        response.setHeader('Content-Encoding', ['gzip', 'br']);
        response.end(encode(TEXT, ['gzip', 'br']));
      },
      async ({ url }, client) => expect(TEXT.equals((await client.fetch(url)).body)).toBe(true),
    ));

  it('may have several gzip members, each in packets of its own [ATT-27]', () => {
    const parts = ['one ', 'two ', 'three'].map((text) => zlib.gzipSync(text));
    return withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        const [first, second, third] = parts as [Buffer, Buffer, Buffer];
        response.write(Buffer.concat([first, second.subarray(0, 5)]));
        setImmediate(() => {
          response.write(second.subarray(5));
          setImmediate(() => response.end(third));
        });
      },
      async ({ url }, client) => expect((await client.fetch(url)).text()).toBe('one two three'),
    );
  });

  it('may arrive byte by byte [ATT-27]', () => {
    const body = encode(Buffer.from('byte by byte '.repeat(20)), ['gzip']);
    return withRawServer(
      (socket) =>
        onHead(socket, async () => {
          socket.setNoDelay(true);
          socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
          for (const byte of body) {
            await new Promise((resolve) => setImmediate(resolve));
            socket.write(Buffer.of(byte));
          }
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('byte by byte '.repeat(20));
        }),
    );
  });

  it.each(['compress', 'gzip, unknown', 'gzip;q=1', 'constructor', 'gzip, gzip, gzip, gzip, gzip, gzip'])(
    'is passed on as it was sent with the coding %j [CU-04]',
    (encoding) =>
      fetchEncoded(encoding, Buffer.from('not decoded'), {}, ({ body }) => {
        expect(Buffer.from(body).toString()).toBe('not decoded');
      }),
  );

  it('is passed on as it was sent with decompressResponse false, also without Accept-Encoding [CU-04]', () =>
    withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(zlib.gzipSync('text'));
      },
      async ({ url, requests }, client) => {
        const response = await client.fetch(url, { decompressResponse: false });
        expect(zlib.gunzipSync(response.body).toString()).toBe('text');
        expect(requests[0]?.headers['accept-encoding']).toBeUndefined();
      },
    ));

  it('is decoded even if the caller chose the Accept-Encoding, which is sent as it is [CU-04]', () =>
    withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(zlib.gzipSync('text'));
      },
      async ({ url, requests }, client) => {
        const response = await client.fetch(url, { headers: { 'Accept-Encoding': 'gzip;q=0.5' } });
        expect(response.text()).toBe('text');
        expect(requests[0]?.headers['accept-encoding']).toBe('gzip;q=0.5');
      },
    ));

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['GET', 200],
  ])('of %s with %i is empty in spite of a Content-Encoding [CU-04]', (method, status) =>
    withSite(
      (_, response) => {
        response.writeHead(status, {
          'Content-Encoding': 'gzip',
          ...(status === 200 ? { 'Content-Length': '0' } : {}),
        });
        response.end();
      },
      async ({ url, sockets }, client) => {
        const response = await client.fetch(url, { method, raiseError: false });
        expect(response.status).toBe(status);
        expect(response.body).toHaveLength(0);
        expect(await (await client.stream(url, { method, raiseError: false })).bytes()).toHaveLength(0);
        expect(sockets).toHaveLength(1);
      },
    ),
  );

  it('of an error is decoded, too [CU-04]', () =>
    withSite(
      (_, response) => {
        response.writeHead(500, { 'Content-Encoding': 'gzip' });
        response.end(zlib.gzipSync('why'));
      },
      async ({ url }, client) => {
        const error = await rejection<{ response: { text(): string } }>(client.fetch(url));
        expect(error.response.text()).toBe('why');
      },
    ));
});

describe('an encoded body that is invalid', () => {
  it.each(CODINGS)('is refused if its %s is truncated, at whatever byte [ATT-27]', async (coding) => {
    const whole = encode(TEXT, [coding]);
    for (const length of [1, 2, 10, whole.length >> 1, whole.length - 1]) {
      const error = await refused(coding, whole.subarray(0, length));
      expect(error).toBeInstanceOf(HTTPDecodingError);
      expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_DECODING', status: 599, phase: 'body' });
      expect(error.cause).toHaveProperty('code', expect.stringMatching(/TRUNCATED|CORRUPT/));
    }
  });

  it.each(CODINGS)('is refused if it is not %s at all [ATT-27]', async (coding) => {
    const error = await refused(coding, Buffer.from('not what the header says, by far'));
    expect(error).toMatchObject({
      code: 'ERR_HTTPCLIENT_DECODING',
      cause: { code: 'ERR_HTTP_CODING_CORRUPT' },
    });
  });

  it.each(CODINGS)('is refused if bytes follow the end of its %s [ATT-27]', async (coding) => {
    const error = await refused(coding, Buffer.concat([encode(TEXT, [coding]), Buffer.from('trailing')]));
    expect(error.code).toBe('ERR_HTTPCLIENT_DECODING');
    expect(error.cause).toHaveProperty('code', expect.stringMatching(/TRAILING|CORRUPT/));
  });

  it('is refused if only the inner coding is truncated [ATT-27]', async () => {
    const inner = zlib.gzipSync(TEXT);
    const error = await refused('gzip, br', zlib.brotliCompressSync(inner.subarray(0, inner.length - 4)));
    expect(error.cause).toHaveProperty('code', 'ERR_HTTP_CODING_TRUNCATED');
  });

  it('is refused if raw deflate is sent as deflate [ATT-27]', async () => {
    expect((await refused('deflate', zlib.deflateRawSync(TEXT))).code).toBe('ERR_HTTPCLIENT_DECODING');
  });

  it('does not harm the next request, and leaves the peer and the URL in the error [ATT-27] [HC-05]', () =>
    withSite(
      ({ target }, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(target === '/bad' ? 'garbage, garbage' : zlib.gzipSync('good'));
      },
      async ({ url }, client) => {
        expect(await rejection(client.fetch(`${url}/bad`))).toMatchObject({ url: `${url}/bad` });
        expect((await client.fetch(`${url}/good`)).text()).toBe('good');
      },
    ));
});

describe('a decompression bomb', () => {
  const MiB = 1024 * 1024;
  const bomb = (codings: readonly string[]): Buffer => encode(Buffer.alloc(8 * MiB), codings);

  it.each(
    [...CODINGS.map((coding) => [coding]), ['gzip', 'gzip'], ['br', 'gzip']].map((list) => [list.join(', ')]),
  )('is refused before more than maxBodyBytes is decoded: %s [ATT-26]', (encoding) => {
    const body = bomb(encoding.split(', '));
    return withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': encoding });
        response.end(body);
      },
      async ({ url }, client) => {
        const maxBodyBytes = MiB;
        const error = await rejection(client.fetch(url, { maxBodyBytes }));
        expect(error).toBeInstanceOf(HTTPClientLimitError);
        expect(error).toMatchObject({
          code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE',
          message: expect.stringContaining(`more than ${maxBodyBytes} bytes`),
        });
        let received = 0;
        const onData = (piece: Uint8Array): void => {
          received += piece.length;
        };
        await expect(client.fetch(url, { maxBodyBytes, onData })).rejects.toHaveProperty('code', error.code);
        expect(received).toBeLessThanOrEqual(maxBodyBytes);
        const streamed = await client.stream(url, { maxBodyBytes });
        await expect(streamed.bytes()).rejects.toHaveProperty('code', error.code);
      },
    );
  });

  it('is accepted by a limit that is large enough, to the byte [ATT-26]', () =>
    withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(zlib.gzipSync(Buffer.alloc(100_000)));
      },
      async ({ url }, client) => {
        expect((await client.fetch(url, { maxBodyBytes: 100_000 })).body).toHaveLength(100_000);
        await expect(client.fetch(url, { maxBodyBytes: 99_999 })).rejects.toBeInstanceOf(
          HTTPClientLimitError,
        );
      },
    ));

  it('is only decoded as far as onData takes it [ATT-26] [HC-03]', () =>
    withSite(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(bomb(['gzip']));
      },
      async ({ url }, client) => {
        const controller = new AbortController();
        const first = deferred();
        let pieces = 0;
        const fetched = client.fetch(url, {
          signal: controller.signal,
          onData: () => {
            pieces += 1;
            first.resolve();
            return new Promise(() => {});
          },
        });
        await first.promise;
        for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        expect(pieces).toBe(1);
        controller.abort();
        await expect(fetched).rejects.toHaveProperty('name', 'AbortError');
      },
    ));
});

describe('a fetch that ends while its body is decoded', () => {
  const body = zlib.gzipSync(Buffer.alloc(2_000_000));
  const respond = (_: unknown, response: ServerResponse): void => {
    response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length });
    response.end(body);
  };

  it.each(['abort', 'throw'])('calls onData no more after %s', (how) =>
    withSite(respond, async ({ url }, client) => {
      const controller = new AbortController();
      const mistake = new Error('enough');
      let calls = 0;
      const fetched = client.fetch(url, {
        signal: controller.signal,
        onData: async () => {
          calls += 1;
          if (how === 'throw') throw mistake;
          controller.abort(mistake);
        },
      });
      await expect(fetched).rejects.toBe(mistake);
      for (let turns = 0; turns < 100; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(calls).toBe(1);
    }),
  );

  it('is stopped by close(), although its connection is already idle', () =>
    withSite(respond, async ({ url }, client) => {
      const reached = deferred();
      let calls = 0;
      const fetched = client.fetch(url, {
        onData: () => {
          calls += 1;
          reached.resolve();
          return new Promise(() => {});
        },
      });
      const outcome = rejection(fetched);
      await reached.promise;
      await client.close();
      expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_STOPPED' });
      expect(calls).toBe(1);
    }));

  it('is limited by requestTimeoutMs while onData is slow, also after all bytes have arrived [SH-03]', () => {
    const clock = new VirtualClock();
    return withSite(
      respond,
      async ({ url }, client) => {
        const reached = deferred();
        const onData = (): Promise<void> => {
          reached.resolve();
          return new Promise(() => {});
        };
        const outcome = rejection(client.fetch(url, { requestTimeoutMs: 60, onData }));
        await reached.promise;
        for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(60);
        expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'body' });
      },
      { loop: new IOLoop({ clock }) },
    );
  });

  it('rejects the reader of a streamed response that does not read [SH-03]', () => {
    const clock = new VirtualClock();
    return withSite(
      respond,
      async ({ url }, client) => {
        const response = await client.stream(url, { requestTimeoutMs: 60 });
        await clock.advance(60);
        await expect(response.bytes()).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_TIMEOUT',
          phase: 'body',
        });
      },
      { loop: new IOLoop({ clock }) },
    );
  });

  it('gives its connection back as soon as the encoded bytes have arrived', () =>
    withSite(respond, async ({ url, sockets }, client) => {
      const gate = deferred();
      let received = 0;
      const slow = client.fetch(url, {
        onData: async (piece) => {
          received += piece.length;
          await gate.promise;
        },
      });
      await waitUntil(() => received > 0);
      const other = await client.fetch(url);
      expect(other.body).toHaveLength(2_000_000);
      gate.resolve();
      await slow;
      expect(received).toBe(2_000_000);
      expect(sockets.length).toBeLessThanOrEqual(2);
    }));
});
