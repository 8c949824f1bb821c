import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { FetchContainer } from '../../src/fetch/index.ts';
import { NodeContainer } from '../../src/node/index.ts';
import { withServer } from '../fixtures/running-server.ts';

const BODY = JSON.stringify({ text: 'x'.repeat(100_000) });

async function nodeHandler(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  response.end(text);
}

const ofExpress = express();
ofExpress.use(express.json({ limit: '1mb' }));
ofExpress.post('/', (request, response) => {
  response.json(request.body);
});

describe('a compressed body, with decompressRequests', () => {
  it.each([
    ['a Fetch handler', new FetchContainer(async (request) => new Response(await request.text()))],
    ['a Node handler', new NodeContainer(nodeHandler)],
    ['an application of Express', new NodeContainer(ofExpress)],
  ])('is read by %s', (_, container) =>
    withServer(
      container,
      async ({ port }) => {
        const init = { method: 'POST', body: gzipSync(BODY) };
        const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' };
        const response = await fetch(`http://127.0.0.1:${port}/`, { ...init, headers });
        expect(await response.text()).toBe(BODY);
      },
      { decompressRequests: true },
    ),
  );

  it('leaves the headers of other requests to a Node handler as they are', () =>
    withServer(
      new NodeContainer((request, response) => {
        response.end(JSON.stringify(request.headers));
      }),
      async ({ port }) => {
        const url = `http://127.0.0.1:${port}/`;
        expect(await (await fetch(url)).json()).not.toHaveProperty('transfer-encoding');
        const sent = (await (await fetch(url, { method: 'POST', body: 'text' })).json()) as object;
        expect(sent).toHaveProperty('content-length', '4');
        expect(sent).not.toHaveProperty('transfer-encoding');
      },
      { decompressRequests: true },
    ));
});
