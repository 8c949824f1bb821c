import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect as connectTls } from 'node:tls';
import type { HTTPMessageDelegate, HTTPServerConnectionDelegate, HTTPServerExchange } from '@landspout/http1';
import { HTTPHeaders, HTTPInputError } from '@landspout/http1';
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestStartMessage } from '../../src/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const START = 'landspout.http.server.request.start';
const storage = new AsyncLocalStorage<string>();

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Gives each request a context, which has its target as store. */
function chooseContexts(): void {
  const listener = (message: unknown): void => {
    const { record, runWithin } = message as RequestStartMessage;
    runWithin((run) => storage.run(`${record.target}`, run));
  };
  subscribe(START, listener);
  ends.push(() => unsubscribe(START, listener));
}

const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (target: string, length: number) =>
  `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

/** A delegate that notes the store with each of its calls. */
class Noting implements HTTPServerConnectionDelegate {
  readonly calls: string[] = [];
  /** Called at the end of each request. */
  readonly respond: (exchange: HTTPServerExchange) => void | Promise<void>;
  /** Called with each head. */
  begin: (exchange: HTTPServerExchange) => void = () => {};
  readonly collectsBody: boolean;

  constructor(respond = finish, collectsBody = false) {
    this.respond = respond;
    this.collectsBody = collectsBody;
  }

  note(call: string): void {
    this.calls.push(`${call}: ${storage.getStore()}`);
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    this.note('start');
    return {
      collectsBody: this.collectsBody,
      headersReceived: () => {
        this.note('head');
        this.begin(exchange);
      },
      dataReceived: (chunk) => this.note(`data ${Buffer.from(chunk)}`),
      finish: () => {
        this.note('finish');
        return this.respond(exchange);
      },
      refused: ({ status }) => {
        this.note(`refused ${status}`);
        exchange.writeHead(status, 'Refused', new HTTPHeaders(), 'refused', true);
      },
      connectionClosed: () => this.note('closed'),
    };
  }
}

function finish(exchange: HTTPServerExchange): void {
  exchange.writeHead(200, 'OK', new HTTPHeaders(), 'done', true);
}

const isDone = (text: string): boolean => text.endsWith('done');

describe('the context that a subscriber chooses for a request', () => {
  it('is that of all calls, also for pieces of the body that arrive later', () => {
    chooseContexts();
    const delegate = new Noting();
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, post('/a', 3));
      for (const piece of ['1', '2', '3']) {
        client.send(piece);
        await waitUntil(() => delegate.calls.includes(`data ${piece}: /a`));
      }
      await client.until(isDone);
      client.close();
      expect(delegate.calls).toEqual(
        ['start', 'head', 'data 1', 'data 2', 'data 3', 'finish'].map((call) => `${call}: /a`),
      );
    });
  });

  it('is that of a delegate that wants the whole body at once', () => {
    chooseContexts();
    const delegate = new Noting(finish, true);
    return withServer(delegate, async ({ port, server }) => {
      const client = await RawClient.connect({ port }, post('/a', 2));
      await waitUntil(() => server.stats().requests.begun === 1);
      client.send('1');
      client.send('2');
      await client.until(isDone);
      client.close();
      expect(delegate.calls.slice(2)).toEqual(['data 12: /a', 'finish: /a']);
    });
  });

  it('is another one for each pipelined request, also if the handlers wait', () => {
    chooseContexts();
    const seen: unknown[] = [];
    const delegate = new Noting(async (exchange) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(storage.getStore());
      finish(exchange);
    });
    return withServer(delegate, async ({ port }) => {
      const text = `${get('/1')}${post('/2', 1)}x${get('/3', 'Connection: close\r\n')}`;
      expect(statusLines(await converse(port, text))).toHaveLength(3);
      expect(seen).toEqual(['/1', '/2', '/3']);
      expect(delegate.calls).toEqual([
        ...['start: /1', 'head: /1', 'finish: /1'],
        ...['start: /2', 'head: /2', 'data x: /2', 'finish: /2'],
        ...['start: /3', 'head: /3', 'finish: /3'],
      ]);
    });
  });

  it('is that of the end of the connection, by a reset or by the client’s half of it', () => {
    chooseContexts();
    const delegate = new Noting(() => {});
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, get('/reset'));
      await waitUntil(() => delegate.calls.includes('finish: /reset'));
      client.reset();
      await waitUntil(() => delegate.calls.at(-1) === 'closed: /reset');
      const other = await RawClient.connect({ port }, get('/half'));
      await waitUntil(() => delegate.calls.includes('finish: /half'));
      other.socket.end();
      await waitUntil(() => delegate.calls.at(-1) === 'closed: /half');
      other.close();
    });
  });

  it('is that of a refusal, by the connection or the delegate itself', () => {
    chooseContexts();
    const delegate = new Noting();
    delegate.begin = ({ connection }) => {
      if (storage.getStore() === '/own') throw new HTTPInputError(`no ${connection.protocol}`, 422);
    };
    return withServer(
      delegate,
      async ({ port }) => {
        expect(statusLines(await converse(port, post('/long', 100)))).toEqual(['HTTP/1.1 413 Refused']);
        expect(statusLines(await converse(port, get('/own')))).toEqual(['HTTP/1.1 422 Refused']);
        expect(delegate.calls.filter((call) => call.startsWith('refused'))).toEqual([
          'refused 413: /long',
          'refused 422: /own',
        ]);
      },
      { maxBodyBytes: 10 },
    );
  });

  it('is that of a request over TLS', async () => {
    chooseContexts();
    const delegate = new Noting();
    const { cert, key } = makeCertificate();
    await withServer(
      delegate,
      async ({ port }) => {
        const socket = connectTls({
          port,
          host: '127.0.0.1',
          ca: cert,
          checkServerIdentity: () => undefined,
        });
        let received = '';
        socket.on('data', (chunk) => {
          received += chunk;
        });
        socket.write(post('/tls', 2));
        await waitUntil(() => delegate.calls.includes('head: /tls'));
        socket.write('1');
        await waitUntil(() => delegate.calls.includes('data 1: /tls'));
        socket.write('2');
        await waitUntil(() => received.endsWith('done'));
        socket.destroy();
        expect(delegate.calls.every((call) => call.endsWith(': /tls'))).toBe(true);
      },
      { tls: { cert, key } },
    );
  });

  it('does not last: the next request on the connection has none if no subscriber chooses one', () => {
    chooseContexts();
    const delegate = new Noting();
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, get('/1'));
      await client.until(isDone);
      for (const end of ends.splice(0)) end();
      client.send(get('/2'));
      await waitUntil(() => delegate.calls.length === 6);
      client.close();
      expect(delegate.calls.slice(3)).toEqual(['start: undefined', 'head: undefined', 'finish: undefined']);
    });
  });

  it('does not keep what a call has entered for the next call', () => {
    chooseContexts();
    const delegate = new Noting();
    delegate.begin = () => storage.enterWith('entered');
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, `${post('/a', 1)}x${get('/b')}`);
      await client.until((text) => statusLines(text).length === 2);
      client.close();
      expect(delegate.calls).toEqual([
        ...['start: /a', 'head: /a', 'data x: /a', 'finish: /a'],
        ...['start: /b', 'head: /b', 'finish: /b'],
      ]);
    });
  });

  it('may be a store that is bound to the channel', () => {
    const start = channel(START);
    start.bindStore(storage, (message) => `bound to ${(message as RequestStartMessage).record.target}`);
    ends.push(() => void start.unbindStore(storage));
    const delegate = new Noting();
    return withServer(delegate, async ({ port }) => {
      await converse(port, get('/1') + get('/2', 'Connection: close\r\n'));
      expect(delegate.calls.slice(0, 3)).toEqual(
        ['start', 'head', 'finish'].map((call) => `${call}: bound to /1`),
      );
      expect(delegate.calls.slice(3)).toEqual(
        ['start', 'head', 'finish'].map((call) => `${call}: bound to /2`),
      );
    });
  });

  it('is that of a callback that awaits, and of what it starts', () => {
    chooseContexts();
    const seen: unknown[] = [];
    return withServer(
      async (request) => {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(storage.getStore());
        await new Promise<void>((resolve) => {
          setTimeout(() => {
            seen.push(storage.getStore());
            resolve();
          });
        });
        request.respond(200, 'done');
      },
      async ({ port }) => {
        await converse(port, get('/a', 'Connection: close\r\n'));
        expect(seen).toEqual(['/a', '/a']);
      },
    );
  });

  it('is lost if a wrapper throws, but the request is not', () => {
    const failure = new Error('the wrapper failed');
    const listener = (message: unknown): void =>
      (message as RequestStartMessage).runWithin(() => {
        throw failure;
      });
    subscribe(START, listener);
    ends.push(() => unsubscribe(START, listener));
    const delegate = new Noting();
    const uncaught: unknown[] = [];
    return withServer(delegate, async ({ port, records }) => {
      process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error));
      try {
        const received = await converse(port, get('/a', 'Connection: close\r\n'));
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
        await waitUntil(() => uncaught.length === 1);
      } finally {
        process.setUncaughtExceptionCaptureCallback(null);
      }
      expect(uncaught).toEqual([failure]);
      expect(delegate.calls).toEqual(['start: undefined', 'head: undefined', 'finish: undefined']);
      expect(records).toEqual([]);
    });
  });

  it('can be found by the head of the record, which is that of the delegate', () => {
    const heads: unknown[] = [];
    const listener = (message: unknown): void =>
      void heads.push((message as RequestStartMessage).record.head);
    subscribe(START, listener);
    ends.push(() => unsubscribe(START, listener));
    const seen: unknown[] = [];
    return withServer(
      (request) => {
        seen.push(request.head);
        request.respond(200, 'done');
      },
      async ({ port }) => {
        await converse(port, get('/1') + get('/2', 'Connection: close\r\n'));
        expect(heads).toHaveLength(2);
        expect(seen[0]).toBe(heads[0]);
        expect(seen[1]).toBe(heads[1]);
      },
    );
  });
});
