import { HTTPHeaders, type HTTPMessageDelegate, type HTTPServerExchange } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import type { ServerRequest } from '../src/index.ts';
import { RawClient, statusLines } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
const TARGETS = ['/1?a=%', '/2?a=%', '/3?a=%', '/4'];
const PIPELINED = TARGETS.map(get).join('');
const served = (received: string) => [...received.matchAll(/served (\S+?);/g)].map(([, target]) => target);

/** What a handler may do wrong after its response is complete. */
const MISTAKES: Record<string, (request: ServerRequest) => void> = {
  throws: () => {
    throw new Error('too late');
  },
  'responds twice': (request) => request.respond(200, 'served twice;'),
  'writes after the end': ({ exchange }) => exchange.write('served after the end;'),
  'finishes twice': ({ exchange }) => exchange.finish(),
  'refuses its request': (request) => void request.queryArguments,
};

/** The last request is handled well. */
const thenMistake = (mistake: (request: ServerRequest) => void) => (request: ServerRequest) => {
  request.respond(200, `served ${request.target};`);
  if (request.target !== '/4') mistake(request);
};

describe('a callback that fails after its response', () => {
  it.each(Object.entries(MISTAKES))(
    'and %s, does not keep pipelined requests waiting [H1-16]',
    (_how, mistake) =>
      withServer(thenMistake(mistake), async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, PIPELINED);
        const received = await client.until((all) => all.includes('/4;'));
        expect(served(received)).toEqual(TARGETS);
        expect(statusLines(received)).toEqual(TARGETS.map(() => 'HTTP/1.1 200 OK'));
        expect(records.map(({ level }) => level)).toEqual(['error', 'error', 'error']);
        // The connection goes on as after any other response.
        client.send(get('/4'));
        await client.until((all) => served(all).length === 5);
        expect(server.stats().requests).toMatchObject({ completed: 5, underWay: 0 });
        expect(server.stats().refusedHeads).toBe(0);
        client.close();
      }),
  );

  it('serves what follows however the bytes are split', () =>
    withServer(thenMistake(MISTAKES.throws as () => void), async ({ port }) => {
      const text = get('/1') + get('/4');
      for (let at = 1; at < text.length; at += 7) {
        const client = await RawClient.connect({ port }, text.slice(0, at));
        await new Promise((resolve) => setImmediate(resolve));
        client.send(text.slice(at));
        expect(served(await client.until((all) => all.includes('/4;'))), `split at ${at}`).toEqual([
          '/1',
          '/4',
        ]);
        client.close();
      }
    }));

  it('serves very many that all fail, without a deep stack', () => {
    const count = 2_000;
    return withServer(
      ({ exchange, target }) => {
        exchange.writeHead(200, 'OK', new HTTPHeaders(), `served ${target};`, true);
        throw new Error('too late');
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, get('/x').repeat(count));
        await client.until((all) => served(all).length === count);
        client.close();
        expect(records).toHaveLength(count);
        expect(records.every(({ error }) => (error as Error).message === 'too late')).toBe(true);
      },
    );
  });

  it('closes after a response that said so, with one record and no second response', () =>
    withServer(thenMistake(MISTAKES['refuses its request'] as () => void), async ({ port, records }) => {
      const client = await RawClient.connect(
        { port },
        `GET /1?a=% HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${get('/4')}`,
      );
      expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 200 OK']);
      expect(records).toMatchObject([{ level: 'error', error: { code: 'ERR_HTTP_INPUT' } }]);
      client.close();
    }));

  it('has its connection reset if the response was incomplete, and the next request is not served', () => {
    const targets: string[] = [];
    return withServer(
      ({ exchange, target }) => {
        targets.push(target);
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'half');
        throw new Error('a bug');
      },
      async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, PIPELINED);
        expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
        await waitUntil(() => server.connectionCount === 0);
        expect(targets).toEqual(['/1?a=%']);
        expect(records).toHaveLength(1);
      },
    );
  });

  it('gets the error itself if it writes in a later turn, and the response to the next request is intact', () => {
    const thrown: unknown[] = [];
    const handler = (request: ServerRequest): void => {
      request.respond(200, `served ${request.target};`);
      setImmediate(() => {
        for (const late of ['responds twice', 'writes after the end', 'finishes twice']) {
          try {
            MISTAKES[late]?.(request);
          } catch (error) {
            thrown.push((error as { code: unknown }).code);
          }
        }
      });
    };
    return withServer(handler, async ({ port, records }) => {
      const client = await RawClient.connect({ port }, get('/1') + get('/2'));
      await client.until((all) => all.includes('/2;'));
      await waitUntil(() => thrown.length === 6);
      client.send(get('/3'));
      expect(served(await client.until((all) => all.includes('/3;')))).toEqual(['/1', '/2', '/3']);
      expect(new Set(thrown)).toEqual(new Set(['ERR_HTTP_USAGE']));
      expect(records).toEqual([]);
      client.close();
    });
  });
});

describe('a delegate that fails after its response', () => {
  const respond = (exchange: HTTPServerExchange, target: string): void =>
    exchange.writeHead(200, 'OK', new HTTPHeaders(), `served ${target};`, true);
  const fail = (): never => {
    throw new Error('too late');
  };
  const idle: HTTPMessageDelegate = {
    headersReceived() {},
    dataReceived() {},
    finish() {},
    connectionClosed() {},
  };

  const places: Record<string, (exchange: HTTPServerExchange) => HTTPMessageDelegate> = {
    startRequest: (exchange) => {
      respond(exchange, '/');
      return fail();
    },
    headersReceived: (exchange) => ({
      ...idle,
      headersReceived({ target }) {
        respond(exchange, target);
        fail();
      },
    }),
    finish: (exchange) => ({
      ...idle,
      finish() {
        respond(exchange, '/');
        fail();
      },
    }),
    'headersReceived, by rejecting': (exchange) => ({
      ...idle,
      async headersReceived({ target }) {
        respond(exchange, target);
        fail();
      },
    }),
    'finish, by rejecting': (exchange) => ({
      ...idle,
      async finish() {
        respond(exchange, '/');
        fail();
      },
    }),
  };

  it.each(Object.entries(places))('in %s does not keep pipelined requests waiting', (_place, startRequest) =>
    withServer({ startRequest }, async ({ port, records }) => {
      const client = await RawClient.connect({ port }, get('/').repeat(3));
      const received = await client.until((all) => served(all).length === 3);
      expect(statusLines(received)).toHaveLength(3);
      await waitUntil(() => records.length === 3);
      expect(records.every(({ level }) => level === 'error')).toBe(true);
      client.close();
    }),
  );

  it('in dataReceived ends the connection, as the rest of the body would be taken for a request', () => {
    const startRequest = (exchange: HTTPServerExchange): HTTPMessageDelegate => ({
      ...idle,
      dataReceived() {
        respond(exchange, '/');
        fail();
      },
    });
    return withServer({ startRequest }, async ({ port, records }) => {
      const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
      const client = await RawClient.connect({ port }, post + get('/'));
      const received = await client.untilEnd();
      expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
      expect(received).toContain('\r\nConnection: close\r\n');
      expect(records).toMatchObject([{ level: 'error', error: { message: 'too late' } }]);
      client.close();
    });
  });
});
