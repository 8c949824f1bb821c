import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AsyncHTTPClient, HTTPStreamedResponse, SaveProgress } from '../../src/index.ts';
import { closing, rejection, withSite } from '../fixtures/recording.ts';
import { answering, waitUntil, withClient, withRawServer } from '../fixtures/servers.ts';

const LARGE = Buffer.alloc(2_000_000, 'landspout ');
const PART = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-save-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Streams half a body, saves it in the way of a test, and checks that the connection is closed afterwards. */
function half(
  test: (response: HTTPStreamedResponse, controller: AbortController) => Promise<void>,
  end = false,
): Promise<void> {
  return withRawServer(closing(answering(PART, { end })), ({ url, openSockets }) =>
    withClient({}, async (client: AsyncHTTPClient) => {
      const controller = new AbortController();
      await test(await client.stream(url, { signal: controller.signal }), controller);
      await waitUntil(() => openSockets() === 0);
    }),
  );
}

describe('saveTo', () => {
  it('saves the body, and says how much it has saved', () =>
    withSite(
      ({ target }, response) => {
        response.writeHead(200, target === '/sized' ? { 'Content-Length': String(LARGE.length) } : {});
        response.end(LARGE);
      },
      async ({ url, sockets }, client) => {
        for (const [target, totalBytes] of [
          ['/sized', LARGE.length],
          ['/chunked', undefined],
        ] as const) {
          const progress: SaveProgress[] = [];
          const response = await client.stream(url + target);
          const saved = await response.saveTo(path, { onProgress: (step) => void progress.push(step) });
          expect(saved).toBe(LARGE.length);
          expect(readFileSync(path).equals(LARGE)).toBe(true);
          expect(progress.at(-1)).toEqual({ receivedBytes: LARGE.length, totalBytes });
          const counts = progress.map(({ receivedBytes }) => receivedBytes);
          expect(counts).toEqual([...counts].sort((a, b) => a - b));
          expect(new Set(progress.map((step) => step.totalBytes))).toEqual(new Set([totalBytes]));
        }
        expect(readdirSync(folder)).toEqual(['file']);
        expect(sockets).toHaveLength(1);
      },
    ));

  it('saves an encoded body decoded, without a known total', () =>
    withSite(
      (_, response) => {
        const body = gzipSync(LARGE);
        response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length });
        response.end(body);
      },
      async ({ url }, client) => {
        const totals = new Set<unknown>();
        const onProgress = ({ totalBytes }: SaveProgress): void => void totals.add(totalBytes);
        expect(await (await client.stream(url)).saveTo(path, { onProgress })).toBe(LARGE.length);
        expect(readFileSync(path).equals(LARGE)).toBe(true);
        expect(totals).toEqual(new Set([undefined]));
      },
    ));

  it('saves an empty body, and the rest of one that was read in part', () =>
    withSite(
      ({ target }, response) => response.end(target === '/empty' ? '' : LARGE),
      async ({ url }, client) => {
        expect(await (await client.stream(`${url}/empty`)).saveTo(path)).toBe(0);
        expect(readFileSync(path)).toHaveLength(0);
        const response = await client.stream(url);
        const first = (await response.read())?.length ?? 0;
        expect(await response.saveTo(path)).toBe(LARGE.length - first);
      },
    ));

  it('replaces an existing file only when the body is complete', () =>
    withSite(
      (_, response) => response.end(LARGE),
      async ({ url }, client) => {
        writeFileSync(path, 'old');
        const seen = new Set<string>();
        const onProgress = (): void => void seen.add(readFileSync(path, 'utf8'));
        await (await client.stream(url)).saveTo(path, { onProgress });
        expect(seen).toEqual(new Set(['old']));
        expect(readFileSync(path).equals(LARGE)).toBe(true);
      },
    ));

  it('replaces no file with overwrite false', () =>
    half(async (response) => {
      writeFileSync(path, 'old');
      expect(await rejection(response.saveTo(path, { overwrite: false }))).toHaveProperty('code', 'EEXIST');
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['file']);
    }));

  it('creates a file with overwrite false, and holds its name from the start', () =>
    withSite(
      (_, response) => response.end(LARGE),
      async ({ url }, client) => {
        const seen = new Set<number>();
        const onProgress = (): void => void seen.add(readFileSync(path).length);
        await (await client.stream(url)).saveTo(path, { overwrite: false, onProgress });
        expect(seen).toEqual(new Set([0]));
        expect(readFileSync(path).equals(LARGE)).toBe(true);
        expect(readdirSync(folder)).toEqual(['file']);
      },
    ));

  it.each([true, false])('leaves no file if it is aborted midway, with overwrite %s', (overwrite) =>
    half(async (response, controller) => {
      const reason = new Error('enough');
      const onProgress = (): void => controller.abort(reason);
      await expect(response.saveTo(path, { overwrite, onProgress })).rejects.toBe(reason);
      expect(readdirSync(folder)).toEqual([]);
    }),
  );

  it('leaves no file if the body is truncated, and keeps an old one', () =>
    half(async (response) => {
      writeFileSync(path, 'old');
      expect(await rejection(response.saveTo(path))).toHaveProperty('code', 'ERR_HTTPCLIENT_CLOSED');
      expect(readdirSync(folder)).toEqual(['file']);
      expect(readFileSync(path, 'utf8')).toBe('old');
    }, true));

  it.each([true, false])('leaves no file if onProgress throws, with overwrite %s', (overwrite) =>
    half(async (response) => {
      // With a code that saveTo itself looks for.
      const mistake = Object.assign(new Error('mine'), { code: 'EEXIST' });
      const onProgress = (): void => {
        throw mistake;
      };
      await expect(response.saveTo(path, { overwrite, onProgress })).rejects.toBe(mistake);
      expect(readdirSync(folder)).toEqual([]);
    }),
  );

  it.each([
    ['there is no folder', () => join(folder, 'none', 'file'), 'ENOENT'],
    ['the folder is a file', () => join(path, 'file'), 'ENOTDIR'],
  ])('rejects with the error of the file system if %s, and closes the response', async (_, target, code) => {
    for (const overwrite of [true, false]) {
      await half(async (response) => {
        writeFileSync(path, 'old');
        const error = await rejection<{ code: string }>(response.saveTo(target(), { overwrite }));
        expect(error.code).toBe(code);
        expect(readdirSync(folder)).toEqual(['file']);
        expect(existsSync(path)).toBe(true);
      });
    }
  });

  it.each([true, false])('rejects if the file is a folder, with overwrite %s', (overwrite) =>
    withSite(
      (_, response) => response.end('x'),
      async ({ url }, client) => {
        const target = join(folder, 'folder');
        mkdirSync(target);
        const error = await rejection<{ code: string }>(
          (await client.stream(url)).saveTo(target, { overwrite }),
        );
        expect(error.code).toMatch(/^(EISDIR|ENOTEMPTY|EEXIST)$/);
        expect(readdirSync(folder)).toEqual(['folder']);
      },
    ),
  );

  it('refuses an option that is not known', () =>
    half(async (response) => {
      const error = await rejection(response.saveTo(path, { replace: true } as object));
      expect(error).toMatchObject({
        code: 'ERR_HTTPCLIENT_USAGE',
        message: expect.stringContaining('"replace"'),
      });
      response.close();
    }));
});
