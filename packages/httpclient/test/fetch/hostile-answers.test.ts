import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HTTPClientError, HTTPStreamClosedError } from '../../src/index.ts';
import {
  answering,
  onHead,
  openDescriptors,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

/** Fetches once from a server that responds with `bytes`, and returns the error. */
function failure(bytes: string, { end = true, options = {} } = {}): Promise<HTTPClientError> {
  return withRawServer(answering(bytes, { end }), ({ url }) =>
    withClient({}, async (client) => {
      const error = await client.fetch(url, options).then(
        () => expect.fail('an error was expected'),
        (reason) => reason,
      );
      expect(error).toBeInstanceOf(HTTPClientError);
      expect(error.status).toBe(599);
      expect(client.idleCount).toBe(0);
      return error;
    }),
  );
}

describe('AsyncHTTPClient with a hostile peer', () => {
  it.each([
    ['ends in the middle of a body', `${OK}Content-Length: 10\r\n\r\nhello`],
    ['ends in the middle of a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`],
    ['ends before the last chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`],
    ['ends in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['ends after an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['ends without a word', ''],
  ])('rejects with the stream closed when the peer %s [SH-10]', async (_, bytes) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(HTTPStreamClosedError);
    expect(error.code).toBe('ERR_HTTPCLIENT_CLOSED');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['a status that is none', 'HTTP/1.1 999 Odd\r\n\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 'ERR_HTTP1_AMBIGUOUS_LENGTH'],
    [
      'a length and chunks',
      `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      'ERR_HTTP1_AMBIGUOUS_LENGTH',
    ],
    ['a chunk that is none', `${OK}Transfer-Encoding: chunked\r\n\r\n0x5\r\n`, 'ERR_HTTP1_BAD_CHUNK'],
    [
      'a 204 with a body',
      'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello',
      'ERR_HTTP1_BAD_BODILESS_FRAMING',
    ],
    ['a huge head', `${OK}X: ${'x'.repeat(70_000)}\r\n\r\n`, 'ERR_HTTP1_HEAD_TOO_LARGE'],
    ['too many headers', `${OK}${'X: y\r\n'.repeat(300)}\r\n`, 'ERR_HTTP1_TOO_MANY_HEADERS'],
    [
      'a 101 that nobody asked for',
      'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'ERR_HTTP1_UNSOLICITED_RESPONSE',
    ],
  ])('rejects %s at once, naming the rule [SH-10] [H1-07]', async (_, bytes, code) => {
    const error = await failure(bytes, { end: false });
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_BAD_RESPONSE', cause: { code } });
  });

  it('caps interim responses that never end [ATT-33]', async () => {
    const flood = (socket: Socket): void => {
      onHead(socket, () => {
        const more = (): void => {
          while (!socket.destroyed && socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)));
        };
        socket.on('drain', more);
        more();
      });
    };
    await withRawServer(flood, ({ url }) =>
      withClient({}, async (client) => {
        await expect(client.fetch(url)).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_BAD_RESPONSE',
          cause: { code: 'ERR_HTTP1_TOO_MANY_INTERIM' },
        });
      }),
    );
  });

  it('skips a few interim responses [H1-07]', () =>
    withRawServer(
      answering(
        `HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nhi`,
      ),
      ({ url }) => withClient({}, async (client) => expect((await client.fetch(url)).text()).toBe('hi')),
    ));

  it('reads a body without a length up to the end of the connection', () =>
    withRawServer(answering(`${OK}\r\nall of it`, { end: true }), ({ url }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url)).text()).toBe('all of it');
        expect(client.idleCount).toBe(0);
      }),
    ));

  it.each([
    ['announced', `${OK}Content-Length: 11\r\n\r\n`],
    ['chunked', `${OK}Transfer-Encoding: chunked\r\n\r\n6\r\nsix by\r\n5\r\nfives\r\n0\r\n\r\n`],
    ['without a length', `${OK}\r\nsix by fives`],
  ])('stops at maxBodyBytes for a body that is %s, with onData too [SH-01]', async (_, bytes) => {
    for (const onData of [undefined, () => {}]) {
      const options = { maxBodyBytes: 10, ...(onData === undefined ? {} : { onData }) };
      const error = await failure(bytes, { end: false, options });
      expect(error).toMatchObject({
        code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE',
        cause: { code: 'ERR_HTTP1_BODY_TOO_LARGE' },
      });
    }
    const whole = await withRawServer(answering(bytes, { end: true }), ({ url }) =>
      withClient({ defaults: { maxBodyBytes: 12 } }, (client) => client.fetch(url).catch((error) => error)),
    );
    expect(whole.code).not.toBe('ERR_HTTPCLIENT_BODY_TOO_LARGE');
  });

  it('rejects with the reset when the peer resets midway [SH-10] [ATT-76]', () =>
    withRawServer(answering(`${OK}Content-Length: 10\r\n\r\nhello`), ({ url, sockets }) =>
      withClient({}, async (client) => {
        // Only after the bytes were read: libuv reports a reset that arrives together with bytes as an orderly end.
        const onData = (): void => void setImmediate(() => sockets[0]?.resetAndDestroy());
        await expect(client.fetch(url, { onData })).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_CLOSED',
          cause: { code: 'ECONNRESET' },
        });
      }),
    ));

  it('never takes bytes behind one answer for the next [ATT-61]', () =>
    withRawServer(
      (socket, count) =>
        onHead(socket, () => {
          const good = `${OK}Content-Length: 1\r\n\r\n${count}`;
          socket.write(count === 1 ? `${good}${OK}Content-Length: 4\r\n\r\nevil` : good);
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('1');
          expect(client.idleCount).toBe(0);
          expect((await client.fetch(url)).text()).toBe('2');
        }),
    ));

  it('closes an idle connection on which bytes come [ATT-61]', () =>
    withRawServer(
      (socket) => onHead(socket, () => socket.write(`${OK}Content-Length: 2\r\n\r\nhi`)),
      ({ url, sockets }) =>
        withClient({ idleTimeoutMs: 600_000 }, async (client) => {
          await client.fetch(url);
          expect(client.idleCount).toBe(1);
          sockets[0]?.write(`${OK}Content-Length: 4\r\n\r\nevil`);
          await waitUntil(() => client.idleCount === 0);
          expect((await client.fetch(url)).text()).toBe('hi');
          expect(sockets).toHaveLength(2);
        }),
    ));

  it('keeps little of a body that comes byte by byte', () =>
    withNodeServer(
      (_, response) => {
        response.write('x');
        for (let count = 1; count < 20_000; count += 1) response.write('x');
        response.end();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const { body } = await client.fetch(url);
          expect(body).toHaveLength(20_000);
          expect(body.buffer.byteLength).toBeLessThanOrEqual(40_000 + 4096);
        }),
    ));

  it('leaves no descriptor behind, however it ends [ATT-76]', async () => {
    await failure('garbage\r\n');
    const before = openDescriptors();
    for (const end of [true, false]) {
      for (const bytes of ['garbage\r\n', `${OK}Content-Length: 5\r\n\r\nhello`, '']) {
        if (!end && bytes === '') continue;
        await withRawServer(answering(bytes, { end }), ({ url }) =>
          withClient({}, (client) => client.fetch(url).catch(() => {})),
        );
      }
    }
    await waitUntil(() => openDescriptors() <= before);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});
