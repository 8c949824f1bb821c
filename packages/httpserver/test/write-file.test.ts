import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rm, truncate } from 'node:fs/promises';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { HTTPHeaders } from '@landspout/http1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HTTPServerOptions, ServerRequest } from '../src/index.ts';
import { makeCertificate } from './fixtures/certificate.ts';
import { RawClient, statusLines } from './fixtures/raw-client.ts';
import { RecordingDelegate } from './fixtures/recording-delegate.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const MIB = 1024 * 1024;
/** More than the kernel of any system buffers for one connection. */
const BIG = 48 * MIB;
const LETTERS = Buffer.from(Array.from({ length: 300_000 }, (_, at) => 97 + (at % 26)));
const certificate = makeCertificate();

let folder = '';
let letters: FileHandle;
let big: FileHandle;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'landspout-write-file-'));
  letters = await open(path.join(folder, 'letters'), 'w+');
  await letters.writeFile(LETTERS);
  big = await open(path.join(folder, 'big'), 'w+');
  await big.truncate(BIG);
});

afterAll(async () => {
  // Nothing has closed the files: they are the caller's.
  await letters.close();
  await big.close();
  await rm(folder, { recursive: true });
});

const get = (...fields: string[]) => ['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n');
const sized = (length: number) => HTTPHeaders.from({ 'Content-Length': String(length) });
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4);

/** Sends a conversation and returns all that came, whether or not the server ended it properly. */
async function exchangeBytes(port: number, text: string, tls: boolean): Promise<string> {
  const socket: Socket = tls
    ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert })
    : connectPlain({ port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  socket.write(text, 'latin1');
  await closed(socket);
  return Buffer.concat(chunks).toString('latin1');
}

/** Waits for the end of a connection, which may be a reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Responds with the whole of a file, whose size is `length`. */
const serveFile =
  (file: FileHandle, length: number, settled: unknown[] = []) =>
  async ({ exchange }: ServerRequest): Promise<void> => {
    exchange.writeHead(200, '', sized(length));
    try {
      await exchange.writeFile(file, { end: length });
    } catch (error) {
      settled.push(error);
      throw error;
    }
    settled.push('written');
    exchange.finish();
  };

describe.each([
  { over: 'TCP', tls: false },
  { over: 'TLS', tls: true },
])('HTTPServerExchange.writeFile over $over', ({ tls }) => {
  const options: HTTPServerOptions = tls ? { tls: certificate } : {};

  it('sends parts of files in order with what is written, framed by Content-Length', () =>
    withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, '', sized(11 + 300_000 + 5), 'head,');
        const parts = [
          exchange.writeFile(letters, { start: 1, end: 4 }),
          exchange.writeFile(letters.fd, { start: 7, end: 7 }),
        ];
        exchange.write('-');
        parts.push(exchange.writeFile(letters, { end: 300_000 }));
        exchange.write('et');
        parts.push(exchange.writeFile(letters, { start: 299_995, end: 300_000 }));
        await Promise.all(parts);
        exchange.finish();
      },
      async ({ port, records }) => {
        const received = await exchangeBytes(port, get('Connection: close'), tls);
        const expected = `head,bcd-${LETTERS.toString()}et${LETTERS.subarray(299_995).toString()}`;
        expect(bodyOf(received) === expected).toBe(true);
        expect(records).toEqual([]);
      },
      options,
    ));

  it('serves pipelined requests one after the other, also if the response is finished at once', () => {
    let served = 0;
    return withServer(
      ({ exchange }) => {
        served += 1;
        exchange.writeHead(200, '', sized(300_000));
        void exchange.writeFile(letters, { end: 300_000 });
        exchange.finish();
      },
      async ({ port, server, records }) => {
        const received = await exchangeBytes(port, get() + get() + get('Connection: close'), tls);
        expect([served, statusLines(received).length]).toEqual([3, 3]);
        const bodies = received.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/).slice(1);
        expect(bodies.map((body) => body === LETTERS.toString())).toEqual([true, true, true]);
        expect(server.stats().requests).toMatchObject({ begun: 3, completed: 3 });
        expect(records).toEqual([]);
      },
      options,
    );
  });

  it('sends nothing for HEAD', () => {
    const settled: unknown[] = [];
    return withServer(
      serveFile(letters, 300_000, settled),
      async ({ port }) => {
        const received = await exchangeBytes(
          port,
          get().replace('GET', 'HEAD') + get('Connection: close').replace('GET', 'HEAD'),
          tls,
        );
        expect(received).not.toContain('abc');
        expect(received.match(/Content-Length: 300000\r\n/g)).toHaveLength(2);
        expect(settled).toEqual(['written', 'written']);
      },
      options,
    );
  });

  it('resets the connection if the file became shorter, so that the response does not look complete [ATT-72]', async () => {
    const name = path.join(folder, `shrinking-${tls}`);
    const shrinking = await open(name, 'w+');
    await shrinking.truncate(BIG);
    const settled: unknown[] = [];
    await withServer(
      serveFile(shrinking, BIG, settled),
      async ({ port, records, server }) => {
        const socket: Socket = tls
          ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert })
          : connectPlain({ port, host: '127.0.0.1' });
        let received = 0;
        socket.on('error', () => {});
        socket.write(get());
        await once(socket, 'readable');
        await truncate(name, 1_000);
        socket.on('data', (chunk: Buffer) => {
          received += chunk.length;
        });
        await closed(socket);
        expect(received).toBeLessThan(BIG);
        expect(settled).toMatchObject([{ code: 'ERR_STREAM_FILE_CHANGED' }]);
        expect(records.filter(({ level }) => level === 'error')).toHaveLength(1);
        expect(server.stats().requests).toMatchObject({ cut: 1 });
      },
      options,
    );
    await shrinking.close();
  });

  it('rejects if the client leaves midway, and leaves the file open', () => {
    const settled: unknown[] = [];
    return withServer(
      serveFile(big, BIG, settled),
      async ({ port, records, server }) => {
        const socket: Socket = tls
          ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert })
          : connectPlain({ port, host: '127.0.0.1' });
        socket.write(get());
        await once(socket, 'readable');
        socket.destroy();
        await waitUntil(() => settled.length > 0);
        expect((settled[0] as { code: string }).code).toMatch(/^ERR_HTTP_(RESET|CLOSED|PEER_ENDED)$/);
        await waitUntil(() => server.connectionCount === 0);
        expect(records.filter(({ level }) => level === 'error')).toEqual([]);
        expect((await big.stat()).size).toBe(BIG);
      },
      // Over TLS, a client that closes has first ended its side.
      { ...options, halfClosedMs: 50 },
    );
  });
});

describe('HTTPServerExchange.writeFile', () => {
  it('sends a part as one chunk, and to HTTP/1.0 until the connection closes', () =>
    withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders(), 'a');
        await exchange.writeFile(letters, { start: 26, end: 43 });
        exchange.finish();
      },
      async ({ port }) => {
        const received = await exchangeBytes(port, get('Connection: close'), false);
        expect(bodyOf(received)).toBe('1\r\na\r\n11\r\nabcdefghijklmnopq\r\n0\r\n\r\n');
        expect(bodyOf(await exchangeBytes(port, 'GET / HTTP/1.0\r\n\r\n', false))).toBe('aabcdefghijklmnopq');
      },
    ));

  it('refuses wrong arguments and wrong times by name, at no cost for the response', () => {
    const thrown: string[] = [];
    const attempt = (act: () => unknown): void => {
      try {
        act();
      } catch (error) {
        thrown.push(`${(error as { code: string }).code} ${(error as Error).message}`);
      }
    };
    return withServer(
      async ({ exchange }) => {
        attempt(() => exchange.writeFile(letters, { end: 1 }));
        exchange.writeHead(200, '', sized(3));
        attempt(() => exchange.writeFile('letters' as never, { end: 1 }));
        attempt(() => exchange.writeFile(-1, { end: 1 }));
        attempt(() => exchange.writeFile(letters, { start: 2, end: 1 }));
        attempt(() => exchange.writeFile(letters, {} as never));
        attempt(() => exchange.writeFile(letters, { end: 1, length: 1 } as never));
        await exchange.writeFile(letters, { end: 3 });
        exchange.finish();
        attempt(() => exchange.writeFile(letters, { end: 1 }));
      },
      async ({ port }) => {
        expect(bodyOf(await exchangeBytes(port, get('Connection: close'), false))).toBe('abc');
        expect(thrown).toEqual([
          'ERR_HTTP_USAGE writeFile: call writeHead first',
          'ERR_HTTP_USAGE writeFile: file must be an open FileHandle or descriptor, got "letters" (a string)',
          'ERR_HTTP_USAGE writeFile: file must be an open FileHandle or descriptor, got -1',
          'ERR_HTTP_USAGE writeFile: end: a whole number of 2 or more was expected, not 1',
          'ERR_HTTP_USAGE writeFile: end: a whole number of 0 or more was expected, not undefined',
          'ERR_HTTP_USAGE writeFile: unknown option "length" (known: start, end)',
          'ERR_HTTP_USAGE writeFile: the response is complete',
        ]);
      },
    );
  });

  it('resets the connection if the part is longer than Content-Length allows', () => {
    let thrown: unknown;
    return withServer(
      ({ exchange }) => {
        exchange.writeHead(200, '', sized(2));
        try {
          exchange.writeFile(letters, { end: 3 });
        } catch (error) {
          thrown = error;
        }
      },
      async ({ port }) => {
        expect(await exchangeBytes(port, get(), false)).not.toContain('abc');
        expect(thrown).toMatchObject({ code: 'ERR_HTTP1_BODY_LONG' });
      },
    );
  });

  it('does not end a response from which a part is missing', () =>
    withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, '', sized(9));
        await exchange.writeFile(letters, { end: 3 });
        exchange.finish();
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, get());
        await client.untilEnd();
        expect(records).toMatchObject([{ level: 'error', error: { code: 'ERR_HTTP1_BODY_SHORT' } }]);
        client.close();
      },
    ));

  it('rejects when the exchange is aborted, and leaves the file to its owner', () => {
    const settled: unknown[] = [];
    return withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, '', sized(BIG));
        const written = exchange.writeFile(big, { end: BIG });
        exchange.abort(new Error('on purpose'));
        settled.push(await written.catch((error: unknown) => error));
        settled.push(await exchange.writeFile(big, { end: 1 }).catch((error: unknown) => error));
      },
      async ({ port }) => {
        await exchangeBytes(port, get(), false);
        await waitUntil(() => settled.length === 2);
        const reason = { code: 'ERR_HTTP_CLOSED', cause: { message: 'on purpose' } };
        expect(settled).toMatchObject([reason, reason]);
        expect((await big.stat()).size).toBe(BIG);
      },
    );
  });

  it('starts no other request of a client that does not read, and resets it after progressMs [ATT-32]', () => {
    const settled: unknown[] = [];
    let begun = 0;
    const serve = serveFile(big, BIG, settled);
    return withServer(
      (request) => {
        begun += 1;
        return serve(request);
      },
      async ({ port, server }) => {
        const socket = connectPlain({ port, host: '127.0.0.1' }).pause();
        socket.on('error', () => {});
        socket.write(get() + get());
        await waitUntil(() => server.stats().queuedBytes > MIB);
        await waitUntil(() => settled.length === 1);
        expect(settled).toMatchObject([{ code: 'ERR_HTTP_DEADLINE' }]);
        expect([begun, server.stats().requests.cut]).toEqual([1, 1]);
        socket.destroy();
      },
      { progressMs: 100 },
    );
  });

  it('counts bytes that the kernel took as progress of the client', () => {
    const settled: unknown[] = [];
    return withServer(
      serveFile(big, BIG, settled),
      async ({ port, records }) => {
        const socket = connectPlain({ port, host: '127.0.0.1' });
        let received = 0;
        // It reads on only after pauses, so that the whole takes several times `progressMs`.
        socket.on('data', (chunk: Buffer) => {
          received += chunk.length;
          if (received % 8 !== 0 || received > BIG / 2) return;
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        });
        socket.write(get('Connection: close'));
        await closed(socket);
        expect(received).toBeGreaterThan(BIG);
        expect([settled, records]).toEqual([['written'], []]);
      },
      { progressMs: 500 },
    );
  });

  it('watches the reader also if the file was written before the request was complete', () => {
    const settled: unknown[] = [];
    const delegate = new RecordingDelegate({
      head({ exchange }) {
        exchange.writeHead(200, '', sized(BIG));
        exchange.writeFile(big, { end: BIG }).catch((error: unknown) => settled.push(error));
      },
      finish() {},
    });
    return withServer(
      delegate,
      async ({ port }) => {
        const socket = connectPlain({ port, host: '127.0.0.1' }).pause();
        socket.on('error', () => {});
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n');
        await waitUntil(() => delegate.requests.length === 1);
        socket.write('ok');
        await waitUntil(() => settled.length === 1);
        expect(delegate.requests[0]?.calls).toEqual(['head', 'data', 'finish', 'closed']);
        expect(settled).toMatchObject([{ code: 'ERR_HTTP_DEADLINE' }]);
        socket.destroy();
      },
      // The rest of the request is read although the file is not.
      { progressMs: 100, maxWriteBufferBytes: 4 * BIG },
    );
  });

  it('works for a request whose body was decompressed', () =>
    withServer(
      async ({ exchange, body }) => {
        exchange.writeHead(200, '', sized(body.length));
        await exchange.writeFile(letters, { end: body.length });
        exchange.finish();
      },
      async ({ port }) => {
        const body = gzipSync(Buffer.alloc(70_000));
        const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;
        const received = await exchangeBytes(port, head + body.toString('latin1'), false);
        expect(bodyOf(received) === LETTERS.subarray(0, 70_000).toString()).toBe(true);
      },
      { decompressRequests: true },
    ));

  it('resolves without sending anything after the connection was taken over', () => {
    const settled: unknown[] = [];
    return withServer(
      async ({ exchange }) => {
        const stream = exchange.detach();
        try {
          await exchange.writeFile(letters, { end: 3 });
        } catch (error) {
          settled.push(error);
        }
        await stream.write('bye');
        stream.close();
      },
      async ({ port }) => {
        expect(await exchangeBytes(port, get(), false)).toBe('bye');
        expect(settled).toMatchObject([{ code: 'ERR_HTTP_USAGE' }]);
      },
    );
  });
});
