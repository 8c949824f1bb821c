import { appendFile, open } from 'node:fs/promises';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Application, type RouteSpec, StaticFileHandler } from '../../src/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import {
  ask,
  bodyOf,
  converse,
  headerOf,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { pattern, StaticFolder } from '../fixtures/static-folder.ts';

const MIB = 1024 * 1024;
const MEDIUM = pattern(300_000);
const LARGE = pattern(5 * MIB);
const DATE = new Date('2020-02-03T04:05:06Z');

let folder: StaticFolder;
let routes: RouteSpec[] = [];

beforeAll(async () => {
  folder = await StaticFolder.create({ 'small.txt': 'small', 'medium.bin': MEDIUM, 'large.bin': LARGE });
  routes = [['/*path', StaticFileHandler, { path: folder.path }]];
});

afterAll(() => folder.remove());

/** Runs `test` at a time at which files that were just written count as unchanged. */
async function later(test: () => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
  try {
    await test();
  } finally {
    vi.useRealTimers();
  }
}

describe('StaticFileHandler with files that are not kept in memory', () => {
  it('serves pipelined requests in order, with and without bodies [ST-06]', () =>
    withApp(routes, async ({ port, log }) => {
      const tag = headerOf(await ask(port, '/medium.bin'), 'ETag');
      const answers = await converse(
        port,
        requestText('/medium.bin'),
        requestText('/small.txt'),
        requestText('/medium.bin', 'HEAD'),
        requestText('/medium.bin', 'GET', `If-None-Match: ${tag}`),
        requestText('/missing'),
        requestText('/medium.bin', 'GET', 'Range: bytes=0-3,200000-200003'),
        requestText('/medium.bin', 'GET', 'Connection: close'),
      );
      expect(statusesOf(answers)).toEqual([200, 200, 200, 304, 404, 206, 200]);
      expect(answers.endsWith(MEDIUM.toString('latin1'))).toBe(true);
      expect(answers.indexOf(MEDIUM.toString('latin1'))).toBeLessThan(1_000);
      expect(log.records).toEqual([]);
    }));

  it('serves one file to many clients at once', () =>
    withApp(routes, async ({ url }) => {
      const bodies = await Promise.all(
        Array.from({ length: 20 }, async () =>
          Buffer.from(await (await fetch(`${url}/large.bin`)).arrayBuffer()),
        ),
      );
      expect(bodies.map((body) => body.equals(LARGE))).toEqual(bodies.map(() => true));
    }));

  it('serves them over TLS', async () => {
    const { cert, key } = makeCertificate();
    const app = new Application(routes);
    await using server = await app.listen({ port: 0, host: '127.0.0.1', tls: { cert, key } });
    const body = await new Promise<Buffer>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: server.port,
        path: '/large.bin',
        ca: cert,
        servername: 'localhost',
      };
      request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
      })
        .on('error', reject)
        .end();
    });
    expect(body.equals(LARGE)).toBe(true);
  });

  it('serves small files from the file system if none are to be kept', () =>
    withApp([['/*path', StaticFileHandler, { path: folder.path, cacheBytes: 0 }]], ({ port }) =>
      later(async () => {
        for (let round = 0; round < 3; round += 1) {
          const answer = await ask(port, '/small.txt');
          expect([bodyOf(answer), headerOf(answer, 'Content-Length')]).toEqual(['small', '5']);
          expect(bodyOf(await ask(port, '/small.txt', 'GET', 'Range: bytes=1-2'))).toBe('ma');
          const head = await ask(port, '/small.txt', 'HEAD');
          expect([bodyOf(head), headerOf(head, 'Content-Length')]).toEqual(['', '5']);
        }
      }),
    ));

  it('describes the file that it sends if it changes after it was looked up', async () => {
    await folder.write('growing.log', MEDIUM, DATE);
    class Grows extends StaticFileHandler {
      override async setExtraHeaders(): Promise<void> {
        await appendFile(folder.file('growing.log'), 'more');
      }
    }
    await withApp([['/*path', Grows, { path: folder.path }]], async ({ port, log }) => {
      const answer = await ask(port, '/growing.log');
      expect(headerOf(answer, 'Content-Length')).toBe(String(MEDIUM.length + 4));
      expect(bodyOf(answer).endsWith('more')).toBe(true);
      expect(headerOf(answer, 'ETag')).toMatch(/^W\//);
      expect(headerOf(answer, 'Last-Modified')).not.toBe('Mon, 03 Feb 2020 04:05:06 GMT');
      expect(log.records).toEqual([]);
    });
  });
});

describe('the ETag of a large file', () => {
  const tagOf = async (port: number, name: string) => headerOf(await ask(port, `/${name}`, 'HEAD'), 'ETag');

  it('is the hash of its content, whatever its name and date [ST-03]', () =>
    withApp(routes, ({ port }) =>
      later(async () => {
        await folder.write('copy.bin', LARGE, DATE);
        const tag = await tagOf(port, 'large.bin');
        expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
        expect(await tagOf(port, 'copy.bin')).toBe(tag);
        expect(await tagOf(port, 'medium.bin')).not.toBe(tag);
      }),
    ));

  it('is weak while the file has only just changed, and strong after that', () =>
    withApp(routes, async ({ port }) => {
      await folder.write('new.bin', LARGE);
      const weak = await tagOf(port, 'new.bin');
      expect(weak).toMatch(/^W\/"500000-[0-9a-f]+"$/);
      const answer = await ask(port, '/new.bin', 'GET', `If-None-Match: ${weak}`);
      expect(statusOf(answer)).toBe(304);
      await later(async () => expect(await tagOf(port, 'new.bin')).toMatch(/^"[0-9a-f]{32}"$/));
    }));

  it('is weak above 64 MiB, which are not read for it', async () => {
    const huge = await open(folder.file('huge.bin'), 'w');
    await huge.truncate(4 * 1024 * MIB);
    await huge.close();
    await withApp(routes, ({ port }) =>
      later(async () => {
        expect(await tagOf(port, 'huge.bin')).toMatch(/^W\/"100000000-/);
        const part = await ask(port, '/huge.bin', 'GET', 'Range: bytes=4294967290-');
        expect([statusOf(part), bodyOf(part)]).toEqual([206, '\0'.repeat(6)]);
      }),
    );
  });
});
