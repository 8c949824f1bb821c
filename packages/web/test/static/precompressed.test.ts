import { execFile } from 'node:child_process';
import { symlink, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RouteSpec, StaticFileHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { StaticFolder } from '../fixtures/static-folder.ts';

const DATE = new Date('2020-02-03T04:05:06Z');
const LATER = new Date('2020-02-03T04:05:08Z');
const SCRIPT = 'console.log(1);\n'.repeat(100);

let folder: StaticFolder;
let routes: RouteSpec[] = [];

beforeAll(async () => {
  folder = await StaticFolder.create();
  await folder.write('app.js', SCRIPT, DATE);
  await folder.write('app.js.br', brotliCompressSync(SCRIPT), LATER);
  await folder.write('app.js.gz', gzipSync(SCRIPT), DATE);
  await folder.write('app.js.zst', 'not really zstd', DATE);
  await folder.write('alone.js', SCRIPT, DATE);
  await folder.write('outdated.js', SCRIPT, LATER);
  await folder.write('outdated.js.gz', gzipSync('old'), DATE);
  await folder.write('big.css', 'a'.repeat(200_000), DATE);
  await folder.write('big.css.gz', gzipSync('a'.repeat(200_000), { level: 0 }), DATE);
  await folder.write('only.js.gz', gzipSync('only'), DATE);
  await folder.write('linked.js', SCRIPT, DATE);
  await symlink('/etc/hostname', folder.file('linked.js.gz'));
  await folder.write('folder.js', SCRIPT, DATE);
  await folder.write('folder.js.gz/x', 'x');
  routes = [['/*path', StaticFileHandler, { path: folder.path }]];
});

afterAll(() => folder.remove());

describe('StaticFileHandler and Accept-Encoding', () => {
  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['zstd, gzip', 'zstd'],
    ['gzip', 'gzip'],
    ['br;q=0.1, gzip;q=0.9', 'gzip'],
    ['deflate', undefined],
    ['gzip;q=0', undefined],
    ['identity', undefined],
  ])('for %s sends %s', (accept, coding) =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/app.js', 'GET', `Accept-Encoding: ${accept}`);
      expect([statusOf(answer), headerOf(answer, 'Content-Encoding')]).toEqual([200, coding]);
      expect(headerOf(answer, 'Vary')).toBe('Accept-Encoding');
      expect(headerOf(answer, 'Content-Type')).toBe('text/javascript; charset=UTF-8');
      expect(headerOf(answer, 'Content-Length')).toBe(String(bodyOf(answer).length));
    }),
  );

  it('sends the plain file to a client that accepts no coding, with Vary', () =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/app.js');
      expect([bodyOf(answer), headerOf(answer, 'Vary')]).toEqual([SCRIPT, 'Accept-Encoding']);
      expect(headerOf(answer, 'Content-Encoding')).toBeUndefined();
    }));

  it('has a tag and a date for each coding, with which conditions are compared [ST-04]', () =>
    withApp(routes, async ({ port }) => {
      const get = (accept: string, ...fields: string[]) =>
        ask(port, '/app.js', 'GET', `Accept-Encoding: ${accept}`, ...fields);
      const tags = [];
      for (const accept of ['identity', 'br', 'gzip', 'zstd']) {
        const tag = headerOf(await get(accept), 'ETag') as string;
        tags.push(tag);
        expect(statusOf(await get(accept, `If-None-Match: ${tag}`))).toBe(304);
        expect(headerOf(await get(accept, `If-None-Match: ${tag}`), 'Vary')).toBe('Accept-Encoding');
      }
      expect(new Set(tags).size).toBe(4);
      expect(statusOf(await get('gzip', `If-None-Match: ${tags[1]}`))).toBe(200);
      expect(headerOf(await get('br'), 'Last-Modified')).toBe('Mon, 03 Feb 2020 04:05:08 GMT');
    }));

  it('sends ranges of the compressed file, only if If-Range has its tag [ST-05]', () =>
    withApp(routes, async ({ port }) => {
      const get = (...fields: string[]) =>
        ask(port, '/app.js', 'GET', 'Accept-Encoding: gzip', 'Range: bytes=0-1', ...fields);
      const part = await get();
      expect([statusOf(part), headerOf(part, 'Content-Encoding'), bodyOf(part)]).toEqual([
        206,
        'gzip',
        '\x1f\x8b',
      ]);
      expect(statusOf(await get(`If-Range: ${headerOf(part, 'ETag')}`))).toBe(206);
      // The plain file has the same date.
      expect(statusOf(await get(`If-Range: ${headerOf(part, 'Last-Modified')}`))).toBe(200);
      const plain = await ask(port, '/app.js');
      expect(statusOf(await get(`If-Range: ${headerOf(plain, 'ETag')}`))).toBe(200);
    }));

  it('uses no compressed file that is older than the plain one, leads out of the folder, or is not a file [ATT-44]', () =>
    withApp(routes, async ({ port }) => {
      for (const name of ['outdated.js', 'linked.js', 'folder.js', 'alone.js']) {
        const answer = await ask(port, `/${name}`, 'GET', 'Accept-Encoding: gzip');
        expect([name, statusOf(answer), bodyOf(answer)]).toEqual([name, 200, SCRIPT]);
        expect(headerOf(answer, 'Content-Encoding')).toBeUndefined();
      }
      const alone = await ask(port, '/alone.js', 'GET', 'Accept-Encoding: gzip');
      expect(headerOf(alone, 'Vary')).toBeUndefined();
      expect(statusOf(await ask(port, '/only.js', 'GET', 'Accept-Encoding: gzip'))).toBe(404);
    }));

  it('sends a compressed file as it is if its own name is requested', () =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/only.js.gz', 'GET', 'Accept-Encoding: gzip');
      expect(headerOf(answer, 'Content-Type')).toBe('application/gzip');
      expect([headerOf(answer, 'Content-Encoding'), headerOf(answer, 'Vary')]).toEqual([
        undefined,
        undefined,
      ]);
    }));

  it('sends large compressed files too', () =>
    withApp(routes, async ({ url }) => {
      const response = await fetch(`${url}/big.css`, { headers: { 'Accept-Encoding': 'gzip' } });
      expect(response.headers.get('Content-Encoding')).toBe('gzip');
      expect(await response.text()).toBe('a'.repeat(200_000));
    }));

  it('sends the plain file after the compressed one was removed', async () => {
    await folder.write('passing.js', SCRIPT, DATE);
    await folder.write('passing.js.gz', gzipSync(SCRIPT), DATE);
    await withApp(routes, async ({ port }) => {
      const get = () => ask(port, '/passing.js', 'GET', 'Accept-Encoding: gzip');
      expect(headerOf(await get(), 'Content-Encoding')).toBe('gzip');
      await unlink(folder.file('passing.js.gz'));
      const answer = await get();
      expect([headerOf(answer, 'Content-Encoding'), bodyOf(answer)]).toEqual([undefined, SCRIPT]);
    });
  });

  it('uses the codings and the order of the option precompressed', async () => {
    const init = { path: folder.path, precompressed: ['gzip', 'br'] as const };
    await withApp([['/*path', StaticFileHandler, init]], async ({ port }) => {
      const coding = async (accept: string) =>
        headerOf(await ask(port, '/app.js', 'GET', `Accept-Encoding: ${accept}`), 'Content-Encoding');
      expect([await coding('br, gzip'), await coding('zstd'), await coding('br')]).toEqual([
        'gzip',
        undefined,
        'br',
      ]);
    });
    const none = { path: folder.path, precompressed: [] };
    await withApp([['/*path', StaticFileHandler, none]], async ({ port }) => {
      const answer = await ask(port, '/app.js', 'GET', 'Accept-Encoding: br');
      expect([headerOf(answer, 'Content-Encoding'), headerOf(answer, 'Vary')]).toEqual([
        undefined,
        undefined,
      ]);
    });
  });

  it('keeps another Vary', () => {
    class ForLanguages extends StaticFileHandler {
      override setDefaultHeaders(): void {
        this.setHeader('Vary', 'Accept-Language');
      }
    }
    return withApp([['/*path', ForLanguages, { path: folder.path }]], async ({ port }) => {
      expect(await ask(port, '/app.js')).toMatch(
        /\r\nVary: Accept-Language(, |\r\nVary: )Accept-Encoding\r\n/,
      );
    });
  });

  it('is understood by curl --compressed', () =>
    withApp(routes, async ({ url }) => {
      const get = (name: string) =>
        promisify(execFile)('curl', ['-sSD-', '--compressed', `${url}/${name}`], { maxBuffer: 1e6 });
      const script = await get('app.js');
      expect(script.stdout).toMatch(/^Content-Encoding: (br|gzip)\r$/m);
      expect(script.stdout.endsWith(SCRIPT)).toBe(true);
      const sheet = await get('big.css');
      expect(sheet.stdout).toContain('Content-Encoding: gzip');
      expect(sheet.stdout.endsWith('a'.repeat(200_000))).toBe(true);
    }));
});
