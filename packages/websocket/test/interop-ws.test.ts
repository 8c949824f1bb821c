import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { websocketConnect } from '../src/index.ts';
import { RecordingHandler } from './fixtures/recording-handler.ts';
import { until, withApp } from './fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const plain = { perMessageDeflate: false } as const;

/** Text and bytes of every length encoding, and characters of every width. */
const MESSAGES: readonly (string | Buffer)[] = [
  '',
  'ascii',
  'é€😀',
  'x'.repeat(125),
  'x'.repeat(126),
  '€'.repeat(30_000),
  Buffer.alloc(0),
  Buffer.from([0, 255, 128]),
  Buffer.alloc(65_535, 7),
  Buffer.alloc(65_536, 8),
  Buffer.alloc(3_000_000, 9),
];

describe('WebSocketHandler and the client of ws', () => {
  it('echoes text and bytes of every length [WS-10]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const client = new WebSocket(url, plain);
      const heard: (string | Buffer)[] = [];
      client.on('message', (data: RawData, isBinary: boolean) => {
        heard.push(isBinary ? (data as Buffer) : data.toString());
      });
      await once(client, 'open');
      for (const message of MESSAGES) client.send(message);
      await until(() => heard.length === MESSAGES.length);
      expect(
        heard.every((message, i) => Buffer.from(message).equals(Buffer.from(MESSAGES[i] as string))),
      ).toBe(true);
      expect(heard.map((message) => typeof message)).toEqual(MESSAGES.map((message) => typeof message));
      client.close(4321, 'grüße');
      const [code] = (await once(client, 'close')) as [number];
      expect(code).toBe(4321);
      await until(() => RecordingHandler.only.closes > 0);
      expect([RecordingHandler.only.closeCode, RecordingHandler.only.closeReason]).toEqual([4321, 'grüße']);
    }));

  it('closes first, pings, and hears pongs [WS-13, WS-15]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const client = new WebSocket(url, plain);
      await once(client, 'open');
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      void handler.ping('marco');
      client.ping('polo');
      await Promise.all([once(client, 'pong'), until(() => handler.calls.length === 3)]);
      expect(handler.calls.sort()).toEqual(['open', 'ping polo', 'pong marco']);
      handler.close(4000, 'reason');
      const [code, reason] = (await once(client, 'close')) as [number, Buffer];
      expect([code, reason.toString()]).toEqual([4000, 'reason']);
      await until(() => handler.closes > 0);
      expect(handler.closeCode).toBe(4000);
    }));

  it('answers fragments, and declines the compression that is offered [WS-10]', () =>
    withApp([['/', RecordingHandler]], async ({ url }) => {
      const client = new WebSocket(url);
      await once(client, 'open');
      expect(client.extensions).toBe('');
      for (const part of ['a', 'b', '']) client.send(part, { fin: false });
      client.send('c', { fin: true });
      const [data] = (await once(client, 'message')) as [Buffer];
      expect(data.toString()).toBe('abc');
      client.terminate();
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.closeCode).toBe(1006);
    }));
});

describe('websocketConnect and the server of ws', () => {
  async function withServer(use: (url: string, server: WebSocketServer) => Promise<void>): Promise<void> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...plain });
    await once(server, 'listening');
    try {
      await use(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, server);
    } finally {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    }
  }

  it('hears text and bytes of every length [WS-10, WS-20]', () =>
    withServer(async (url, server) => {
      server.on('connection', (peer) =>
        peer.on('message', (data: RawData, isBinary: boolean) =>
          peer.send(data as Buffer, { binary: isBinary }),
        ),
      );
      const connection = await websocketConnect(url);
      for (const message of MESSAGES) void connection.writeMessage(message);
      for (const message of MESSAGES) {
        const heard = await connection.readMessage();
        expect(typeof heard).toBe(typeof message === 'string' ? 'string' : 'object');
        expect(Buffer.from(heard as string).equals(Buffer.from(message as string))).toBe(true);
      }
      await connection[Symbol.asyncDispose]();
      expect(connection.closeCode).toBe(1005);
    }));

  it('closes in both directions with code and reason [WS-15]', () =>
    withServer(async (url, server) => {
      const closed: unknown[] = [];
      server.on('connection', (peer) => {
        peer.on('close', (code, reason) => closed.push([code, reason.toString()]));
        peer.on('message', () => peer.close(4001, 'by server'));
      });
      const one = await websocketConnect(url);
      one.close(4000, 'by client');
      await one.waitClosed();
      expect(one.closeCode).toBe(4000);
      const two = await websocketConnect(url, { subprotocols: ['chat'] });
      expect(two.selectedSubprotocol).toBe('chat');
      await two.writeMessage('close, please');
      expect(await two.readMessage()).toBeNull();
      expect([two.closeCode, two.closeReason]).toEqual([4001, 'by server']);
      await until(() => closed.length === 2);
      expect(closed).toEqual([
        [4000, 'by client'],
        [4001, ''],
      ]);
    }));
});
