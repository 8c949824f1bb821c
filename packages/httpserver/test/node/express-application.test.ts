import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { BODY_LIMIT, createApplication, createSite } from '../fixtures/express-application.ts';
import { withContainer, withNodeServer } from '../fixtures/node-servers.ts';
import { waitUntil } from '../fixtures/running-server.ts';

interface Sent {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

interface Seen {
  readonly status: string;
  readonly fields: readonly string[];
  readonly body: string;
}

type Send = (path: string, sent?: Sent) => Promise<Seen>;

/** The fields of the connection, and the time. */
const OWN_FIELDS = new Set(['connection', 'keep-alive', 'date']);

/** Whether a server decides itself about a field. A 204 must not have a length (RFC 9110 §8.6), but node:http sends it. */
const isOwn = (name: string, status: number | undefined): boolean =>
  OWN_FIELDS.has(name) || (status === 204 && name === 'content-length');

function sendTo(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (piece) => void pieces.push(piece));
      response.on('end', () => {
        const { statusCode, statusMessage, rawHeaders } = response;
        const fields: string[] = [];
        for (let at = 0; at < rawHeaders.length; at += 2) {
          const name = rawHeaders[at] as string;
          if (!isOwn(name.toLowerCase(), statusCode)) fields.push(`${name}: ${rawHeaders[at + 1]}`);
        }
        resolve({
          status: `${statusCode} ${statusMessage}`,
          fields: fields.sort(),
          body: Buffer.concat(pieces).toString('latin1'),
        });
      });
    });
    request.end(body);
  });
}

const site = createSite();

interface Run {
  readonly seen: readonly Seen[];
  /** The lines of morgan. */
  readonly lines: readonly string[];
}

/** Sends the same requests to the application on node:http and in a NodeContainer. */
async function onBoth(
  client: (send: Send) => Promise<unknown>,
): Promise<{ readonly node: Run; readonly container: Run }> {
  const run = async (serve: typeof withNodeServer): Promise<Run> => {
    const lines: string[] = [];
    const seen: Seen[] = [];
    await serve(
      createApplication(site, (line) => void lines.push(line.trim())),
      async (port) => {
        await client(async (path, sent) => {
          const one = await sendTo(port, path, sent);
          seen.push(one);
          return one;
        });
        await waitUntil(() => lines.length === seen.length);
      },
    );
    return { seen, lines };
  };
  return { node: await run(withNodeServer), container: await run(withContainer) };
}

const json = (value: unknown): Sent => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
});

const form = (body: string): Sent => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body,
});

const bytes = (length: number): Sent => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/octet-stream' },
  body: Uint8Array.from({ length }, (_, at) => at & 255),
});

const chunked = (sent: Sent): Sent => ({
  ...sent,
  headers: { ...sent.headers, 'Transfer-Encoding': 'chunked' },
});

/** A body of multipart/form-data with a field and files of these sizes. */
function multipart(...sizes: number[]): Sent {
  const parts = ['--X\r\nContent-Disposition: form-data; name="note"\r\n\r\na note\r\n'];
  for (const [index, size] of sizes.entries()) {
    const disposition = `form-data; name="files"; filename="${index}.bin"`;
    parts.push(
      `--X\r\nContent-Disposition: ${disposition}\r\nContent-Type: a/b\r\n\r\n${'x'.repeat(size)}\r\n`,
    );
  }
  const headers = { 'Content-Type': 'multipart/form-data; boundary=X' };
  return { method: 'POST', headers, body: `${parts.join('')}--X--\r\n` };
}

const having = (name: string, value: string): Sent => ({ headers: { [name]: value } });

/** Requests by their subject, each with the status that is expected. */
const REQUESTS: Readonly<Record<string, readonly (readonly [number, string, Sent?])[]>> = {
  'bodies that are parsed': [
    [200, '/bodies/json', json({ a: ['b', null], ü: 1 })],
    [200, '/bodies/json', chunked(json({ a: 1 }))],
    [200, '/bodies/form', form('a[b]=c&a[d]=e%20f&g=1&g=2')],
    [200, '/bodies/text', { method: 'POST', body: 'ünïcode', headers: { 'Content-Type': 'text/plain' } }],
    [200, '/bodies/raw', bytes(9_000)],
    [200, '/bodies/json', { method: 'POST' }],
    [200, '/bodies/upload', multipart(10, 150_000)],
  ],
  'bodies that are refused': [
    [400, '/bodies/json', { ...json(1), body: '{"a":' }],
    [413, '/bodies/json', json('x'.repeat(BODY_LIMIT))],
    [413, '/bodies/json', chunked(json('x'.repeat(3_000_000)))],
    [413, '/bodies/form', form(`a=${'x'.repeat(3_000_000)}`)],
    [413, '/bodies/raw', bytes(3_000_000)],
    [415, '/bodies/json', { ...json(1), headers: { 'Content-Type': 'application/json; charset=klingon' } }],
    [500, '/bodies/upload', multipart(300_000)],
    [500, '/bodies/upload', multipart(1, 1, 1)],
  ],
  'a body that is not read': [
    [202, '/bodies/unread', bytes(3_000_000)],
    [202, '/bodies/unread', chunked(bytes(3_000_000))],
  ],
  files: [
    [200, '/files/'],
    [301, '/files/deep'],
    [200, '/files/deep/'],
    [200, '/files/text.txt'],
    [200, '/files/text.txt', { method: 'HEAD' }],
    [404, '/files/none.txt'],
    [404, '/files/.hidden'],
    [404, '/files/../package.json'],
    [404, '/files/text.txt', { method: 'POST' }],
  ],
  'ranges of files': [
    [206, '/files/text.txt', having('Range', 'bytes=10-14')],
    [206, '/files/text.txt', having('Range', 'bytes=-5')],
    [206, '/files/text.txt', having('Range', 'bytes=100000-')],
    [200, '/files/text.txt', having('Range', 'bytes=0-1,4-5')],
    [416, '/files/text.txt', having('Range', 'bytes=900000-')],
    [206, '/responses/file', having('Range', 'bytes=1-2')],
    [200, '/files/text.txt', { headers: { Range: 'bytes=1-2', 'If-Range': '"other"' } }],
    [206, '/files/text.txt', { method: 'HEAD', headers: { Range: 'bytes=1-2' } }],
  ],
  'conditions of files': [
    [304, '/files/text.txt', having('If-Modified-Since', 'Tue, 02 Jan 2024 03:04:05 GMT')],
    [200, '/files/text.txt', having('If-Modified-Since', 'Mon, 01 Jan 2024 03:04:05 GMT')],
    [304, '/files/text.txt', having('If-None-Match', '*')],
    [200, '/files/text.txt', having('If-None-Match', '"other"')],
    [412, '/files/text.txt', having('If-Match', '"other"')],
    [412, '/files/text.txt', having('If-Unmodified-Since', 'Mon, 01 Jan 2024 03:04:05 GMT')],
    [304, '/plain/long', having('If-None-Match', '*')],
  ],
  'files of handlers': [
    [200, '/responses/file'],
    [404, '/responses/missing-file'],
    [200, '/responses/download'],
    [200, '/responses/pipeline'],
  ],
  'methods of the response': [
    [200, '/responses/jsonp?callback=call'],
    [200, '/responses/jsonp'],
    [200, '/responses/format', having('Accept', 'text/html')],
    [200, '/responses/format', having('Accept', 'application/json;q=0.9, text/html;q=0.1')],
    [406, '/responses/format', having('Accept', 'image/png')],
    [302, '/responses/redirect'],
    [302, '/responses/redirect', having('Accept', 'text/html')],
    [301, '/responses/moved', { method: 'HEAD' }],
    [418, '/responses/status'],
    [204, '/responses/empty'],
    [200, '/responses/buffer'],
    [200, '/responses/headers'],
    [200, '/view?name=Ada'],
    [500, '/no-view'],
  ],
  'compressed texts': [
    [200, '/compressed/long', having('Accept-Encoding', 'gzip')],
    [200, '/compressed/long', having('Accept-Encoding', 'br')],
    [200, '/compressed/long', having('Accept-Encoding', 'identity')],
    [200, '/compressed/long', { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } }],
    [200, '/compressed/short', having('Accept-Encoding', 'gzip')],
    [200, '/compressed/streamed', having('Accept-Encoding', 'gzip')],
    [200, '/plain/streamed'],
    [200, '/plain/streamed', { method: 'HEAD' }],
  ],
  'helmet and cors': [
    [200, '/helmet'],
    [200, '/cors', having('Origin', 'https://a.example')],
    [
      204,
      '/cors',
      {
        method: 'OPTIONS',
        headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' },
      },
    ],
  ],
  'properties of the request': [
    [200, '/requests/items/7?a[b]=c&d=1'],
    [200, '/requests/items/7/more'],
    [
      200,
      '/requests/about?x=1',
      {
        headers: {
          'X-Forwarded-For': '203.0.113.9, 127.0.0.1',
          'X-Forwarded-Proto': 'https',
          'X-Forwarded-Host': 'a.b.example.com',
          'X-Requested-With': 'XMLHttpRequest',
          Accept: 'application/json',
          'Accept-Language': 'en',
          Range: 'bytes=0-9',
        },
      },
    ],
    [200, '/requests/about', { ...json({}), method: 'PUT' }],
    [200, '/requests/only', { method: 'OPTIONS' }],
    [200, '/requests/only', { method: 'HEAD' }],
    [404, '/requests/only', { method: 'DELETE' }],
    [404, '/none'],
  ],
  errors: [
    [409, '/failures/throws'],
    [500, '/failures/rejects'],
    [500, '/failures/rejects-later'],
    [403, '/failures/next'],
    [200, '/failures/skipped'],
    [400, '/failures/uri/%zz'],
  ],
};

/** Without the time that morgan has measured. */
const untimed = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/ \d+\.\d{3}$/, ' T'));

describe('an Express application in a NodeContainer and on node:http', () => {
  it.each(Object.entries(REQUESTS))('has the same responses and log for %s', async (_subject, requests) => {
    const { node, container } = await onBoth(async (send) => {
      for (const [, path, sent] of requests) await send(path, sent);
    });
    expect(container.seen).toEqual(node.seen);
    expect(container.seen.map(({ status }) => Number.parseInt(status, 10))).toEqual(
      requests.map(([status]) => status),
    );
    expect(untimed(container.lines)).toEqual(untimed(node.lines));
    for (const line of container.lines) expect(line).toMatch(/ \d{3} (?:\d+|-) \d+\.\d{3}$/);
  });

  it('keeps sessions and cookies', async () => {
    const { node, container } = await onBoth(async (send) => {
      const first = await send('/sessions/visits');
      const cookie = cookiesOf(first);
      await send('/sessions/visits', { headers: { Cookie: cookie } });
      await send('/sessions/visits', { headers: { Cookie: `${cookie}; other=1` } });
      await send('/sessions/leave', { headers: { Cookie: cookie } });
      await send('/sessions/visits', { headers: { Cookie: cookie } });
      const signed = await send('/sessions/signed');
      await send('/sessions/signed', { headers: { Cookie: cookiesOf(signed) } });
    });
    expect(container.seen).toEqual(node.seen);
    expect(container.seen.slice(0, 5).map(({ body }) => body)).toEqual([
      '{"visits":1,"cookies":[]}',
      '{"visits":2,"cookies":[]}',
      '{"visits":3,"cookies":["other"]}',
      'bye',
      '{"visits":1,"cookies":[]}',
    ]);
    expect(container.seen.at(-1)?.body).toBe('{"a":"1"}');
  });
});

function cookiesOf({ fields }: Seen): string {
  const prefix = 'set-cookie: ';
  const cookies = fields.filter((field) => field.toLowerCase().startsWith(prefix));
  return cookies.map((field) => field.slice(prefix.length).split(';', 1)[0]).join('; ');
}
