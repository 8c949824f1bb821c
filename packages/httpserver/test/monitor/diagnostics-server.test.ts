import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { afterEach, describe, expect, it } from 'vitest';
import type {
  ConnectionEndMessage,
  ConnectionStartMessage,
  RequestMessage,
  ServerRequest,
} from '../../src/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

type Message = Partial<ConnectionStartMessage & ConnectionEndMessage & RequestMessage>;

const hello = (request: ServerRequest): void => request.respond(200, 'hello');
const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const LAST = 'Connection: close\r\n';

const subscriptions: (() => void)[] = [];
afterEach(() => {
  for (const end of subscriptions.splice(0)) end();
});

/** What is published from now on, in order. */
function heard(): [string, Message][] {
  const messages: [string, Message][] = [];
  for (const name of [
    'connection.start',
    'connection.end',
    'request.start',
    'request.error',
    'request.end',
  ]) {
    const listener = (message: unknown): void => void messages.push([name, message as Message]);
    subscribe(`landspout.http.server.${name}`, listener);
    subscriptions.push(() => unsubscribe(`landspout.http.server.${name}`, listener));
  }
  return messages;
}

const names = (messages: readonly [string, Message][]) => messages.map(([name]) => name);

describe('the diagnostics channels of an HTTPServer', () => {
  it('tell of a connection and of each request on it', () => {
    const messages = heard();
    return withServer(
      hello,
      async ({ port, server }) => {
        await converse(port, get('/1', 'X-Forwarded-For: 203.0.113.7\r\n') + get('/2', LAST));
        await waitUntil(() => server.connectionCount === 0);
        expect(names(messages)).toEqual([
          'connection.start',
          ...['request.start', 'request.end', 'request.start', 'request.end'],
          'connection.end',
        ]);
        const [began, start1, end1, start2, end2, ended] = messages.map(([, message]) => message);
        expect(ended).toMatchObject({ how: 'we-ended', error: undefined });
        expect(ended?.connection).toBe(began?.connection);
        expect([start1?.record, start2?.record]).toEqual([end1?.record, end2?.record]);
        expect(start1?.record).not.toBe(start2?.record);
        expect(start1?.record).toMatchObject({ target: '/1', status: 200, remoteIp: '203.0.113.7' });
        expect(start2?.record).toMatchObject({ target: '/2', status: 200, remoteIp: '127.0.0.1' });
        expect(start1?.record?.peer).toBe(began?.connection);
      },
      { trustedProxies: ['127.0.0.1'] },
    );
  });

  it('tell how a connection ends: by the peer, by a reset, as somebody else’s', () => {
    const messages = heard();
    const delegate: HTTPServerConnectionDelegate = {
      startRequest: (exchange) => ({
        headersReceived(head) {
          if (head.target === '/detach') exchange.detach().close();
        },
        dataReceived() {},
        finish() {},
        connectionClosed() {},
      }),
    };
    return withServer(delegate, async ({ port, server }) => {
      const leave = async (text: string, how: (client: RawClient) => void, least: number) => {
        const client = await RawClient.connect({ port }, text);
        await waitUntil(() => server.stats().requests.begun === least && server.stats().opened === ends + 1);
        how(client);
        ends += 1;
        await waitUntil(() => names(messages).filter((name) => name === 'connection.end').length === ends);
        client.close();
      };
      let ends = 0;
      await leave('', (client) => void client.socket.end(), 0);
      await leave(get('/'), (client) => client.reset(), 1);
      await leave(get('/detach'), () => {}, 2);
      const last = messages.filter(([name]) => name === 'connection.end').map(([, { how }]) => how);
      expect(last).toEqual(['peer-ended', 'peer-reset', 'detached']);
      expect(names(messages).filter((name) => name.startsWith('request'))).toEqual([
        ...['request.start', 'request.error', 'request.end'],
        ...['request.start', 'request.end'],
      ]);
    });
  });

  it('tell of what was refused before it was a head', () => {
    const messages = heard();
    return withServer(hello, async ({ port }) => {
      await converse(port, 'broken\r\n\r\n');
      expect(names(messages).slice(0, 3)).toEqual(['connection.start', 'request.error', 'request.end']);
      expect(messages[1]?.[1].record).toMatchObject({ method: undefined, outcome: 'refused', status: 400 });
    });
  });

  it('keep what a subscriber throws away from the request', () => {
    const failure = new Error('a subscriber failed');
    const listener = (): void => {
      throw failure;
    };
    for (const name of ['connection.start', 'request.start', 'request.end']) {
      subscribe(`landspout.http.server.${name}`, listener);
      subscriptions.push(() => unsubscribe(`landspout.http.server.${name}`, listener));
    }
    const uncaught: unknown[] = [];
    return withServer(hello, async ({ port, records }) => {
      process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error));
      try {
        const received = await converse(port, get('/1') + get('/2', LAST));
        expect(statusLines(received)).toHaveLength(2);
        await waitUntil(() => uncaught.length === 5);
      } finally {
        process.setUncaughtExceptionCaptureCallback(null);
      }
      expect(new Set(uncaught)).toEqual(new Set([failure]));
      expect(records).toEqual([]);
    });
  });
});
