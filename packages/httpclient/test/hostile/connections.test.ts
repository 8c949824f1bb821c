import { describe, expect, it } from 'vitest';
import { HTTPStreamClosedError } from '../../src/index.ts';
import {
  expectGood,
  failureOf,
  GOOD,
  type HostileScript,
  OK,
  respondingWith,
  withHostileServer,
} from '../fixtures/hostile-server.ts';
import { deferred, waitUntil, withClient } from '../fixtures/servers.ts';

const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe('AsyncHTTPClient and a connection that ends early', () => {
  it.each([
    ['in the middle of a body', `${OK}Content-Length: 10\r\n\r\nhello`],
    ['in the middle of a chunk', `${CHUNKED}5\r\nhel`],
    ['in the middle of a chunk size', `${CHUNKED}5`],
    ['before the last chunk', `${CHUNKED}5\r\nhello\r\n`],
    ['in the middle of the trailers', `${CHUNKED}0\r\nA: b\r\n`],
    ['in the middle of the status line', 'HTTP/1.1 2'],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['before the empty line', `${OK}Content-Length: 0\r\n`],
    ['after an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['without a word', ''],
  ])('rejects if the server ends it %s [SH-10]', async (_, bytes) => {
    const error = await failureOf(respondingWith(bytes, { end: true }));
    expect(error).toBeInstanceOf(HTTPStreamClosedError);
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', status: 599, cause: expect.any(Error) });
  });

  it('rejects if the server resets it after accepting [SH-10] [ATT-76]', async () => {
    const error = await failureOf((connection) => connection.reset());
    // The system may report the reset before or after it reports the connection.
    expect(['ERR_HTTPCLIENT_CONNECT', 'ERR_HTTPCLIENT_CLOSED']).toContain(error.code);
  });

  it.each<[string, string]>([
    ['after the request', ''],
    ['within the status line', 'HTTP/1.'],
    ['within the headers', `${OK}Content-Length: 5\r\n`],
  ])('rejects if the server resets it %s [SH-10] [ATT-76]', async (_, bytes) => {
    const error = await failureOf(async (connection) => {
      await connection.readHead();
      if (bytes !== '') await connection.send(bytes);
      connection.reset();
    });
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', cause: expect.any(Error) });
  });

  it.each([
    ['of a known length', `${OK}Content-Length: 10\r\n\r\nhello`],
    ['in chunks', `${CHUNKED}5\r\nhello\r\n`],
    ['without a length', `${OK}\r\nhello`],
  ])('rejects with the reset if the server resets it within a body %s [SH-10] [ATT-76]', async (_, bytes) => {
    const received = deferred();
    const error = await failureOf(
      async (connection) => {
        await connection.readHead();
        await connection.send(bytes);
        // Only after the bytes were read: libuv reports a reset that arrives together with bytes as an orderly end.
        await received.promise;
        await new Promise((resolve) => setImmediate(resolve));
        connection.reset();
      },
      { request: { onData: () => received.resolve() } },
    );
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', cause: { code: 'ECONNRESET' } });
  });

  it('rejects an upload whose connection is reset, and gives up its body [ATT-76]', async () => {
    let isGivenUp = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(10_000);
      } finally {
        isGivenUp = true;
      }
    }
    const error = await failureOf(
      async (connection) => {
        await connection.readHead();
        connection.reset();
      },
      { request: { method: 'POST', body: endless() } },
    );
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
    await waitUntil(() => isGivenUp);
  });
});

describe('AsyncHTTPClient and a server that is too slow', () => {
  const timeout = (phase: string) => ({ code: 'ERR_HTTPCLIENT_TIMEOUT', status: 599, phase });
  const request = { requestTimeoutMs: 500 };

  it.each<[string, string, HostileScript]>([
    ['says nothing', 'headers', (connection) => connection.readHead()],
    ['does not end its headers', 'headers', respondingWith(`${OK}A: b\r\n`)],
    ['sends a head byte by byte', 'headers', (connection) => connection.drip(`${OK}A: b`, { forEver: true })],
    ['does not send the body', 'body', respondingWith(`${OK}Content-Length: 5\r\n\r\n`)],
    [
      'sends a body byte by byte',
      'body',
      async (connection) => {
        await connection.readHead();
        await connection.send(`${OK}Content-Length: 99999999\r\n\r\n`);
        await connection.drip('x', { forEver: true });
      },
    ],
    ['sends no more chunks', 'body', respondingWith(`${CHUNKED}1\r\nx\r\n`)],
    ['does not end the trailers', 'body', respondingWith(`${CHUNKED}0\r\nA: b\r\n`)],
    ['does not end the connection', 'body', respondingWith(`${OK}\r\nx`)],
  ])('rejects in time if it %s [SH-03]', async (_, phase, script) => {
    expect(await failureOf(script, { request })).toMatchObject(timeout(phase));
  });

  it('rejects in time if it does not read the body of a request [SH-03]', async () => {
    const error = await failureOf((connection) => void connection.socket.pause(), {
      request: { ...request, method: 'POST', body: Buffer.alloc(20_000_000) },
      // A paused socket does not notice the end of its connection.
      afterwards: ({ sockets }) => void sockets[0]?.resume(),
    });
    expect(error).toMatchObject(timeout('send'));
  });
});

describe('AsyncHTTPClient and bytes that belong to no request', () => {
  it('never takes bytes after one response for the next [ATT-61]', () =>
    withHostileServer(respondingWith(`${GOOD}${OK}Content-Length: 4\r\n\r\nevil`), (peer) =>
      withClient({}, async (client) => {
        expect((await client.fetch(peer.url)).text()).toBe('good');
        expect(client.idleCount).toBe(0);
        await waitUntil(() => peer.openSockets() === 0);
        await expectGood(client, peer);
      }),
    ));

  it('does not use a connection again whose body was longer than announced [ATT-61]', () =>
    withHostileServer(respondingWith(`${OK}Content-Length: 2\r\n\r\ngood`), (peer) =>
      withClient({}, async (client) => {
        expect((await client.fetch(peer.url)).text()).toBe('go');
        await waitUntil(() => peer.openSockets() === 0);
        await expectGood(client, peer);
      }),
    ));

  it('closes an idle connection on which a response arrives before its request [ATT-61]', () => {
    const idle = deferred();
    return withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send(GOOD);
        await idle.promise;
        await connection.send(`${OK}Content-Length: 4\r\n\r\nevil`);
      },
      (peer) =>
        withClient({ idleTimeoutMs: 600_000 }, async (client) => {
          await client.fetch(peer.url);
          expect(client.idleCount).toBe(1);
          idle.resolve();
          await waitUntil(() => client.idleCount === 0 && peer.openSockets() === 0);
          await expectGood(client, peer);
        }),
    );
  });

  it('sends a request again if its idle connection was reset', () => {
    const idle = deferred();
    return withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send(GOOD);
        await idle.promise;
        connection.reset();
      },
      (peer) =>
        withClient({ idleTimeoutMs: 600_000 }, async (client) => {
          await client.fetch(peer.url);
          idle.resolve();
          await waitUntil(() => peer.openSockets() === 0);
          await expectGood(client, peer);
        }),
    );
  });
});

describe('AsyncHTTPClient and a response during an upload', () => {
  it.each([
    ['keeps the connection', false],
    ['ends the connection', true],
  ])('takes an early final response from a server that %s, and stops sending [SH-09]', async (_, end) => {
    let isGivenUp = false;
    const gate = deferred();
    async function* slowBody(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('first');
        await gate.promise;
        for (;;) yield Buffer.alloc(1_000);
      } finally {
        isGivenUp = true;
      }
    }
    const error = await failureOf(
      async (connection) => {
        await connection.readHead();
        await connection.readSome();
        await connection.send('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge');
        if (end) connection.end();
      },
      { request: { method: 'POST', body: slowBody() } },
    );
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_STATUS', status: 413 });
    gate.resolve();
    await waitUntil(() => isGivenUp);
  });
});
