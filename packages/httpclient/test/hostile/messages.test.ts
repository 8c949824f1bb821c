import { describe, expect, it } from 'vitest';
import { HTTPClientError } from '../../src/index.ts';
import { failureOf, GOOD, OK, respondingWith, withHostileServer } from '../fixtures/hostile-server.ts';
import { waitUntil, withClient, withNodeServer } from '../fixtures/servers.ts';

const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const BAD_RESPONSE = 'ERR_HTTPCLIENT_BAD_RESPONSE';

describe('AsyncHTTPClient and a malformed response', () => {
  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['a status line without a version', '200 OK\r\n\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['a status line in lower case', 'http/1.1 200 OK\r\n\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['a status that is none', 'HTTP/1.1 999 Odd\r\n\r\n', 'ERR_HTTP1_BAD_STATUS_LINE'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', 'ERR_HTTP1_VERSION'],
    ['a field without a colon', `${OK}Foo\r\n\r\n`, 'ERR_HTTP1_BAD_HEADER'],
    ['a space before the colon', `${OK}Content-Length : 4\r\n\r\n`, 'ERR_HTTP1_BAD_HEADER'],
    ['NUL in a value', `${OK}A: b\0c\r\n\r\n`, 'ERR_HTTP1_BAD_HEADER'],
    ['a folded line', `${OK}A: b\r\n c\r\n\r\n`, 'ERR_HTTP1_OBS_FOLD'],
    ['a negative length', `${OK}Content-Length: -1\r\n\r\n`, 'ERR_HTTP1_BAD_CONTENT_LENGTH'],
    ['a length with a sign', `${OK}Content-Length: +4\r\n\r\n`, 'ERR_HTTP1_BAD_CONTENT_LENGTH'],
    [
      'a length of 30 digits',
      `${OK}Content-Length: ${'9'.repeat(30)}\r\n\r\n`,
      'ERR_HTTP1_BAD_CONTENT_LENGTH',
    ],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 'ERR_HTTP1_AMBIGUOUS_LENGTH'],
    [
      'a length and chunks',
      `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      'ERR_HTTP1_AMBIGUOUS_LENGTH',
    ],
    [
      'an unknown transfer coding',
      `${OK}Transfer-Encoding: zip, chunked\r\n\r\n`,
      'ERR_HTTP1_BAD_TRANSFER_ENCODING',
    ],
    ['a chunk that is none', `${CHUNKED}0x5\r\n`, 'ERR_HTTP1_BAD_CHUNK'],
    ['a chunk of 2^64 bytes', `${CHUNKED}10000000000000000\r\n`, 'ERR_HTTP1_BAD_CHUNK'],
    ['a chunk that is longer than announced', `${CHUNKED}2\r\nhello\r\n0\r\n\r\n`, 'ERR_HTTP1_BAD_CHUNK'],
    ['a trailer that is none', `${CHUNKED}0\r\nFoo\r\n\r\n`, 'ERR_HTTP1_BAD_HEADER'],
    [
      'a 204 with a body',
      'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello',
      'ERR_HTTP1_BAD_BODILESS_FRAMING',
    ],
    [
      'a 101 without a request for an upgrade',
      'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'ERR_HTTP1_UNSOLICITED_RESPONSE',
    ],
    ['a 100 in HTTP/1.0', `HTTP/1.0 100 Go\r\n\r\n${GOOD}`, 'ERR_HTTP1_INTERIM_VERSION'],
  ])('rejects %s at once, naming the rule [SH-10] [H1-07]', async (_, bytes, code) => {
    const error = await failureOf(respondingWith(bytes));
    expect(error).toBeInstanceOf(HTTPClientError);
    expect(error).toMatchObject({ code: BAD_RESPONSE, status: 599, cause: { code } });
  });

  it.each([
    ['interim responses', 'HTTP/1.1 100 Continue\r\n\r\n', '', 'ERR_HTTP1_TOO_MANY_INTERIM'],
    ['header fields', 'X: y\r\n', OK, 'ERR_HTTP1_TOO_MANY_HEADERS'],
    ['bytes of one header', 'x'.repeat(1_000), `${OK}X: `, 'ERR_HTTP1_HEAD_TOO_LARGE'],
    ['bytes of a status line', 'x'.repeat(1_000), 'HTTP/1.1 200 ', 'ERR_HTTP1_HEAD_TOO_LARGE'],
    ['bytes of a chunk extension', 'x'.repeat(1_000), `${CHUNKED}5;`, 'ERR_HTTP1_CHUNK_EXTENSIONS_TOO_LARGE'],
    ['chunk extensions', '1;a=b\r\nx\r\n', CHUNKED, 'ERR_HTTP1_CHUNK_EXTENSIONS_TOO_LARGE'],
    ['trailers', 'X: y\r\n', `${CHUNKED}0\r\n`, 'ERR_HTTP1_TOO_MANY_HEADERS'],
    ['bytes of one trailer', 'x'.repeat(1_000), `${CHUNKED}0\r\nX: `, 'ERR_HTTP1_TRAILERS_TOO_LARGE'],
  ])('stops reading endless %s [ATT-33] [ATT-18]', async (_, again, start, code) => {
    const error = await failureOf(async (connection) => {
      await connection.readHead();
      await connection.send(start);
      await connection.flood(again);
    });
    expect(error).toMatchObject({ code: BAD_RESPONSE, cause: { code } });
  });

  it.each([
    ['announced', `${OK}Content-Length: 11\r\n\r\n`],
    ['chunked', `${CHUNKED}6\r\nsix by\r\n5\r\nfives\r\n0\r\n\r\n`],
    ['without a length', `${OK}\r\nsix by fives`],
  ])('stops at maxBodyBytes for a body that is %s, with onData too [SH-01]', async (_, bytes) => {
    for (const onData of [undefined, () => {}]) {
      const request = { maxBodyBytes: 10, ...(onData === undefined ? {} : { onData }) };
      expect(await failureOf(respondingWith(bytes), { request })).toMatchObject({
        code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE',
        cause: { code: 'ERR_HTTP1_BODY_TOO_LARGE' },
      });
    }
    const whole = await withHostileServer(respondingWith(bytes, { end: true }), ({ url }) =>
      withClient({ defaults: { maxBodyBytes: 12 } }, (client) => client.fetch(url).catch((error) => error)),
    );
    expect(whole.code).not.toBe('ERR_HTTPCLIENT_BODY_TOO_LARGE');
  });
});

describe('AsyncHTTPClient and an unusual response', () => {
  it('skips a few interim responses [H1-07]', () =>
    withHostileServer(
      respondingWith(`HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${GOOD}`),
      ({ url }) => withClient({}, async (client) => expect((await client.fetch(url)).text()).toBe('good')),
    ));

  it('decodes a response that comes byte by byte', () =>
    withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.drip(
          `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}2;a=b\r\nhi\r\n3\r\n al\r\n0\r\nA: b\r\n\r\n`,
        );
      },
      ({ url }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('hi al');
          expect(client.idleCount).toBe(1);
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

  it('reads a body without a length up to the end of the connection', () =>
    withHostileServer(respondingWith(`${OK}\r\nall of it`, { end: true }), ({ url, openSockets }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url)).text()).toBe('all of it');
        expect(client.idleCount).toBe(0);
        await waitUntil(() => openSockets() === 0);
      }),
    ));
});
