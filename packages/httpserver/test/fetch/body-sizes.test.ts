import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { FetchContainer, serve } from '../../src/fetch/index.ts';
import { NodeContainer } from '../../src/node/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';
import { parsed, post } from './container-fixture.ts';

// Both containers receive a body of at most 64 KiB before they call their handler.
const SIZES = [65_535, 65_536, 65_537];

const fetchHandler = async (request: Request): Promise<Response> =>
  new Response(String((await request.arrayBuffer()).byteLength));

async function nodeHandler(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  response.end(String(bytes));
}

async function countedBy(port: number, size: number): Promise<string> {
  return parsed(await converse(port, post('/', 'x'.repeat(size)))).body;
}

describe.each(SIZES)('a body of %i bytes', (size) => {
  it.each([
    ['FetchContainer', new FetchContainer(fetchHandler)],
    ['NodeContainer', new NodeContainer(nodeHandler)],
  ])('is read by the handler of a %s', (_, container) =>
    withServer(container, async ({ port }) => {
      expect(await countedBy(port, size)).toBe(String(size));
    }),
  );

  it('is read by the handler of serve', async () => {
    const server = await serve({ fetch: fetchHandler, port: 0, hostname: '127.0.0.1' }).ready();
    try {
      expect(await countedBy(Number(new URL(server.url as string).port), size)).toBe(String(size));
    } finally {
      await server.close(true);
    }
  });
});
