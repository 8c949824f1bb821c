import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { VirtualClock } from '@landspout/ioloop/testing';
import { IOLoop, RequestHandler } from '@landspout/web';
import { beforeEach, describe, expect, it } from 'vitest';
import { type WebSocketClientConnection, websocketConnect } from '../../src/index.ts';
import { encodeClose } from '../../src/protocol/index.ts';
import { MASK, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { type Running, until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const DRAIN_MS = 30_000;

/** Chooses the jitter of `Retry-After`. */
class Jittered extends RecordingHandler {
  static byte = 0;

  override connectionOptions() {
    return { randomBytes: (byteLength: number) => new Uint8Array(byteLength).fill(Jittered.byte) };
  }

  override prepare(): void {
    this.setCookie('visit', '1');
  }
}

class OwnPage extends RecordingHandler {
  override async writeError(status: number): Promise<void> {
    await Promise.resolve();
    this.write(`page of its own: ${status}`);
  }
}

class Page extends RequestHandler {
  override get(): void {
    this.write('a page');
  }
}

const served = (use: (running: Running) => Promise<void>, options = {}) =>
  withApp(
    [
      ['/', RecordingHandler],
      ['/jittered', Jittered],
      ['/own', OwnPage],
      ['/page', Page],
    ],
    use,
    options,
  );

/** A client of HTTP whose connection stays open between its requests. */
class KeepAliveClient {
  readonly #socket: Socket;
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received += bytes.toString('latin1');
    });
  }

  /** Connects, and waits for the response to a first request. */
  static async connect(port: number): Promise<KeepAliveClient> {
    const client = new KeepAliveClient(connect({ host: '127.0.0.1', port }));
    client.#socket.write('GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n');
    await until(() => client.#received.endsWith('a page'));
    client.#received = '';
    return client;
  }

  /** Sends a request, and returns everything received until the server closes the connection. */
  async last(text: string): Promise<string> {
    this.#socket.write(text);
    if (!this.#socket.closed) await once(this.#socket, 'close');
    return this.#received;
  }
}

const retryAfter = (response: string) => Number(/\r\nRetry-After: (\d+)\r\n/.exec(response)?.[1]);

describe('WebSocketHandler, when the server stops', () => {
  it.each([
    [1012, { final: false }],
    [1012, {}],
    [1001, { final: true }],
  ])('closes with %i if the options are %j, and is waited for [HS-02] [WS-15]', (code, options) =>
    served(async ({ url, server, log }) => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => websocketConnect(url)));
      const stopping = server.stop({ drainMs: DRAIN_MS, ...options });
      for (const client of clients) {
        expect(await client.readMessage()).toBeNull();
        expect([client.closeCode, client.closeReason]).toEqual([code, '']);
      }
      expect(await stopping).toEqual({ finished: 20, idle: 0, cut: 0 });
      await until(() => RecordingHandler.opened.every(({ closes }) => closes === 1));
      expect(RecordingHandler.opened.map(({ closeCode }) => closeCode)).toEqual(clients.map(() => code));
      expect(log.problems).toEqual([]);
    }),
  );

  it('closes at most closesPerSecond, and serves the others meanwhile [HS-02]', () => {
    const clock = new VirtualClock();
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    return served(
      async ({ url, server }) => {
        const clients: WebSocketClientConnection[] = [];
        for (let i = 0; i < 12; i += 1) clients.push(await websocketConnect(url));
        const stopping = server.stop({ drainMs: DRAIN_MS, closesPerSecond: 5 });
        const open = () => RecordingHandler.opened.filter(({ isOpen }) => isOpen).length;
        await clock.advance(1_000);
        expect(open()).toBe(7);
        // The clients have connected in the order of the handlers.
        const client = clients[RecordingHandler.opened.findIndex(({ isOpen }) => isOpen)];
        await client?.writeMessage('still there?');
        expect(await client?.readMessage()).toBe('still there?');
        await clock.advance(1_000);
        expect(open()).toBe(2);
        await clock.advance(1_000);
        await Promise.all(clients.map((each) => each.waitClosed()));
        expect(clients.map(({ closeCode }) => closeCode)).toEqual(clients.map(() => 1012));
        expect(await stopping).toEqual({ finished: 12, idle: 0, cut: 0 });
      },
      { loop: new IOLoop({ clock, logger }) },
    );
  });

  it('counts a connection as cut if its client does not respond to the close frame in time [HS-02]', () =>
    served(async ({ port, server }) => {
      const client = await RawClient.open(port);
      const stopping = server.stop({ graceMs: 1, drainMs: 50 });
      expect(await client.frame()).toBe('close 1012');
      expect(await stopping).toEqual({ finished: 0, idle: 0, cut: 1 });
      await until(() => RecordingHandler.only.closes === 1);
      client.socket.destroy();
    }));

  it('leaves a connection alone that is already closing', () =>
    served(async ({ port, server }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      RecordingHandler.only.close(4000);
      const stopping = server.stop({ drainMs: DRAIN_MS });
      expect(await client.frame()).toBe('close 4000');
      client.send(encodeClose(4000, '', MASK));
      expect(await client.untilEnd()).toEqual(['close 4000']);
      expect(await stopping).toEqual({ finished: 1, idle: 0, cut: 0 });
    }));
});

describe('an upgrade while the server stops', () => {
  it('gets 503 with Retry-After, on a connection that was idle, and is not logged [HS-02] [WS-01]', () =>
    served(async ({ port, server, url, log }) => {
      const idle = await KeepAliveClient.connect(port);
      const other = await websocketConnect(url);
      const stopping = server.stop({ graceMs: DRAIN_MS, drainMs: DRAIN_MS });
      const response = await idle.last(upgradeText('/', { Accept: 'application/problem+json' }));
      expect(response).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
      expect(response.match(/^Connection: .*/gm)).toEqual(['Connection: close']);
      expect(response).not.toContain('Sec-WebSocket-Accept');
      expect(retryAfter(response)).toBeGreaterThanOrEqual(1);
      expect(retryAfter(response)).toBeLessThanOrEqual(10);
      const page = JSON.parse(response.slice(response.indexOf('\r\n\r\n')));
      expect(page).toMatchObject({ status: 503, detail: 'The server is stopping.', instance: '/' });
      await other.waitClosed();
      expect(await stopping).toEqual({ finished: 2, idle: 0, cut: 0 });
      expect(RecordingHandler.opened).toHaveLength(1);
      expect(log.problems).toEqual([]);
    }));

  it.each([
    [0, 1],
    [25, 1],
    [26, 2],
    [255, 10],
  ])('spreads Retry-After over 1 to 10 s: the random byte %i gives %i', (byte, seconds) => {
    Jittered.byte = byte;
    return served(async ({ port, server }) => {
      const idle = await KeepAliveClient.connect(port);
      const stopping = server.stop({ graceMs: DRAIN_MS, drainMs: DRAIN_MS });
      const response = await idle.last(upgradeText('/jittered'));
      expect(retryAfter(response)).toBe(seconds);
      // The error page is that of any request: it keeps cookies.
      expect(response).toContain('\r\nSet-Cookie: visit=1;');
      await stopping;
    });
  });

  it('has the page of the handler', () =>
    served(async ({ port, server }) => {
      const idle = await KeepAliveClient.connect(port);
      const stopping = server.stop({ graceMs: DRAIN_MS, drainMs: DRAIN_MS });
      const response = await idle.last(upgradeText('/own'));
      expect(response).toMatch(/^HTTP\/1\.1 503 .*page of its own: 503$/s);
      expect(retryAfter(response)).toBeGreaterThanOrEqual(1);
      await stopping;
    }));

  it('is refused for another reason if there is one', () =>
    served(async ({ port, server }) => {
      const idle = await KeepAliveClient.connect(port);
      const stopping = server.stop({ graceMs: DRAIN_MS, drainMs: DRAIN_MS });
      const response = await idle.last(upgradeText('/', { Origin: 'http://evil.example' }));
      expect(response).toMatch(/^HTTP\/1\.1 403 /);
      expect(response).not.toContain('Retry-After');
      await stopping;
    }));

  it('is accepted again after the next listen', () =>
    served(async ({ server }) => {
      await server.stop();
      await server.listen({ port: 0, host: '127.0.0.1' });
      const client = await websocketConnect(server.url.replace(/^http/, 'ws'));
      await client.writeMessage('back');
      expect(await client.readMessage()).toBe('back');
      client.close();
      await client.waitClosed();
    }));
});
