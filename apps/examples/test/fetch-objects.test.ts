import { once } from 'node:events';
import { connect } from 'node:net';
import { Application, RequestHandler, route } from 'landspout';
import { describe, expect, it } from 'vitest';
import { sendFetchResponse, toFetchRequest } from '../mcp/fetch-objects.ts';
import { silent } from './visitor.ts';

/** Serves what a function of the Fetch standard returns, while `test` runs. */
async function serving(
  respond: (request: Request) => Response | Promise<Response>,
  test: (url: string) => Promise<void>,
): Promise<void> {
  class Converted extends RequestHandler {
    override async all(): Promise<void> {
      await sendFetchResponse(this, await respond(toFetchRequest(this)));
    }
  }
  const app = new Application([route('/:name', Converted)], { logger: silent });
  await using server = await app.listen({ port: 0, host: '127.0.0.1' });
  await test(server.url);
}

describe('toFetchRequest', () => {
  it('has the method, URL, headers and body', () =>
    serving(
      async ({ method, url, headers, body }) =>
        Response.json([method, url, headers.get('X-A'), await new Response(body).text()]),
      async (url) => {
        const init = { method: 'PUT', headers: { 'X-A': '1' }, body: 'text' };
        expect(await (await fetch(`${url}/a?b=1`, init)).json()).toEqual([
          'PUT',
          `${url}/a?b=1`,
          '1',
          'text',
        ]);
        expect(await (await fetch(`${url}/a`)).json()).toEqual(['GET', `${url}/a`, null, '']);
      },
    ));
});

describe('sendFetchResponse', () => {
  it('sends status, headers and each cookie', () =>
    serving(
      () => {
        const headers = new Headers({ 'X-A': '1', Connection: 'close' });
        headers.append('Set-Cookie', 'a=1');
        headers.append('Set-Cookie', 'b=2');
        return new Response(null, { status: 202, headers });
      },
      async (url) => {
        const { status, headers } = await fetch(`${url}/a`);
        expect([status, headers.get('X-A'), headers.getSetCookie()]).toEqual([202, '1', ['a=1', 'b=2']]);
        expect([headers.get('Connection'), headers.get('Content-Type')]).toEqual([null, null]);
      },
    ));

  it('reads the body no faster than the client reads, and cancels it when the client disconnects', async () => {
    let read = 0;
    let cancelled: (reason: unknown) => void;
    const cancellation = new Promise<unknown>((resolve) => {
      cancelled = resolve;
    });
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        read += 1;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
      cancel: (reason) => cancelled(reason),
    });
    await serving(
      () => new Response(endless),
      async (url) => {
        const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
        socket.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
        await once(socket, 'readable'); // and then reads nothing
        await untilSteady(() => read);
        socket.destroy();
        expect(await cancellation).toBeInstanceOf(Error);
      },
    );
  });
});

/** Resolves when a number has not changed for many iterations of the event loop. */
async function untilSteady(current: () => number): Promise<void> {
  let last = current();
  for (let turns = 0; turns < 1000; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (current() !== last) turns = 0;
    last = current();
  }
}
