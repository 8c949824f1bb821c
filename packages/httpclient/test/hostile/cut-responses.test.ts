import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { CuttableTls } from '../../../iostream/test/support/bare-ends.ts';
import type { AsyncHTTPClient, HTTPStreamedResponse } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { withClient, withRawServer } from '../fixtures/servers.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
const tls = { ca: identity.cert };
/** node:tls reports an end without close_notify as any other. */
const tellsEnds = IOLoop.current().tls === 'native';

/** Serves each connection over TLS. The server ends TCP by itself, without close_notify. */
function withCuttingServer<T>(
  serve: (server: CuttableTls, count: number) => unknown,
  test: (url: string, client: AsyncHTTPClient) => Promise<T>,
): Promise<T> {
  const open: CuttableTls[] = [];
  const onSocket = (socket: Parameters<typeof CuttableTls.accept>[0], count: number): void => {
    const server = CuttableTls.accept(socket, identity);
    open.push(server);
    void serve(server, count);
  };
  return withRawServer(onSocket, ({ port }) =>
    withClient({ defaults: { tls } }, (client) => test(`https://127.0.0.1:${port}`, client)),
  ).finally(() => {
    for (const server of open) server.close();
  });
}

/** Responds to the first request on each connection with `pieces`, and then ends TCP. */
function withResponse<T>(
  pieces: readonly string[],
  test: (url: string, client: AsyncHTTPClient) => Promise<T>,
): Promise<T> {
  return withCuttingServer(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.sendCut(pieces, Number.POSITIVE_INFINITY);
    server.endBare();
  }, test);
}

/** The codes of an error and its causes. */
function codesOf(error: unknown): unknown[] {
  const codes: unknown[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    codes.push((cause as { code?: unknown }).code ?? cause.name);
  return codes;
}

function expectCut(error: unknown, where: string): void {
  const codes = codesOf(error);
  expect(codes, where).toContain('ERR_HTTPCLIENT_CLOSED');
  expect(codes.includes('ERR_STREAM_TLS_TRUNCATED'), `${where}: ${codes}`).toBe(tellsEnds);
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const BODY = '{"a":"hello"}';

/** The same response in three framings, in pieces that are sent in a record each. */
const FRAMINGS: Record<string, readonly string[]> = {
  'a length': [`${HEAD}Content-Length: 13\r\n\r\n`, BODY.slice(0, 6), BODY.slice(6)],
  chunks: [
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
    `6\r\n${BODY.slice(0, 6)}\r\n`,
    `7\r\n${BODY.slice(6)}\r\n`,
    '0\r\n\r\n',
  ],
  'no length': [`${HEAD}\r\n`, BODY.slice(0, 6), BODY.slice(6)],
};

/** Pieces of which the last is missing, so that the body is not complete, and yet all of its bytes may be there. */
const CUT: Record<string, readonly string[]> = {
  'a length': [`${HEAD}Content-Length: 14\r\n\r\n`, BODY],
  chunks: [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, `d\r\n${BODY}\r\n`],
  'no length': [`${HEAD}\r\n`, BODY],
};

describe('a response over TLS that is cut at any byte of its ciphertext', () => {
  it.each(Object.entries(FRAMINGS))('with %s, is never taken for a whole one', async (framing, pieces) => {
    let cut = 0;
    let whole = 0;
    await withCuttingServer(
      async (server) => {
        await server.until(/\r\n\r\n/);
        await server.sendCut(pieces, cut);
        if (cut === whole) server.endBare();
      },
      async (url, client) => {
        whole = await lengthOf(pieces);
        const isDelimited = framing !== 'no length';
        for (cut = 0; cut <= whole; cut += 1) {
          const where = `cut after ${cut} of ${whole} bytes`;
          const result = await client.fetch(url).then(
            (response) => response.text(),
            (error: unknown) => error,
          );
          if (isDelimited && cut === whole) expect(result, where).toBe(BODY);
          // Without its framing, node:tls cannot know that a body is not complete.
          else if (isDelimited || tellsEnds || typeof result !== 'string') expectCut(result, where);
          else expect(BODY.startsWith(result), where).toBe(true);
        }
      },
    );
  });
});

/** The length of the ciphertext of `pieces`. */
async function lengthOf(pieces: readonly string[]): Promise<number> {
  let length = 0;
  await withCuttingServer(
    async (server) => {
      await server.until(/\r\n\r\n/);
      length = await server.sendWhole(pieces);
      server.endBare();
    },
    (url, client) => client.fetch(url).catch(() => undefined),
  );
  return length;
}

type Read = (client: AsyncHTTPClient, url: string) => Promise<unknown>;

const streamed =
  (read: (response: HTTPStreamedResponse) => Promise<unknown>): Read =>
  async (client, url) =>
    read(await client.stream(url));

const fetched =
  (read: (response: Response) => Promise<unknown>): Read =>
  async (client, url) =>
    read(await client.toFetch()(url));

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

/** All ways to read a response. */
const READS: Record<string, Read> = {
  fetch: (client, url) => client.fetch(url),
  'fetch with onData': (client, url) => client.fetch(url, { onData: () => {} }),
  'fetch with an asynchronous onData': (client, url) =>
    client.fetch(url, { onData: () => Promise.resolve() }),
  'fetch without raiseError': (client, url) => client.fetch(url, { raiseError: false }),
  'an iteration': streamed(drain),
  read: streamed(async (response) => {
    while ((await response.read()) !== undefined);
  }),
  bytes: streamed((response) => response.bytes()),
  text: streamed((response) => response.text()),
  json: streamed((response) => response.json()),
  'text of toFetch': fetched((response) => response.text()),
  'json of toFetch': fetched((response) => response.json()),
  'arrayBuffer of toFetch': fetched((response) => response.arrayBuffer()),
  'blob of toFetch': fetched((response) => response.blob()),
  'the body of toFetch': fetched((response) => drain(response.body as unknown as AsyncIterable<Uint8Array>)),
  'the clone of toFetch': fetched((response) => response.clone().text()),
};

describe.each(Object.entries(READS))('%s', (_name, read) => {
  it.each(Object.entries(CUT))('fails if a response with %s is cut', (framing, pieces) =>
    withResponse(pieces, async (url, client) => {
      const result = await read(client, url).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (framing === 'no length' && !tellsEnds) expect(result).toBeUndefined();
      else expectCut(result, framing);
    }),
  );

  it.each(['a length', 'chunks'])('succeeds if a response with %s is complete', (framing) =>
    withResponse(FRAMINGS[framing] as readonly string[], async (url, client) => {
      await expect(read(client, url)).resolves.not.toBeInstanceOf(Error);
    }),
  );
});

describe('saveTo', () => {
  it.each(Object.entries(CUT))('leaves no file if a response with %s is cut', async (framing, pieces) => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-cut-'));
    try {
      await withResponse(pieces, async (url, client) => {
        const response = await client.stream(url);
        const error = await response.saveTo(join(folder, 'body')).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (framing === 'no length' && !tellsEnds) {
          expect(readdirSync(folder)).toEqual(['body']);
          return;
        }
        expectCut(error, framing);
        expect(readdirSync(folder)).toEqual([]);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a server that ends TLS without close_notify', () => {
  it('is connected to again if it did so between two requests', () => {
    let first: CuttableTls | undefined;
    return withCuttingServer(
      async (server) => {
        first ??= server;
        for (let count = 1; ; count += 1) {
          await server.until(new RegExp(`((?:GET|POST).*\\r\\n\\r\\n){${count}}`, 's'));
          if (server.isOver) return;
          await server.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
        }
      },
      async (url, client) => {
        expect((await client.fetch(url)).text()).toBe('hello');
        first?.endBare();
        // A POST would not be sent twice: the client has noticed that the connection has ended.
        await expect.poll(() => client.stats().connections).toBe(0);
        expect((await client.fetch(url, { method: 'POST', body: 'x' })).text()).toBe('hello');
      },
    );
  });

  it('is connected to again by an event source, which does not deliver half an event', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
    return withCuttingServer(
      async (server, count) => {
        const request = await server.until(/\r\n\r\n/);
        if (count > 1) {
          await server.send(`${head}data: ${/last-event-id: (.*)\r/i.exec(request)?.[1]} was last\n\n`);
          return;
        }
        await server.sendWhole([head, 'id: 7\ndata: whole\n\n', 'id: 8\ndata: half\n']);
        server.endBare();
      },
      async (url, client) => {
        const reasons: unknown[] = [];
        const source = client.eventSource(url, {
          maxRetryMs: 1,
          onReconnect: (reason) => void reasons.push(reason),
        });
        expect((await source.next()).value?.data).toBe('whole');
        expect((await source.next()).value?.data).toBe('7 was last');
        source.close();
        expect(codesOf(reasons[0])).toEqual(
          tellsEnds
            ? ['ERR_HTTPCLIENT_CLOSED', 'ERR_HTTP1_TRUNCATED', 'ERR_STREAM_TLS_TRUNCATED']
            : ['ERR_HTTPCLIENT_EVENTS_ENDED'],
        );
      },
    );
  });
});
