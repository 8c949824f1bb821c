import { type FileHandle, open, truncate } from 'node:fs/promises';
import { HTTPHeaders } from '@landspout/http1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mount } from '../../src/index.ts';
import { nodeMiddleware } from '../../src/node/index.ts';
import { RawClient, requestText } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';
import { StaticFolder } from '../fixtures/static-folder.ts';
import { type RecordedRequest, responding } from './fallback-delegates.ts';

const TEXT = 'a line of text\n'.repeat(20_000);
/** More than can be read and compressed before a test has reset its connection. It has no blocks on the disk. */
const HUGE_BYTES = 4 * 1024 ** 3;

let folder: StaticFolder;
let file: FileHandle;
let huge: FileHandle;

beforeAll(async () => {
  folder = await StaticFolder.create({ 'text.txt': TEXT, huge: '' });
  await truncate(folder.file('huge'), HUGE_BYTES);
  file = await open(folder.file('text.txt'));
  huge = await open(folder.file('huge'));
});

afterAll(async () => {
  await file.close();
  await huge.close();
  await folder.remove();
});

const begin = ({ exchange }: RecordedRequest): void =>
  exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Type': 'text/plain' }), '');

describe.each([
  ['that is compressed', 'gzip', { compressResponse: true }],
  ['behind nodeMiddleware', null, { middleware: [nodeMiddleware((_1, _2, next) => next())] }],
] as const)('a file in the response of a mounted delegate %s', (_name, coding, settings) => {
  it('holds back what is written after it, until it is sent', async () => {
    const events: unknown[] = [];
    const fallback = responding(async (request) => {
      begin(request);
      const { exchange } = request;
      const written = exchange.writeFile(file, { end: TEXT.length }).then(() => events.push('file'));
      events.push(exchange.isDrained);
      await exchange.waitDrained();
      events.push('drained');
      exchange.write('after');
      exchange.finish();
      await written;
    });
    await withApp(
      [mount('/', fallback)],
      async ({ url }) => {
        const response = await fetch(url);
        expect(response.headers.get('Content-Encoding')).toBe(coding);
        expect(await response.text()).toBe(`${TEXT}after`);
        expect(events).toEqual([false, 'file', 'drained']);
      },
      settings,
    );
  });

  it('is no longer read when the client has left', async () => {
    const failed = signalled<unknown>();
    const fallback = responding((request) => {
      begin(request);
      request.exchange.writeFile(huge, { end: HUGE_BYTES }).then(
        () => failed.resolve('sent'),
        (error: unknown) => failed.resolve(error),
      );
    });
    await withApp(
      [mount('/', fallback)],
      async ({ port, log }) => {
        const client = await RawClient.connect(port, requestText('/', 'GET', 'Accept-Encoding: gzip'));
        await client.until('200 OK');
        client.reset();
        expect(await failed.promise).toBeInstanceOf(Error);
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      },
      settings,
    );
  });

  it.each([
    ['a part that ends before it begins', () => [file, { start: 2, end: 1 }] as const],
    ['a name', () => ['text.txt' as unknown as FileHandle, { end: 1 }] as const],
  ])('is refused if it is %s', async (_refused, make) => {
    const fallback = responding((request) => {
      begin(request);
      const [of, part] = make();
      expect(() => request.exchange.writeFile(of, part)).toThrow(/writeFile: /);
      request.exchange.finish();
    });
    await withApp(
      [mount('/', fallback)],
      async ({ url, log }) => {
        expect(await (await fetch(url)).text()).toBe('');
        expect(log.records).toEqual([]);
      },
      settings,
    );
  });
});
