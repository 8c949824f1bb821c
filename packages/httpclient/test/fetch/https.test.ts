import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { OverrideResolver, SystemResolver } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { HTTPConnectError } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { withClient, withNodeServer, withRawServer, withSecureServer } from '../fixtures/servers.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
const stranger = makeIdentity('DNS:stranger.test');
const hello = (_: IncomingMessage, response: ServerResponse): void => void response.end('hello');

describe('AsyncHTTPClient over TLS', () => {
  it('verifies the certificate with the authorities that it is given [HC-03]', () =>
    withSecureServer(identity, hello, ({ url, sockets }) =>
      withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
        expect((await client.fetch(url)).text()).toBe('hello');
        expect((await client.fetch(url)).text()).toBe('hello');
        expect(sockets).toHaveLength(1);
      }),
    ));

  it('sends and receives large bodies', () =>
    withSecureServer(
      identity,
      (request, response) => request.pipe(response),
      ({ url }) =>
        withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
          const body = Buffer.alloc(2_000_003, 'landspout');
          const response = await client.fetch(url, { method: 'POST', body });
          expect(body.equals(response.body)).toBe(true);
        }),
    ));

  it('refuses a certificate of an unknown authority, and says so [SH-10]', () =>
    withSecureServer(identity, hello, ({ url, openSockets }) =>
      withClient({}, async (client) => {
        const error = await client.fetch(url).catch((reason) => reason);
        expect(error).toBeInstanceOf(HTTPConnectError);
        expect(error).toMatchObject({
          code: 'ERR_HTTPCLIENT_CONNECT',
          phase: 'tls',
          cause: { code: 'ERR_STREAM_TLS', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
          message: expect.stringMatching(
            /^GET https:.* cannot connect: tls: the certificate of 127\.0\.0\.1:\d+ was refused: it is self-signed .* tls\.ca /,
          ),
        });
        await expect.poll(openSockets).toBe(0);
      }),
    ));

  it('refuses a certificate for another name, and says so [SH-10]', () =>
    withSecureServer(stranger, hello, ({ url }) =>
      withClient({ defaults: { tls: { ca: stranger.cert } } }, async (client) => {
        await expect(client.fetch(url)).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_CONNECT',
          cause: { code: 'ERR_STREAM_TLS', cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } },
          message: expect.stringContaining('it is for DNS:stranger.test, not for 127.0.0.1; '),
        });
        const tls = { ca: stranger.cert, servername: 'stranger.test' };
        expect((await client.fetch(url, { tls })).text()).toBe('hello');
      }),
    ));

  it('accepts any certificate only where it is told to', () =>
    withSecureServer(identity, hello, ({ url }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url, { tls: { rejectUnauthorized: false } })).text()).toBe('hello');
        // The unverified connection is idle in the pool, and must not be used for this request.
        expect(client.idleCount).toBe(1);
        await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CONNECT' });
      }),
    ));

  it('shows a client certificate only in the requests that have it [ATT-61]', async () => {
    const server = createServer(
      { ...identity, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate();
        response.end(subject === undefined ? 'nobody' : subject.CN);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      await withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
        const withCertificate = { tls: { ca: identity.cert, cert: stranger.cert, key: stranger.key } };
        expect((await client.fetch(url, withCertificate)).text()).toBe('landspout test');
        expect((await client.fetch(url)).text()).toBe('nobody');
        expect((await client.fetch(url, withCertificate)).text()).toBe('landspout test');
        expect(client.idleCount).toBe(2);
      });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('rejects a peer that does not speak TLS [SH-10]', () =>
    withRawServer(
      (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      ({ port }) =>
        withClient({}, (client) =>
          expect(client.fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_CONNECT',
            cause: { code: 'ERR_STREAM_TLS' },
            message: expect.stringContaining('connect without it, such as with http: instead of https:'),
          }),
        ),
    ));

  it('accepts a host name that ends with a dot, which is not a part of the name in certificates', () =>
    withSecureServer(identity, hello, ({ url }) => {
      const resolver = new OverrideResolver({ 'localhost.': '127.0.0.1' }, new SystemResolver());
      return withClient({ resolver, defaults: { tls: { ca: identity.cert } } }, async (client) => {
        const { port } = new URL(url);
        expect((await client.fetch(`https://localhost.:${port}/`)).text()).toBe('hello');
      });
    }));

  it('rejects certificates that cannot be used', () =>
    withNodeServer(hello, ({ port }) =>
      withClient({}, (client) =>
        expect(
          client.fetch(`https://127.0.0.1:${port}/`, { tls: { ca: 5 as unknown as string } }),
        ).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_USAGE', cause: { code: 'ERR_STREAM_USAGE' } }),
      ),
    ));
});
