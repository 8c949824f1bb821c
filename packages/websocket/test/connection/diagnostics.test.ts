import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RequestMessage } from '@landspout/httpserver';
import { FetchContainer, toFetchHandler } from '@landspout/httpserver/fetch';
import { Application, mount, type RouteMessage } from '@landspout/web';
import { afterEach, describe, expect, it } from 'vitest';
import { upgradeWebSocket } from '../../src/fetch/index.ts';
import {
  broadcast,
  type WebSocketEndMessage,
  WebSocketHandler,
  type WebSocketMessageMessage,
  type WebSocketMessageStartMessage,
  type WebSocketSentMessage,
  type WebSocketStartMessage,
  websocketConnect,
} from '../../src/index.ts';
import { WebSocket } from '../../src/web-socket/index.ts';
import { RecordingLogger, until, withApp } from '../fixtures/running-application.ts';
import { echo, withFetch, withSockets } from '../mounting/fetch-server.ts';

const storage = new AsyncLocalStorage<string>();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function on<Message>(channel: string, subscriber: (message: Message) => void): void {
  const listener = (message: unknown): void => subscriber(message as Message);
  subscribe(channel, listener);
  ends.push(() => unsubscribe(channel, listener));
}

/** The messages of a channel from now on, of one side of the connections in this process. */
function heard<Message extends object>(name: string, side = 'server'): Message[] {
  const messages: Message[] = [];
  on<Message>(`landspout.websocket.${name}`, (message) => {
    const { record = message } = message as { readonly record?: unknown };
    if ((record as { readonly side: string }).side === side) messages.push(message);
  });
  return messages;
}

class Echo extends WebSocketHandler {
  override onMessage(message: string | Uint8Array): unknown {
    return this.writeMessage(message);
  }
}

describe('landspout.websocket.connection.start and end', () => {
  it('have one connection, the head of the request, the code and the reason of the end', () => {
    const heads: unknown[] = [];
    on<RequestMessage>('landspout.http.server.request.start', ({ record }) => void heads.push(record.head));
    const routes: RouteMessage[] = [];
    on<RouteMessage>('landspout.web.request.route', (message) => void routes.push(message));
    const started = heard<WebSocketStartMessage>('connection.start');
    const ended = heard<WebSocketEndMessage>('connection.end');
    return withApp([['/echo/:room', Echo]], async ({ url }) => {
      const client = await websocketConnect(`${url}/echo/1`);
      expect(started).toHaveLength(1);
      expect(started[0]?.head).toBe(heads[0]);
      expect(routes).toMatchObject([{ route: '/echo/:room', handlerClass: Echo }]);
      expect(routes[0]?.head).toBe(heads[0]);
      expect(ended).toEqual([]);
      client.close(4_001);
      await until(() => ended.length === 1);
      expect(ended).toMatchObject([{ side: 'server', code: 4_001, error: undefined }]);
      expect(ended[0]?.connection).toBe(started[0]?.connection);
      expect(ended[0]?.head).toBe(heads[0]);
    });
  });

  it('come before the messages that onOpen writes, and before onClose', () => {
    const order: string[] = [];
    class Greeting extends Echo {
      override onOpen(): unknown {
        return this.writeMessage('hello');
      }
      override onClose(): void {
        order.push('onClose');
      }
    }
    const note = (name: string) =>
      on<{ readonly side: string }>(`landspout.websocket.${name}`, ({ side }) => {
        if (side === 'server') order.push(name);
      });
    for (const name of ['connection.start', 'message.sent', 'connection.end']) note(name);
    return withApp([['/', Greeting]], async ({ url }) => {
      const client = await websocketConnect(url);
      await client.readMessage();
      client.close();
      await until(() => order.includes('onClose'));
      expect(order).toEqual(['connection.start', 'message.sent', 'connection.end', 'onClose']);
    });
  });

  it('tell of an abort by its error', () => {
    const ended = heard<WebSocketEndMessage>('connection.end');
    const failure = new Error('enough');
    class Aborting extends Echo {
      override onMessage(): void {
        this.abort(failure);
      }
    }
    return withApp([['/', Aborting]], async ({ url }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('go');
      await until(() => ended.length === 1);
      expect(ended).toMatchObject([{ code: 1006, error: failure }]);
    });
  });

  it('tell of both ends of websocketConnect, and of a WebSocket like that of browsers', () => {
    const started = heard<WebSocketStartMessage>('connection.start', 'client');
    const ended = heard<WebSocketEndMessage>('connection.end', 'client');
    return withApp([['/', Echo]], async ({ url }) => {
      const client = await websocketConnect(url);
      expect(started).toMatchObject([{ side: 'client', head: undefined }]);
      client.close();
      const isEnded = (at: number) => ended.some(({ connection }) => connection === started[at]?.connection);
      await until(() => isEnded(0));
      const socket = new WebSocket(url);
      await new Promise((resolve) => socket.addEventListener('open', resolve));
      expect(started).toHaveLength(2);
      socket.close();
      await until(() => isEnded(1));
    });
  });

  it('have the head of an upgrade in a Fetch handler, also of one that is mounted', () => {
    const heads: unknown[] = [];
    on<RequestMessage>('landspout.http.server.request.start', ({ record }) => void heads.push(record.head));
    const started = heard<WebSocketStartMessage>('connection.start');
    const fetching = new FetchContainer((request) => {
      const { socket, response } = upgradeWebSocket(request);
      echo(socket);
      return response;
    });
    return withApp([mount('/live', fetching)], async ({ url }) => {
      const mounted = await websocketConnect(`${url}/live/a`);
      mounted.close();
      await mounted.waitClosed();
      expect(started).toHaveLength(1);
      expect(started[0]?.head).toBe(heads[0]);
      await withSockets(echo, async ({ url: other }) => {
        const client = await websocketConnect(other);
        client.close();
        await client.waitClosed();
        expect(started).toHaveLength(2);
        expect(started[1]?.head).toBe(heads[1]);
      });
    });
  });

  it('have it for an Application that a Fetch handler calls', () => {
    const heads: unknown[] = [];
    on<RequestMessage>('landspout.http.server.request.start', ({ record }) => void heads.push(record.head));
    const started = heard<WebSocketStartMessage>('connection.start');
    const app = toFetchHandler(new Application([['/', Echo]], { logger: new RecordingLogger() }));
    return withFetch(app, async ({ url }) => {
      const client = await websocketConnect(url);
      client.close();
      await client.waitClosed();
      expect(started[0]?.head).toBe(heads[0]);
    });
  });
});

describe('landspout.websocket.message.start, error and end', () => {
  it('have one record, with what was received', () => {
    const started = heard<WebSocketMessageStartMessage>('message.start');
    const ended = heard<WebSocketMessageMessage>('message.end');
    return withApp([['/', Echo]], async ({ url }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('grün');
      await client.writeMessage(Buffer.alloc(3));
      await until(() => ended.length === 2);
      expect(started.map(({ record }) => record)).toEqual(ended.map(({ record }) => record));
      expect(started[0]?.record).toBe(ended[0]?.record);
      expect(ended).toMatchObject([
        { record: { isText: true, bytes: 5, error: undefined } },
        { record: { isText: false, bytes: 3, error: undefined } },
      ]);
      client.close();
    });
  });

  it('have the length of a compressed message after its decompression', () => {
    const ended = heard<WebSocketMessageMessage>('message.end');
    class Compressing extends Echo {
      override connectionOptions() {
        return { compression: { thresholdBytes: 0 } };
      }
    }
    return withApp([['/', Compressing]], async ({ url }) => {
      const client = await websocketConnect(url, { compression: { thresholdBytes: 0 } });
      expect(client.isCompressed).toBe(true);
      await client.writeMessage('a'.repeat(1_000));
      await until(() => ended.length === 1);
      expect(ended).toMatchObject([{ record: { isText: true, bytes: 1_000 } }]);
      client.close();
    });
  });

  it('end when the promise of onMessage is settled', () => {
    const ended = heard<WebSocketMessageMessage>('message.end');
    let release = (): void => {};
    class Slow extends WebSocketHandler {
      override onMessage(): Promise<void> {
        return new Promise((resolve) => {
          release = resolve;
        });
      }
    }
    const started = heard<WebSocketMessageStartMessage>('message.start');
    return withApp([['/', Slow]], async ({ url }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('a');
      await until(() => started.length === 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(ended).toEqual([]);
      release();
      await until(() => ended.length === 1);
      client.close();
    });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('the callback failed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the callback failed'))],
  ])('have the error of a callback that %s, and error comes before end', (_, onMessage) => {
    const order: string[] = [];
    for (const name of ['message.start', 'message.error', 'message.end'])
      on<WebSocketMessageMessage>(`landspout.websocket.${name}`, ({ record }) => {
        if (record.side === 'server') order.push(`${name}: ${(record.error as Error | undefined)?.message}`);
      });
    class Failing extends WebSocketHandler {
      override onMessage(): unknown {
        return onMessage();
      }
    }
    return withApp([['/', Failing]], async ({ url, log }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('a');
      await client.waitClosed();
      expect(client.closeCode).toBe(1011);
      expect(order).toEqual([
        'message.start: undefined',
        'message.error: the callback failed',
        'message.end: the callback failed',
      ]);
      expect(log.problems).toHaveLength(1);
    });
  });

  it('are published for messages of an upgrade in a Fetch handler, and for a client with onMessage', () => {
    const ofServer = heard<WebSocketMessageMessage>('message.end');
    const ofClient = heard<WebSocketMessageMessage>('message.end', 'client');
    return withSockets(echo, async ({ url }) => {
      const client = await websocketConnect(url, { onMessage() {} });
      await client.writeMessage('hello');
      await until(() => ofClient.length === 1);
      expect(ofServer).toMatchObject([{ record: { side: 'server', bytes: 5 } }]);
      expect(ofClient).toMatchObject([{ record: { side: 'client', bytes: 5 } }]);
      client.close();
    });
  });
});

describe('the context that a subscriber chooses for a message', () => {
  const choose = (): void =>
    on<WebSocketMessageStartMessage>('landspout.websocket.message.start', ({ record, runWithin }) =>
      runWithin((run) => storage.run(`${record.side} ${record.bytes}`, run)),
    );

  it('is that of onMessage and of what it awaits, for each of several messages', () => {
    choose();
    const seen: (string | undefined)[] = [];
    class Waiting extends WebSocketHandler {
      override async onMessage(): Promise<void> {
        seen.push(storage.getStore());
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(storage.getStore());
        storage.enterWith('entered');
      }
      override onPing(): void {
        seen.push(`ping: ${storage.getStore()}`);
      }
    }
    return withApp([['/', Waiting]], async ({ url }) => {
      const client = await websocketConnect(url);
      void client.writeMessage('a');
      void client.writeMessage('bb');
      void client.ping();
      await until(() => seen.length === 5);
      expect(seen).toEqual(['server 1', 'server 1', 'server 2', 'server 2', 'ping: undefined']);
      client.close();
    });
  });

  it('is that of the listeners of a WebSocket', () => {
    choose();
    const seen: unknown[] = [];
    return withSockets(
      (socket) => {
        socket.onmessage = ({ data }) => {
          seen.push(storage.getStore());
          socket.send(data);
        };
      },
      async ({ url }) => {
        const socket = new WebSocket(url);
        socket.onopen = () => socket.send('abc');
        socket.onmessage = () => void seen.push(storage.getStore());
        await until(() => seen.length === 2);
        expect(seen).toEqual(['server 3', 'client 3']);
        socket.close();
      },
    );
  });

  it('is not that of a program that reads', () => {
    choose();
    return withApp([['/', Echo]], async ({ url }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('a');
      const store = await storage.run('the reader', async () => {
        await client.readMessage();
        return storage.getStore();
      });
      expect(store).toBe('the reader');
      client.close();
    });
  });
});

describe('landspout.websocket.message.sent', () => {
  it('is published for each message that is accepted, with its length before compression', () => {
    const sent = heard<WebSocketSentMessage>('message.sent');
    class Sending extends WebSocketHandler {
      override connectionOptions() {
        return { compression: { thresholdBytes: 0 } };
      }
      override onMessage(): void {
        void this.writeMessage('grün'.repeat(100));
        void this.writeMessage(Buffer.alloc(7));
        void this.writeMessage({ a: 1 });
        this.close();
        void this.writeMessage('too late');
      }
    }
    return withApp([['/', Sending]], async ({ url }) => {
      const client = await websocketConnect(url, { compression: {} });
      await client.writeMessage('go');
      await client.waitClosed();
      expect(sent).toMatchObject([
        { side: 'server', isText: true, bytes: 500 },
        { side: 'server', isText: false, bytes: 7 },
        { side: 'server', isText: true, bytes: 7 },
      ]);
    });
  });

  it('is published for each connection of a broadcast', () => {
    const handlers = new Set<WebSocketHandler>();
    class Member extends WebSocketHandler {
      override onOpen(): void {
        handlers.add(this);
      }
      override onMessage(): void {}
    }
    const started = heard<WebSocketStartMessage>('connection.start');
    const sent = heard<WebSocketSentMessage>('message.sent');
    return withApp([['/', Member]], async ({ url }) => {
      const clients = [await websocketConnect(url), await websocketConnect(url), await websocketConnect(url)];
      await until(() => handlers.size === 3);
      expect(broadcast(handlers, 'hello')).toBe(3);
      expect(sent.map(({ connection }) => connection)).toEqual(started.map(({ connection }) => connection));
      expect(new Set(sent.map(({ connection }) => connection)).size).toBe(3);
      expect(sent.every(({ bytes, isText }) => bytes === 5 && isText)).toBe(true);
      for (const client of clients) client.close();
    });
  });
});
