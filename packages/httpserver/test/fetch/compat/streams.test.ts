import { once } from 'node:events';
import { Hono } from 'hono';
import { stream, streamSSE, streamText } from 'hono/streaming';
import { describe, expect, it } from 'vitest';
import { RawClient } from '../../fixtures/raw-client.ts';
import {
  ALL_SERVERS,
  ask,
  deferred,
  HONO_SERVERS,
  responseOf,
  send,
  takeErrors,
  withKind,
} from './servers.ts';

const PIECE = new Uint8Array(64 * 1024).fill(120);
const PIECES = 512;

/** Reads until the text that has come satisfies `done`. */
async function readUntil(message: AsyncIterator<Buffer>, done: (text: string) => boolean): Promise<string> {
  let text = '';
  while (!done(text)) {
    const { value, done: isEnd } = await message.next();
    if (isEnd === true) throw new Error(`the response ended after ${JSON.stringify(text)}`);
    text += value.toString();
  }
  return text;
}

describe.each(ALL_SERVERS)('a streamed response on $name', (kind) => {
  it('keeps the order of chunks that are made at once', () =>
    withKind(
      kind,
      () => {
        const body = new ReadableStream({
          start(controller) {
            for (let at = 0; at < 50; at += 1) controller.enqueue(Buffer.from(`${at},`));
            controller.close();
          },
        });
        return new Response(body);
      },
      async (port) => {
        const expected = Array.from({ length: 50 }, (_, at) => `${at},`).join('');
        expect((await ask(port, '/')).text).toBe(expected);
      },
    ));

  it('has a Content-Length if the handler sets it', () =>
    withKind(
      kind,
      () => new Response(new Blob(['measured']).stream(), { headers: { 'Content-Length': '8' } }),
      async (port) => {
        const reply = await ask(port, '/');
        expect([reply.headers['content-length'], reply.text]).toEqual(['8', 'measured']);
      },
    ));

  it('may have chunks of text', () =>
    withKind(
      kind,
      () => {
        const body = new ReadableStream<string>({
          start(controller) {
            controller.enqueue('Grü');
            controller.enqueue('ße');
            controller.close();
          },
        });
        return new Response(body as unknown as ReadableStream<Uint8Array>);
      },
      async (port) => expect((await ask(port, '/')).text).toBe('Grüße'),
    ));

  it('can be empty', () =>
    withKind(
      kind,
      () => new Response(new Blob([]).stream()),
      async (port) => {
        const reply = await ask(port, '/');
        expect([reply.status, reply.text, reply.isCut]).toEqual([200, '', false]);
      },
    ));

  it('is cut off when the stream fails, and the server goes on', () => {
    const isRead = deferred();
    const handler = (request: Request): Response => {
      if (new URL(request.url).pathname === '/fine') return new Response('fine');
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from('begun')),
        async pull() {
          await isRead.promise;
          throw new Error('broken source');
        },
      });
      return new Response(body);
    };
    return withKind(kind, handler, async (port) => {
      const message = await responseOf(send(port, '/'));
      const pieces = message[Symbol.asyncIterator]();
      expect(await readUntil(pieces, (text) => text.length >= 5)).toBe('begun');
      isRead.resolve();
      await expect(pieces.next()).rejects.toThrow('aborted');
      if (kind.isOurs) expect(takeErrors()).toHaveLength(1);
      expect((await ask(port, '/fine')).text).toBe('fine');
    });
  });

  it('is cancelled when the client leaves', () => {
    const cancelled = deferred();
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from('begun')),
        cancel: () => cancelled.resolve(),
      });
    return withKind(
      kind,
      () => new Response(body()),
      async (port) => {
        const message = await responseOf(send(port, '/'));
        await once(message, 'readable');
        message.destroy();
        await cancelled.promise;
        if (kind.isOurs) expect(takeErrors()).toEqual([]);
      },
    );
  });

  it('is pulled no faster than the client reads', () => {
    let pulls = 0;
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream(
        {
          pull(controller) {
            pulls += 1;
            controller.enqueue(PIECE.slice());
            if (pulls === PIECES) controller.close();
          },
        },
        { highWaterMark: 1 },
      );
    const handler = (request: Request): Response =>
      new URL(request.url).pathname === '/pulls' ? new Response(String(pulls)) : new Response(body());
    return withKind(kind, handler, async (port) => {
      const client = await RawClient.connect({ port });
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      // Without back-pressure, the number grows until the stream is at its end.
      let before = '';
      let same = 0;
      while (same < 5) {
        const { text } = await ask(port, '/pulls');
        same = text === before && text !== '0' ? same + 1 : 0;
        before = text;
      }
      expect(pulls).toBeLessThan(PIECES);
      client.socket.resume();
      expect((await client.untilEnd()).length).toBeGreaterThan(PIECES * PIECE.length);
      expect(pulls).toBe(PIECES);
    });
  });

  it('is not read for HEAD, and cancelled', () => {
    const cancelled = deferred();
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ pull: () => new Promise(() => {}), cancel: () => cancelled.resolve() });
    return withKind(
      kind,
      () => new Response(body(), { headers: { 'X-A': 'b' } }),
      async (port) => {
        const reply = await ask(port, '/', { method: 'HEAD' });
        expect([reply.headers['x-a'], reply.text, reply.isCut]).toEqual(['b', '', false]);
        if (kind.isOurs) await cancelled.promise;
      },
    );
  });
});

describe.each(HONO_SERVERS)('the streaming helpers of Hono on $name', (kind) => {
  it('stream bytes', () => {
    const app = new Hono().get('/', (c) =>
      stream(c, async (out) => {
        await out.write(new Uint8Array([1, 2]));
        await out.pipe(new Blob(['piped']).stream());
      }),
    );
    return withKind(kind, app.fetch, async (port) => {
      expect((await ask(port, '/')).bytes.toString('latin1')).toBe('\x01\x02piped');
    });
  });

  it('stream text, line by line', () => {
    const next = deferred();
    const app = new Hono().get('/', (c) =>
      streamText(c, async (out) => {
        await out.writeln('one');
        await next.promise;
        await out.write('two');
      }),
    );
    return withKind(kind, app.fetch, async (port) => {
      const message = await responseOf(send(port, '/'));
      const pieces = message[Symbol.asyncIterator]();
      expect(await readUntil(pieces, (text) => text.includes('\n'))).toBe('one\n');
      next.resolve();
      expect(await readUntil(pieces, (text) => text.includes('two'))).toBe('two');
    });
  });

  it('stream events, and notice that the client has left', () => {
    const aborted = deferred();
    const app = new Hono().get('/', (c) =>
      streamSSE(c, async (out) => {
        out.onAbort(() => aborted.resolve());
        await out.writeSSE({ id: '1', event: 'tick', data: 'a\nb' });
        await aborted.promise;
      }),
    );
    return withKind(kind, app.fetch, async (port) => {
      const message = await responseOf(send(port, '/'));
      expect(message.headers['content-type']).toBe('text/event-stream');
      const pieces = message[Symbol.asyncIterator]();
      const event = 'event: tick\ndata: a\ndata: b\nid: 1\n\n';
      expect(await readUntil(pieces, (text) => text.endsWith('\n\n'))).toBe(event);
      message.destroy();
      await aborted.promise;
    });
  });
});

// srvx sends the headers with the first chunk.
describe.each(HONO_SERVERS)('a streamed response on $name', (kind) => {
  it('has its headers sent before the first chunk exists, and each chunk when it is made', () => {
    const first = deferred();
    const second = deferred();
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        async start(controller) {
          const encoder = new TextEncoder();
          await first.promise;
          controller.enqueue(encoder.encode('first '));
          await second.promise;
          controller.enqueue(encoder.encode('second'));
          controller.close();
        },
      });
    return withKind(
      kind,
      () => new Response(body(), { headers: { 'Content-Type': 'text/plain' } }),
      async (port) => {
        const message = await responseOf(send(port, '/'));
        expect(message.headers['transfer-encoding']).toBe('chunked');
        expect(message.headers['content-length']).toBeUndefined();
        first.resolve();
        const pieces = message[Symbol.asyncIterator]();
        expect(await readUntil(pieces, (text) => text.length >= 6)).toBe('first ');
        second.resolve();
        expect(await readUntil(pieces, (text) => text.length >= 6)).toBe('second');
        expect((await pieces.next()).done).toBe(true);
      },
    );
  });
});
