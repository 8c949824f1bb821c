import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticFileHandler } from '../../src/index.ts';
import { withApp } from '../fixtures/running-application.ts';

const LINE = 'All work and no play. ';
const SMALL = LINE.repeat(100);
const LARGE = LINE.repeat(20_000);

describe('static files with compressResponse', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'static-'));
    for (const [name, text] of Object.entries({ 'a.txt': SMALL, 'b.txt': LARGE, 'tiny.txt': LINE })) {
      writeFileSync(path.join(folder, name), text);
    }
    writeFileSync(path.join(folder, 'p.png'), SMALL);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** `fetch` accepts gzip and decodes it, but keeps the headers. */
  const serving = (
    test: (
      get: (name: string, headers?: Record<string, string>, method?: string) => Promise<Response>,
    ) => Promise<void>,
    handlerClass: typeof StaticFileHandler = StaticFileHandler,
  ) =>
    withApp(
      [['/*path', handlerClass, { path: folder }]],
      ({ url, log }) =>
        test(async (name, headers = {}, method = 'GET') => {
          const response = await fetch(`${url}/${name}`, {
            method,
            headers: { 'Accept-Encoding': 'gzip', ...headers },
          });
          expect(log.records).toEqual([]);
          return response;
        }),
      { compressResponse: { codings: ['gzip'] } },
    );

  it('are compressed, whether they are kept in memory or not [OUT-10] [ST-03]', () =>
    serving(async (get) => {
      for (const [name, text] of [['a.txt', SMALL] as const, ['b.txt', LARGE] as const]) {
        const response = await get(name);
        expect([name, response.headers.get('Content-Encoding'), response.headers.get('Vary')]).toEqual([
          name,
          'gzip',
          'Accept-Encoding',
        ]);
        expect(response.headers.get('ETag')).toMatch(/^W\/"[0-9a-f]{32}-gzip"$/);
        expect((await response.text()) === text).toBe(true);
        const head = await get(name, {}, 'HEAD');
        for (const field of ['Content-Encoding', 'ETag', 'Vary']) {
          expect([field, head.headers.get(field)]).toEqual([field, response.headers.get(field)]);
        }
      }
      for (const name of ['tiny.txt', 'p.png']) {
        expect([name, (await get(name)).headers.get('Content-Encoding')]).toEqual([name, null]);
      }
    }));

  it('are not sent again to a client that has them, coded or not [OUT-10] [ST-05]', () =>
    serving(async (get) => {
      const coded = (await get('b.txt')).headers.get('ETag') ?? '';
      const plain = (await get('b.txt', { 'Accept-Encoding': 'identity' })).headers.get('ETag') ?? '';
      for (const tag of [coded, plain]) {
        const response = await get('b.txt', { 'If-None-Match': tag });
        expect([response.status, response.headers.get('ETag'), response.headers.get('Vary')]).toEqual([
          304,
          tag,
          'Accept-Encoding',
        ]);
      }
    }));

  it('are plain where a range is asked for, and vary nevertheless [OUT-10] [ST-05]', () =>
    serving(async (get) => {
      const part = await get('b.txt', { Range: 'bytes=0-3' });
      expect([part.status, part.headers.get('Content-Encoding'), await part.text()]).toEqual([
        206,
        null,
        'All ',
      ]);
      expect(part.headers.get('Vary')).toBe('Accept-Encoding');
      const whole = await get('b.txt', { Range: 'lines=0-3' });
      expect([whole.status, whole.headers.get('Content-Encoding'), whole.headers.get('Vary')]).toEqual([
        200,
        null,
        'Accept-Encoding',
      ]);
      expect((await whole.text()) === LARGE).toBe(true);
    }));

  it('have the tag of what is sent if a file changes after it was looked up [OUT-10]', () => {
    class Changing extends StaticFileHandler {
      override setExtraHeaders(): void {
        writeFileSync(path.join(folder, 'b.txt'), `${LARGE}more`);
      }
    }
    return serving(async (get) => {
      const response = await get('b.txt');
      expect((await response.text()).endsWith('more')).toBe(true);
      // Size and time, because the content was not hashed.
      expect(response.headers.get('ETag')).toMatch(/^W\/"[0-9a-f]+-[0-9a-f]+-gzip"$/);
    }, Changing);
  });
});
