import type { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { bareEndingPair } from '../../../iostream/test/support/bare-ends.ts';
import { until } from '../../../iostream/test/support/until.ts';
import { ClientConnection, type ClientRequest } from '../../src/connection/client/index.ts';
import { ServerConnection } from '../../src/connection/server/index.ts';
import { HTTPHeaders, type HTTPMessageDelegate, type HTTPServerExchange } from '../../src/index.ts';
import { connectionHost } from '../fixtures/serving.ts';

const TRUNCATED = { code: 'ERR_STREAM_TLS_TRUNCATED' };
const HEADERS = HTTPHeaders.from({ Host: 'a' });
const GET: ClientRequest = { method: 'GET', target: '/', headers: HEADERS, bodyBytes: 0 };

interface Received {
  readonly status: number;
  readonly body: string;
  readonly isComplete: boolean;
  readonly error: unknown;
}

/** Sends a request on a connection, and resolves with what its delegate was called with. */
function exchange(connection: ClientConnection, request = GET, hold?: Promise<void>): Promise<Received> {
  let status = 0;
  let body = '';
  return new Promise((resolve) => {
    connection.begin(request, {
      headersReceived: (head) => {
        status = head.status;
        return hold;
      },
      dataReceived: (chunk) => {
        body += Buffer.from(chunk).toString('latin1');
      },
      finish: () => resolve({ status, body, isComplete: true, error: undefined }),
      connectionClosed: (error) => resolve({ status, body, isComplete: false, error }),
    });
  });
}

/** Lets a server send `wire` and then end the connection without close_notify. */
async function received(wire: string, request = GET): Promise<Received> {
  const { stream, peer } = bareEndingPair();
  const connection = new ClientConnection(stream);
  const response = exchange(connection, request);
  await peer.readUntil('\r\n\r\n');
  await peer.write(wire);
  peer.endWrite();
  const result = await response;
  await stream.waitClosed();
  return result;
}

const HEAD = 'HTTP/1.1 200 OK\r\n';
const FRAMED: Record<string, string> = {
  'a length': `${HEAD}Content-Length: 5\r\n\r\nhello`,
  chunks: `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`,
  'chunks and a trailer': `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n`,
};

describe('a ClientConnection whose server ends TLS without close_notify', () => {
  it.each(Object.entries(FRAMED))(
    'takes a body with %s as complete only if all of it has arrived (RFC 9112 §9.8)',
    async (_framing, wire) => {
      for (let cut = 0; cut < wire.length; cut += 1) {
        const { isComplete, error } = await received(wire.slice(0, cut));
        expect([cut, isComplete]).toEqual([cut, false]);
        expect(error, `cut at ${cut}`).toMatchObject({
          code: cut === 0 ? 'ERR_HTTP_CLOSED' : 'ERR_HTTP1_TRUNCATED',
          cause: TRUNCATED,
        });
      }
      expect(await received(wire)).toEqual({
        status: 200,
        body: 'hello',
        isComplete: true,
        error: undefined,
      });
    },
  );

  it('never takes a body without a length as complete', async () => {
    const wire = `${HEAD}\r\nhello`;
    for (let cut = 1; cut <= wire.length; cut += 1) {
      const { body, isComplete, error } = await received(wire.slice(0, cut));
      expect([cut, isComplete]).toEqual([cut, false]);
      expect(error, `cut at ${cut}`).toMatchObject({ code: 'ERR_HTTP1_TRUNCATED', cause: TRUNCATED });
      expect('hello'.startsWith(body)).toBe(true);
    }
  });

  it.each([
    ['a 204', `HTTP/1.1 204 No Content\r\n\r\n`, GET],
    ['a 304', `HTTP/1.1 304 Not Modified\r\n\r\n`, GET],
    ['a response to HEAD', `${HEAD}\r\n`, { ...GET, method: 'HEAD' }],
    ['an empty body', `${HEAD}Content-Length: 0\r\n\r\n`, GET],
  ])('takes %s as complete', async (_response, wire, request) => {
    expect(await received(wire, request)).toMatchObject({ isComplete: true, body: '' });
  });

  it('closes quietly between requests', async () => {
    const { stream, peer } = bareEndingPair();
    const ends: unknown[] = [];
    const connection = new ClientConnection(stream, { connectionEnded: (error) => void ends.push(error) });
    const response = exchange(connection);
    await peer.readUntil('\r\n\r\n');
    await peer.write(FRAMED['a length'] as string);
    expect(await response).toMatchObject({ isComplete: true });
    expect(connection.isIdle).toBe(true);
    peer.endWrite();
    await until(() => ends.length > 0);
    expect([ends, stream.error]).toEqual([[undefined], undefined]);
  });

  it.each([
    ['a length', true],
    ['no length', false],
  ])('decides about a body with %s after its delegate has held it', async (framing, isComplete) => {
    const { stream, peer } = bareEndingPair();
    const connection = new ClientConnection(stream);
    let release!: () => void;
    const hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    const response = exchange(connection, GET, hold);
    await peer.readUntil('\r\n\r\n');
    await peer.write(isComplete ? (FRAMED[framing] as string) : `${HEAD}\r\nhello`);
    peer.endWrite();
    await until(() => stream.isEnded);
    release();
    expect(await response).toMatchObject({ body: 'hello', isComplete });
  });

  it('leaves a connection that switched protocols to its new reader', async () => {
    const { stream, peer } = bareEndingPair();
    const connection = new ClientConnection(stream);
    let own!: IOStream;
    connection.begin(
      { ...GET, headers: HTTPHeaders.from({ Host: 'a', Upgrade: 'echo' }) },
      {
        headersReceived: () => {
          own = connection.detach();
        },
        dataReceived() {},
        finish() {},
        connectionClosed() {},
      },
    );
    await peer.readUntil('\r\n\r\n');
    await peer.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhalf');
    peer.endWrite();
    await until(() => own !== undefined);
    await expect(own.readUntilClose()).rejects.toMatchObject(TRUNCATED);
  });
});

interface Served {
  /** The reasons that the delegate was called with. */
  readonly reasons: Error[];
  body: string;
  isComplete: boolean;
}

/** Serves a connection whose client sends `wire` and then ends TLS without close_notify; the response is its body. */
async function served(wire: string): Promise<Served & { readonly response: string }> {
  const { stream, peer } = bareEndingPair();
  const seen: Served = { reasons: [], body: '', isComplete: false };
  const startRequest = (exchange: HTTPServerExchange): HTTPMessageDelegate => ({
    headersReceived() {},
    dataReceived: (chunk) => {
      seen.body += Buffer.from(chunk).toString('latin1');
    },
    finish: async () => {
      seen.isComplete = true;
      // The client has ended before it gets its response.
      await until(() => stream.isEnded);
      exchange.writeHead(200, 'OK', new HTTPHeaders(), `got ${seen.body}`, true);
    },
    connectionClosed: (reason) => void seen.reasons.push(reason),
  });
  new ServerConnection(stream, connectionHost({ startRequest }));
  await peer.write(wire);
  peer.endWrite();
  const response = await peer.readUntilClose();
  await stream.waitClosed();
  return { ...seen, response: response.toString('latin1') };
}

const REQUEST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const UPLOADS: Record<string, string> = {
  'a length': `${REQUEST}Content-Length: 5\r\n\r\nhello`,
  chunks: `${REQUEST}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`,
};

describe('a ServerConnection whose client ends TLS without close_notify', () => {
  it.each(Object.entries(UPLOADS))(
    'takes a request body with %s as complete only if all of it has arrived',
    async (_framing, wire) => {
      const bodyAt = wire.indexOf('\r\n\r\n') + 4;
      for (let cut = 0; cut < wire.length; cut += 1) {
        const { isComplete, reasons, response } = await served(wire.slice(0, cut));
        expect([cut, isComplete, response]).toEqual([cut, false, '']);
        const expected = cut < bodyAt ? [] : [{ code: 'ERR_HTTP_CLOSED', cause: TRUNCATED }];
        expect(reasons, `cut at ${cut}`).toMatchObject(expected);
      }
    },
  );

  it.each(Object.entries(UPLOADS))('responds to a complete request with %s', async (_framing, wire) => {
    const { isComplete, body, response, reasons } = await served(wire);
    expect([isComplete, body]).toEqual([true, 'hello']);
    expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\ngot hello$/s);
    // It is an ordinary half-close.
    expect(reasons).toMatchObject([{ code: 'ERR_HTTP_PEER_ENDED' }]);
    expect(reasons[0]?.cause).toBeUndefined();
  });

  it('is the cause of every reason of a delegate that has held an incomplete upload', async () => {
    const { stream, peer } = bareEndingPair();
    const reasons: Error[] = [];
    let release!: () => void;
    const hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    const startRequest = (): HTTPMessageDelegate => ({
      headersReceived: () => hold,
      dataReceived() {},
      finish: () => void reasons.push(new Error('complete')),
      connectionClosed: (reason) => void reasons.push(reason),
    });
    new ServerConnection(stream, connectionHost({ startRequest }));
    await peer.write(`${REQUEST}Content-Length: 10\r\n\r\nhello`);
    peer.endWrite();
    await until(() => reasons.length === 1);
    release();
    await stream.waitClosed();
    expect(reasons).toMatchObject([
      { code: 'ERR_HTTP_PEER_ENDED', cause: TRUNCATED },
      { code: 'ERR_HTTP_CLOSED', cause: TRUNCATED },
    ]);
  });

  it('closes quietly if nothing was requested', async () => {
    expect(await served('')).toEqual({ reasons: [], body: '', isComplete: false, response: '' });
  });
});
