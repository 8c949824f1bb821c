import { connect } from 'node:net';
import { HTTPHeaders } from '@landspout/http1';
import type { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type ServerRequest } from '../../src/index.ts';
import { RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
/** Longer than any test may take: what happens before it does not wait for it. */
const LONG_MS = 60_000;
const hello = (request: ServerRequest): void => request.respond(200, 'hello');

/** A handler that answers when it is told to. */
function held() {
  const answers: (() => void)[] = [];
  const handler = (request: ServerRequest): Promise<void> =>
    new Promise((resolve) => {
      answers.push(() => {
        request.respond(200, 'late');
        resolve();
      });
    });
  return { handler, answers };
}

describe('HTTPServer.stop', () => {
  it('answers what is under way with Connection: close, and closes what stays idle [HS-02]', () => {
    const { handler, answers } = held();
    return withServer(handler, async ({ server, port }) => {
      const idle = await RawClient.connect({ port });
      const busy = await RawClient.connect({ port }, GET);
      await waitUntil(() => answers.length === 1 && server.connectionCount === 2);
      const stopped = server.stop({ graceMs: 10, drainMs: LONG_MS });
      expect(await idle.untilEnd()).toBe('');
      idle.close();
      answers[0]?.();
      const received = await busy.untilEnd();
      busy.close();
      expect(received).toContain('\r\nConnection: close\r\n');
      expect(received.endsWith('late')).toBe(true);
      expect(await stopped).toEqual({ finished: 1, idle: 1, cut: 0 });
      await expect(RawClient.connect({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    });
  });

  it('answers one more request of an idle connection, and says Connection: close', () =>
    withServer(hello, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((received) => received.endsWith('hello'));
      const stopped = server.stop({ graceMs: LONG_MS, drainMs: LONG_MS });
      expect(server.stopping.aborted).toBe(true);
      client.send(GET);
      const received = await client.untilEnd();
      client.close();
      expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
      expect(received.split('HTTP/1.1 200 OK')[1]).not.toContain('Connection:');
      expect(received.split('HTTP/1.1 200 OK')[2]).toContain('\r\nConnection: close\r\n');
      expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
    }));

  it('lets a head that has begun be completed after the grace period', () =>
    withServer(hello, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET.slice(0, 10));
      const idle = await RawClient.connect({ port });
      await waitUntil(() => server.connectionCount === 2 && server.stats().bytesReceived === 10);
      const stopped = server.stop({ graceMs: 1, drainMs: LONG_MS });
      await idle.untilEnd();
      idle.close();
      client.send(GET.slice(10));
      expect(await client.untilEnd()).toContain('\r\nConnection: close\r\n');
      client.close();
      expect(await stopped).toEqual({ finished: 1, idle: 1, cut: 0 });
    }));

  it('serves clients that are connected and not accepted yet', () =>
    withServer(hello, async ({ server, port }) => {
      const CLIENTS = 30;
      const received = Array.from({ length: CLIENTS }, () => {
        const socket = connect({ port, host: '127.0.0.1' });
        socket.write(GET);
        return new Promise<string>((resolve, reject) => {
          let all = '';
          socket.on('data', (chunk) => {
            all += chunk.toString('latin1');
          });
          socket.on('error', reject);
          socket.on('close', () => resolve(all));
        });
      });
      // They connect on ticks of Node's in this turn, before the server's loop can see any of them.
      await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
      const result = await server.stop({ graceMs: LONG_MS, drainMs: LONG_MS });
      expect(result).toEqual({ finished: CLIENTS, idle: 0, cut: 0 });
      for (const all of await Promise.all(received)) expect(all.endsWith('hello')).toBe(true);
    }));

  describe('an answer whose head went out before the stop began', () => {
    /** A server whose first answer is completed by `complete`, and the others at once. */
    function begun() {
      const answer: { complete?: () => void } = {};
      const handler = (request: ServerRequest): void => {
        if (answer.complete !== undefined) {
          request.respond(200, 'next');
          return;
        }
        const { exchange } = request;
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'begun, ');
        answer.complete = () => {
          exchange.write('and complete');
          exchange.finish();
        };
      };
      return { handler, answer };
    }

    it('is completed, and the connection closed when it stays idle', () => {
      const { handler, answer } = begun();
      return withServer(handler, async ({ server, port }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.includes('begun, '));
        const stopped = server.stop({ graceMs: 10, drainMs: LONG_MS });
        answer.complete?.();
        expect((await client.untilEnd()).endsWith('\r\n0\r\n\r\n')).toBe(true);
        client.close();
        expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
      });
    });

    it('may be followed by one more request, whose answer says Connection: close', () => {
      const { handler, answer } = begun();
      return withServer(handler, async ({ server, port }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.includes('begun, '));
        const stopped = server.stop({ graceMs: LONG_MS, drainMs: LONG_MS });
        answer.complete?.();
        await client.until((all) => all.endsWith('\r\n0\r\n\r\n'));
        client.send(GET);
        const received = await client.untilEnd();
        client.close();
        expect(received.split('HTTP/1.1 200 OK')[2]).toMatch(/\r\nConnection: close\r\n.*next$/s);
        expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
      });
    });

    it('has a grace period of its own behind it', () => {
      const { handler, answer } = begun();
      return withServer(handler, async ({ server, port }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((all) => all.includes('begun, '));
        const idle = await RawClient.connect({ port });
        await waitUntil(() => server.connectionCount === 2);
        const stopped = server.stop({ graceMs: 500, drainMs: LONG_MS });
        // The grace period of the stop is over by then.
        await idle.untilEnd();
        idle.close();
        answer.complete?.();
        await client.until((all) => all.endsWith('\r\n0\r\n\r\n'));
        client.send(GET);
        expect((await client.untilEnd()).endsWith('next')).toBe(true);
        client.close();
        expect(await stopped).toEqual({ finished: 1, idle: 1, cut: 0 });
      });
    });
  });

  it('cuts what is not answered within drainMs, and aborts its signal with the reason', () => {
    let reason: unknown;
    let begun = false;
    const handler = (request: ServerRequest): Promise<void> =>
      new Promise((resolve) => {
        begun = true;
        request.signal.addEventListener('abort', () => {
          reason = request.signal.reason;
          resolve();
        });
      });
    return withServer(handler, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => begun);
      expect(await server.stop({ graceMs: 1, drainMs: 20 })).toEqual({ finished: 0, idle: 0, cut: 1 });
      expect(await client.untilEnd()).toBe('');
      client.close();
      await waitUntil(() => reason !== undefined);
      expect(reason).toMatchObject({ code: 'ERR_HTTP_STOPPING' });
    });
  });

  it('tells answers that would never end, by exchange.stopping and server.stopping', () => {
    const handler = ({ exchange }: ServerRequest): void => {
      exchange.writeHead(200, 'OK', new HTTPHeaders(), 'event\n');
      exchange.stopping.addEventListener('abort', () => exchange.finish());
    };
    return withServer(handler, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((all) => all.includes('event'));
      const { stopping } = server;
      expect(stopping.aborted).toBe(false);
      expect(await server.stop({ drainMs: LONG_MS })).toEqual({ finished: 1, idle: 0, cut: 0 });
      expect(stopping.reason).toMatchObject({ code: 'ERR_HTTP_STOPPING' });
      expect((await client.untilEnd()).endsWith('0\r\n\r\n')).toBe(true);
      client.close();
    });
  });

  it('notifies the owner of a detached connection, and waits for it [HS-02]', () => {
    const taken: IOStream[] = [];
    const handler = ({ exchange }: ServerRequest): void => {
      const stream = exchange.detach(() => stream.closeGracefully(1_000));
      stream.send('taken');
      taken.push(stream);
    };
    return withServer(handler, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((all) => all === 'taken');
      const stopped = server.stop({ graceMs: 1, drainMs: LONG_MS });
      expect(await client.untilEnd()).toBe('taken');
      client.close();
      expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
      expect(taken[0]?.isClosed).toBe(true);
    });
  });

  it('joins the stop that is under way, and listens again after it', () => {
    const { handler, answers } = held();
    return withServer(handler, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => answers.length === 1);
      const stops = [server.stop({ drainMs: LONG_MS }), server.stop({ drainMs: 1_000 })];
      await expect(server.listen({ port: 0, host: '127.0.0.1' })).rejects.toMatchObject({
        code: 'ERR_STREAM_USAGE',
      });
      answers[0]?.();
      await client.untilEnd();
      client.close();
      const once = { finished: 1, idle: 0, cut: 0 };
      expect(await Promise.all(stops)).toEqual([once, once]);

      await server.listen({ port: 0, host: '127.0.0.1' });
      expect(server.stopping.aborted).toBe(false);
      const next = await RawClient.connect({ port: server.port }, GET);
      await waitUntil(() => answers.length === 2);
      answers[1]?.();
      expect(await next.until((all) => all.endsWith('late'))).not.toContain('Connection: close');
      next.close();
    });
  });

  it('ends a listen that has begun', async () => {
    const server = new HTTPServer(hello);
    const listening = server.listen({ port: 0, host: '127.0.0.1' });
    expect(await server.stop()).toEqual({ finished: 0, idle: 0, cut: 0 });
    await listening;
    expect(server.addresses).toEqual([]);
  });

  it.each([
    { acceptMs: -1 },
    { acceptMs: 6, graceMs: 5, drainMs: 10 },
    { graceMs: -1 },
    { graceMs: Number.NaN },
    { drainMs: -1 },
    { graceMs: 10, drainMs: 9 },
    { drainMs: 2 ** 31 },
  ])('refuses %o', async (options) => {
    await expect(new HTTPServer(hello).stop(options)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});

describe('HTTPServer.closeAll', () => {
  it('ends a stop that is under way, whose rest counts as cut', () => {
    const { handler, answers } = held();
    return withServer(handler, async ({ server, port }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => answers.length === 1);
      const stopped = server.stop({ drainMs: LONG_MS });
      await server.closeAll();
      expect(await stopped).toEqual({ finished: 0, idle: 0, cut: 1 });
      await client.untilEnd();
      client.close();
    });
  });
});
