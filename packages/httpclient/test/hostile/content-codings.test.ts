import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { OK, respondingWith, withHostileServer } from '../fixtures/hostile-server.ts';
import { waitUntil, withClient } from '../fixtures/servers.ts';

const MIB = 1024 * 1024;
const hello = gzipSync('hello');
const other = gzipSync(' again');

function coded(coding: string, ...bytes: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(bytes);
  const head = `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Bodies that decode to much more than they are. */
const BOMBS: readonly (readonly [string, Buffer])[] = [
  ['gzip', coded('gzip', gzipSync(Buffer.alloc(64 * MIB)))],
  ['deflate', coded('deflate', deflateSync(Buffer.alloc(64 * MIB)))],
  ['br', coded('br', brotliCompressSync(Buffer.alloc(16 * MIB)))],
  ['gzip in gzip', coded('gzip, gzip', gzipSync(gzipSync(Buffer.alloc(64 * MIB))))],
];

describe('AsyncHTTPClient and a corrupt content coding', () => {
  it.each([
    ['garbage instead of gzip', coded('gzip', Buffer.from('this is not gzip'))],
    ['gzip that ends early', coded('gzip', hello.subarray(0, -3))],
    ['gzip that ends within its header', coded('gzip', hello.subarray(0, 5))],
    ['gzip with a wrong checksum', coded('gzip', hello.subarray(0, -8), Buffer.alloc(8, 1))],
    ['garbage after gzip', coded('gzip', hello, Buffer.from('garbage'))],
    ['a second member that ends early', coded('gzip', hello, other.subarray(0, -3))],
    ['a second member with garbage in it', coded('gzip', hello, other.subarray(0, 12), Buffer.alloc(9, 255))],
    ['garbage instead of deflate', coded('deflate', Buffer.from('\xff\xffnot deflate', 'latin1'))],
    ['deflate that ends early', coded('deflate', deflateSync('hello').subarray(0, -3))],
    ['garbage instead of br', coded('br', Buffer.alloc(20, 255))],
    ['br that ends early', coded('br', brotliCompressSync('hello'.repeat(100)).subarray(0, -3))],
    ['gzip that is announced twice', coded('gzip, gzip', hello)],
  ])('rejects %s, also with onData and as a stream [ATT-27]', async (_, bytes) => {
    const ways = [
      (url: string) => ({ url, onData: undefined }),
      (url: string) => ({ url, onData: () => {} }),
    ];
    for (const way of ways) {
      await withHostileServer(respondingWith(bytes), ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { onData } = way(url);
          const fetched = client.fetch(url, onData === undefined ? {} : { onData });
          const decoding = { name: 'HTTPDecodingError', code: 'ERR_HTTPCLIENT_DECODING', status: 599 };
          await expect(fetched).rejects.toMatchObject(decoding);
          expect(client.queuedCount).toBe(0);
          // The message itself is complete, so its connection may be used again.
          await client.close();
          await waitUntil(() => openSockets() === 0);
        }),
      );
    }
    await withHostileServer(respondingWith(bytes), ({ url }) =>
      withClient({}, async (client) => {
        const reading = client.stream(url).then((response) => response.bytes());
        await expect(reading).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_DECODING' });
      }),
    );
  });

  it('decodes two members as one body [ATT-27]', () =>
    withHostileServer(respondingWith(coded('gzip', hello, other)), ({ url }) =>
      withClient({}, async (client) => expect((await client.fetch(url)).text()).toBe('hello again')),
    ));

  it('does not decode what it was not asked to decode', () =>
    withHostileServer(respondingWith(coded('gzip', Buffer.from('not gzip'))), ({ url }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url, { decompressResponse: false })).text()).toBe('not gzip');
      }),
    ));

  it('rejects gzip that is cut with its connection as a closed connection or as corrupt', () =>
    withHostileServer(respondingWith(coded('gzip', hello).subarray(0, -3), { end: true }), ({ url }) =>
      withClient({}, async (client) => {
        await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
        expect(client.idleCount).toBe(0);
      }),
    ));
});

describe('AsyncHTTPClient and a decompression bomb', () => {
  it.each(BOMBS)('stops at maxBodyBytes of the decoded body, for %s [ATT-26]', async (_, bytes) => {
    for (const onData of [undefined, () => {}]) {
      let received = 0;
      const counting = (chunk: Uint8Array): void => {
        received += chunk.length;
      };
      await withHostileServer(respondingWith(bytes), ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const options = { maxBodyBytes: MIB, ...(onData === undefined ? {} : { onData: counting }) };
          await expect(client.fetch(url, options)).rejects.toMatchObject({
            name: 'HTTPClientLimitError',
            code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE',
          });
          expect(received).toBeLessThanOrEqual(MIB);
          expect(client.queuedCount).toBe(0);
          await client.close();
          await waitUntil(() => openSockets() === 0);
        }),
      );
    }
  });

  it('accepts a body of exactly maxBodyBytes', () =>
    withHostileServer(respondingWith(coded('gzip', gzipSync(Buffer.alloc(MIB)))), ({ url }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url, { maxBodyBytes: MIB })).body).toHaveLength(MIB);
      }),
    ));
});
