import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Hono } from 'hono';
import { proxy } from 'hono/proxy';
import { describe, expect, it } from 'vitest';
import {
  ask,
  HONO_SERVERS,
  leaveAfter,
  OUR_SERVERS,
  send,
  takeErrors,
  waitingHandler,
  withKind,
} from './servers.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Waits until nothing refers to the object. The test's own timeout is the limit. */
async function untilCollected(reference: WeakRef<object>): Promise<void> {
  for (;;) {
    // `deref` keeps the object for the rest of the job in which it is called.
    await new Promise(setImmediate);
    collectGarbage();
    if (reference.deref() === undefined) return;
  }
}

describe.each(HONO_SERVERS)('a request on $name', (kind) => {
  it.each([
    ['GET', undefined],
    ['POST', 'a body'],
  ])('is garbage after the response to %s', (method, body) => {
    const requests: WeakRef<object>[] = [];
    const app = new Hono().on(method, '/', async (c) => {
      requests.push(new WeakRef(c.req.raw), new WeakRef(c.req.raw.signal));
      return c.text(await c.req.text());
    });
    return withKind(kind, app.fetch, async (port) => {
      expect((await ask(port, '/', { method, body })).text).toBe(body ?? '');
      expect(requests).toHaveLength(2);
      for (const reference of requests) await untilCollected(reference);
    });
  });

  it('is garbage after its client has left', () => {
    const { handler, called, aborted } = waitingHandler();
    const requests: WeakRef<object>[] = [];
    const app = new Hono().get('/', (c) => {
      requests.push(new WeakRef(c.req.raw));
      return handler(c.req.raw);
    });
    return withKind(kind, app.fetch, async (port) => {
      await leaveAfter(called, port);
      await aborted;
      for (const reference of requests) await untilCollected(reference);
    });
  });

  it('can be passed on to another server by the proxy helper', () => {
    const upstream = new Hono().post('/echo', async (c) =>
      c.text(`${c.req.header('x-sent')} ${await c.req.text()}`, 201, { 'X-Up': 'yes' }),
    );
    return withKind(kind, upstream.fetch, (upstreamPort) => {
      const app = new Hono().all('/proxy/*', (c) =>
        proxy(`http://127.0.0.1:${upstreamPort}${c.req.path.replace('/proxy', '')}`, {
          ...c.req,
          headers: { ...c.req.header(), host: undefined },
        }),
      );
      return withKind(kind, app.fetch, async (port) => {
        const headers = { 'X-Sent': 'sent' };
        const reply = await ask(port, '/proxy/echo', { method: 'POST', headers, chunks: ['passed ', 'on'] });
        expect([reply.status, reply.headers['x-up'], reply.text]).toEqual([201, 'yes', 'sent passed on']);
      });
    });
  });
});

describe.each(OUR_SERVERS)('many requests on $name', (kind) => {
  it('leave no listeners and no errors behind, whenever their clients leave', () => {
    const handler = async (request: Request): Promise<Response> => {
      const { pathname } = new URL(request.url);
      if (pathname === '/stream') {
        const chunk = Buffer.alloc(100_000);
        return new Response(new ReadableStream({ pull: (out) => out.enqueue(chunk.slice()) }));
      }
      if (pathname === '/wait') {
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      }
      return new Response(await request.text().catch(() => 'left'));
    };
    return withKind(kind, handler, async (port) => {
      const before = process.listenerCount('warning');
      const body = 'x'.repeat(100_000);
      const outcomes = Array.from({ length: 60 }, async (_, at) => {
        const path = ['/', '/stream', '/wait'][at % 3] as string;
        const sending = send(port, path, at % 2 === 0 ? {} : { method: 'POST', body });
        const ended = new Promise((resolve) => sending.on('close', resolve).on('error', () => {}));
        sending.on('response', (message) => message.on('error', () => {}).resume());
        for (let turn = 0; turn < at / 3; turn += 1) await new Promise(setImmediate);
        sending.destroy();
        await ended;
      });
      await Promise.all(outcomes);
      expect((await ask(port, '/', { method: 'POST', body: 'still there' })).text).toBe('still there');
      expect(takeErrors()).toEqual([]);
      expect(process.listenerCount('warning')).toBe(before);
    });
  });
});
