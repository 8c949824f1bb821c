import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HTTPMessageDelegate, HTTPServerConnectionDelegate } from '@landspout/http1';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it, onTestFinished } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import { FetchContainer, toFetchHandler } from '../../src/fetch/index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One object for each would take about 20 MB. */
const CHUNKS = 200_000;
const MAX_GROWTH = 4_000_000;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A request whose body arrives byte by byte. @param atEnd - called before the end of the body is sent. */
function dripping(chunks: number, atEnd: () => void, headers: Record<string, string> = {}): Request {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent < chunks) {
          sent += 1;
          controller.enqueue(new Uint8Array([0x78]));
          return;
        }
        atEnd();
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return new Request('http://a/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}

class Collecting implements HTTPServerConnectionDelegate {
  startRequest(exchange: Parameters<HTTPServerConnectionDelegate['startRequest']>[0]): HTTPMessageDelegate {
    let bytes = 0;
    return {
      collectsBody: true,
      headersReceived() {},
      dataReceived(chunk) {
        bytes += chunk.length;
      },
      finish() {
        exchange.writeHead(200, '', new HTTPHeaders(), String(bytes), true);
      },
      connectionClosed() {},
    };
  }
}

describe('a body in chunks of one byte', () => {
  it.each<[string, HTTPServerConnectionDelegate, Record<string, string>]>([
    [
      'text() of a Fetch handler',
      new FetchContainer(async (request) => new Response(String((await request.text()).length))),
      {},
    ],
    ['a delegate that needs all of it at once', new Collecting(), { 'Content-Length': String(CHUNKS) }],
  ])('takes no more than a few times its size while it is received for %s', async (_, delegate, headers) => {
    // So that the request is ours on every version of Node: `text()` of a native one keeps each chunk.
    onTestFinished(installGlobalObjects());
    const before = heapBytes();
    let growth = Number.POSITIVE_INFINITY;
    const request = dripping(
      CHUNKS,
      () => {
        growth = heapBytes() - before;
      },
      headers,
    );
    const response = await toFetchHandler(delegate)(request);
    expect(await response.text()).toBe(String(CHUNKS));
    expect(growth).toBeLessThan(MAX_GROWTH);
  });

  it('arrives at a late reader in few chunks', async () => {
    const size = 60_000;
    let received = (): void => {};
    const allReceived = new Promise<void>((resolve) => {
      received = resolve;
    });
    const sizes: number[] = [];
    const container = new FetchContainer(async (request) => {
      await allReceived;
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>)
        sizes.push(chunk.length);
      return new Response('ok');
    });
    const response = await toFetchHandler(container)(dripping(size, received));
    expect(await response.text()).toBe('ok');
    expect(sizes.reduce((sum, length) => sum + length, 0)).toBe(size);
    expect(sizes.length).toBeLessThan(50);
  });
});
