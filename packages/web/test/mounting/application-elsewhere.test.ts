import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { FetchContainer, toFetchHandler } from '@landspout/httpserver/fetch';
import { toNodeHandler } from '@landspout/httpserver/node';
import compression from 'compression';
import express from 'express';
import helmet from 'helmet';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Application, HTTPServer, RequestHandler, ServerEvent, StaticFileHandler } from '../../src/index.ts';
import { RecordingLogger, signalled } from '../fixtures/running-application.ts';
import { pattern, StaticFolder } from '../fixtures/static-folder.ts';

class Page extends RequestHandler {
  override get(): void {
    this.setCookie('seen', String(Number(this.getCookie('seen') ?? '0') + 1));
    this.setCookie('other', 'x');
    this.write(`page of ${this.request.remoteIp}`);
  }
}

class Echo extends RequestHandler {
  override post(): void {
    this.write({ bytes: this.request.body.length, type: this.request.headers.get('Content-Type') });
  }
}

class Upload extends RequestHandler {
  override post(): void {
    const [file] = this.request.files.get('file') ?? [];
    this.write({ name: file?.filename, bytes: file?.body.length, title: this.getBodyArgument('title') });
  }
}

class Streamed extends RequestHandler {
  static override readonly streamRequestBody = true;
  #bytes = 0;

  override dataReceived(chunk: Uint8Array): Promise<void> {
    this.#bytes += chunk.length;
    return new Promise((resolve) => setImmediate(resolve));
  }

  override post(): void {
    this.write(`${this.#bytes} bytes`);
  }
}

/** Set by a test. */
const events = { next: signalled(), ended: signalled() };

class Events extends RequestHandler {
  override async get(): Promise<void> {
    await this.eventStream(this.#events());
  }

  override onFinish(): void {
    events.ended.resolve();
  }

  async *#events(): AsyncGenerator<ServerEvent> {
    yield new ServerEvent({ data: 'one' });
    await events.next.promise;
    yield new ServerEvent({ data: 'two' });
    await new Promise(() => {});
  }
}

class Broken extends RequestHandler {
  override get(): void {
    throw new Error('a bug');
  }
}

let folder: StaticFolder;
const big = pattern(700_000);

beforeAll(async () => {
  folder = await StaticFolder.create({ 'small.txt': 'small', 'big.bin': big });
});

afterAll(() => folder.remove());

function applicationOf(log: RecordingLogger): Application {
  return new Application(
    [
      ['/', Page],
      ['/echo', Echo],
      ['/upload', Upload],
      ['/streamed', Streamed],
      ['/events', Events],
      ['/broken', Broken],
      ['/files/*path', StaticFileHandler, { path: folder.path }],
    ],
    { logger: log },
  );
}

interface Mounted {
  /** The URL of the Application. */
  readonly url: string;
  readonly log: RecordingLogger;
}

async function withExpress(test: (mounted: Mounted) => Promise<void>): Promise<void> {
  const log = new RecordingLogger();
  const app = express();
  app.use(helmet(), compression());
  app.use('/live', toNodeHandler(applicationOf(log), { logger: log }));
  app.get('/', (_request, response) => void response.send('express'));
  await withNode(app, (url) => test({ url: `${url}/live`, log }));
}

async function withHono(test: (mounted: Mounted) => Promise<void>): Promise<void> {
  const log = new RecordingLogger();
  const app = new Hono();
  app.get('/', (context) => context.text('hono'));
  app.mount('/live', toFetchHandler(applicationOf(log), { mountPath: '/live', logger: log }));
  const server = new HTTPServer(new FetchContainer(app.fetch));
  await server.listen({ port: 0, host: '127.0.0.1' });
  try {
    await test({ url: `${server.url}/live`, log });
  } finally {
    await server.closeAll();
  }
}

async function withNode(listener: RequestListener, test: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe.each([
  ['Express', withExpress],
  ['Hono', withHono],
] as const)('an Application in %s', (_name, mounted) => {
  it('reads and sets cookies', async () => {
    await mounted(async ({ url, log }) => {
      const response = await fetch(`${url}/`, { headers: { Cookie: 'seen=4' } });
      expect(await response.text()).toMatch(/^page of (?:127\.0\.0\.1|0\.0\.0\.0)$/);
      const cookies = response.headers.getSetCookie();
      expect(cookies.map((cookie) => cookie.split(';')[0])).toEqual(['seen=5', 'other=x']);
      expect(log.records).toEqual([]);
    });
  });

  it('receives bodies, whole and streamed', async () => {
    await mounted(async ({ url }) => {
      const body = 'x'.repeat(300_000);
      const echoed = await fetch(`${url}/echo`, { method: 'POST', body });
      expect(await echoed.json()).toEqual({ bytes: 300_000, type: 'text/plain;charset=UTF-8' });
      const streamed = await fetch(`${url}/streamed`, { method: 'POST', body });
      expect(await streamed.text()).toBe('300000 bytes');
    });
  });

  it('receives files of forms', async () => {
    await mounted(async ({ url }) => {
      const form = new FormData();
      form.set('title', 'a title');
      form.set('file', new Blob([big]), 'big.bin');
      const response = await fetch(`${url}/upload`, { method: 'POST', body: form });
      expect(await response.json()).toEqual({ name: 'big.bin', bytes: big.length, title: 'a title' });
    });
  });

  it('serves static files, ranges and 304s', async () => {
    await mounted(async ({ url }) => {
      const whole = await fetch(`${url}/files/big.bin`);
      expect(Buffer.from(await whole.arrayBuffer()).equals(big)).toBe(true);
      const part = await fetch(`${url}/files/big.bin`, { headers: { Range: 'bytes=100-199' } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(big.subarray(100, 200))).toBe(true);
      const etag = whole.headers.get('ETag') as string;
      const cached = await fetch(`${url}/files/big.bin`, { headers: { 'If-None-Match': etag } });
      expect(cached.status).toBe(304);
      const head = await fetch(`${url}/files/small.txt`, { method: 'HEAD' });
      expect([head.status, head.headers.get('Content-Length')]).toEqual([200, '5']);
    });
  });

  it('streams events, and notices that the client leaves', async () => {
    events.next = signalled();
    events.ended = signalled();
    await mounted(async ({ url, log }) => {
      const client = new AbortController();
      const response = await fetch(`${url}/events`, { signal: client.signal });
      expect(response.headers.get('Content-Type')).toContain('text/event-stream');
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      let text = '';
      const until = async (part: string) => {
        while (!text.includes(part)) text += decoder.decode((await reader.read()).value);
      };
      await until('data: one');
      events.next.resolve();
      await until('data: two');
      client.abort();
      await events.ended.promise;
      expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });

  it('responds with its own error pages, and logs once', async () => {
    await mounted(async ({ url, log }) => {
      expect((await fetch(`${url}/none`)).status).toBe(404);
      expect((await fetch(`${url}/broken`)).status).toBe(500);
      expect(log.records.filter(({ level }) => level === 'error')).toHaveLength(1);
    });
  });

  it('leaves other paths to the framework in front', async () => {
    await mounted(async ({ url }) => {
      expect(await (await fetch(url.replace(/live$/, ''))).text()).toMatch(/^(?:express|hono)$/);
    });
  });
});

describe('an Application in Express', () => {
  it('refuses a body above the limit with its own page', async () => {
    const log = new RecordingLogger();
    const handler = toNodeHandler(applicationOf(log), { maxBodyBytes: 10, logger: log });
    await withNode(handler, async (url) => {
      const response = await fetch(`${url}/echo`, { method: 'POST', body: 'x'.repeat(11) });
      expect(response.status).toBe(413);
      expect(await response.text()).toContain('<h1>413: Content Too Large</h1>');
    });
  });

  it('ends event streams when the signal says that the server stops', async () => {
    const log = new RecordingLogger();
    const stop = new AbortController();
    events.next = signalled();
    const handler = toNodeHandler(applicationOf(log), { logger: log, signal: stop.signal });
    await withNode(handler, async (url) => {
      const response = await fetch(`${url}/events`);
      const reading = response.text();
      stop.abort();
      expect(await reading).toMatch(/retry: \d+/);
    });
  });
});
