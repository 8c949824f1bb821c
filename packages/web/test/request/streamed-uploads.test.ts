import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type HandlerClass,
  HTTPError,
  MultipartReader,
  type MultipartReaderOptions,
  type PartSink,
  RequestHandler,
  saveTo,
} from '../../src/index.ts';
import { bodyOf, converse, RawClient, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const head = (length: number): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n\r\n`;
const part = (disposition: string, body: string): string =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
const file = (name: string, body: string): string => part(`name=${name}; filename=${name}`, body);
const post = (body: string): string => `${head(body.length)}${body}`;

interface Told {
  reader?: MultipartReader;
  error?: unknown;
}

/** A handler that streams its form to the sinks of `onPart`, and responds with what it received. */
function uploads(onPart: MultipartReaderOptions['onPart'], told: Told = {}): HandlerClass {
  return class extends RequestHandler {
    static override readonly streamRequestBody = true;
    #reader!: MultipartReader;

    override prepare(): void {
      this.#reader = new MultipartReader(this.request.headers, { onPart, signal: this.signal });
      told.reader = this.#reader;
    }

    override dataReceived(chunk: Uint8Array): void | Promise<void> {
      const waiting = this.#reader.write(chunk);
      waiting?.catch((error: unknown) => {
        told.error = error;
      });
      return waiting;
    }

    override async post(): Promise<void> {
      const { fields, files } = await this.#reader.finish();
      const saved = Array.from(files, ([name, parts]) => [name, parts.map(({ byteLength }) => byteLength)]);
      this.write({ fields: [...fields], saved });
    }
  };
}

/** Runs a test with a new folder, and the sink of each file in it. */
async function withFolder(
  test: (folder: string, save: MultipartReaderOptions['onPart']) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'landspout-'));
  try {
    await test(folder, (found) =>
      found.filename === undefined ? undefined : saveTo(join(folder, found.safeName), { maxBytes: 100 }),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

const untilGone = async (server: { readonly connectionCount: number }): Promise<void> => {
  while (server.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
};

describe('a form that is streamed', () => {
  it('is saved in files, with its fields beside them [HU-11]', () =>
    withFolder((folder, save) =>
      withApp([['/', uploads(save)]], async ({ port }) => {
        const body = `${part('name=a', '1')}${file('f', '\r\n--\xff')}${file('e', '')}${part('name=a', '2')}--b--`;
        const client = await RawClient.connect(port, post(body));
        expect(bodyOf(await client.until('}'))).toBe(
          '{"fields":[["a",["1","2"]]],"saved":[["f",[5]],["e",[0]]]}',
        );
        client.close();
        expect(await readFile(join(folder, 'f'), 'latin1')).toBe('\r\n--\xff');
        expect((await readdir(folder)).sort()).toEqual(['e', 'f']);
      }),
    ));

  it('is passed on with back-pressure: little is buffered, and one write at a time', async () => {
    const size = 8 * 1024 * 1024;
    const bytes = Buffer.alloc(size, '\r\n--b? ');
    const hash = createHash('sha256');
    const told: Told = {};
    let [most, writing, longest] = [0, 0, 0];
    const sink: PartSink = {
      async write(chunk) {
        writing += 1;
        most = Math.max(most, writing);
        longest = Math.max(longest, chunk.length + (told.reader?.bufferedBytes ?? 0));
        hash.update(chunk);
        await new Promise((resolve) => setImmediate(resolve));
        writing -= 1;
      },
    };
    await withApp([['/', uploads(() => sink, told)]], async ({ url }) => {
      const body = new FormData();
      body.append('f', new File([bytes], 'large'));
      const response = await fetch(url, { method: 'POST', body });
      expect(await response.json()).toEqual({ fields: [], saved: [['f', [size]]] });
    });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(most).toBe(1);
    expect(longest).toBeLessThanOrEqual(128 * 1024);
  });

  it('is refused while it is read, and leaves no file: malformed, too large, or cut short [HU-11]', () =>
    withFolder((folder, save) =>
      withApp([['/', uploads(save)]], async ({ port, log }) => {
        const refused = async (body: string): Promise<[number, string[]]> => {
          const client = await RawClient.connect(port, post(body));
          const status = statusOf(await client.until('\r\n\r\n'));
          client.close();
          return [status, await readdir(folder)];
        };
        expect(await refused(`${file('f', 'abc')}${file('g', 'x')}--b\r\nwrong\r\n`)).toEqual([400, []]);
        expect(await refused(`${file('f', 'abc')}${file('g', 'x'.repeat(101))}--b--`)).toEqual([413, []]);
        expect(await refused(`${file('f', 'abc')}`)).toEqual([400, []]);
        expect(await refused(`${file('f', 'abc')}${part('name=a', 'x'.repeat(2 ** 20 + 1))}--b--`)).toEqual([
          413,
          [],
        ]);
        expect(log.records.every(({ level }) => level === 'warn')).toBe(true);
      }),
    ));

  it('leaves no file if its client leaves, and rejects the part that waits with the reason', () =>
    withFolder(async (folder, save) => {
      const received = signalled();
      const told: Told = {};
      const onPart: MultipartReaderOptions['onPart'] = (found) => {
        if (found.fieldName !== 'stuck') return save(found);
        received.resolve();
        return { write: () => new Promise(() => {}) };
      };
      await withApp([['/', uploads(onPart, told)]], async ({ server, port, log }) => {
        const body = `${file('f', 'abc')}${file('stuck', 'x')}`;
        const client = await RawClient.connect(port, `${head(body.length + 100)}${body}`);
        await received.promise;
        client.reset();
        await untilGone(server);
        await expect(told.reader?.finish()).rejects.toMatchObject({ name: 'HTTPClosedError' });
        expect(told.error).toMatchObject({ name: 'HTTPClosedError' });
        expect(await readdir(folder)).toEqual([]);
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      });
    }));

  it('leaves no partial file if its client leaves between two segments', () =>
    withFolder(async (folder, save) => {
      const told: Told = {};
      await withApp([['/', uploads(save, told)]], async ({ server, port }) => {
        const client = await RawClient.connect(port, `${head(1000)}${file('f', 'abc').slice(0, -1)}`);
        const isThere = async (): Promise<boolean> => (await readdir(folder)).includes('f');
        while (!(await isThere())) await new Promise((resolve) => setImmediate(resolve));
        client.reset();
        await untilGone(server);
        await expect(told.reader?.finish()).rejects.toMatchObject({ name: 'HTTPClosedError' });
        expect(await readdir(folder)).toEqual([]);
      });
    }));

  it('ends with the status that onPart throws, and the next request is served', () => {
    const onPart: MultipartReaderOptions['onPart'] = ({ contentType }) => {
      throw new HTTPError(415, `no ${contentType}, please`);
    };
    return withApp([['/', uploads(onPart)]], async ({ port }) => {
      expect(statusesOf(await converse(port, post(`${file('f', 'abc')}--b--`)))).toEqual([415]);
      const next = post('--b--').replace('Host: a', 'Host: a\r\nConnection: close');
      expect(statusesOf(await converse(port, next))).toEqual([200]);
    });
  });
});

describe('saveTo', () => {
  it('never writes to what exists, be it a file or a dangling link, and does not remove it', () =>
    withFolder(async (folder, save) => {
      await writeFile(join(folder, 'f'), 'old');
      await symlink(join(folder, 'nowhere'), join(folder, 'g'));
      await withApp([['/', uploads(save)]], async ({ port }) => {
        for (const name of ['f', 'g']) {
          const client = await RawClient.connect(port, post(`${file(name, 'new')}--b--`));
          expect(statusOf(await client.until('\r\n\r\n'))).toBe(500);
          client.close();
        }
      });
      expect((await readdir(folder)).sort()).toEqual(['f', 'g']);
      expect(await readFile(join(folder, 'f'), 'utf8')).toBe('old');
    }));

  it('writes to a FileHandle, which stays open and belongs to the caller', () =>
    withFolder(async (folder) => {
      const handle = await open(join(folder, 'h'), 'w+');
      await withApp([['/', uploads(() => saveTo(handle, { maxBytes: 4 }))]], async ({ port }) => {
        for (const body of ['abc', '12345']) {
          const client = await RawClient.connect(port, post(`${file('f', body)}--b--`));
          await client.until('\r\n\r\n');
          client.close();
        }
      });
      expect(await readFile(join(folder, 'h'), 'utf8')).toBe('abc');
      await handle.close();
    }));

  it('writes to a file URL, in pieces, and says where and how much', () =>
    withFolder(async (folder) => {
      const sink = saveTo(pathToFileURL(join(folder, 'u')));
      await sink.write(Buffer.from('ab'));
      await sink.write(Buffer.from('c'));
      await sink.close();
      expect([sink.path, sink.bytesWritten]).toEqual([join(folder, 'u'), 3]);
      await expect(sink.write(Buffer.from('d'))).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
      expect(await readFile(join(folder, 'u'), 'utf8')).toBe('abc');
    }));

  it('waits for what is being written before it removes the file', () =>
    withFolder(async (folder) => {
      const sink = saveTo(join(folder, 'f'));
      const writing = sink.write(Buffer.alloc(1 << 20));
      await sink.abort();
      await writing;
      expect(await readdir(folder)).toEqual([]);
    }));

  it.each([
    ['an empty path', () => saveTo('')],
    ['a NUL', () => saveTo('a\0b')],
    ['a number', () => saveTo(1 as never)],
    ['a negative limit', () => saveTo('a', { maxBytes: -1 })],
    ['an unknown option', () => saveTo('a', { max: 1 } as object)],
  ])('refuses %s', (_what, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});
