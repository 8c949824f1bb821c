import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { toFetchHandler } from '../../src/fetch/index.ts';
import { toNodeHandler } from '../../src/node/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { deferred, RecordingLogger, respond, withNodeServer } from './outer-servers.ts';

const THIS_FILE = fileURLToPath(import.meta.url);
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** Runs a delegate behind middleware that changes the response, and returns what the client receives. */
async function behind(
  middleware: (response: ServerResponse) => object,
  delegate: RecordingDelegate,
  logger: RecordingLogger,
): Promise<string> {
  const handler = toNodeHandler(delegate, { logger });
  let received = '';
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    handler(request, Object.assign(response, middleware(response)));
  await withNodeServer(listener, async ({ port }) => {
    received = await converse(port, REQUEST).catch(() => 'reset');
    await waitUntil(() => logger.problems.length > 0);
  });
  return received;
}

function broken(): never {
  throw new Error('middleware failed');
}

/** Sends 10 bytes of a file, and what follows before the file was read. */
function fileAnd(follow: (exchange: RecordingDelegate['requests'][number]['exchange']) => void) {
  return new RecordingDelegate({
    finish: async ({ exchange }) => {
      const file = await open(THIS_FILE);
      exchange.writeHead(200, '', new HTTPHeaders());
      const sent = exchange.writeFile(file, { end: 10 });
      follow(exchange);
      await sent.catch(() => {});
      await file.close();
    },
  });
}

describe('toNodeHandler behind middleware that throws', () => {
  it('resets the connection and logs one record if a write after a file fails', async () => {
    const logger = new RecordingLogger();
    const delegate = fileAnd((exchange) => exchange.write('more'));
    const middleware = (response: ServerResponse) => {
      const write = response.write.bind(response) as (chunk: unknown) => boolean;
      return { write: (chunk: unknown) => (chunk === 'more' ? broken() : write(chunk)) };
    };
    const received = await behind(middleware, delegate, logger);
    expect(received).not.toContain('\r\n0\r\n\r\n');
    expect(logger.problems).toMatchObject([{ error: { message: 'middleware failed' } }]);
    expect(delegate.requests[0]?.closedWith).toHaveLength(1);
  });

  it('resets the connection and logs one record if the end after a file fails', async () => {
    const logger = new RecordingLogger();
    const delegate = fileAnd((exchange) => exchange.finish());
    const received = await behind(() => ({ end: broken }), delegate, logger);
    expect(received).not.toContain('\r\n0\r\n\r\n');
    expect(logger.problems).toMatchObject([{ error: { message: 'middleware failed' } }]);
  });

  it('resets the connection and logs one record if a flush fails', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => exchange.writeHead(200, '', new HTTPHeaders(), 'a part'),
    });
    await behind(() => ({ flush: broken }), delegate, logger);
    expect(logger.problems).toMatchObject([{ error: { message: 'middleware failed' } }]);
    expect(delegate.requests[0]?.closedWith).toHaveLength(1);
  });

  it('resets the connection and logs both errors if the response to an error fails', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ head: () => Promise.reject(new Error('delegate failed')) });
    expect(await behind(() => ({ writeHead: broken }), delegate, logger)).not.toContain('HTTP/1.1');
    expect(logger.problems.map(({ error }) => (error as Error).message)).toEqual([
      'delegate failed',
      'middleware failed',
    ]);
    expect(delegate.requests[0]?.closedWith).toHaveLength(1);
  });
});

describe('toNodeHandler: a delegate', () => {
  it('whose onClose throws or rejects is logged', async () => {
    for (const onClose of [broken, () => Promise.reject(new Error('middleware failed'))]) {
      const logger = new RecordingLogger();
      const delegate = Object.assign(
        new RecordingDelegate({ finish: ({ exchange }) => respond(exchange, 200, 'ok') }),
        { onClose },
      );
      await withNodeServer(toNodeHandler(delegate, { logger }), async ({ port }) => {
        await converse(port, REQUEST);
        await waitUntil(() => logger.problems.length > 0);
      });
      expect(logger.problems).toMatchObject([{ error: { message: 'middleware failed' } }]);
    }
  });
});

describe('toFetchHandler', () => {
  it('responds with a 500 and logs one record if the body is locked while the delegate has the headers', async () => {
    const logger = new RecordingLogger();
    const gate = deferred();
    const delegate = new RecordingDelegate({ head: () => gate.promise });
    const request = new Request('http://a.example/', { method: 'POST', body: 'a body' });
    const response = toFetchHandler(delegate, { logger })(request);
    const reader = request.body?.getReader();
    gate.resolve();
    expect((await response).status).toBe(500);
    expect(logger.problems).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
    expect(delegate.requests[0]?.closedWith).toHaveLength(1);
    await reader?.cancel();
  });
});
