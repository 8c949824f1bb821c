import { once } from 'node:events';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import { withRawServer } from '../../../httpclient/test/fixtures/servers.ts';
import { CompressionPool } from '../../src/index.ts';
import { CloseEvent, ErrorEvent, WebSocket } from '../../src/web-socket/index.ts';
import { openDescriptors, until } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

/** Records the events of a WebSocket in order. */
function recorded(socket: WebSocket): string[] {
  const events: string[] = [];
  socket.addEventListener('open', () => events.push(`open ${socket.readyState}`));
  socket.addEventListener('message', ({ data }) => events.push(`message ${String(data)}`));
  socket.addEventListener('error', () => events.push(`error ${socket.readyState}`));
  socket.addEventListener('close', ({ code, reason, wasClean }) =>
    events.push(`close ${code} ${reason} ${wasClean} ${socket.readyState}`),
  );
  return events;
}

const opened = (socket: WebSocket) => new Promise((resolve) => socket.addEventListener('open', resolve));
const closed = (socket: WebSocket) =>
  new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));

describe('WebSocket', () => {
  it('uses the compression that it has offered, and gives back its memory [WS-17] [WS-20]', () =>
    withWsServer(
      echo,
      async ({ url }) => {
        const pool = new CompressionPool();
        const socket = new WebSocket(url, [], { compression: { contextTakeover: true, pool } });
        await opened(socket);
        expect(socket.extensions).toContain('permessage-deflate');
        expect(pool.contextBytes).toBeGreaterThan(0);
        const text = 'compressed '.repeat(100);
        const answered = new Promise((resolve) => {
          socket.onmessage = ({ data }) => resolve(data);
        });
        socket.send(text);
        expect(await answered).toBe(text);
        socket.close();
        await closed(socket);
        expect(pool.contextBytes).toBe(0);
      },
      { ws: { perMessageDeflate: true } },
    ));

  it('has the constants and initial values of the standard [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const socket = new WebSocket(`${url.replace('ws', 'http')}/a b`, ['chat', 'other']);
      const events = recorded(socket);
      const { CONNECTING, OPEN, CLOSING, CLOSED } = socket;
      expect([CONNECTING, OPEN, CLOSING, CLOSED]).toEqual([0, 1, 2, 3]);
      expect([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED]).toEqual([
        0, 1, 2, 3,
      ]);
      expect([socket.url, socket.readyState, socket.bufferedAmount]).toEqual([`${url}/a%20b`, 0, 0]);
      expect([socket.protocol, socket.extensions, socket.binaryType]).toEqual(['', '', 'blob']);
      expect([socket.onopen, socket.onmessage, socket.onerror, socket.onclose]).toEqual([
        null,
        null,
        null,
        null,
      ]);
      expect([String(socket), socket instanceof EventTarget]).toEqual(['[object WebSocket]', true]);
      await opened(socket);
      expect([socket.readyState, socket.protocol]).toEqual([1, 'chat']);
      socket.close(3000, 'bye');
      expect(socket.readyState).toBe(2);
      await closed(socket);
      expect(events).toEqual(['open 1', 'close 3000 bye true 3']);
    }));

  it('sends text, Blobs, buffers and views in order, and receives both binary types [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const socket = new WebSocket(url);
      await opened(socket);
      const received: unknown[] = [];
      socket.onmessage = ({ data, origin }) => {
        received.push(data);
        expect(origin).toBe(url);
        socket.binaryType = 'arraybuffer';
      };
      const view = Uint8Array.of(9, 1, 2, 9).subarray(1, 3);
      socket.send(new Blob(['in a ', 'Blob']));
      socket.send(view);
      view.fill(0);
      socket.send('lone \ud800 é');
      socket.send(new Blob(['another']));
      socket.send(view.buffer);
      socket.send(new DataView(view.buffer, 3));
      socket.send(7 as unknown as string);
      await until(() => received.length === 7);
      socket.close();
      await closed(socket);
      expect(received.map((data) => (data as object).constructor.name)).toEqual([
        'Blob',
        'ArrayBuffer',
        'String',
        'ArrayBuffer',
        'ArrayBuffer',
        'ArrayBuffer',
        'String',
      ]);
      expect(await (received[0] as Blob).text()).toBe('in a Blob');
      expect(new Uint8Array(received[1] as ArrayBuffer)).toEqual(Uint8Array.of(1, 2));
      expect([received[2], received[6]]).toEqual(['lone \ufffd é', '7']);
      expect(Buffer.from(received[3] as ArrayBuffer).toString()).toBe('another');
      expect(new Uint8Array(received[4] as ArrayBuffer)).toEqual(Uint8Array.of(9, 0, 0, 9));
      expect(new Uint8Array(received[5] as ArrayBuffer)).toEqual(Uint8Array.of(9));
    }));

  it('counts what is not sent yet, and what comes too late [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const socket = new WebSocket(url);
      expect(() => socket.send('x')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
      await opened(socket);
      socket.send('é');
      socket.send(new Uint8Array(10));
      socket.send(new Blob(['12345']));
      expect(socket.bufferedAmount).toBe(17);
      await until(() => socket.bufferedAmount === 0);
      socket.close();
      socket.send('late');
      expect(socket.bufferedAmount).toBe(4);
      await closed(socket);
      socket.send(new Blob(['later']));
      expect(socket.bufferedAmount).toBe(9);
    }));

  it('closes when too much is waiting to be sent [WS-20]', () =>
    withWsServer(
      (peer) => peer.pause(),
      async ({ url }) => {
        for (const make of [() => new Uint8Array(4_000_000), () => new Blob([new Uint8Array(4_000_000)])]) {
          const socket = new WebSocket(url, [], { maxQueuedBytes: 1_000_000, closeTimeoutMs: 50 });
          const events = recorded(socket);
          await opened(socket);
          for (let count = 0; count < 6; count += 1) socket.send(make());
          const error = once(socket, 'error');
          await closed(socket);
          const [{ error: cause }] = (await error) as [ErrorEvent];
          expect(cause).toMatchObject({ code: 'ERR_WEBSOCKET_QUEUE_FULL' });
          expect(events).toEqual(['open 1', 'error 3', 'close 1006  false 3']);
          expect(socket.bufferedAmount).toBeGreaterThan(0);
        }
      },
    ));

  it('throws the exceptions of the standard from close, and changes nothing [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const socket = new WebSocket(url);
      await opened(socket);
      const invalid = expect.objectContaining({ name: 'InvalidAccessError' });
      for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, -1, 70_000, Number.NaN, 999.4])
        expect(() => socket.close(code), String(code)).toThrow(invalid);
      expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(
        expect.objectContaining({ name: 'SyntaxError' }),
      );
      expect(socket.readyState).toBe(1);
      socket.close(undefined, 'é'.repeat(61));
      expect(() => socket.close(9)).toThrow(invalid);
      expect((await closed(socket)).code).toBe(1000);
    }));

  it('throws for invalid URLs, subprotocols and options [WS-20]', () => {
    const syntaxError = expect.objectContaining({ name: 'SyntaxError' });
    expect(() => new WebSocket('/relative')).toThrow(syntaxError);
    expect(() => new WebSocket('ws://127.0.0.1:0/')).toThrow(syntaxError);
    expect(() => new WebSocket('ws://a', 'not a token')).toThrow(syntaxError);
    const badOption = expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' });
    for (const options of [{ timeout: 3 }, { subprotocols: ['a'] }, { tls: {} }, { signal: 3 }])
      expect(() => new WebSocket('ws://a', [], options as object)).toThrow(badOption);
  });

  it('gives up connecting when it is closed or its signal aborts [WS-20]', () =>
    withRawServer(
      (socket) => socket.resume().on('end', () => socket.end()),
      async ({ url }) => {
        const before = openDescriptors();
        const one = new WebSocket(url);
        const events = recorded(one);
        one.close(4000);
        expect(one.readyState).toBe(2);
        one.close();
        one.send('discarded');
        await closed(one);
        expect([events, one.bufferedAmount]).toEqual([['error 3', 'close 1006  false 3'], 9]);
        const controller = new AbortController();
        const two = new WebSocket(url, [], { signal: controller.signal });
        const failed = once(two, 'error');
        const reason = new Error('enough');
        controller.abort(reason);
        const [event] = (await failed) as [ErrorEvent];
        expect([event.error, event.message]).toEqual([reason, 'enough']);
        const [late] = (await once(new WebSocket(url, [], { signal: controller.signal }), 'error')) as [
          ErrorEvent,
        ];
        expect(late.error).toBe(reason);
        await until(() => openDescriptors() <= before);
      },
    ));

  it('fires error, with the error, and close 1006 if the connection cannot be made [WS-20]', () =>
    withWsServer(
      echo,
      async ({ url }) => {
        const socket = new WebSocket(url);
        const events = recorded(socket);
        const [event] = (await once(socket, 'error')) as [ErrorEvent];
        expect(event.error).toMatchObject({ code: 'ERR_WEBSOCKET_UPGRADE_REFUSED', status: 401 });
        expect(event).toBeInstanceOf(ErrorEvent);
        await until(() => events.length === 2);
        expect(events).toEqual(['error 3', 'close 1006  false 3']);
      },
      { ws: { verifyClient: () => false } },
    ));

  it.each<[string, (socket: Socket) => void, string[]]>([
    ['a bad frame', (socket) => socket.write(Buffer.of(0x83, 0)), ['error 3', 'close 1006  false 3']],
    ['the end of TCP', (socket) => socket.end(), ['close 1006  false 3']],
    ['a close frame', (socket) => socket.end(Buffer.of(0x88, 3, 0x0f, 0xa1, 0x78)), ['close 4001 x true 3']],
    ['an empty close frame', (socket) => socket.end(Buffer.of(0x88, 0)), ['close 1005  true 3']],
  ])('reports %s as browsers do [WS-20]', (_what, act, expected) =>
    withWsServer(
      (_peer, { socket }) => act(socket),
      async ({ url }) => {
        const socket = new WebSocket(url);
        const events = recorded(socket);
        await closed(socket);
        expect(events).toEqual(['open 1', ...expected]);
      },
    ),
  );

  it('calls handlers in their place among the listeners, and delivers nothing after close [WS-20]', () =>
    withWsServer(
      (peer) => {
        for (const text of ['a', 'b', 'c']) peer.send(text);
      },
      async ({ url }) => {
        const socket = new WebSocket(url);
        const calls: string[] = [];
        socket.onmessage = () => calls.push('replaced');
        socket.addEventListener('message', ({ data }) => calls.push(`listener ${data}`));
        socket.onmessage = function ({ data }) {
          calls.push(`handler ${data} ${this === socket}`);
          if (data === 'b') socket.close();
        };
        socket.onclose = (event) => calls.push(`close ${event instanceof CloseEvent}`);
        socket.onerror = 'no function' as never;
        expect(socket.onerror).toBeNull();
        await closed(socket);
        expect(calls).toEqual(['handler a true', 'listener a', 'handler b true', 'listener b', 'close true']);
        socket.onmessage = null;
        expect(socket.onmessage).toBeNull();
      },
    ));

  it('sends the headers and credentials that it is given, and masks those of its URL [WS-20]', () =>
    withWsServer(echo, async ({ url, requests }) => {
      const socket = new WebSocket(url.replace('//', '//me:secret@'), [], {
        headers: { 'X-Own': 'yes' },
        origin: 'https://example.com',
      });
      await opened(socket);
      expect(requests[0]?.headers).toMatchObject({
        'x-own': 'yes',
        origin: 'https://example.com',
        authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      });
      expect(inspect(socket)).toMatch(/^WebSocket {.*readyState: 1.*\(masked\)/s);
      expect(inspect(socket)).not.toContain('secret');
      socket.close();
      await closed(socket);
    }));

  it('fires the same events in the same order as the class of ws [WS-20]', () =>
    withWsServer(
      (peer) => {
        peer.send('hello');
        peer.on('message', () => peer.close(4000, 'done'));
      },
      async ({ url }) => {
        const logs = await Promise.all(
          [new WebSocket(url), new WsClient(url)].map(async (socket) => {
            const events: string[] = [];
            const target = socket as WebSocket;
            target.onopen = () => events.push(`open ${target.readyState}`);
            target.onmessage = ({ data }) => {
              events.push(`message ${data}`);
              target.send('bye');
            };
            target.onclose = ({ code, reason, wasClean }) =>
              events.push(`close ${code} ${reason} ${wasClean}`);
            await until(() => events.length === 3);
            return events;
          }),
        );
        expect(logs[0]).toEqual(logs[1]);
      },
    ));
});
