import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { RawClient } from '../../fixtures/raw-client.ts';
import {
  ALL_SERVERS,
  ask,
  deferred,
  HONO_SERVERS,
  leaveAfter,
  responseOf,
  send,
  takeErrors,
  waitingHandler,
  withKind,
} from './servers.ts';

describe.each(ALL_SERVERS)('the signal of a request on $name', (kind) => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])(
    'aborts when the client of a %s leaves',
    (method) => {
      const { handler, called, aborted } = waitingHandler();
      return withKind(kind, handler, async (port) => {
        const sending = send(port, '/', { method });
        sending.on('error', () => {});
        const signal = await called;
        expect(signal.aborted).toBe(false);
        sending.destroy();
        await aborted;
        expect(signal.aborted).toBe(true);
        if (kind.isOurs) expect(signal.reason).toBeInstanceOf(Error);
        else expect(signal.reason).toBeDefined();
        if (kind.isOurs) expect(takeErrors()).toEqual([]);
      });
    },
  );

  it('aborts while a response is streamed', () => {
    const aborted = deferred();
    const handler = (request: Request): Response => {
      request.signal.addEventListener('abort', () => aborted.resolve());
      return new Response(new ReadableStream({ start: (out) => out.enqueue(Buffer.from('begun')) }));
    };
    return withKind(kind, handler, async (port) => {
      const message = await responseOf(send(port, '/'));
      message.destroy();
      await aborted.promise;
    });
  });

  it('is already aborted if it is read after the client has left', () => {
    const called = deferred();
    const gone = deferred();
    const read = deferred<boolean>();
    const handler = async (request: Request): Promise<Response> => {
      if (new URL(request.url).pathname === '/other') return new Response('other');
      called.resolve();
      await gone.promise;
      read.resolve(request.signal.aborted);
      return new Response('too late');
    };
    return withKind(kind, handler, async (port) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await called.promise;
      client.reset();
      // The server notices the reset before it accepts and serves what was sent later.
      await ask(port, '/other');
      gone.resolve();
      expect(await read.promise).toBe(true);
    });
  });

  it('does not abort after a complete response', () => {
    let signal: AbortSignal | undefined;
    const handler = (request: Request): Response => {
      signal ??= request.signal;
      return new Response('complete');
    };
    return withKind(kind, handler, async (port) => {
      expect((await ask(port, '/')).text).toBe('complete');
      expect((await ask(port, '/')).text).toBe('complete');
      expect(signal?.aborted).toBe(false);
    });
  });

  it('passes its abort to a fetch that uses it', () => {
    const waiting = waitingHandler();
    return withKind(kind, waiting.handler, (upstream) => {
      const handler = ({ signal }: Request): Promise<Response> =>
        fetch(`http://127.0.0.1:${upstream}/`, { signal }).catch(() => new Response('aborted'));
      return withKind(kind, handler, async (port) => {
        await leaveAfter(waiting.called, port);
        await waiting.aborted;
      });
    });
  });
});

describe.each(HONO_SERVERS)('the objects of node:http on $name', (kind) => {
  it("emit 'close' when the client leaves", () => {
    const called = deferred();
    const closed = deferred();
    const app = new Hono<{ Bindings: HttpBindings }>().get('/', async (c) => {
      c.env.outgoing.once('close', () => closed.resolve());
      called.resolve();
      await closed.promise;
      return c.text('too late');
    });
    return withKind(kind, app.fetch, async (port) => {
      await leaveAfter(called.promise, port);
      await closed.promise;
    });
  });

  it('still give the whole body after the client has left', () => {
    const called = deferred();
    const body = deferred<string>();
    const app = new Hono<{ Bindings: HttpBindings }>().post('/', async (c) => {
      const { incoming } = c.env;
      while (!incoming.complete) await new Promise(setImmediate);
      const aborted = new Promise((resolve) => {
        incoming.once('aborted', resolve);
      });
      called.resolve();
      await aborted;
      body.resolve(await c.req.text().catch(String));
      return c.text('too late');
    });
    return withKind(kind, app.fetch, async (port) => {
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n';
      const client = await RawClient.connect({ port }, `${head}whole`);
      await called.promise;
      client.reset();
      expect(await body.promise).toBe('whole');
    });
  });
});
