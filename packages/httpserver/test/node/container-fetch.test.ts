import type { HttpBindings } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { exchangeOf, FetchContainer, type FetchHandler } from '../../src/fetch/index.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST_GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('the response of node:http of a Fetch handler that returns a Response', () => {
  it.each<[string, () => string | ReadableStream]>([
    ['a text', () => 'hello'],
    ['a stream', () => new Blob(['hello']).stream()],
  ])('emits finish and close after %s', async (_name, body) => {
    const events: string[] = [];
    const handler: FetchHandler = (_request, { incoming, outgoing }) => {
      incoming.on('close', () => events.push('request close'));
      outgoing.on('finish', () => {
        const { headersSent, writableEnded, writableFinished } = outgoing;
        expect({ headersSent, writableEnded, writableFinished }).toEqual({
          headersSent: true,
          writableEnded: true,
          writableFinished: true,
        });
        events.push('finish');
      });
      outgoing.on('close', () => events.push('close'));
      return new Response(body());
    };
    await withServer(new FetchContainer(handler), async ({ port }) => {
      expect(await converse(port, LAST_GET)).toContain('hello');
      await waitUntil(() => events.length === 3);
      expect(events.filter((event) => event !== 'request close')).toEqual(['finish', 'close']);
    });
  });

  it.each<[number, () => Response | undefined]>([
    [201, () => new Response('text', { status: 201 })],
    [202, () => new Response(new Blob(['stream']).stream(), { status: 202 })],
    [204, () => new Response(null, { status: 204 })],
    [500, () => undefined],
  ])('has the status %i of the Response when it emits finish, and later', async (status, respond) => {
    const statuses: number[] = [];
    let statusLater: (() => number) | undefined;
    const handler = ((request, environment) => {
      if (request.url.endsWith('/later')) statusLater = () => environment.outgoing.statusCode;
      else {
        const { outgoing } = environment;
        outgoing.on('finish', () => statuses.push(outgoing.statusCode));
      }
      return respond();
    }) as FetchHandler;
    await withServer(new FetchContainer(handler), async ({ port }) => {
      await converse(port, LAST_GET);
      await converse(port, LAST_GET.replace('/', '/later'));
      await waitUntil(() => statuses.length > 0);
      expect([statuses, statusLater?.()]).toEqual([[status], status]);
    });
  });

  it('emits only close if the connection ends first', async () => {
    const events: string[] = [];
    const handler: FetchHandler = (_request, { outgoing }) => {
      outgoing.on('finish', () => events.push('finish'));
      outgoing.on('close', () => events.push('close'));
      events.push('called');
      return new Promise(() => {});
    };
    await withServer(new FetchContainer(handler), async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => events.length > 0);
      client.reset();
      await waitUntil(() => events.length > 1);
      expect(events).toEqual(['called', 'close']);
    });
  });

  it.each<[string, () => unknown]>([
    ['returns a Response', () => new Response(null)],
    [
      'fails',
      () => {
        throw new Error('on purpose');
      },
    ],
  ])('emits only close if the handler takes over the connection and then %s', async (how, leave) => {
    const events: string[] = [];
    const handler = ((request, { incoming, outgoing }) => {
      for (const name of ['aborted', 'close']) incoming.on(name, () => events.push(`request ${name}`));
      for (const name of ['finish', 'close']) outgoing.on(name, () => events.push(`response ${name}`));
      incoming.socket.on('close', () => events.push('socket close'));
      const stream = exchangeOf(request)?.exchange.detach();
      void (async () => {
        await waitUntil(() => events.length === 3);
        await stream?.write('taken over');
        stream?.close();
      })();
      return leave();
    }) as FetchHandler;
    const errors: unknown[] = [];
    const ignore = (): void => {};
    const logger = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (details: object) => void errors.push(details),
    };
    await withServer(new FetchContainer(handler, { logger }), async ({ port }) => {
      expect(await converse(port, GET)).toBe('taken over');
      expect([...events].sort()).toEqual(['request close', 'response close', 'socket close']);
      expect(errors.length).toBe(how === 'fails' ? 1 : 0);
    });
  });

  it('has ended if it is asked for after the response', async () => {
    let isEnded: (() => boolean) | undefined;
    const handler: FetchHandler = (_request, environment) => {
      isEnded = () => environment.outgoing.writableEnded;
      return new Response('hello');
    };
    await withServer(new FetchContainer(handler), async ({ port }) => {
      await converse(port, LAST_GET);
      expect(isEnded?.()).toBe(true);
    });
  });
});

describe('the request of node:http of a Fetch handler that reads the body', () => {
  const PIECE = 'x'.repeat(100_000);
  const HEAD = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${2 * PIECE.length}\r\n\r\n`;

  /** Sends the second half of the body after the handler has begun to read. */
  async function upload(app: Hono<{ Bindings: HttpBindings }>, isReading: () => boolean): Promise<string> {
    let received = '';
    const fetch = app.fetch as unknown as FetchHandler;
    await withServer(new FetchContainer(fetch), async ({ port }) => {
      const client = await RawClient.connect({ port }, HEAD + PIECE);
      await waitUntil(isReading);
      client.send(PIECE);
      received = await client.untilEnd();
    });
    return received;
  }

  it.each(['before', 'while'])('does not take the body if it is asked for %s that', async (when) => {
    let isReading = false;
    const app = new Hono<{ Bindings: HttpBindings }>().post('/', async (c) => {
      if (when === 'before') getConnInfo(c);
      const text = c.req.text();
      if (when === 'while') getConnInfo(c);
      isReading = true;
      return c.text(`${(await text).length} bytes`);
    });
    expect(await upload(app, () => isReading)).toMatch(/200000 bytes$/);
  });

  it('reads the rest of the body that a handler has not read', async () => {
    let isReading = false;
    const app = new Hono<{ Bindings: HttpBindings }>().post('/', async (c) => {
      let length = 0;
      const { incoming } = c.env;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
        isReading = true;
      });
      await new Promise((resolve) => incoming.on('end', resolve));
      return c.text(`${length} bytes, complete: ${incoming.complete}`);
    });
    expect(await upload(app, () => isReading)).toMatch(/200000 bytes, complete: true$/);
  });

  it('lets a handler that still reads fail when the response is complete', async () => {
    let failure: unknown;
    let isReading = false;
    const app = new Hono<{ Bindings: HttpBindings }>().post('/', (c) => {
      c.req.text().catch((error: unknown) => {
        failure = error;
      });
      getConnInfo(c);
      isReading = true;
      return c.text('enough');
    });
    expect(await upload(app, () => isReading)).toMatch(/enough$/);
    await waitUntil(() => failure !== undefined);
    expect(failure).toMatchObject({ code: 'ERR_HTTP_CLOSED' });
  });
});
