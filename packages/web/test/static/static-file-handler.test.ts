import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RouteSpec, StaticFileHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const CHANGED = new Date('2020-02-03T04:05:06Z');
const CHANGED_TEXT = 'Mon, 03 Feb 2020 04:05:06 GMT';
/** Earlier than any date that a lenient parser would read from `1` or `Nov 6`. */
const OLD = new Date('1990-01-01T00:00:00Z');
const BIG_BYTES = 8 * 1024 * 1024;

let folder = '';
let root = '';
let plain: RouteSpec[] = [];
let indexed: RouteSpec[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'landspout-static-'));
  root = path.join(folder, 'static');
  await mkdir(path.join(root, 'dir', '.hidden'), { recursive: true });
  await mkdir(path.join(root, 'empty'));
  await mkdir(path.join(folder, 'static_secret'));
  const files = {
    'static/ten.txt': '0123456789',
    'static/old.txt': 'old',
    'static/empty.json': '',
    'static/a b+ü.html': 'odd name',
    'static/archive.tar.gz': 'gz',
    'static/noending': '?',
    'static/html': 'no ending either',
    'static/.env': 'SECRET',
    'static/index.html': 'root index',
    'static/dir/index.html': 'dir index',
    'static/dir/.hidden/x': 'SECRET',
    'static_secret/x': 'SECRET',
    'outside.txt': 'SECRET',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  await writeFile(path.join(root, 'big.bin'), Buffer.alloc(BIG_BYTES, 'x'));
  await utimes(path.join(root, 'ten.txt'), CHANGED, CHANGED);
  await utimes(path.join(root, 'old.txt'), OLD, OLD);
  await symlink('../outside.txt', path.join(root, 'leak.txt'));
  await symlink('../static_secret', path.join(root, 'leakdir'));
  await symlink('.env', path.join(root, 'unhide'));
  await symlink('ten.txt', path.join(root, 'inside.txt'));
  await symlink('loop', path.join(root, 'loop'));
  if (process.platform !== 'win32') execFileSync('mkfifo', [path.join(root, 'pipe')]);
  plain = [['/static/*path', StaticFileHandler, { path: root }]];
  indexed = [['/*path', StaticFileHandler, { path: root, defaultFilename: 'index.html' }]];
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('StaticFileHandler', () => {
  it('serves a file with its type, date and tag [ST-03]', () =>
    withApp(plain, async ({ port, log }) => {
      const answer = await ask(port, '/static/ten.txt');
      expect([statusOf(answer), bodyOf(answer)]).toEqual([200, '0123456789']);
      expect(headerOf(answer, 'Content-Type')).toBe('text/plain; charset=UTF-8');
      expect(headerOf(answer, 'Content-Length')).toBe('10');
      expect(headerOf(answer, 'Last-Modified')).toBe(CHANGED_TEXT);
      expect(headerOf(answer, 'ETag')).toMatch(/^"[0-9a-f]{32}"$/);
      expect(headerOf(answer, 'Accept-Ranges')).toBe('bytes');
      expect(headerOf(answer, 'Cache-Control')).toBeUndefined();
      expect(log.records).toEqual([]);
    }));

  it('knows types by the ending only [ST-03]', () =>
    withApp(plain, async ({ port }) => {
      const typeOf = async (name: string): Promise<string | undefined> =>
        headerOf(await ask(port, `/static/${name}`), 'Content-Type');
      expect(await typeOf('a%20b+%C3%BC.html')).toBe('text/html; charset=UTF-8');
      expect(await typeOf('archive.tar.gz')).toBe('application/gzip');
      expect(await typeOf('empty.json')).toBe('application/json');
      expect(await typeOf('noending')).toBe('application/octet-stream');
      expect(await typeOf('html')).toBe('application/octet-stream');
    }));

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'knows no type of the ending .%s',
    (ending) =>
      withApp(plain, async ({ port }) => {
        await writeFile(path.join(root, `x.${ending}`), 'x');
        const answer = await ask(port, `/static/x.${ending}`);
        expect([statusOf(answer), headerOf(answer, 'Content-Type')]).toEqual([
          200,
          'application/octet-stream',
        ]);
      }),
  );

  it('lets a file with a version in its URL be kept for ever [ST-03]', () =>
    withApp(plain, async ({ port }) => {
      const answer = await ask(port, '/static/ten.txt?v=1');
      expect(headerOf(answer, 'Cache-Control')).toBe('public, max-age=315360000, immutable');
      const years =
        (Date.parse(headerOf(answer, 'Expires') as string) - Date.now()) / (365 * 24 * 3600 * 1000);
      expect(Math.round(years)).toBe(10);
    }));

  it('answers HEAD with the same headers and no body, and other verbs with 405 [ST-05] [RH-02]', () =>
    withApp(plain, async ({ port }) => {
      const answer = await ask(port, '/static/ten.txt', 'HEAD');
      expect([statusOf(answer), headerOf(answer, 'Content-Length'), bodyOf(answer)]).toEqual([200, '10', '']);
      const post = await ask(port, '/static/ten.txt', 'POST');
      expect([statusOf(post), headerOf(post, 'Allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    }));

  it('serves an empty file', () =>
    withApp(plain, async ({ port }) => {
      const answer = await ask(port, '/static/empty.json');
      expect([statusOf(answer), headerOf(answer, 'Content-Length')]).toEqual([200, '0']);
    }));

  it.each([
    ['../outside.txt', 403],
    ['%2e%2e/outside.txt', 403],
    ['..%2foutside.txt', 403],
    ['%2e%2e%2foutside.txt', 403],
    ['dir/../../outside.txt', 403],
    ['../static_secret/x', 403],
    ['/etc/passwd', 403],
    ['%2fetc%2fpasswd', 403],
    ['..%5coutside.txt', 403],
    ['ten.txt%00.html', 404],
    ['%252e%252e/outside.txt', 404],
    ['ten.txt/', 404],
    ['ten.txt/x', 404],
    ['nothing', 404],
    [`${'x'.repeat(300)}`, 404],
    ['.env', 403],
    ['dir/.hidden/x', 403],
    ['leak.txt', 403],
    ['leakdir/x', 403],
    ['unhide', 403],
    ['loop', 404],
    ['dir', 403],
    ['', 403],
    ['%ff', 400],
  ])(
    'answers %s with %d, and gives nothing away [ST-01] [ST-02] [ATT-42] [ATT-43] [ATT-44]',
    (name, status) =>
      withApp(plain, async ({ port }) => {
        const answer = await ask(port, `/static/${name}`);
        expect([statusOf(answer), answer.includes('SECRET'), answer.includes('root:')]).toEqual([
          status,
          false,
          false,
        ]);
      }),
  );

  it.runIf(process.platform !== 'win32')('does not wait for a pipe', () =>
    withApp(plain, async ({ port }) => expect(statusOf(await ask(port, '/static/pipe'))).toBe(404)),
  );

  it('follows links inside of the folder, and out of it or to hidden files only where it is allowed [ST-02]', async () => {
    await withApp(plain, async ({ port }) =>
      expect(bodyOf(await ask(port, '/static/inside.txt'))).toBe('0123456789'),
    );
    const open = { path: root, followSymlinks: true, dotfiles: true };
    await withApp([['/*path', StaticFileHandler, open]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/leak.txt'))).toBe('SECRET');
      expect(bodyOf(await ask(port, '/.env'))).toBe('SECRET');
      expect(statusOf(await ask(port, '/../outside.txt'))).toBe(403);
    });
  });

  it('serves the default file of a directory, after a redirect to its slash [ST-01]', () =>
    withApp(indexed, async ({ port }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('root index');
      expect(bodyOf(await ask(port, '/dir/'))).toBe('dir index');
      const redirect = await ask(port, '/dir?x=1');
      expect([statusOf(redirect), headerOf(redirect, 'Location')]).toEqual([301, '/dir/?x=1']);
      // Some clients send characters in a query that a URI must not contain.
      const quoted = await ask(port, '/dir?x="[1]"|%zz');
      expect(headerOf(quoted, 'Location')).toBe('/dir/?x=%22%5B1%5D%22%7C%25zz');
      expect(statusOf(await ask(port, '/empty/'))).toBe(404);
    }));

  it.each(['//dir', '//evil.example/dir', '//evil.example/..%2fdir', '/%2fdir', '/\\dir', '/%5cdir'])(
    'never redirects %s to another site [ATT-45]',
    (target) =>
      withApp(indexed, async ({ port }) => {
        const answer = await ask(port, target);
        expect([403, 404, 400]).toContain(statusOf(answer));
        expect(headerOf(answer, 'Location')).toBeUndefined();
      }),
  );

  it('never redirects to another site, even with a pattern that eats slashes [ATT-45]', () =>
    withApp(
      [[/\/+(.*)/, StaticFileHandler, { path: root, defaultFilename: 'index.html' }]],
      async ({ port }) => {
        const answer = await ask(port, '//dir');
        expect([statusOf(answer), headerOf(answer, 'Location')]).toEqual([403, undefined]);
        expect(headerOf(await ask(port, '/dir'), 'Location')).toBe('/dir/');
      },
    ));

  it('answers 304 to the tag or date that it gave; the tag wins [ST-04]', () =>
    withApp(plain, async ({ port }) => {
      const get = (...fields: string[]): Promise<string> => ask(port, '/static/ten.txt', 'GET', ...fields);
      const tag = headerOf(await get(), 'ETag');
      const byTag = await get(`If-None-Match: ${tag}`);
      expect([statusOf(byTag), bodyOf(byTag), headerOf(byTag, 'ETag')]).toEqual([304, '', tag]);
      expect(statusOf(await get(`If-Modified-Since: ${CHANGED_TEXT}`))).toBe(304);
      expect(statusOf(await get('If-Modified-Since: Monday, 03-Feb-20 04:05:06 GMT'))).toBe(304);
      expect(statusOf(await get('If-Modified-Since: Mon Feb  3 04:05:06 2020'))).toBe(304);
      expect(statusOf(await get('If-Modified-Since: Thu, 31 Dec 2099 23:59:59 GMT'))).toBe(304);
      expect(statusOf(await get('If-Modified-Since: Mon, 03 Feb 2020 04:05:05 GMT'))).toBe(200);
      expect(statusOf(await get('If-Modified-Since: Sun, 06 Nov 1960 08:49:37 GMT'))).toBe(200);
      expect(statusOf(await get('If-None-Match: "other"', `If-Modified-Since: ${CHANGED_TEXT}`))).toBe(200);
    }));

  it.each([
    '2099',
    '1',
    'Nov 6',
    '2099-11-06',
    '2099-11-06T08:49:37Z',
    'Mon, 03 Feb 2099 05:05:06 +0100',
    'whenever',
  ])('ignores the If-Modified-Since %s, which is no HTTP-date (RFC 9110 §5.6.7) [ST-04]', (text) =>
    withApp(plain, async ({ port }) => {
      const since = `If-Modified-Since: ${text}`;
      expect(statusOf(await ask(port, '/static/ten.txt', 'GET', since))).toBe(200);
      expect(statusOf(await ask(port, '/static/ten.txt', 'HEAD', since))).toBe(200);
    }),
  );

  it('ignores an If-Modified-Since that came twice [ST-04]', () =>
    withApp(plain, async ({ port }) => {
      const since = `If-Modified-Since: ${CHANGED_TEXT}`;
      expect(statusOf(await ask(port, '/static/ten.txt', 'GET', since, since))).toBe(200);
    }));

  it.each(['GET', 'HEAD'])(
    'answers %s with 412 where If-Match or If-Unmodified-Since fails [ST-04]',
    (method) =>
      withApp(plain, async ({ port, log }) => {
        const get = (...fields: string[]): Promise<string> => ask(port, '/static/ten.txt', method, ...fields);
        const tag = headerOf(await get(), 'ETag') as string;
        const failed = await get('If-Match: "other"', 'Range: bytes=2-4');
        expect([statusOf(failed), headerOf(failed, 'ETag'), failed.includes('234')]).toEqual([
          412,
          undefined,
          false,
        ]);
        expect(statusOf(await get(`If-Match: "other", ${tag}`))).toBe(200);
        // Strong comparison: a weak tag never matches.
        expect(statusOf(await get(`If-Match: W/${tag}`))).toBe(412);
        expect(statusOf(await get('If-Match: *'))).toBe(200);
        expect(statusOf(await get('If-Unmodified-Since: Mon, 03 Feb 2020 04:05:05 GMT'))).toBe(412);
        expect(statusOf(await get(`If-Unmodified-Since: ${CHANGED_TEXT}`))).toBe(200);
        expect(statusOf(await get('If-Unmodified-Since: 2019-01-01T00:00:00Z'))).toBe(200);
        expect(statusOf(await get('If-Match: *', 'If-Unmodified-Since: Mon, 03 Feb 2020 04:05:05 GMT'))).toBe(
          200,
        );
        expect(statusOf(await ask(port, '/static/nothing', method, 'If-Match: "other"'))).toBe(404);
        expect(log.records).toEqual([]);
      }),
  );

  it('notices a change that leaves size and date as they were [ST-03]', () =>
    withApp(plain, async ({ port }) => {
      const name = path.join(root, 'changing.txt');
      const get = () => ask(port, '/static/changing.txt');
      await writeFile(name, 'one');
      await utimes(name, CHANGED, CHANGED);
      const first = await get();
      // The file is old enough that its content is kept.
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
      try {
        expect([bodyOf(await get()), bodyOf(await get())]).toEqual(['one', 'one']);
        await writeFile(name, 'two');
        await utimes(name, CHANGED, CHANGED);
        const second = await get();
        expect([bodyOf(first), bodyOf(second)]).toEqual(['one', 'two']);
        expect(headerOf(second, 'ETag')).not.toBe(headerOf(first, 'ETag'));
        expect(headerOf(second, 'Last-Modified')).toBe(CHANGED_TEXT);
        await rm(name);
        expect(statusOf(await get())).toBe(404);
      } finally {
        vi.useRealTimers();
      }
    }));

  it('compares conditions with the ETag and Last-Modified that setExtraHeaders has set [ST-04] [ST-05] [ST-07]', () => {
    class Versioned extends StaticFileHandler {
      override setExtraHeaders(): void {
        this.setHeader('ETag', '"v1"');
        this.clearHeader('Last-Modified');
      }
    }
    return withApp([['/*path', Versioned, { path: root }]], async ({ port }) => {
      const get = (...fields: string[]): Promise<string> => ask(port, '/ten.txt', 'GET', ...fields);
      expect(statusOf(await get('If-Match: "v1"'))).toBe(200);
      expect(statusOf(await get('If-None-Match: "v1"'))).toBe(304);
      expect(statusOf(await get('Range: bytes=2-4', 'If-Range: "v1"'))).toBe(206);
      expect(statusOf(await get('Range: bytes=2-4', 'If-Range: W/"v1"'))).toBe(200);
      expect(statusOf(await get('Range: bytes=2-4', `If-Range: ${CHANGED_TEXT}`))).toBe(200);
      expect(statusOf(await get(`If-Modified-Since: ${CHANGED_TEXT}`))).toBe(200);
    });
  });

  it('streams a large file whole, at the pace of the reader', () =>
    withApp(plain, async ({ url }) => {
      const answer = await fetch(`${url}/static/big.bin`);
      expect((await answer.arrayBuffer()).byteLength).toBe(BIG_BYTES);
    }));

  it('stops quietly and closes the file when the peer leaves midway [ST-06]', () =>
    withApp(plain, async ({ server, port, log }) => {
      const client = await RawClient.connect(port, requestText('/static/big.bin'));
      await client.until('xxxx');
      client.reset();
      while (server.connectionCount > 0 || (await openBelow(root)) > 0) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(log.records.filter(({ level }) => level !== 'debug')).toEqual([]);
    }));

  it('closes the file after every kind of answer', () =>
    withApp(plain, async ({ port }) => {
      await ask(port, '/static/ten.txt');
      await ask(port, '/static/ten.txt', 'HEAD');
      await ask(port, '/static/ten.txt', 'GET', 'Range: bytes=99-');
      await ask(port, '/static/ten.txt', 'GET', `If-Modified-Since: ${CHANGED_TEXT}`);
      await ask(port, '/static/ten.txt/');
      while ((await openBelow(root)) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }));

  it('cuts the connection when the file becomes shorter under it [ATT-16] [ATT-72]', async () => {
    const name = path.join(root, 'shrinking.bin');
    await writeFile(name, Buffer.alloc(BIG_BYTES));
    class Shrinks extends StaticFileHandler {
      override setExtraHeaders(): void {
        this.setHeader('X-Extra', '1');
      }
      override async flush(): Promise<void> {
        await truncate(name, 1_000);
        await super.flush();
      }
    }
    await withApp([['/*path', Shrinks, { path: root }]], async ({ url, log }) => {
      const answer = await fetch(`${url}/shrinking.bin`);
      expect(answer.headers.get('X-Extra')).toBe('1');
      await expect(answer.arrayBuffer()).rejects.toThrow();
      expect(log.records.map(({ level }) => level)).toEqual(['warn']);
    });
  });
});

/** The number of files below a folder that this process has open; none if the system does not show it. */
async function openBelow(below: string): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const { readlink } = await import('node:fs/promises');
  const names = await readdir('/proc/self/fd');
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(below)).length;
}
