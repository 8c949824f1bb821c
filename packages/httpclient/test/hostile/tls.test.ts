import { describe, expect, it } from 'vitest';
import { HTTPConnectError } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { failureOf, type HostileScript, OK } from '../fixtures/hostile-server.ts';
import { openDescriptors, waitUntil, withClient, withSecureServer } from '../fixtures/servers.ts';

const trusted = makeIdentity('DNS:localhost,IP:127.0.0.1');
const stranger = makeIdentity('DNS:stranger.test');

describe('AsyncHTTPClient and a hostile TLS server', () => {
  it.each<[string, typeof trusted, string | undefined, string]>([
    ['that no authority has signed', trusted, undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['that another authority has signed', trusted, stranger.cert, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['for another name', stranger, stranger.cert, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('rejects a certificate %s, and sends no request [SH-10]', async (_, identity, ca, code) => {
    let requests = 0;
    const options = ca === undefined ? {} : { defaults: { tls: { ca } } };
    await withSecureServer(
      identity,
      (__, response) => {
        requests += 1;
        response.end();
      },
      ({ url, sockets, openSockets }) =>
        withClient(options, async (client) => {
          for (const attempt of [1, 2]) {
            const error = await client.fetch(url).catch((reason) => reason);
            expect(error).toBeInstanceOf(HTTPConnectError);
            const cause = { code: 'ERR_STREAM_TLS', cause: { code } };
            expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CONNECT', status: 599, cause });
            expect([client.idleCount, client.queuedCount]).toEqual([0, 0]);
            expect(sockets).toHaveLength(attempt);
            await waitUntil(() => openSockets() === 0);
          }
          expect(requests).toBe(0);
        }),
    );
  });

  it.each<[string, HostileScript]>([
    ['ends the connection before the handshake', (connection) => connection.end()],
    [
      'ends the connection during the handshake',
      async (connection) => {
        await connection.readSome();
        connection.end();
      },
    ],
    [
      'resets the connection during the handshake',
      async (connection) => {
        await connection.readSome();
        connection.reset();
      },
    ],
    ['does not speak TLS', (connection) => connection.send(`${OK}\r\n`)],
    [
      'sends an alert',
      async (connection) => {
        await connection.readSome();
        await connection.send(Buffer.from('15030300020228', 'hex'));
      },
    ],
    [
      'sends an endless record header',
      async (connection) => {
        await connection.readSome();
        await connection.flood('\x16\x03\x03\xff\xff');
      },
    ],
  ])('rejects if the server %s [SH-10]', async (_, script) => {
    const error = await failureOf(script, { scheme: 'https' });
    expect(error).toMatchObject({
      name: 'HTTPConnectError',
      code: 'ERR_HTTPCLIENT_CONNECT',
      cause: expect.any(Error),
    });
  });

  it('rejects in time if the server does not continue the handshake [SH-03]', async () => {
    const request = { connectTimeoutMs: 80 };
    const error = await failureOf((connection) => connection.readSome(), { scheme: 'https', request });
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT' });
  });

  it('rejects if the connection ends without a close_notify within a body [SH-10]', async () => {
    const before = openDescriptors();
    await withSecureServer(
      trusted,
      (_, response) => {
        response.writeHead(200, { 'Content-Length': '10' });
        response.write('hello', () => response.socket?.destroy());
      },
      ({ url, openSockets }) =>
        withClient({ defaults: { tls: { ca: trusted.cert } } }, async (client) => {
          await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
          expect(client.idleCount).toBe(0);
          await waitUntil(() => openSockets() === 0);
        }),
    );
    await waitUntil(() => openDescriptors() <= before);
  });
});
