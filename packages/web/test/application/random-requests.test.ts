import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  Application,
  accessLog,
  addSlash,
  authenticated,
  basicAuth,
  CookieSecret,
  cors,
  createSignedValue,
  HTTPError,
  host,
  MultipartReader,
  RedirectHandler,
  RequestHandler,
  type Routes,
  rateLimit,
  removeSlash,
  requestId,
  StaticFileHandler,
  securityHeaders,
} from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { type Choices, RequestMaker } from '../fixtures/request-maker.ts';
import { type ParsedResponse, responsesOf } from '../fixtures/response-stream.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';

/** Of one to three requests. */
const CONNECTIONS = 1_000;
const AT_A_TIME = 16;
const SEED = 20_261_129;

const cookieSecret = 'a secret of at least thirty-two bytes, for tests only';
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads all that there is to read of a request, in every way. */
class Reads extends RequestHandler {
  override getCurrentUser(): string | undefined {
    return this.getSignedCookie('user');
  }

  override get(): void {
    const { request } = this;
    this.setCookie('seen', '1', { maxAge: 60 });
    this.setSignedCookie('user', 'ada');
    this.cookies.setEncrypted('secret', 'ä');
    this.write({
      user: this.currentUser ?? null,
      token: this.xsrfToken,
      secret: this.cookies.getEncrypted('secret') ?? null,
      arguments: [...request.arguments],
      files: [...this.files].length,
      cookies: [...request.cookies],
      url: request.fullUrl(),
      host: request.hostName,
      params: this.pathParams,
    });
  }

  override post(): void {
    this.get();
  }

  override async put(): Promise<void> {
    await later();
    this.checkPreconditions({ etag: '"1"', lastModified: new Date(0) });
    this.getArgument('a');
    this.setStatus(201);
    this.write('put'.repeat(500));
  }

  override async delete(): Promise<void> {
    this.write('some');
    await this.flush();
    this.write(' more');
  }
}

const schema = z.object({
  name: z.string(),
  age: z.coerce.number().optional(),
});

class Parses extends RequestHandler {
  override get(): void {
    this.writeJson(this.parseQuery(schema));
  }
  override async post(): Promise<void> {
    this.writeJson(await this.parseAsync(schema));
  }
  override put(): void {
    this.writeJson(this.getJsonBody());
  }
}

class Uploads extends RequestHandler {
  static override readonly streamRequestBody = true;
  #reader: MultipartReader | undefined;

  override prepare(): void {
    if (this.request.method === 'POST') {
      this.#reader = new MultipartReader(this.request.headers, {
        onPart: () => undefined,
      });
    }
  }
  override async dataReceived(chunk: Uint8Array): Promise<void> {
    await this.#reader?.write(chunk);
  }
  override async post(): Promise<void> {
    const form = await this.#reader?.finish();
    this.write({ fields: [...(form?.fields ?? [])] });
  }
  override put(): void {}
  override onConnectionClose(reason: Error): void {
    void this.#reader?.abort(reason);
  }
}

class Account extends Reads {
  override get = authenticated(function (this: Reads) {
    this.write(`hello ${this.currentUser}`);
  });
}

/** Takes any method, and reads nothing. */
class Anything extends RequestHandler {
  override all(): void {
    this.log.debug({}, this.staticUrl('a.txt'));
    this.redirect(this.reverseUrl('/read/:name', { name: this.request.method }));
  }
}

class Refuses extends RequestHandler {
  override get(): void {
    throw new HTTPError(418, `refused ${this.request.target}`, {
      detail: this.getArgument('a', 'none'),
      extensions: { query: this.request.query },
    });
  }
}

const multipart = [
  '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
  '--b\r\nContent-Disposition: form-data; name="up"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n',
  '--b--\r\n',
].join('');

const user = createSignedValue(new CookieSecret(cookieSecret), 'user', 'ada');
const TOKEN = '2|00000000|00000000000000000000000000000000|1';
/** Two fields that together pass the XSRF check. */
const ALLOWED = `Cookie: user=${user}; _xsrf=${TOKEN}\r\nX-XSRFToken: ${TOKEN}`;
const CHOICES: Choices = {
  methods: [
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'PUT',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'PATCH',
    'PROPFIND',
    'CONNECT',
  ],
  targets: [
    '/',
    '/read/x?a=1&b=%C3%BC&a=2',
    '/read/a%20b+c',
    '/read/x?a=1',
    '/read/x?a=1',
    '/parse?name=ada&age=36',
    '/parse',
    '/upload',
    '/account',
    '/basic',
    '/refuse?a=%3Cscript%3E',
    '/static/a.txt',
    '/static/a.txt?v=1',
    '/static/missing',
    '/static/../a.txt',
    '/static/%2e%2e/a.txt',
    '/files/a.txt',
    '/files/',
    '/files/%00',
    '/any',
    '/mounted',
    '/mounted/',
    '/mounted/user/%C3%BC?a=1',
    '/mounted/files/a.txt',
    '/mounted/gone',
    '/mounted/nowhere',
    'http://www.example.org/read/x',
    '/old/x?y=z',
    '/slash',
    '/noslash/',
    '/2026/11?x',
    '/nowhere',
    '//evil.example/',
    'http://example.com/read/x',
    'http://other.example/',
    '*',
  ],
  fields: [
    'Accept: application/json',
    'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
    'Accept-Encoding: gzip, br',
    'Origin: http://example.com',
    'Origin: http://evil.example',
    'Access-Control-Request-Method: PUT',
    'Sec-Fetch-Site: cross-site',
    ALLOWED,
    ALLOWED,
    ALLOWED,
    'Cookie: user="2|1:0|10:1300000000|1:n|4:dg==|00"; a=b',
    `X-XSRFToken: ${TOKEN}`,
    'X-Request-Id: abc',
    'Authorization: Basic YWRhOnB3',
    'If-None-Match: "x", W/"y"',
    'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
    'If-Match: "1"',
    'Range: bytes=0-1',
    'Range: bytes=0-1,2-3',
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Host: www.example.org',
    'X-Forwarded-Proto: https',
    'Expect: 100-continue',
    'Content-Encoding: gzip',
    'Content-Encoding: x',
    'Content-Encoding: x',
    'Upgrade: websocket',
  ],
  bodies: [
    ['', ''],
    ['', ''],
    ['', ''],
    ['', 'bytes'],
    ['application/x-www-form-urlencoded', 'a=1&b=%C3%BC&name=ada'],
    ['application/json', '{"name":"ada","age":36,"__proto__":{"x":[1,2]}}'],
    ['multipart/form-data; boundary=b', multipart],
  ],
};

function routesFor(folder: string): Routes {
  return [
    ['/', Reads],
    ['/read/:name', Reads, {}, 'read'],
    ['/parse', Parses],
    ['/upload', Uploads, {}, { maxBodyBytes: 10_000 }],
    ['/account', Account],
    ['/basic', Reads, {}, { middleware: [basicAuth({ realm: 'r', users: { ada: 'pw' } })] }],
    ['/refuse', Refuses, {}, { handlerTimeoutMs: 10_000 }],
    ['/files/*path', StaticFileHandler, { path: folder, precompressed: ['gzip'], defaultFilename: 'a.txt' }],
    ['/any', Anything],
    [host('*.example.org'), [['/read/:name', Refuses]]],
    ['/mounted', mounted(folder)],
    ['/old/:name', RedirectHandler, { url: '/new/{name}' }],
    ['/slash', Reads, {}, { middleware: [addSlash] }],
    ['/noslash/', Reads, {}, { middleware: [removeSlash] }],
    [/\/(\d{4})\/(\d\d)/, Reads],
  ] as Routes;
}

/** An application of its own, with other settings. */
function mounted(folder: string): Application {
  return new Application(
    [
      ['/', Reads],
      ['/user/:name', Reads],
      ['/files/*path', StaticFileHandler, { path: folder }],
      ['/gone', Refuses],
    ],
    { cookieSecret, middleware: [securityHeaders()] },
  );
}

async function sendAll(
  port: number,
  test: (sent: string, responses: readonly ParsedResponse[]) => void,
): Promise<void> {
  const maker = new RequestMaker(SEED, CHOICES);
  let left = CONNECTIONS;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const sent = maker.connection();
      const client = await RawClient.connect(port, sent);
      client.socket.end();
      test(sent, responsesOf(await client.untilEnd()));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

describe('an application with everything on', () => {
  it.each([false, true])(
    `gives random requests valid responses, fails for none, and forgets them all (debug: %s)`,
    { timeout: 120_000 },
    async (debug) => {
      const escaped: unknown[] = [];
      const caught = (error: unknown): void => void escaped.push(error);
      process.on('unhandledRejection', caught).on('uncaughtException', caught);
      const folder = await mkdtemp(join(tmpdir(), 'landspout-'));
      try {
        await writeFile(join(folder, 'a.txt'), 'a file of some bytes');
        await writeFile(join(folder, 'a.txt.gz'), gzipSync('a file of some bytes'));
        const log = new RecordingLogger();
        const app = new Application(routesFor(folder), {
          debug,
          cookieSecret,
          logger: log,
          logFunction: accessLog,
          loginUrl: '/login',
          xsrfCookies: true,
          hosts: ['example.com', '*.example.org'],
          publicOrigin: 'forwarded',
          staticPath: folder,
          middleware: [
            requestId(),
            securityHeaders(),
            cors({ origins: ['http://example.com'] }),
            rateLimit({ limit: 1e6 }),
          ],
        });
        await using server = await app.listen({
          port: 0,
          host: '127.0.0.1',
          decompressRequests: true,
        });
        const seen = new Map<number, number>();
        await sendAll(server.port, (sent, responses) => {
          for (const { status, isComplete } of responses) {
            seen.set(status, (seen.get(status) ?? 0) + 1);
            // No client may cause an error of the server, or a response that is cut.
            const isFine = isComplete && (status < 500 || status === 501 || status === 505);
            if (!isFine)
              expect({
                sent,
                status,
                isComplete,
                errors: log.records.at(-1),
              }).toEqual('a response');
          }
        });
        while (server.stats().open > 0) await later();
        const { requests, queuedBytes } = server.stats();
        expect([requests.underWay, queuedBytes]).toEqual([0, 0]);
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
        // The requests have reached many ends, not only the first check.
        for (const status of [200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 405, 415, 418, 421, 422]) {
          expect([status, seen.has(status)]).toEqual([status, true]);
        }
      } finally {
        process.off('unhandledRejection', caught).off('uncaughtException', caught);
        await rm(folder, { recursive: true });
      }
      expect(escaped).toEqual([]);
    },
  );
});
