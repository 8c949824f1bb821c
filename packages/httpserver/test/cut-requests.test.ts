import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HTTPHeaders } from '@landspout/http1';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServerRequest } from '../src/index.ts';
import { RawClient } from './fixtures/raw-client.ts';
import { openDescriptors, waitUntil, withServer } from './fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LARGE = Buffer.alloc(256 * 1024, 'x');
const CLIENTS = 20;

/** Ways for a peer to go away. */
const LEAVES: Record<string, (client: RawClient) => void> = {
  resets: (client) => client.reset(),
  closes: (client) => client.close(),
};

/** What a server may be doing for a request meanwhile; `text` brings it there. */
const STAGES: Record<string, { readonly text: string; readonly started: boolean }> = {
  'in the middle of a head': { text: GET.slice(0, 20), started: false },
  'in the middle of an upload': {
    text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
    started: false,
  },
  'while its answer is awaited': { text: GET, started: true },
  'while it does not read its answer': { text: 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n', started: true },
  'with another request waiting behind': { text: GET + GET, started: true },
};

describe('a peer that leaves', () => {
  // What a process opens once, such as an epoll of its own, is no leak.
  beforeAll(() =>
    withServer(
      () => {},
      async ({ port }) => (await RawClient.connect({ port })).close(),
    ),
  );

  const cases = Object.keys(STAGES).flatMap((stage) =>
    Object.keys(LEAVES).map((way) => [way, stage] as const),
  );

  it.each(cases)('%s %s leaves nothing behind that waits [ATT-73]', async (way, stage) => {
    const before = openDescriptors();
    const { text, started } = STAGES[stage] as (typeof STAGES)[string];
    let begun = 0;
    let settled = 0;
    const codes = new Set<unknown>();
    const handler = async (request: ServerRequest): Promise<void> => {
      begun += 1;
      try {
        if (request.target === '/large') {
          request.exchange.writeHead(200, 'OK', new HTTPHeaders());
          for (;;) {
            request.exchange.write(LARGE);
            await request.exchange.waitDrained();
            request.signal.throwIfAborted();
          }
        }
        await new Promise((_resolve, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        });
      } catch {
        codes.add((request.signal.reason as { code?: unknown } | undefined)?.code);
      } finally {
        settled += 1;
      }
    };
    await withServer(handler, async ({ port, server, records }) => {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect({ port })));
      for (const client of clients) {
        if (stage.includes('not read')) client.socket.pause();
        client.send(text);
      }
      await waitUntil(() =>
        started ? begun === CLIENTS : server.stats().bytesReceived === CLIENTS * text.length,
      );
      for (const client of clients) LEAVES[way]?.(client);
      await waitUntil(() => server.connectionCount === 0 && settled === begun);
      expect(begun).toBe(started ? CLIENTS : 0);
      expect(records.filter(({ level }) => level === 'error')).toEqual([]);
      if (started) for (const code of codes) expect(code).toMatch(/^ERR_HTTP_(RESET|CLOSED|PEER_ENDED)$/);
      expect([server.openConnections, server.stats().queuedBytes]).toEqual([0, 0]);
    });
    await waitUntil(() => openDescriptors() <= before);
  });
});

/** What a client of another make got: how curl ended, and how many bytes of a body it had by then. */
async function curl(
  ...args: string[]
): Promise<{ readonly exitCode: number | null; readonly bytes: number }> {
  // With an environment of its own: a proxy for everybody else is none for this.
  const child = spawn('curl', ['-sS', '-o', '-', ...args], { stdio: ['ignore', 'pipe', 'ignore'], env: {} });
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, bytes };
}

describe('an answer that is cut', () => {
  const PARTIAL = 18;
  const RECEIVE_FAILED = 56;

  it.each([
    ['--http1.1', 'a length', HTTPHeaders.from({ 'Content-Length': '300000' })],
    ['--http1.1', 'chunks', new HTTPHeaders()],
    ['--http1.0', 'the end of the connection', new HTTPHeaders()],
  ])('with %s, framed by %s, is told from a complete one [ATT-72] [H1-15]', (version, _framing, headers) => {
    const handler = async ({ exchange, target }: ServerRequest): Promise<void> => {
      exchange.writeHead(200, 'OK', headers, 'x'.repeat(100_000));
      await exchange.waitDrained();
      exchange.write('x'.repeat(100_000));
      await exchange.waitDrained();
      if (target === '/broken') throw new Error('on purpose');
      exchange.write('x'.repeat(100_000));
      exchange.finish();
    };
    return withServer(handler, async ({ server, records }) => {
      expect(await curl(version, `${server.url}/whole`)).toEqual({ exitCode: 0, bytes: 300_000 });
      expect(records).toEqual([]);
      const broken = await curl(version, `${server.url}/broken`);
      expect([PARTIAL, RECEIVE_FAILED]).toContain(broken.exitCode);
      expect(broken.bytes).toBeLessThan(300_000);
      expect(records).toMatchObject([{ level: 'error', error: { message: 'on purpose' } }]);
    });
  });
});

describe('request.signal', () => {
  /** Serves one request that waits for its signal, and gives the reason. */
  async function reasonOf(
    leave: (client: RawClient, stop: () => void) => void,
    text = GET,
    options = {},
  ): Promise<{ readonly code: unknown; readonly received: string }> {
    let code: unknown;
    let received = '';
    const handler = async (request: ServerRequest): Promise<void> => {
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      code = (request.signal.reason as { code: unknown }).code;
      request.respond(200, 'still answered');
    };
    let begun = false;
    await withServer(
      (request) => {
        begun = true;
        return handler(request);
      },
      async ({ port, server }) => {
        const client = await RawClient.connect({ port }, text);
        await waitUntil(() => begun);
        leave(client, () => void server.stop({ graceMs: 0, drainMs: 20 }));
        await waitUntil(() => code !== undefined);
        received = await client.untilEnd();
        client.close();
      },
      options,
    );
    return { code, received };
  }

  it('aborts with ERR_HTTP_PEER_ENDED when the peer half-closes, which still gets its answer', async () => {
    const { code, received } = await reasonOf((client) => client.socket.end());
    expect(code).toBe('ERR_HTTP_PEER_ENDED');
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n.*still answered$/s);
  });

  it('aborts with ERR_HTTP_RESET when the peer resets', async () => {
    expect((await reasonOf((client) => client.reset())).code).toBe('ERR_HTTP_RESET');
  });

  it('aborts with ERR_HTTP_STOPPING when the server cuts it', async () => {
    const { code, received } = await reasonOf((_client, stop) => stop());
    expect([code, received]).toEqual(['ERR_HTTP_STOPPING', '']);
  });

  it('aborts with ERR_HTTP_DEADLINE when its answer is not read', async () => {
    let reason: unknown;
    const handler = async (request: ServerRequest): Promise<void> => {
      request.exchange.writeHead(200, 'OK', new HTTPHeaders());
      for (let i = 0; i < 40; i += 1) request.exchange.write(LARGE);
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      reason = request.signal.reason;
    };
    await withServer(
      handler,
      async ({ port }) => {
        const client = await RawClient.connect({ port });
        client.socket.pause();
        client.send(GET);
        await waitUntil(() => reason !== undefined);
        expect(reason).toMatchObject({ code: 'ERR_HTTP_DEADLINE' });
        client.close();
      },
      { progressMs: 40 },
    );
  });

  it('is not made unless it is asked for', () => {
    const made: string[] = [];
    const Original = globalThis.AbortController;
    class Counted extends Original {
      constructor() {
        super();
        made.push(new Error().stack ?? '');
      }
    }
    globalThis.AbortController = Counted;
    return withServer(
      (request) => request.respond(200, 'ok'),
      async ({ port }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.endsWith('ok'));
        client.close();
        expect(made).toEqual([]);
      },
    ).finally(() => {
      globalThis.AbortController = Original;
    });
  });
});

describe('a callback that gives no answer', () => {
  it('is a 500 once its promise has settled, and one record', () =>
    withServer(
      async () => {},
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, GET);
        expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 500 .*\r\nConnection: close\r\n/s);
        client.close();
        expect(records).toMatchObject([{ level: 'error', error: { code: 'ERR_HTTP_USAGE' } }]);
      },
    ));

  it('may be given by somebody else later, where it returned no promise', () => {
    const waiting: ServerRequest[] = [];
    return withServer(
      (request) => waiting.push(request) as unknown as undefined,
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, GET);
        await waitUntil(() => waiting.length === 1);
        waiting[0]?.respond(200, 'later');
        await client.until((all) => all.endsWith('later'));
        client.close();
        expect(records).toEqual([]);
      },
    );
  });
});
