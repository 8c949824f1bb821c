import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { HTTPHeaders, type HTTPServerConnectionDelegate } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import type { HTTPServerOptions, ServerRequest } from '../src/index.ts';
import { makeCertificate } from './fixtures/certificate.ts';
import { RawClient } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('HTTPServer, and AsyncLocalStorage', () => {
  it('calls a handler in the root context, whichever context made the server', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await storage.run('the maker of the server', () =>
      withServer(
        (request) => {
          seen.push(storage.getStore());
          request.respond(200, 'done');
        },
        async ({ port }) => {
          const client = await RawClient.connect({ port }, get('/1'));
          await client.until((all) => all.endsWith('done'));
          client.close();
        },
      ),
    );
    expect(seen).toEqual([undefined]);
  });

  it('does not let a request see the context of an earlier one, on its connection or on another', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        await storage.run(request.target, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(storage.getStore());
          request.respond(200, request.target);
        });
      },
      async ({ port }) => {
        const one = await RawClient.connect({ port }, get('/1'));
        await one.until((all) => all.endsWith('/1'));
        one.send(get('/2'));
        await one.until((all) => all.endsWith('/2'));
        const other = await RawClient.connect({ port }, get('/3'));
        await other.until((all) => all.endsWith('/3'));
        one.close();
        other.close();
      },
    );
    expect(seen).toEqual([undefined, '/1', undefined, '/2', undefined, '/3']);
  });

  it('does not let a pipelined request see the context of the one before it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        await storage.run(request.target, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          request.respond(200, request.target);
        });
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, get('/1') + get('/2') + get('/3'));
        await client.until((all) => all.endsWith('/3'));
        client.close();
      },
    );
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('does not let the request of another connection see what enterWith left behind, in one turn or in a later one', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        storage.enterWith(request.target);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(storage.getStore() === request.target);
        request.respond(200, request.target);
      },
      async ({ port }) => {
        for (let round = 0; round < 2; round += 1) {
          const clients = [await RawClient.connect({ port }), await RawClient.connect({ port })];
          for (const client of clients) client.send(get('/1'));
          for (const client of clients) await client.until((all) => all.endsWith('/1'));
          for (const client of clients) client.close();
        }
      },
    );
    expect(seen.filter((each) => typeof each !== 'boolean')).toEqual(new Array(4).fill(undefined));
    expect(seen.filter((each) => typeof each === 'boolean')).toEqual(new Array(4).fill(true));
  });

  it('does not let a pipelined request see what enterWith of the one before it left behind', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        storage.enterWith(request.target);
        await new Promise((resolve) => setImmediate(resolve));
        request.respond(200, request.target);
      },
      async ({ port }) => {
        for (let round = 0; round < 2; round += 1) {
          const client = await RawClient.connect({ port }, get('/1') + get('/2') + get('/3'));
          await client.until((all) => all.endsWith('/3'));
          client.close();
        }
      },
    );
    expect(seen).toEqual(new Array(6).fill(undefined));
  });

  /** A callback that responds at once and leaves a context behind, and what contexts it was called in. */
  function entering(respond: (request: ServerRequest) => void = (request) => request.respond(200, 'done')) {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const callback = (request: ServerRequest): void => {
      seen.push(storage.getStore());
      storage.enterWith(request.target);
      respond(request);
    };
    return { storage, seen, callback };
  }

  const answers = (count: number) => (all: string) => all.split('HTTP/1.1 200').length === count + 1;

  it.each<[string, HTTPServerOptions]>([
    ['in its socket', {}],
    ['behind a PROXY header', { proxyProtocol: { from: ['127.0.0.1'] } }],
  ])(
    'does not let a request see what a synchronous one before it has entered, %s',
    async (_what, options) => {
      const { seen, callback } = entering();
      await withServer(
        callback,
        async ({ port }) => {
          const client = await RawClient.connect({ port });
          if (options.proxyProtocol !== undefined) client.send('PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n');
          for (let round = 1; round <= 3; round += 1) {
            client.send(get('/1') + get('/2') + get('/3'));
            await client.until(answers(3 * round));
          }
          client.close();
        },
        options,
      );
      expect(seen).toEqual(Array(9).fill(undefined));
    },
  );

  it('does not let a request over TLS see what a synchronous one before it has entered', async () => {
    const { seen, callback } = entering();
    const certificate = makeCertificate();
    await withServer(
      callback,
      async ({ port }) => {
        const socket = connect({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost' });
        await once(socket, 'secureConnect');
        let received = '';
        socket.setEncoding('latin1').on('data', (text: string) => {
          received += text;
        });
        for (let round = 1; round <= 3; round += 1) {
          socket.write(get('/1') + get('/2') + get('/3'));
          await waitUntil(() => answers(3 * round)(received));
        }
        socket.destroy();
      },
      { tls: certificate },
    );
    expect(seen).toEqual(Array(9).fill(undefined));
  });

  it('does not let pipelined requests that fill many reads see what the ones before them have entered', async () => {
    const { seen, callback } = entering();
    const count = 5_000;
    await withServer(callback, async ({ port }) => {
      const client = await RawClient.connect({ port }, get('/1').repeat(count));
      await client.until(answers(count));
      client.close();
    });
    expect(seen.length).toBe(count);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('does not let a request see the context of one whose response waits for its reader', async () => {
    const { seen, callback } = entering((request) => request.respond(200, Buffer.alloc(200_000)));
    const count = 40;
    await withServer(callback, async ({ port }) => {
      const client = await RawClient.connect({ port });
      client.socket.pause();
      client.send(get('/1').repeat(count));
      await waitUntil(() => seen.length > 1);
      client.socket.resume();
      await client.until(answers(count));
      client.close();
    });
    expect(seen).toEqual(Array(count).fill(undefined));
  });

  it('does not let a request see what the promise of a body before it has been awaited in', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const delegate: HTTPServerConnectionDelegate = {
      startRequest: (exchange) => ({
        async headersReceived() {
          seen.push(storage.getStore());
          storage.enterWith('a body');
          await new Promise((resolve) => setImmediate(resolve));
        },
        dataReceived() {},
        finish() {
          exchange.writeHead(200, 'OK', new HTTPHeaders(), 'done', true);
        },
        connectionClosed() {},
      }),
    };
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
    await withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, post.repeat(3));
      await client.until(answers(3));
      client.close();
    });
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});
