import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as nodeRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { CallbackDelegate, type RequestCallback } from '../../src/callback-delegate.ts';
import { DecompressingDelegate } from '../../src/decompression/decompressing-delegate.ts';
import type { DecompressionOptions } from '../../src/decompression/decompression-options.ts';
import type { ServerRequest } from '../../src/index.ts';
import { AVAILABLE_CODINGS, encode, words } from '../fixtures/encoded-bodies.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

const echo = (request: ServerRequest): void => request.respond(200, request.body);

/** A callback behind decompression. */
const decompressing = (callback: RequestCallback, options?: DecompressionOptions): DecompressingDelegate =>
  new DecompressingDelegate(new CallbackDelegate(callback), options);

/** Runs `test` against a delegate that records what comes out of decompression. */
async function recorded(
  recording: RecordingDelegate,
  test: (running: RunningServer) => Promise<void>,
  options?: DecompressionOptions,
): Promise<void> {
  await withServer(new DecompressingDelegate(recording, options), test);
}

function sized(fields: string, body: Buffer, start = 'POST /'): string {
  const head = `${start} HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n\r\n`;
  return head + body.toString('latin1');
}

function chunked(fields: string, parts: readonly Buffer[], trailers = '', start = 'POST /'): string {
  const head = `${start} HTTP/1.1\r\nHost: a\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`;
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part.toString('latin1')}\r\n`);
  return `${head}${chunks.join('')}0\r\n${trailers}\r\n`;
}

const CLOSE = 'Connection: close\r\n';
const bodyOf = (received: string): string => received.slice(received.indexOf('\r\n\r\n') + 4);

const CODED = [
  ...AVAILABLE_CODINGS.map((coding) => ({ field: coding as string, codings: [coding] })),
  { field: 'x-gzip', codings: ['gzip'] },
  { field: 'GZIP', codings: ['gzip'] },
  { field: 'gzip, br', codings: ['gzip', 'br'] },
  { field: 'deflate, identity, gzip', codings: ['deflate', 'gzip'] },
] as const;

describe('DecompressingDelegate', () => {
  it('undoes every coding of sized and of chunked bodies [H1-20]', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const body = words(100_000);
      for (const { field, codings } of CODED) {
        const encoded = encode(body, ...codings);
        const fields = `${CLOSE}Content-Encoding: ${field}\r\n`;
        const parts = [encoded.subarray(0, 1), encoded.subarray(1, 3000), encoded.subarray(3000)];
        for (const wire of [sized(fields, encoded), chunked(fields, parts)]) {
          const received = await converse(port, wire);
          expect(statusLines(received), field).toEqual(['HTTP/1.1 200 OK']);
          expect(bodyOf(received) === body.toString('latin1'), field).toBe(true);
        }
      }
    }));

  it('takes a list of codings that is spread over several fields', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const fields = `${CLOSE}Content-Encoding: gzip\r\nContent-Encoding: br\r\n`;
      expect(bodyOf(await converse(port, sized(fields, encode('spread', 'gzip', 'br'))))).toBe('spread');
    }));

  it('reads a compressed request that comes byte by byte', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const client = await RawClient.connect({ port });
      for (const byte of chunked('Content-Encoding: gzip\r\n', [encode('byte by byte', 'gzip')])) {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.until((all) => all.endsWith('byte by byte'));
      client.close();
    }));

  it('shows the request as if it had come without coding, and says what was undone [H1-20]', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      const fields = `${CLOSE}X-First: 1\r\nContent-Encoding: GZip\r\nX-Consumed-Content-Encoding: br\r\nX-Last: 2\r\n`;
      await converse(port, sized(fields, encode('body', 'gzip')));
      const [request] = recording.requests;
      expect(request?.head?.headers.getAll()).toEqual([
        ['Host', 'a'],
        ['Connection', 'close'],
        ['X-First', '1'],
        ['X-Last', '2'],
        ['X-Consumed-Content-Encoding', 'GZip'],
      ]);
      expect(request?.body.toString()).toBe('body');
      expect(request?.calls).toEqual(['head', 'data', 'finish']);
    });
  });

  it('lets no X-Consumed-Content-Encoding of a peer through [H1-20]', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      const forged = `${CLOSE}x-consumed-content-encoding: gzip\r\nX-Consumed-Content-Encoding: br\r\n`;
      await converse(port, `GET / HTTP/1.1\r\nHost: a\r\n${forged}\r\n`);
      await converse(port, sized(forged, Buffer.from('plain')));
      await converse(port, `GET / HTTP/1.1\r\nHost: a\r\n${forged}Content-Encoding: unheard-of\r\n\r\n`);
      await converse(port, sized(`${forged}Content-Encoding: gzip\r\n`, encode('body', 'gzip')));
      const lists = recording.requests.map(({ head }) =>
        head?.headers.getList('X-Consumed-Content-Encoding'),
      );
      expect(lists).toEqual([[], [], [], ['gzip']]);
    });
  });

  it('leaves a request without coding as it came', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      await converse(port, sized(CLOSE, Buffer.from('plain')));
      await converse(port, chunked(CLOSE, [Buffer.from('chunked')]));
      const [first, second] = recording.requests;
      expect(first?.head?.headers.get('Content-Length')).toBe('5');
      expect(first?.body.toString()).toBe('plain');
      expect(second?.body.toString()).toBe('chunked');
    });
  });

  it('passes identity, with its length [H1-20]', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      await converse(port, sized(`${CLOSE}Content-Encoding: identity\r\n`, Buffer.from('as it is')));
      const [request] = recording.requests;
      expect(request?.body.toString()).toBe('as it is');
      expect(request?.head?.headers.get('Content-Length')).toBe('8');
      expect(request?.head?.headers.has('Content-Encoding')).toBe(false);
    });
  });

  it('takes a request without a body, whatever coding it names', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      for (const field of ['gzip', 'gzip, br', 'utf-8']) {
        for (const start of ['GET /', 'HEAD /', 'DELETE /']) {
          const head = `${start} HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Encoding: ${field}\r\n`;
          for (const text of [`${head}\r\n`, `${head}Content-Length: 0\r\n\r\n`]) {
            expect(await converse(port, text), text).toMatch(/^HTTP\/1\.1 200 /);
          }
        }
      }
      expect(await converse(port, chunked(`${CLOSE}Content-Encoding: gzip\r\n`, []))).toMatch(/\r\n0 bytes$/);
      for (const { calls } of recording.requests) expect(calls).toEqual(['head', 'finish']);
    });
  });

  it('answers an unknown coding with 415 and says which are taken (RFC 9110 section 15.5.16)', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      for (const field of ['compress', 'gzip, compress', 'gzip;q=1', 'gzip, gzip, gzip', 'aws-chunked']) {
        const received = await converse(port, sized(`Content-Encoding: ${field}\r\n`, Buffer.from('body')));
        expect(statusLines(received)).toEqual(['HTTP/1.1 415 Unsupported Media Type']);
        expect(received).toContain(`\r\nAccept-Encoding: ${AVAILABLE_CODINGS.join(', ')}\r\n`);
        expect(received).toContain('\r\nConnection: close\r\n');
        const length = Number(/Content-Length: (\d+)/.exec(received)?.[1]);
        expect(length).toBe(bodyOf(received).length);
        expect(length).toBeGreaterThan(0);
      }
      expect(recording.requests).toHaveLength(0);
    });
  });

  it('refuses a coding that the options leave out', () =>
    withServer(decompressing(echo, { codings: ['br'], maxCodings: 1 }), async ({ port }) => {
      const gzip = await converse(port, sized(`${CLOSE}Content-Encoding: gzip\r\n`, encode('x', 'gzip')));
      expect(gzip).toMatch(/^HTTP\/1\.1 415 [\s\S]*\r\nAccept-Encoding: br\r\n/);
      const twice = await converse(
        port,
        sized(`${CLOSE}Content-Encoding: br, br\r\n`, encode('x', 'br', 'br')),
      );
      expect(twice).toMatch(/^HTTP\/1\.1 415 /);
      const once = await converse(port, sized(`${CLOSE}Content-Encoding: br\r\n`, encode('x', 'br')));
      expect(bodyOf(once)).toBe('x');
    }));

  it('treats zstd as this Node does', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const known = AVAILABLE_CODINGS.includes('zstd');
      const body = Buffer.from('28b52ffd20176500003068656c6c6f200100994b11', 'hex');
      const received = await converse(port, sized(`${CLOSE}Content-Encoding: zstd\r\n`, body));
      expect(received).toMatch(known ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 415 /);
      expect(received.endsWith('hello hello hello hello')).toBe(known);
    }));

  it('sends 100 Continue only for a body that it will not refuse', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 24\r\n';
      const refused = await converse(port, `${head}Content-Encoding: compress\r\n\r\n`);
      expect(statusLines(refused)).toEqual(['HTTP/1.1 415 Unsupported Media Type']);
      const client = await RawClient.connect({ port }, `${head}Content-Encoding: gzip\r\n\r\n`);
      await client.until((all) => all === 'HTTP/1.1 100 Continue\r\n\r\n');
      const body = encode('wait', 'gzip');
      expect(body).toHaveLength(24);
      client.send(body.toString('latin1'));
      await client.until((all) => all.endsWith('wait'));
      client.close();
    }));

  it('leaves pipelined requests behind a compressed one intact [H1-16]', () =>
    withServer(decompressing(echo), async ({ port }) => {
      const large = words(300_000);
      const gzip = 'Content-Encoding: gzip\r\n';
      const received = await converse(
        port,
        sized(gzip, encode(large, 'gzip')) +
          sized('', Buffer.from('plain')) +
          chunked('Content-Encoding: br\r\n', [encode('second', 'br')]) +
          sized(gzip, encode('third', 'gzip')) +
          sized(CLOSE, Buffer.from('last')),
      );
      expect(statusLines(received)).toHaveLength(5);
      const answers = received
        .split(/HTTP\/1\.1 200 OK\r\n/)
        .slice(1)
        .map(bodyOf);
      expect(answers.map((body) => body.length)).toEqual([300_000, 5, 6, 5, 4]);
      expect(answers.slice(1)).toEqual(['plain', 'second', 'third', 'last']);
      expect(answers[0] === large.toString('latin1')).toBe(true);
    }));

  it('hands the trailers on [H1-20]', () => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port }) => {
      const fields = `${CLOSE}Content-Encoding: gzip\r\n`;
      await converse(port, chunked(fields, [encode('body', 'gzip')], 'Checksum: 42\r\n'));
      await converse(port, chunked(CLOSE, [Buffer.from('body')], 'Checksum: 43\r\n'));
      expect(recording.requests.map(({ trailers }) => trailers?.get('Checksum'))).toEqual(['42', '43']);
    });
  });

  it('gives pieces of chunkBytes, one after the other, and waits for each [H1-20]', () => {
    let pending = 0;
    let most = 0;
    const recording = new RecordingDelegate({
      data: async () => {
        pending += 1;
        most = Math.max(most, pending);
        await new Promise((resolve) => setTimeout(resolve, 1));
        pending -= 1;
      },
    });
    return recorded(
      recording,
      async ({ port }) => {
        const body = words(100_000);
        const fields = `${CLOSE}Content-Encoding: gzip\r\n`;
        expect(await converse(port, sized(fields, encode(body, 'gzip')))).toMatch(/100000 bytes$/);
        const [request] = recording.requests;
        expect(most).toBe(1);
        expect(Math.max(...(request?.chunks ?? []).map((chunk) => chunk.length))).toBe(1024);
        expect(request?.body.equals(body)).toBe(true);
      },
      { chunkBytes: 1024 },
    );
  });

  it('holds the peer back while a delegate waits [H1-20]', () => {
    let goOn = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const recording = new RecordingDelegate({ data: () => waiting, keep: false });
    return recorded(recording, async ({ port }) => {
      // Stored, so that as much is on the wire as comes out.
      const gzip = createGzip({ level: 0 });
      const plain = Buffer.alloc(32 * 1024 * 1024, 'x');
      const request = nodeRequest({
        port,
        host: '127.0.0.1',
        method: 'POST',
        headers: { 'Content-Encoding': 'gzip' },
      });
      const answered = new Promise<string>((resolve, reject) => {
        request.on('error', reject);
        request.on('response', (response) => {
          response.setEncoding('utf8');
          let text = '';
          response.on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve(text));
        });
      });
      gzip.pipe(request);
      gzip.end(plain);
      await waitUntil(() => recording.requests[0]?.bytes !== undefined && recording.requests[0].bytes > 0);
      const socket = request.socket;
      let written = -1;
      while (written !== (socket?.bytesWritten ?? 0)) {
        written = socket?.bytesWritten ?? 0;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(recording.requests[0]?.bytes).toBeLessThanOrEqual(64 * 1024);
      expect((socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0)).toBeLessThan(16 * 1024 * 1024);
      goOn();
      expect(await answered).toBe(`${plain.length} bytes`);
    });
  });

  it('delivers the whole body of a peer that has half-closed meanwhile', () => {
    const recording = new RecordingDelegate({
      data: () => new Promise((resolve) => setTimeout(resolve, 10)),
    });
    return recorded(
      recording,
      async ({ port }) => {
        const client = await RawClient.connect({ port });
        const body = words(20_000);
        client.send(sized('Content-Encoding: gzip\r\n', encode(body, 'gzip')));
        await waitUntil(() => recording.requests[0]?.calls.includes('data') === true);
        client.socket.end();
        expect(await client.untilEnd()).toMatch(/20000 bytes$/);
        const [request] = recording.requests;
        expect(request?.closedWith).toMatchObject([{ code: 'ERR_HTTP_PEER_ENDED' }]);
        expect(request?.calls.at(-1)).toBe('finish');
        client.close();
      },
      { chunkBytes: 1024 },
    );
  });

  it('lets a request change its limits, which then hold without the coding [H1-19]', () => {
    const recording = new RecordingDelegate({
      head: ({ exchange, head }) => exchange.setMaxBodyBytes(Number(head?.target.slice(1))),
    });
    return recorded(
      recording,
      async ({ port }) => {
        const encoded = encode(Buffer.alloc(5000), 'gzip');
        const fields = `${CLOSE}Content-Encoding: gzip\r\n`;
        expect(await converse(port, sized(fields, encoded, 'POST /5000'))).toMatch(/^HTTP\/1\.1 200 /);
        expect(await converse(port, sized(fields, encoded, 'POST /4999'))).toMatch(/^HTTP\/1\.1 413 /);
      },
      { maxBodyBytes: 1000 },
    );
  });

  it('lets a delegate answer in pieces, with trailers and interim answers, as without it', () => {
    const recording = new RecordingDelegate({
      finish: async ({ exchange }) => {
        expect([exchange.headSent, exchange.finished]).toEqual([false, false]);
        exchange.setBodyTimeoutMs(1000);
        exchange.writeInterim(103, HTTPHeaders.from({ Link: '</a>' }));
        exchange.writeHead(200, 'OK', new HTTPHeaders());
        exchange.write('in ');
        await exchange.waitDrained();
        exchange.write('pieces');
        exchange.finish(HTTPHeaders.from({ Sum: '1' }));
        expect([exchange.headSent, exchange.finished]).toEqual([true, true]);
        expect(exchange.stopping.aborted).toBe(false);
        expect(exchange.connection.protocol).toBe('http');
      },
    });
    return recorded(recording, async ({ port }) => {
      const received = await converse(port, sized(`${CLOSE}Content-Encoding: gzip\r\n`, encode('x', 'gzip')));
      expect(statusLines(received)).toEqual(['HTTP/1.1 103 Early Hints', 'HTTP/1.1 200 OK']);
      expect(received.endsWith('3\r\nin \r\n6\r\npieces\r\n0\r\nSum: 1\r\n\r\n')).toBe(true);
    });
  });

  it('takes a file from curl and a body from fetch', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'landspout-decompression-'));
    try {
      await withServer(decompressing(echo), async ({ port }) => {
        const body = words(500_000);
        const file = path.join(folder, 'body.gz');
        await writeFile(file, encode(body, 'gzip'));
        const url = `http://127.0.0.1:${port}/`;
        for (const more of [[], ['-H', 'Transfer-Encoding: chunked']]) {
          const args = ['-sS', '-H', 'Content-Encoding: gzip', ...more, '--data-binary', `@${file}`, url];
          const { stdout } = await promisify(execFile)('curl', args, { maxBuffer: 10_000_000 });
          expect(stdout === body.toString()).toBe(true);
        }
        for (const coding of AVAILABLE_CODINGS) {
          const headers = { 'Content-Encoding': coding };
          const response = await fetch(url, { method: 'POST', headers, body: encode(body, coding) });
          expect((await response.text()) === body.toString()).toBe(true);
        }
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
