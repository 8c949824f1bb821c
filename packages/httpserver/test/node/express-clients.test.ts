import { once } from 'node:events';
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream';
import compression from 'compression';
import express, { type Express, type Request, type Response } from 'express';
import morgan from 'morgan';
import multer from 'multer';
import { describe, expect, it } from 'vitest';
import { NodeContainer } from '../../src/node/index.ts';
import { noteEvents, notesOfBoth } from '../fixtures/node-servers.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { openDescriptors, waitUntil, withServer } from '../fixtures/running-server.ts';

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** An application whose requests are noted by `noted`, and whose handler has started when `started` is called. */
function waitingApp(handle: (request: Request, response: Response) => void): Express {
  const app = express();
  app.use('/waits', (request, response) => handle(request, response));
  return app;
}

/** Runs an application on both servers; the client resets its connection when `isReady` holds. */
async function leaving(
  handle: (request: Request, response: Response, note: (text: string) => void) => void,
  text: string,
): ReturnType<typeof notesOfBoth> {
  let hasStarted = false;
  return notesOfBoth(
    (request, response, note) => {
      const app = waitingApp((one, other) => {
        noteEvents(one, other, note);
        handle(one, other, note);
        hasStarted = true;
      });
      return app(request, response);
    },
    async (port) => {
      hasStarted = false;
      const client = await RawClient.connect({ port }, text);
      await waitUntil(() => hasStarted);
      client.reset();
    },
  );
}

describe('a client of an Express application that leaves', () => {
  it.each<[string, (request: Request, response: Response) => void, string]>([
    ['while it waits for the response', () => {}, get('/waits')],
    ['in the middle of the response', (_request, response) => void response.write('begun'), get('/waits')],
    [
      'in the middle of its body',
      (request) => void request.resume(),
      'POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nbegun',
    ],
  ])('has the same events as on node:http %s', async (_when, handle, text) => {
    const { node, container } = await leaving(handle, text);
    expect(container.request).toEqual(node.request);
    expect(container.response).toEqual(node.response);
    expect(container.response.some((note) => note.startsWith('response close'))).toBe(true);
  });

  it('is logged by morgan without a status before the head', async () => {
    const lines: string[] = [];
    let isWaiting = false;
    const app = express();
    app.use(morgan(':method :url :status', { stream: { write: (line) => void lines.push(line.trim()) } }));
    app.get('/', () => {
      isWaiting = true;
    });
    await withServer(new NodeContainer(app), async ({ port, records }) => {
      const client = await RawClient.connect({ port }, get('/'));
      await waitUntil(() => isWaiting);
      client.reset();
      await waitUntil(() => lines.length === 1);
      expect(lines).toEqual(['GET / -']);
      expect(records.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });

  it('closes the file that is sent to it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clients-'));
    writeFileSync(path.join(folder, 'large.bin'), Buffer.alloc(30_000_000));
    const ends: (string | undefined)[] = [];
    const app = express();
    app.get('/file', (_request, response) => {
      response.sendFile('large.bin', { root: folder }, (error) => {
        ends.push((error as NodeJS.ErrnoException | undefined)?.code);
      });
    });
    app.get('/stream', (_request, response) => {
      const file = createReadStream(path.join(folder, 'large.bin'));
      file.pipe(response);
      finished(response, (error) => {
        file.destroy();
        file.once('close', () => void ends.push((error as NodeJS.ErrnoException | null)?.code));
      });
    });
    await withServer(new NodeContainer(app), async ({ port }) => {
      const before = openDescriptors();
      for (const target of ['/file', '/stream']) {
        const client = await RawClient.connect({ port }, get(target));
        await client.until((text) => text.length > 100_000);
        client.socket.pause();
        client.reset();
      }
      await waitUntil(() => ends.length === 2);
      expect(ends.sort()).toEqual(['ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE']);
      await waitUntil(() => openDescriptors() === before);
    });
  });

  it('ends an upload of multer with an error', async () => {
    const errors: (string | undefined)[] = [];
    const app = express();
    let hasBody = false;
    app.post('/', (request, _response, next) => {
      request.once('data', () => {
        hasBody = true;
      });
      next();
    });
    app.post('/', multer({ storage: multer.memoryStorage() }).single('file'));
    app.use((error: { code?: string }, _request: Request, _response: Response, _next: () => void) => {
      errors.push(error.code ?? String(error));
    });
    await withServer(new NodeContainer(app), async ({ port, records }) => {
      const client = await RawClient.connect({ port });
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\n');
      client.send('Content-Length: 500000\r\n\r\n--X\r\nContent-Disposition: form-data; name="file"; ');
      client.send('filename="a"\r\n\r\nbegun');
      await waitUntil(() => hasBody);
      client.reset();
      await waitUntil(() => errors.length === 1);
      expect(records.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });
});

describe('server-sent events of an Express application', () => {
  it.each([
    ['as they are written', false],
    ['through compression with flush', true],
  ])('arrive %s, and end when the client leaves', async (_how, isCompressed) => {
    const listeners = new Set<(text: string) => void>();
    const app = express();
    if (isCompressed) app.use(compression({ threshold: 0 }));
    app.get('/events', (_request, response) => {
      response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      response.flushHeaders();
      const listener = (text: string): void => {
        response.write(`data: ${text}\n\n`);
        (response as { flush?: () => void }).flush?.();
      };
      listeners.add(listener);
      response.on('close', () => void listeners.delete(listener));
    });
    await withServer(new NodeContainer(app), async ({ port }) => {
      const stop = new AbortController();
      const response = await fetch(`http://127.0.0.1:${port}/events`, { signal: stop.signal });
      expect(response.headers.get('content-encoding') !== null).toBe(isCompressed);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (const text of ['one', 'two']) {
        await waitUntil(() => listeners.size === 1);
        for (const listener of listeners) listener(text);
        expect(new TextDecoder().decode((await reader.read()).value)).toBe(`data: ${text}\n\n`);
      }
      stop.abort();
      await waitUntil(() => listeners.size === 0);
    });
  });
});

describe('app.listen', () => {
  it('is a server of node:http beside the container', async () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('same'));
    const plain = app.listen(0, '127.0.0.1') as Server;
    await once(plain, 'listening');
    const { port: plainPort } = plain.address() as { port: number };
    await withServer(new NodeContainer(app), async ({ port }) => {
      for (const one of [port, plainPort]) {
        expect(await (await fetch(`http://127.0.0.1:${one}/`)).text()).toBe('same');
      }
    });
    plain.closeAllConnections();
    await new Promise((resolve) => plain.close(resolve));
  });
});
