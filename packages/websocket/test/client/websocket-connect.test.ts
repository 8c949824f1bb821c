import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { RequestHandler } from '@landspout/web';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  WebSocketClientConnection,
  type WebSocketConnectOptions,
  WebSocketHandshakeError,
  WebSocketProtocolError,
  WebSocketTimeoutError,
  websocketConnect,
} from '../../src/index.ts';
import { encodeClose, encodeFrame, encodeMessage, encodePing, OPCODES } from '../../src/protocol/index.ts';
import { ACCEPT } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { openDescriptors, until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

describe('websocketConnect', () => {
  it('sends and receives a thousand messages in order [WS-20, WS-21]', () =>
    withApp([['/echo', RecordingHandler]], async ({ url }) => {
      const connection = await websocketConnect(`${url}/echo`);
      for (let i = 0; i < 1000; i += 1) {
        void connection.writeMessage(i % 2 === 0 ? `message ${i}` : new Uint8Array(i).fill(i));
      }
      for (let i = 0; i < 1000; i += 1) {
        expect(await connection.readMessage()).toEqual(
          i % 2 === 0 ? `message ${i}` : new Uint8Array(i).fill(i),
        );
      }
      connection.close(4000, 'bye');
      expect(await connection.readMessage()).toBeNull();
      expect(await connection.readMessage()).toBeNull();
      expect([connection.closeCode, connection.isOpen]).toEqual([4000, false]);
      await until(() => RecordingHandler.only.closes > 0);
      expect([RecordingHandler.only.closeCode, RecordingHandler.only.closeReason]).toEqual([4000, 'bye']);
    }));

  it('sends query, headers and Origin, and agrees on a subprotocol [WS-20]', async () => {
    class Asks extends RecordingHandler {
      override selectSubprotocol(offered: readonly string[]): string | undefined {
        return offered.at(-1);
      }

      override onOpen(): unknown {
        const { headers, target } = this.request;
        void this.writeMessage({
          target,
          origin: headers.get('Origin'),
          own: headers.get('X-Own'),
          host: headers.get('Host'),
        });
        return super.onOpen();
      }
    }
    await withApp([['/a%20b', Asks]], async ({ url, port }) => {
      const origin = url.replace('ws', 'http');
      const connection = await websocketConnect(new URL(`${url}/a b?c=d&e=%20`), {
        subprotocols: ['one', 'two'],
        headers: { 'X-Own': 'yes' },
        origin,
      });
      expect(connection.selectedSubprotocol).toBe('two');
      expect(JSON.parse(String(await connection.readMessage()))).toEqual({
        target: '/a%20b?c=d&e=%20',
        origin,
        own: 'yes',
        host: `127.0.0.1:${port}`,
      });
      await connection[Symbol.asyncDispose]();
      expect(connection.closeCode).toBe(1005);
    });
  });

  it.each([
    'http://127.0.0.1/',
    '/relative',
    'ws:127.0.0.1',
    'ws:/127.0.0.1/',
    'ws:///127.0.0.1/',
    'ws://',
    'ws://:80/',
    'ws://?x',
    'ws://127.0.0.1:0/',
    'ws://127.0.0.1/#',
    'ws://127.0.0.1/#fragment',
    'ws://user:secret@127.0.0.1/',
    'ws://@127.0.0.1/',
    'ws://good\\@127.0.0.1/',
    ' ws://127.0.0.1/',
    'ws://127.0.0.1/ ',
    'ws://127.0.0.1/a b',
    'ws://127.0.0.1/\n',
    'w\ts://127.0.0.1/',
    'ws://127.0.\t0.1/',
    'ws://%31%32%37.0.0.1/',
    'ws://127.1/',
    'ws://[::1%25lo]/',
  ])('refuses the URL %j [WS-20, ATT-38]', async (url) => {
    const error = await websocketConnect(url).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'WebSocketUsageError',
      code: 'ERR_WEBSOCKET_BAD_URL',
      message: expect.stringMatching(/^websocketConnect: (?!.*secret)/),
    });
  });

  it('takes a URL object and a scheme in capital letters [WS-20]', () =>
    withApp([['/echo', RecordingHandler]], async ({ url }) => {
      const capitals = url.replace('ws:', 'WS:');
      for (const given of [`${capitals}/echo`, new URL(`${capitals}/echo`)]) {
        await using connection = await websocketConnect(given);
        expect(connection.isOpen).toBe(true);
      }
    }));

  it('refuses invalid options and headers of the handshake [WS-20]', async () => {
    const attempts: [string, WebSocketConnectOptions?][] = [
      ['ws://127.0.0.1/', { headers: { 'Sec-WebSocket-Key': 'mine' } }],
      ['ws://127.0.0.1/', { headers: { Upgrade: 'h2c' } }],
      ['ws://127.0.0.1/', { tls: {} }],
      ['ws://127.0.0.1/', { connectTimeoutMs: -1 }],
      ['ws://127.0.0.1/', { maxMessageBytes: 0 }],
    ];
    for (const [url, options] of attempts) {
      await expect(websocketConnect(url, options), url).rejects.toMatchObject({
        code: 'ERR_WEBSOCKET_BAD_OPTION',
      });
    }
    const twice = websocketConnect('ws://127.0.0.1/', { subprotocols: ['a', 'a'] });
    await expect(twice).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_BAD_SUBPROTOCOL' });
  });

  it('reports redirects and refusals with their status [WS-20]', async () => {
    class Redirects extends RequestHandler {
      override get(): void {
        this.redirect('/echo');
      }
    }
    await withApp(
      [
        ['/echo', RecordingHandler],
        ['/old', Redirects],
      ],
      async ({ url }) => {
        const before = openDescriptors();
        for (const [path, status] of [
          ['/old', 302],
          ['/none', 404],
        ] as const) {
          const error = await websocketConnect(url + path).catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(WebSocketHandshakeError);
          expect(error).toMatchObject({ code: 'ERR_WEBSOCKET_UPGRADE_REFUSED', status });
        }
        const foreign = websocketConnect(`${url}/echo`, { origin: 'http://evil.com' });
        await expect(foreign).rejects.toMatchObject({ status: 403 });
        await until(() => openDescriptors() <= before);
      },
    );
  });

  it('fails as connecting does at a port without a listener [WS-20]', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    await expect(websocketConnect(`ws://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('WebSocketClientConnection', () => {
  it('gives messages to a loop, and closes when the loop is left [WS-21]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const connection = await websocketConnect(url);
      for (const text of ['a', 'b', 'c']) void connection.writeMessage(text);
      const heard: unknown[] = [];
      for await (const message of connection) {
        heard.push(message);
        if (heard.length === 2) break;
      }
      expect(heard).toEqual(['a', 'b']);
      await connection.waitClosed();
      expect(connection.closeCode).toBe(1005);
    }));

  it('holds the server back while the client does not read, and loses nothing [WS-21]', async () => {
    class Floods extends RecordingHandler {
      override async onOpen(): Promise<void> {
        super.onOpen();
        for (let i = 0; i < 600; i += 1) await this.writeMessage(new Uint8Array(64 * 1024).fill(i));
        this.calls.push('flooded');
        this.close(4000);
      }
    }
    await withApp([['/', Floods]], async ({ url }) => {
      const connection = await websocketConnect(url);
      let before = -1;
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      while (handler.queuedBytes === 0 || before !== handler.queuedBytes) {
        before = handler.queuedBytes;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(handler.calls).toEqual(['open']);
      let read = 0;
      for await (const message of connection) {
        expect((message as Uint8Array)[0]).toBe(read % 256);
        read += 1;
      }
      expect([read, connection.closeCode]).toEqual([600, 4000]);
    });
  });

  it('allows one read at a time, and aborts one without losing a message [WS-21]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const connection = await websocketConnect(url);
      const controller = new AbortController();
      const waiting = connection.readMessage({ signal: controller.signal });
      await expect(connection.readMessage()).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_BUSY' });
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await expect(connection.readMessage({ signal: controller.signal })).rejects.toBe(reason);
      await connection.writeMessage('kept');
      expect(await connection.readMessage()).toBe('kept');
      await connection[Symbol.asyncDispose]();
    }));

  it('cuts, and reports 1006 on both sides [WS-21]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const connection = await websocketConnect(url);
      await connection.ping('hello');
      await until(() => RecordingHandler.opened[0]?.calls.includes('ping hello') === true);
      connection.abort();
      await connection.waitClosed();
      expect([connection.closeCode, await connection.readMessage()]).toEqual([1006, null]);
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.closeCode).toBe(1006);
    }));

  it('refuses a message over its limit with 1009 [WS-14, WS-21]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const connection = await websocketConnect(url, { maxMessageBytes: 1000 });
      void connection.writeMessage(new Uint8Array(1000));
      void connection.writeMessage(new Uint8Array(1001));
      expect(await connection.readMessage()).toHaveLength(1000);
      expect(await connection.readMessage()).toBeNull();
      expect(connection.closeError).toMatchObject({ code: 'ERR_WEBSOCKET_MESSAGE_TOO_BIG' });
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.closeCode).toBe(1009);
    }));
});

/** Servers that send exactly what a test wants. */
describe('websocketConnect, to a server of the test', () => {
  let server: Server;
  let url: string;
  const sockets: Socket[] = [];
  let answer: (socket: Socket, request: string) => void;
  /** The nonce whose Sec-WebSocket-Accept is {@link ACCEPT}, and then masking keys of ones. */
  const nonce = Buffer.from('the sample nonce');
  const randomBytes = (length: number) => (length === 16 ? nonce : new Uint8Array(length).fill(1));
  const connect = (options: WebSocketConnectOptions = {}) =>
    websocketConnect(url, { randomBytes, ...options });

  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', (bytes) => answer(socket, bytes.toString('latin1')));
    });
    url = `ws://127.0.0.1:${await listen(server)}/`;
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`;
  const switching =
    (...frames: readonly Uint8Array[]) =>
    (socket: Socket) => {
      socket.write(Buffer.concat([Buffer.from(`${SWITCH}\r\n`), ...frames]));
    };

  it('asks as RFC 6455 says, with its nonce as the key [WS-20]', async () => {
    let asked = '';
    answer = (socket, request) => {
      asked = request;
      switching(encodeMessage('early'))(socket);
    };
    const connection = await connect();
    expect(asked).toMatch(/^GET \/ HTTP\/1\.1\r\n/);
    for (const field of ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13']) {
      expect(asked).toContain(`\r\n${field}\r\n`);
    }
    expect(asked).toContain('\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n');
    expect(asked).not.toMatch(/Origin|Sec-WebSocket-Protocol|Sec-WebSocket-Extensions/i);
    expect(await connection.readMessage()).toBe('early');
    connection.abort();
  });

  it.each([
    ['a wrong accept', SWITCH.replace(ACCEPT, 'x3pPLMBiTxaQ9kYGzzhZRbK+xOo='), 'ERR_WEBSOCKET_BAD_ACCEPT'],
    ['another protocol', SWITCH.replace('websocket', 'h2c'), 'ERR_WEBSOCKET_BAD_UPGRADE'],
    [
      'an extension',
      `${SWITCH}Sec-WebSocket-Extensions: permessage-deflate\r\n`,
      'ERR_WEBSOCKET_UNOFFERED_EXTENSION',
    ],
    ['a subprotocol', `${SWITCH}Sec-WebSocket-Protocol: chat\r\n`, 'ERR_WEBSOCKET_UNOFFERED_PROTOCOL'],
  ])('refuses a server that answers with %s [WS-20]', async (_what, head, code) => {
    answer = (socket) => socket.write(`${head}\r\n`);
    await expect(connect()).rejects.toMatchObject({ code, status: 101 });
    await until(() => sockets.every((socket) => socket.readableEnded || socket.destroyed));
  });

  it.each([
    ['a 101 of HTTP/1.0', SWITCH.replace('HTTP/1.1', 'HTTP/1.0'), 'ERR_HTTP1_INTERIM_VERSION'],
    ['a 101 with Content-Length', `${SWITCH}Content-Length: 0\r\n`, 'ERR_HTTP1_BAD_BODILESS_FRAMING'],
    ['a 101 with a coding', `${SWITCH}Transfer-Encoding: chunked\r\n`, 'ERR_HTTP1_BAD_BODILESS_FRAMING'],
    ['a 100 of HTTP/1.0', `HTTP/1.0 100 Continue\r\n\r\n${SWITCH}`, 'ERR_HTTP1_INTERIM_VERSION'],
  ])('refuses a server that responds with %s [WS-20]', async (_what, head, code) => {
    answer = (socket) => socket.write(`${head}\r\n`);
    await expect(connect()).rejects.toMatchObject({ name: 'Http1ProtocolError', code });
    await until(() => sockets.every((socket) => socket.readableEnded || socket.destroyed));
  });

  it('masks each frame with a key of its own [WS-10]', async () => {
    let received = Buffer.alloc(0);
    answer = (socket) => {
      socket.on('data', (bytes) => {
        received = Buffer.concat([received, bytes]);
      });
      switching()(socket);
    };
    const connection = await websocketConnect(url, {
      randomBytes: (length) =>
        length === 16 ? nonce : Uint8Array.from({ length }, () => keys.next().value as number),
    });
    await Promise.all([connection.writeMessage('\0'), connection.writeMessage('\0'), connection.ping()]);
    await until(() => received.length >= 20);
    expect(received.toString('hex')).toBe('81810102030401' + '81810506070805' + '8980090a0b0c');
    connection.abort();
  });
  const keys = (function* () {
    for (let key = 1; ; key += 1) yield key;
  })();

  it.each<[string, number, Uint8Array]>([
    ['a masked frame [ATT-63]', 1002, encodeMessage('x', Uint8Array.of(1, 2, 3, 4))],
    ['a reserved opcode [ATT-64]', 1002, Buffer.of(0x83, 0)],
    ['text that is not UTF-8 [ATT-65]', 1007, encodeFrame(OPCODES.text, Uint8Array.of(0xff))],
    ['a close code not for the wire [ATT-66]', 1002, encodeFrame(OPCODES.close, Uint8Array.of(3, 0xed))],
  ])('closes after %s', async (_what, code, bytes) => {
    let received = Buffer.alloc(0);
    answer = (socket) => {
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
      });
      switching(bytes)(socket);
    };
    const connection = await connect();
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeError]).toEqual([1006, expect.any(WebSocketProtocolError)]);
    // Masked with ones: the code of the close frame follows its head.
    expect((received[6] ?? 0) ^ 1).toBe(code >> 8);
    expect((received[7] ?? 0) ^ 1).toBe(code & 0xff);
  });

  it('answers pings, and reads all that came before the close [WS-13, WS-21]', async () => {
    answer = switching(encodePing('p'), encodeMessage('1'), encodeMessage('2'), encodeClose(1001, 'moving'));
    const connection = await connect();
    const [socket] = sockets as [Socket];
    const received: Buffer[] = [];
    socket.on('data', (bytes) => received.push(bytes));
    await until(() => Buffer.concat(received).length === 7 + 8);
    expect(Buffer.concat(received).toString('hex')).toBe('8a81010101017188820101010102e8');
    socket.end();
    expect([await connection.readMessage(), await connection.readMessage()]).toEqual(['1', '2']);
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeReason, connection.closeError]).toEqual([
      1001,
      'moving',
      undefined,
    ]);
  });

  it('answers a close frame although the server has ended TCP right behind it [WS-15]', async () => {
    let received = '';
    answer = (socket) => {
      socket.on('data', (bytes) => {
        received += bytes.toString('hex');
      });
      socket.end(Buffer.concat([Buffer.from(`${SWITCH}\r\n`), encodeClose(1000, '')]));
    };
    const connection = await connect();
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeError]).toEqual([1000, undefined]);
    await until(() => received !== '');
    expect(received).toBe('88820101010102e9');
  });

  it('cuts a server that does not close TCP after the handshake [WS-15]', async () => {
    answer = switching(encodeClose(1000, ''));
    const connection = await connect({ closeTimeoutMs: 50 });
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeError]).toEqual([1000, expect.any(WebSocketTimeoutError)]);
  });

  it('reports 1006 when the server resets [WS-15, ATT-76]', async () => {
    answer = (socket) => {
      switching()(socket);
      setTimeout(() => socket.resetAndDestroy(), 20);
    };
    const connection = await connect();
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeReason]).toEqual([1006, '']);
    await expect(connection.writeMessage('x')).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_CLOSED' });
  });

  it('gives up a server that does not answer in time [WS-20]', async () => {
    const before = openDescriptors();
    answer = () => {};
    const error = await connect({ connectTimeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WebSocketTimeoutError);
    expect(error).toMatchObject({ code: 'ERR_WEBSOCKET_CONNECT_TIMEOUT' });
    for (const socket of sockets) socket.resume();
    await until(() => openDescriptors() <= before);
  });

  it('stops connecting when it is told to [WS-20]', async () => {
    const controller = new AbortController();
    const reason = new Error('never mind');
    answer = () => controller.abort(reason);
    await expect(connect({ signal: controller.signal })).rejects.toBe(reason);
    await expect(connect({ signal: controller.signal })).rejects.toBe(reason);
  });

  it('refuses a server that does not speak HTTP, or leaves [WS-20]', async () => {
    answer = (socket) => socket.write('SSH-2.0-OpenSSH\r\n\r\n');
    await expect(connect()).rejects.toMatchObject({ name: 'Http1ProtocolError' });
    answer = (socket) => socket.end();
    await expect(connect()).rejects.toMatchObject({ code: 'ERR_HTTP_CLOSED' });
  });

  it('is a WebSocketClientConnection [WS-20]', async () => {
    answer = switching();
    const connection = await connect();
    expect(connection).toBeInstanceOf(WebSocketClientConnection);
    connection.abort();
    await connection.waitClosed();
  });
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
