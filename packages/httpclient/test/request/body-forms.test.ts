import { createHash, randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { AsyncHTTPClient } from '../../src/index.ts';
import { encodeBody } from '../../src/request/body-forms.ts';
import type { EncodedBody } from '../../src/request/encoded-body.ts';
import { multipartBody } from '../../src/request/form-body.ts';
import { openDescriptors, type Peer, waitUntil, withClient, withNodeServer } from '../fixtures/servers.ts';

/** Runs `test` with the path of a file that has `bytes`. */
async function withFile<T>(bytes: Uint8Array, test: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'landspout-form-'));
  try {
    const file = path.join(folder, 'file.bin');
    await writeFile(file, bytes);
    return await test(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const post = (client: AsyncHTTPClient, { url }: Peer, { content, contentType, bodyBytes }: EncodedBody) =>
  client.fetch(url, {
    method: 'POST',
    body: content,
    headers: {
      'Content-Type': contentType ?? '',
      ...(bodyBytes < 0 ? {} : { 'Content-Length': String(bodyBytes) }),
    },
  });

/** The form in a request, as the parser of Node's fetch reads it. */
function formOf(request: IncomingMessage): Promise<FormData> {
  const headers = { 'Content-Type': request.headers['content-type'] ?? '' };
  return new Response(Readable.toWeb(request) as ReadableStream, { headers }).formData();
}

describe('a form with a file of the disk', () => {
  it('arrives whole at another server, of the length that was announced [HC-03]', () =>
    withFile(randomBytes(5_000_000), async (file) => {
      const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
      const received: unknown[] = [];
      await withNodeServer(
        (request, response) => {
          void formOf(request).then(async (form) => {
            const sent = form.get('file') as File;
            received.push(request.headers['content-length'], form.get('text'), sent.name, sent.size);
            received.push(hash(new Uint8Array(await sent.arrayBuffer())));
            response.end();
          });
        },
        (peer) =>
          withClient({}, async (client) => {
            const form = new FormData();
            const blob = await openAsBlob(file);
            form.append('file', blob, 'x.bin');
            form.append('text', 'after');
            const body = multipartBody(form);
            await post(client, peer, body);
            const expected = hash(new Uint8Array(await blob.arrayBuffer()));
            expect(received).toEqual([String(body.bodyBytes), 'after', 'x.bin', 5_000_000, expected]);
          }),
      );
    }));

  it('is read no faster than the server reads, and is closed when the request ends [HC-03]', () =>
    withFile(Buffer.alloc(64 * 1024 * 1024), async (file) => {
      const requests: IncomingMessage[] = [];
      await withNodeServer(
        (request) => {
          // It never reads the body.
          requests.push(request);
        },
        (peer) =>
          withClient({}, async (client) => {
            const before = openDescriptors();
            const form = new FormData();
            form.append('file', await openAsBlob(file));
            const { content, ...body } = multipartBody(form);
            let sent = 0;
            async function* counted(): AsyncGenerator<Uint8Array> {
              for await (const chunk of content as AsyncIterable<Uint8Array>) {
                sent += chunk.length;
                yield chunk;
              }
            }
            const failure = post(client, peer, { ...body, content: counted() }).catch(
              (error: unknown) => error,
            );
            await waitUntil(() => requests.length === 1 && sent > 0);
            let [last, still] = [-1, 0];
            await waitUntil(() => {
              still = sent === last ? still + 1 : 0;
              last = sent;
              return still === 100;
            });
            expect(sent).toBeLessThan(32 * 1024 * 1024);
            requests[0]?.socket.destroy();
            expect(await failure).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
            await client.close();
            await waitUntil(() => openDescriptors() <= before);
          }),
      );
    }));

  it('fails if the file has changed since [HC-03]', () =>
    withFile(Buffer.alloc(1_000_000), (file) =>
      withNodeServer(
        (request, response) => {
          request.resume().on('end', () => response.end());
        },
        (peer) =>
          withClient({}, async (client) => {
            const form = new FormData();
            form.append('file', await openAsBlob(file));
            const body = multipartBody(form);
            await truncate(file, 10);
            await expect(post(client, peer, body)).rejects.toMatchObject({ name: 'NotReadableError' });
          }),
      ),
    ));
});

describe('a body of another form', () => {
  it.each([
    ['URLSearchParams', new URLSearchParams({ a: 'b c' }), 'a=b+c'],
    ['a Blob', new Blob(['abc'], { type: 'text/x' }), 'abc'],
    ['a stream', new Blob(['x'.repeat(100_000)]).stream(), 'x'.repeat(100_000)],
  ])('arrives whole: %s [HC-03]', (_, form, expected) =>
    withNodeServer(
      (request, response) => {
        response.setHeader('X-Type', request.headers['content-type'] ?? '');
        request.pipe(response);
      },
      (peer) =>
        withClient({}, async (client) => {
          const body = encodeBody(form);
          const response = await post(client, peer, body);
          expect(Buffer.from(response.body).toString() === expected).toBe(true);
          expect(response.headers.get('X-Type')).toBe(body.contentType ?? '');
        }),
    ),
  );
});

describe('a stream whose request fails before it is sent', () => {
  it.each([
    [
      'no connection',
      (client: AsyncHTTPClient, body: ReadableStream) =>
        client.fetch('http://127.0.0.1:1/', { method: 'POST', body }),
    ],
    [
      'an abort in the queue',
      (client: AsyncHTTPClient, body: ReadableStream) =>
        client.fetch('http://127.0.0.1:1/', { method: 'POST', body, signal: AbortSignal.abort() }),
    ],
  ])('is cancelled: %s [HC-03]', (_, send) =>
    withClient({}, async (client) => {
      let cancelled = 0;
      const body = new ReadableStream({
        cancel() {
          cancelled += 1;
        },
      });
      await expect(send(client, body)).rejects.toThrow();
      await waitUntil(() => cancelled === 1);
    }),
  );
});
