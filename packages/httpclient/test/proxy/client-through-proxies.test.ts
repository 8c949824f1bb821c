// The client itself through the proxy programs that are in use.

import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { EnvironmentProxies, HTTPProxyError, type ProxyOptions } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { type ProxyProgram, startMicrosocks, startSquid, startTinyproxy } from '../fixtures/proxies.ts';
import { withClient, withNodeServer, withSecureServer } from '../fixtures/servers.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
const known = { username: 'user', password: 'secret' };

const PROGRAMS: readonly [string, string, () => Promise<ProxyProgram>, Omit<ProxyOptions, 'url'>][] = [
  ['tinyproxy', 'http', () => startTinyproxy(known), known],
  ['squid with basic', 'http', () => startSquid({ auth: 'basic', credentials: known }), known],
  [
    'squid with digest',
    'http',
    () => startSquid({ auth: 'digest', credentials: known }),
    { ...known, auth: 'digest' },
  ],
  ['microsocks', 'socks5', () => startMicrosocks(known), known],
];

/**
 * Responds with the request, and says whether credentials for a proxy have arrived. It reads the body first: a server
 * that responds early and then closes resets the connection, after which tinyproxy closes its client's connection
 * without passing on the response.
 */
const mirror: RequestListener = async (request, response) => {
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  const leaked = request.headers['proxy-authorization'] === undefined ? '' : ' LEAKED';
  if (request.url === '/away') response.writeHead(302, { Location: '/there' });
  response.end(`${request.method} ${request.url} ${bytes}${leaked}`);
};

describe.each(PROGRAMS)('the client through %s', (_, scheme, start, credentials) => {
  it('fetches http and https, follows redirects, sends bodies and reuses its connections [CU-01] [SH-07]', async () => {
    await using program = await start();
    const proxy = { url: `${scheme}://${program.name}`, ...credentials };
    const options = { defaults: { proxy, tls: { ca: identity.cert } } };
    for (const serve of [withNodeServer, withSecure]) {
      await serve(mirror, ({ url }) =>
        withClient(options, async (client) => {
          expect((await client.fetch(`${url}/a`)).text()).toBe('GET /a 0');
          const redirected = await client.fetch(`${url}/away`);
          expect([redirected.text(), redirected.redirects.length]).toEqual(['GET /there 0', 1]);
          const body = 'x'.repeat(100_000);
          expect((await client.fetch(`${url}/b`, { method: 'PUT', body })).text()).toBe('PUT /b 100000');
          expect((await client.fetch(`${url}/c`)).text()).toBe('GET /c 0');
          const { opened, failures, connections } = client.stats();
          expect(failures).toBe(0);
          if (program.log === '' || url.startsWith('https')) expect(opened).toBeLessThanOrEqual(2);
          expect(connections).toBeLessThanOrEqual(1);
        }),
      );
    }
  });

  it('refuses wrong credentials, and forgets right ones with the request that had them [ATT-61] [CU-01]', async () => {
    await using program = await start();
    const url = `${scheme}://${program.name}`;
    await withSecure(mirror, (peer) =>
      withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
        const wrong = { url, ...credentials, password: 'hunter2' };
        const error = await client.fetch(peer.url, { proxy: wrong }).catch((reason) => reason);
        expect(error).toBeInstanceOf(HTTPProxyError);
        expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_PROXY', phase: 'proxy', status: 599 });
        expect(String(error.stack)).not.toContain('hunter2');
        expect((await client.fetch(peer.url, { proxy: { url, ...credentials } })).text()).toBe('GET / 0');
        await expect(client.fetch(peer.url, { proxy: url })).rejects.toBeInstanceOf(HTTPProxyError);
        expect((await client.fetch(peer.url, { proxy: false })).text()).toBe('GET / 0');
      }),
    );
  });
});

describe('EnvironmentProxies', () => {
  it('are used by the client, except for the hosts of no_proxy [CU-01]', async () => {
    await using program = await startTinyproxy();
    const proxy = new EnvironmentProxies({ http_proxy: `http://${program.name}`, no_proxy: 'localhost' });
    await withNodeServer(
      (request, response) => response.end(request.headers.via === undefined ? 'direct' : 'proxied'),
      ({ url }) =>
        withClient({ defaults: { proxy } }, async (client) => {
          expect((await client.fetch(url)).text()).toBe('proxied');
          expect((await client.fetch(url.replace('127.0.0.1', 'localhost'))).text()).toBe('direct');
        }),
    );
  });
});

function withSecure<T>(
  listener: RequestListener,
  test: Parameters<typeof withSecureServer<T>>[2],
): Promise<T> {
  return withSecureServer(identity, listener, test);
}
