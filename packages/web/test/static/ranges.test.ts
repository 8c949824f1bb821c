import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RouteSpec, StaticFileHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { pattern, StaticFolder } from '../fixtures/static-folder.ts';

const CHANGED = new Date('2020-02-03T04:05:06Z');
const CHANGED_TEXT = 'Mon, 03 Feb 2020 04:05:06 GMT';
/** One is sent from memory, the other by `HTTPServerExchange.writeFile`. */
const SMALL = pattern(20_000);
const LARGE = pattern(3_000_000);
const FILES = [
  ['small.bin', SMALL],
  ['large.bin', LARGE],
] as const;

let folder: StaticFolder;
let routes: RouteSpec[] = [];

beforeAll(async () => {
  folder = await StaticFolder.create({ 'small.bin': SMALL, 'large.bin': LARGE });
  await folder.write('ten.txt', '0123456789', CHANGED);
  routes = [['/*path', StaticFileHandler, { path: folder.path }]];
});

afterAll(() => folder.remove());

describe('StaticFileHandler and Range', () => {
  it('serves one range, with its place in the whole [ST-05]', () =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/ten.txt', 'GET', 'Range: bytes=2-4');
      expect([statusOf(answer), bodyOf(answer)]).toEqual([206, '234']);
      expect(headerOf(answer, 'Content-Range')).toBe('bytes 2-4/10');
      expect(headerOf(answer, 'Content-Length')).toBe('3');
      expect(headerOf(answer, 'Content-Type')).toBe('text/plain; charset=UTF-8');
    }));

  it.each(FILES)('serves any single range of %s', (name, content) =>
    withApp(routes, async ({ port }) => {
      for (const [start, end] of [
        [0, 1],
        [content.length - 1, content.length],
        [100, content.length - 100],
      ] as const) {
        const answer = await ask(port, `/${name}`, 'GET', `Range: bytes=${start}-${end - 1}`);
        expect(statusOf(answer)).toBe(206);
        expect(headerOf(answer, 'Content-Range')).toBe(`bytes ${start}-${end - 1}/${content.length}`);
        expect(Buffer.from(bodyOf(answer), 'latin1').equals(content.subarray(start, end))).toBe(true);
      }
    }),
  );

  it.each(FILES)(
    'serves several ranges of %s as one body, in the order of the request [ST-05]',
    (name, content) =>
      withApp(routes, async ({ port }) => {
        const answer = await ask(port, `/${name}`, 'GET', 'Range: bytes=-5, 0-9 ,5000-15000,99999999-');
        expect(statusOf(answer)).toBe(206);
        expect(headerOf(answer, 'Content-Range')).toBeUndefined();
        const [, boundary] =
          /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(
            headerOf(answer, 'Content-Type') as string,
          ) ?? [];
        const size = content.length;
        const part = (start: number, end: number): string =>
          `--${boundary}\r\nContent-Type: application/octet-stream\r\n` +
          `Content-Range: bytes ${start}-${end - 1}/${size}\r\n\r\n${content.toString('latin1', start, end)}\r\n`;
        const expected = `${part(size - 5, size)}${part(0, 10)}${part(5_000, 15_001)}--${boundary}--\r\n`;
        expect(bodyOf(answer) === expected).toBe(true);
        expect(headerOf(answer, 'Content-Length')).toBe(String(expected.length));
      }),
  );

  it('sends ranges that overlap or nearly touch as one [ST-05]', () =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/small.bin', 'GET', 'Range: bytes=100-199,150-299,310-319');
      expect([statusOf(answer), headerOf(answer, 'Content-Range')]).toEqual([206, 'bytes 100-319/20000']);
      expect(bodyOf(answer) === SMALL.toString('latin1', 100, 320)).toBe(true);
    }));

  it.each([
    ['more than 32', `bytes=${Array.from({ length: 33 }, (_, at) => `${at * 500}-${at * 500}`).join(',')}`],
    ['an invalid range', 'bytes=0-1,x'],
    ['another unit', 'lines=1-2'],
    ['ranges that are as long as the file', 'bytes=0-9999,10100-19999'],
  ])('sends the whole file for %s [ST-05]', (_why, range) =>
    withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/small.bin', 'GET', `Range: ${range}`);
      expect([statusOf(answer), bodyOf(answer).length]).toEqual([200, SMALL.length]);
    }),
  );

  it.each(FILES)('ignores Range for HEAD of %s (RFC 9110 §14.2) [ST-05]', (name, content) =>
    withApp(routes, async ({ port }) => {
      const get = await ask(port, `/${name}`);
      const head = await ask(port, `/${name}`, 'HEAD', 'Range: bytes=2-4');
      expect([statusOf(head), bodyOf(head)]).toEqual([200, '']);
      const fields = (answer: string): string[] =>
        answer
          .slice(0, answer.indexOf('\r\n\r\n'))
          .split('\r\n')
          .filter((line) => !line.startsWith('Date'));
      expect(fields(head).sort()).toEqual(fields(get).sort());
      expect(headerOf(head, 'Content-Length')).toBe(String(content.length));
    }),
  );

  it.each(FILES)('responds with 416 and the size to ranges after the end of %s [ST-05]', (name, content) =>
    withApp(routes, async ({ port, log }) => {
      for (const range of [`${content.length}-`, '-0', `${content.length}-,${content.length + 5}-`]) {
        const answer = await ask(port, `/${name}`, 'GET', `Range: bytes=${range}`);
        expect([statusOf(answer), headerOf(answer, 'Content-Range')]).toEqual([
          416,
          `bytes */${content.length}`,
        ]);
        expect(headerOf(answer, 'ETag')).toBeUndefined();
      }
      expect(log.records).toEqual([]);
    }),
  );

  it('serves a range only if If-Range matches the file (RFC 9110 §13.1.5) [ST-05]', () =>
    withApp(routes, async ({ port }) => {
      const get = (condition: string): Promise<string> =>
        ask(port, '/ten.txt', 'GET', 'Range: bytes=2-4', `If-Range: ${condition}`);
      const tag = headerOf(await ask(port, '/ten.txt'), 'ETag') as string;
      expect(statusOf(await get(tag))).toBe(206);
      expect(statusOf(await get(`W/${tag}`))).toBe(200);
      expect(statusOf(await get('"other"'))).toBe(200);
      expect(statusOf(await get(CHANGED_TEXT))).toBe(206);
      expect(statusOf(await get('Mon, 03 Feb 2020 04:05:07 GMT'))).toBe(200);
      expect(statusOf(await get('2020-02-03T04:05:06Z'))).toBe(200);
      expect(statusOf(await get('Mon, 03 Feb 2020 05:05:06 +0100'))).toBe(200);
    }));

  it('evaluates preconditions before the range [ST-04]', () =>
    withApp(routes, async ({ port }) => {
      const tag = headerOf(await ask(port, '/ten.txt'), 'ETag');
      const get = (...fields: string[]) => ask(port, '/ten.txt', 'GET', 'Range: bytes=99-', ...fields);
      expect(statusOf(await get(`If-None-Match: ${tag}`))).toBe(304);
      expect(statusOf(await get('If-Match: "other"'))).toBe(412);
      expect(statusOf(await get(`If-Match: ${tag}`))).toBe(416);
    }));
});

describe('curl', () => {
  const curl = async (...args: string[]): Promise<Buffer> => {
    const { stdout } = await promisify(execFile)('curl', ['-sS', ...args], {
      encoding: 'buffer',
      maxBuffer: 2 * LARGE.length,
    });
    return stdout;
  };

  it('gets ranges of a file, and several at a time [ST-05]', () =>
    withApp(routes, async ({ url }) => {
      expect((await curl('-r', '1000-1999', `${url}/large.bin`)).equals(LARGE.subarray(1_000, 2_000))).toBe(
        true,
      );
      expect((await curl('-r', '-5', `${url}/small.bin`)).equals(SMALL.subarray(-5))).toBe(true);
      const several = (await curl('-r', '0-4,9000-9004', `${url}/small.bin`)).toString('latin1');
      expect(several).toContain(`bytes 0-4/20000\r\n\r\n${SMALL.toString('latin1', 0, 5)}\r\n--`);
      expect(several).toContain(
        `bytes 9000-9004/20000\r\n\r\n${SMALL.toString('latin1', 9_000, 9_005)}\r\n--`,
      );
    }));

  it('continues a download where it was cut [ST-05]', () =>
    withApp(routes, async ({ url }) => {
      await folder.write('partial.bin', LARGE.subarray(0, 1_234_567));
      await curl('-C', '-', '-o', folder.file('partial.bin'), `${url}/large.bin`);
      expect((await readFile(folder.file('partial.bin'))).equals(LARGE)).toBe(true);
    }));
});
