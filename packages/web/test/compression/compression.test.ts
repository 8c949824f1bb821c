import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { get, request } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompressSync, constants, createGunzip, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  cors,
  HTTPError,
  RequestHandler,
  type RouteSpec,
  requestId,
} from '../../src/index.ts';
import { ask, converse, headerOf, requestText, statusOf } from '../fixtures/raw-client.ts';
import { type Running, signalled, withApp } from '../fixtures/running-application.ts';

const WORDS = 'All work and no play. ';
const TEXT = WORDS.repeat(200);
const GZIP = 'Accept-Encoding: gzip';

class Page extends RequestHandler {
  override get(): void {
    this.write(WORDS.repeat(Number(this.getArgument('times', '200'))));
  }
}

/** Serves with compression. */
const compressing = (
  routes: readonly RouteSpec[],
  test: (running: Running) => Promise<void>,
  settings: ApplicationSettings = {},
) => withApp(routes, test, { compressResponse: { codings: ['gzip', 'br'] }, ...settings });

interface Received {
  readonly status: number;
  readonly body: Buffer;
  field(name: string): string | undefined;
}

interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The Accept-Encoding; '' for none. Default: gzip. */
  readonly accept?: string;
}

/** Sends a request and returns the response with its coded body. */
function receive(url: string, options: RequestOptions = {}): Promise<Received> {
  const { method = 'GET', headers, accept = 'gzip' } = options;
  return new Promise((resolve, reject) => {
    const accepting = accept === '' ? {} : { 'Accept-Encoding': accept };
    request(url, { method, headers: { ...headers, ...accepting } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const field = (name: string) => response.headers[name.toLowerCase()]?.toString();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks), field });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('compressResponse', () => {
  it('compresses what the client accepts, and says so [OUT-10]', () =>
    compressing([['/', Page]], async ({ url }) => {
      const response = await receive(url);
      expect(response.field('Content-Encoding')).toBe('gzip');
      expect(response.field('Vary')).toBe('Accept-Encoding');
      expect(response.field('Content-Length')).toBe(String(response.body.length));
      expect(response.body.length).toBeLessThan(200);
      expect(gunzipSync(response.body).toString()).toBe(TEXT);
      const brotli = await receive(url, { accept: 'gzip;q=0.5, br' });
      expect(brotli.field('Content-Encoding')).toBe('br');
      expect(brotliDecompressSync(brotli.body).toString()).toBe(TEXT);
    }));

  it('sends the plain body to other clients, which varies as well [OUT-10]', () =>
    compressing([['/', Page]], async ({ url }) => {
      for (const accept of ['', 'identity', 'gzip;q=0, br;q=0', 'deflate', 'zstd', 'gzip;q=0.1, identity']) {
        const response = await receive(url, { accept });
        expect([accept, response.field('Content-Encoding')]).toEqual([accept, undefined]);
        expect(response.field('Vary')).toBe('Accept-Encoding');
        expect(response.body.toString()).toBe(TEXT);
      }
    }));

  it('is off by default', () =>
    withApp([['/', Page]], async ({ url }) => {
      const response = await receive(url);
      expect([response.field('Content-Encoding'), response.field('Vary')]).toEqual([undefined, undefined]);
    }));

  it('leaves small bodies and other types alone, without Vary [OUT-10]', () => {
    class Other extends RequestHandler {
      override get(): void {
        this.setHeader('Content-Type', this.getArgument('type'));
        this.write(TEXT);
      }
    }
    return compressing(
      [
        ['/', Page],
        ['/other', Other],
      ],
      async ({ url }) => {
        const small = await receive(`${url}?times=40`);
        expect([small.field('Content-Encoding'), small.field('Vary')]).toEqual([undefined, undefined]);
        for (const type of ['image/png', 'text/event-stream', 'application/zip', 'font/woff2']) {
          const response = await receive(`${url}/other?type=${type}`);
          expect([type, response.field('Content-Encoding')]).toEqual([type, undefined]);
        }
        for (const type of ['application/json', 'image/svg%2Bxml', 'text/css;charset=utf-8']) {
          const response = await receive(`${url}/other?type=${type}`);
          expect([type, response.field('Content-Encoding')]).toEqual([type, 'gzip']);
        }
      },
    );
  });

  it('leaves alone what is coded already, must not be transformed, or has no body [OUT-10]', () => {
    class Special extends RequestHandler {
      override get(): void {
        const [name = '', value = ''] = this.getArgument('header').split('=');
        this.setHeader(name, value);
        this.write(TEXT);
      }
      override post(): void {
        this.setStatus(204);
      }
      override put(): void {
        this.response.compress = false;
        this.write(TEXT);
      }
    }
    return compressing([['/', Special]], async ({ url }) => {
      for (const header of ['Content-Encoding=identity', 'Cache-Control=no-cache, no-transform']) {
        const response = await receive(`${url}?header=${encodeURIComponent(header)}`);
        expect([header, response.body.toString()]).toEqual([header, TEXT]);
      }
      const empty = await receive(url, { method: 'POST' });
      expect([empty.status, empty.field('Content-Encoding'), empty.field('Vary')]).toEqual([
        204,
        undefined,
        undefined,
      ]);
      const off = await receive(url, { method: 'PUT' });
      expect([off.field('Content-Encoding'), off.field('Vary')]).toEqual([undefined, undefined]);
    });
  });

  it('is turned off by a route [OUT-10]', () =>
    compressing(
      [
        ['/plain', Page, {}, { compressResponse: false }],
        ['/group', [['/page', Page]], { compressResponse: false }],
        ['/coded', Page],
      ],
      async ({ url }) => {
        const codings = ['/plain', '/group/page', '/coded'].map(async (path) =>
          (await receive(url + path)).field('Content-Encoding'),
        );
        expect(await Promise.all(codings)).toEqual([undefined, undefined, 'gzip']);
      },
    ));

  it('compresses error pages, and what middleware responds', () => {
    class Refusing extends RequestHandler {
      override get(): void {
        throw new HTTPError(403, undefined, { detail: TEXT });
      }
    }
    return compressing(
      [['/', Refusing]],
      async ({ url }) => {
        const page = await receive(url);
        expect([page.status, page.field('Content-Encoding')]).toEqual([403, 'gzip']);
        expect(gunzipSync(page.body).toString()).toContain(TEXT.trim());
        const other = await receive(`${url}/middleware`);
        expect(gunzipSync(other.body).toString()).toBe(TEXT);
        expect(other.field('Vary')).toBe('Origin, Accept-Encoding');
      },
      {
        middleware: [
          requestId(),
          cors({ origins: ['https://example.com'] }),
          ({ request, response }, next) =>
            request.path === '/middleware' ? response.finish(200, TEXT) : next(),
        ],
      },
    );
  });

  it('has a weak ETag for each coding, and a 304 for it [OUT-10]', () =>
    compressing([['/', Page]], async ({ url }) => {
      const plain = await receive(url, { accept: '' });
      const coded = await receive(url);
      const tag = plain.field('ETag') ?? '';
      expect(coded.field('ETag')).toBe(`W/${tag.slice(0, -1)}-gzip"`);
      const again = await receive(url, { headers: { 'If-None-Match': coded.field('ETag') ?? '' } });
      expect([
        again.status,
        again.field('ETag'),
        again.field('Vary'),
        again.field('Content-Encoding'),
      ]).toEqual([304, coded.field('ETag'), 'Accept-Encoding', undefined]);
      // A client that has the plain body may keep it.
      const kept = await receive(url, { headers: { 'If-None-Match': tag } });
      expect([kept.status, kept.field('ETag'), kept.field('Vary')]).toEqual([304, tag, 'Accept-Encoding']);
      expect((await receive(url, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
      const unchanged = await receive(url, { accept: '', headers: { 'If-None-Match': tag } });
      expect([unchanged.status, unchanged.field('ETag')]).toEqual([304, tag]);
    }));

  it('lets checkEtag see the tag of the coding', () => {
    class Tagged extends RequestHandler {
      override get(): void {
        this.setHeader('ETag', '"v1"');
        if (this.checkEtag()) this.setStatus(304);
        else this.write(TEXT);
      }
    }
    return compressing([['/', Tagged]], async ({ url }) => {
      const tag = (await receive(url)).field('ETag') ?? '';
      expect(tag).toBe('W/"v1-gzip"');
      expect((await receive(url, { headers: { 'If-None-Match': tag } })).status).toBe(304);
      expect((await receive(url, { accept: '', headers: { 'If-None-Match': '"v1"' } })).status).toBe(304);
    });
  });

  it('lets checkEtag see that a client has the plain body, which is too small to be compressed', () => {
    class Small extends RequestHandler {
      override get(): void {
        this.setHeader('ETag', '"v1"');
        if (this.checkEtag()) this.setStatus(304);
        else this.write('small');
      }
    }
    return compressing([['/', Small]], async ({ url }) => {
      expect((await receive(url)).field('ETag')).toBe('"v1"');
      const again = await receive(url, { headers: { 'If-None-Match': '"v1"' } });
      expect([again.status, again.field('ETag')]).toEqual([304, '"v1"']);
    });
  });

  it('cuts a body that is shorter or longer than its Content-Length, as without compression [ATT-72]', () => {
    class Announced extends RequestHandler {
      override async get(): Promise<void> {
        this.setHeader('Content-Length', 5_000);
        this.write('a'.repeat(Number(this.getArgument('bytes'))));
        await this.flush();
      }
      override post(): void {
        this.setHeader('Content-Length', 3);
        this.write(TEXT);
      }
    }
    return compressing([['/', Announced]], async ({ url }) => {
      for (const accept of ['gzip', '']) {
        await expect(receive(`${url}?bytes=2000`, { accept })).rejects.toThrow();
        const whole = await receive(`${url}?bytes=5000`, { accept });
        expect([whole.field('Content-Encoding'), whole.body.length]).toEqual([undefined, 5_000]);
        expect((await receive(url, { method: 'POST', accept })).status).toBe(500);
      }
    });
  });

  it('cuts a response of which too much would wait to be compressed, and ends it [ATT-72]', () => {
    class Busy extends RequestHandler {
      override get(): void {
        this.write(randomBytes(300_000));
        void this.flush();
        this.finish(randomBytes(300_000));
      }
      override setDefaultHeaders(): void {
        this.setHeader('Content-Type', 'text/plain');
      }
    }
    const finished: number[] = [];
    return compressing(
      [['/', Busy]],
      async ({ url, app }) => {
        await expect(receive(url)).rejects.toThrow();
        await until(() => finished.length === 1);
        await until(() => app.compression?.pool.streams === 0);
      },
      {
        compressResponse: { codings: ['gzip'], maxWaitingBytes: 1_000 },
        logFunction: ({ status }) => finished.push(status),
      },
    );
  });

  it('responds to HEAD with the headers of GET [OUT-10]', () => {
    class Large extends RequestHandler {
      override get(): void {
        this.write(randomBytes(40_000).toString('hex'));
      }
    }
    return compressing(
      [
        ['/', Page],
        ['/large', Large],
      ],
      async ({ url, port }) => {
        const get = await receive(url);
        const head = await receive(url, { method: 'HEAD' });
        for (const name of ['Content-Encoding', 'Content-Length', 'Vary', 'ETag']) {
          expect([name, head.field(name)]).toEqual([name, get.field(name)]);
        }
        const large = await ask(port, '/large', 'HEAD', GZIP);
        expect([
          statusOf(large),
          headerOf(large, 'Content-Encoding'),
          headerOf(large, 'Content-Length'),
        ]).toEqual([200, 'gzip', undefined]);
      },
    );
  });

  it('compresses large bodies beside other work [OUT-10]', () => {
    const body = randomBytes(600_000).toString('hex');
    class Large extends RequestHandler {
      override get(): void {
        this.setHeader('Content-Length', body.length);
        this.write(body);
      }
    }
    return compressing([['/', Large]], async ({ url, log }) => {
      const responses = await Promise.all(Array.from({ length: 20 }, () => receive(url)));
      for (const response of responses) {
        expect([response.field('Content-Encoding'), response.field('Content-Length')]).toEqual([
          'gzip',
          undefined,
        ]);
        expect(gunzipSync(response.body).toString() === body).toBe(true);
      }
      expect(log.records).toEqual([]);
    });
  });

  it('flushes a streamed body so that the client can decode each part [OUT-10]', () => {
    const more = signalled();
    class Streaming extends RequestHandler {
      override async get(): Promise<void> {
        this.write('first');
        await this.flush();
        await more.promise;
        this.write('second');
        await this.flush();
        this.write('third');
      }
    }
    return compressing([['/', Streaming]], async ({ url }) => {
      const text = await new Promise<string>((resolve, reject) => {
        get(url, { headers: { 'Accept-Encoding': 'gzip' } }, (response) => {
          expect(response.headers['content-encoding']).toBe('gzip');
          let received = '';
          response.on('error', reject);
          response
            .pipe(createGunzip({ flush: constants.Z_SYNC_FLUSH }))
            .on('data', (chunk: Buffer) => {
              received += chunk.toString();
              if (received === 'first') more.resolve();
            })
            .on('error', reject)
            .on('end', () => resolve(received));
        });
      });
      expect(text).toBe('firstsecondthird');
    });
  });

  it('sends the plain body when too many are being compressed', () => {
    const held = signalled();
    let started = 0;
    class Streaming extends RequestHandler {
      override async get(): Promise<void> {
        this.setHeader('ETag', '"v1"');
        await this.flush();
        started += 1;
        await held.promise;
        this.write(TEXT);
      }
    }
    return compressing(
      [['/', Streaming]],
      async ({ url, app }) => {
        const first = receive(url);
        await until(() => started === 1);
        const second = receive(url);
        await until(() => started === 2);
        held.resolve();
        expect((await first).field('Content-Encoding')).toBe('gzip');
        const plain = await second;
        expect([plain.field('Content-Encoding'), plain.field('ETag'), plain.field('Vary')]).toEqual([
          undefined,
          '"v1"',
          'Accept-Encoding',
        ]);
        expect(plain.body.toString()).toBe(TEXT);
        expect(app.compression?.pool.streams).toBe(0);
      },
      { compressResponse: { codings: ['gzip'], maxStreams: 1 } },
    );
  });

  it('frees the encoder of a client that leaves in the middle [ATT-72]', () => {
    class Endless extends RequestHandler {
      override async get(): Promise<void> {
        for (;;) {
          this.write(randomBytes(10_000).toString('hex'));
          await this.flush();
        }
      }
      override post(): void {
        this.write(randomBytes(2_000_000).toString('hex'));
      }
    }
    return compressing(
      [['/', Endless]],
      async ({ url, app, log }) => {
        for (const method of ['GET', 'POST']) {
          for (let at = 0; at < 5; at += 1) {
            const leaving = new AbortController();
            const response = await fetch(url, { method, signal: leaving.signal });
            await response.body?.getReader().read();
            leaving.abort();
          }
        }
        await until(() => app.compression?.pool.streams === 0);
        expect(app.compression?.pool.waitingBytes).toBe(0);
        expect(log.records.filter(({ level }) => level !== 'debug')).toEqual([]);
      },
      { compressResponse: { codings: ['gzip'], maxStreams: 100 } },
    );
  });

  it('cuts a compressed body whose handler fails in the middle [ATT-72]', () => {
    class Failing extends RequestHandler {
      override async get(): Promise<void> {
        this.write(TEXT);
        await this.flush();
        throw new Error('broken');
      }
    }
    return compressing([['/', Failing]], async ({ url, app }) => {
      await expect(receive(url)).rejects.toThrow();
      await until(() => app.compression?.pool.streams === 0);
    });
  });

  it('completes requests on one connection in order, and logs them once', () => {
    class Large extends RequestHandler {
      override get(): void {
        this.write(WORDS.repeat(10_000));
      }
    }
    const finished: number[] = [];
    return compressing(
      [
        ['/', Page],
        ['/large', Large],
      ],
      async ({ port }) => {
        const responses = await converse(
          port,
          requestText('/large', 'GET', GZIP),
          requestText('/', 'GET', GZIP),
          requestText('/large', 'GET', GZIP, 'Connection: close'),
        );
        expect(responses.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
        expect(finished).toEqual([200, 200, 200]);
      },
      { logFunction: ({ status }) => finished.push(status) },
    );
  });

  it('is understood by curl and Python', () =>
    compressing([['/', Page]], async ({ url }) => {
      const run = promisify(execFile);
      const { stdout } = await run('curl', ['-s', '--compressed', url]);
      expect(stdout).toBe(TEXT);
      const program =
        'import gzip,sys,urllib.request as u;' +
        'r=u.urlopen(u.Request(sys.argv[1],headers={"Accept-Encoding":"gzip"}));' +
        'sys.stdout.write(gzip.decompress(r.read()).decode())';
      expect((await run('python3', ['-c', program, url])).stdout).toBe(TEXT);
    }));

  it('refuses unknown and invalid options when the application is made', () => {
    const make = (compressResponse: unknown) => () =>
      new Application([], { compressResponse } as ApplicationSettings);
    expect(make({ minByte: 1 })).toThrow(
      /compressResponse: unknown option "minByte": did you mean "minBytes"/,
    );
    expect(make({ codings: ['lzma'] })).toThrow(/compressResponse: codings/);
    expect(make('yes')).toThrow(/compressResponse/);
    expect(() => new Application([['/', Page, {}, { compressResponse: 1 as never }]])).toThrow(
      /compressResponse must be true or false, got 1/,
    );
  });
});

async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setImmediate(resolve));
}
