// The proxy programs that are in use: tinyproxy and squid for HTTP, microsocks for SOCKS5.

import { createHash } from 'node:crypto';
import { HTTPHeaders, type ResponseHead } from '@landspout/http1';
import { parseAbsoluteUrl } from '@landspout/http1/protocol';
import { type IOStream, TCPClient, type TlsClientOptions, TlsSessionCache } from '@landspout/iostream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DialProxy,
  dialProxy,
  dialThroughProxy,
  secureTunnel,
} from '../../src/proxy/dial-through-proxy.ts';
import { absoluteForm, connectAuthority } from '../../src/proxy/proxied-request.ts';
import { ProxySettings } from '../../src/proxy/proxy-settings.ts';
import type { ProxyOptions } from '../../src/request/proxy-option.ts';
import { type Identity, makeIdentity } from '../fixtures/certificates.ts';
import { host, warmUp, withSecureOrigin, withTlsProxy } from '../fixtures/hostile-proxies.ts';
import {
  type ProxyProgram,
  SQUID_REALM,
  startMicrosocks,
  startSquid,
  startTinyproxy,
} from '../fixtures/proxies.ts';
import { openDescriptors, waitUntil, withNodeServer } from '../fixtures/servers.ts';

const known = { username: 'user', password: 'se cret' };
const wrong = { username: 'user', password: 'hunter2' };

/** Each kind of proxy, with the credentials that it knows. */
const PROGRAMS = {
  tinyproxy: { scheme: 'http', start: () => startTinyproxy(), credentials: {} },
  'tinyproxy with credentials': {
    scheme: 'http',
    start: () => startTinyproxy({ username: 'user', password: 'secret' }),
    credentials: { username: 'user', password: 'secret' },
  },
  squid: { scheme: 'http', start: () => startSquid(), credentials: {} },
  'squid with basic authentication': {
    scheme: 'http',
    start: () => startSquid({ auth: 'basic', credentials: known }),
    credentials: known,
  },
  'squid with digest authentication': {
    scheme: 'http',
    start: () => startSquid({ auth: 'digest', credentials: known }),
    credentials: { ...known, auth: 'digest' },
  },
  microsocks: { scheme: 'socks5', start: () => startMicrosocks(), credentials: {} },
  'microsocks with a password': {
    scheme: 'socks5',
    start: () => startMicrosocks(known),
    credentials: known,
  },
} as const satisfies Record<
  string,
  { scheme: string; start: () => Promise<ProxyProgram>; credentials: Omit<ProxyOptions, 'url'> }
>;

const NAMES = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];
const WITH_HTTP = NAMES.filter((name) => PROGRAMS[name].scheme === 'http');
const WITH_CREDENTIALS = NAMES.filter((name) => 'username' in PROGRAMS[name].credentials);

const running = new Map<string, ProxyProgram>();
let identity: Identity;

beforeAll(async () => {
  await warmUp();
  identity = makeIdentity('DNS:localhost');
  await Promise.all(NAMES.map(async (name) => running.set(name, await PROGRAMS[name].start())));
});
afterAll(async () => {
  await Promise.all([...running.values()].map((program) => program[Symbol.asyncDispose]()));
});

const programOf = (name: string) => running.get(name) as ProxyProgram;

function settingsOf(
  name: keyof typeof PROGRAMS,
  credentials: object = PROGRAMS[name].credentials,
): ProxySettings {
  return ProxySettings.from({ url: `${PROGRAMS[name].scheme}://${programOf(name).name}`, ...credentials });
}

const tcp = new TCPClient();
const dial: DialProxy = ({ host, port, tls }, signal) =>
  tcp.connect({
    host,
    port,
    ...(tls === undefined ? {} : { tls }),
    ...(signal === undefined ? {} : { signal }),
  });

/** Responds to the challenge of squid, as RFC 7616 §3.4 describes for MD5 and `qop=auth`. */
function digestFor(settings: ProxySettings, method: string, uri: string) {
  return ({ headers }: ResponseHead): string | undefined => {
    const challenge = headers.get('Proxy-Authenticate') ?? '';
    const nonce = /nonce="([^"]*)"/.exec(challenge)?.[1];
    const { credentials } = settings;
    if (nonce === undefined || credentials === undefined) return undefined;
    const md5 = (text: string) => createHash('md5').update(text).digest('hex');
    const { username, password } = credentials;
    const secret = md5(`${username}:${SQUID_REALM}:${password}`);
    const response = md5(`${secret}:${nonce}:00000001:cn:auth:${md5(`${method}:${uri}`)}`);
    return `Digest username="${username}", realm="${SQUID_REALM}", nonce="${nonce}", uri="${uri}", qop=auth, nc=00000001, cnonce="cn", response="${response}"`;
  };
}

function through(settings: ProxySettings, port: number, name = 'localhost'): Promise<IOStream> {
  const authorize =
    settings.auth === 'digest' ? digestFor(settings, 'CONNECT', connectAuthority(name, port)) : undefined;
  return dialThroughProxy(settings, { host: name, port }, dial, { authorize });
}

/** Sends a GET, and returns the whole response. */
async function get(stream: IOStream, target: string, headers = ''): Promise<string> {
  void stream.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`);
  return (await stream.readUntilClose()).toString('latin1');
}

describe('dialThroughProxy', () => {
  it.each(NAMES)('reaches an https server through %s, and verifies its name [CU-01]', async (name) => {
    await withSecureOrigin(identity, async (port) => {
      const settings = settingsOf(name);
      const tls = { servername: 'localhost', ca: identity.cert, alpnProtocols: ['http/1.1'] };
      await using stream = await secureTunnel(await through(settings, port), settings, { tls });
      expect(stream.tls).toMatchObject({
        authorized: true,
        alpnProtocol: 'http/1.1',
        servername: 'localhost',
      });
      const response = await get(stream, '/path');
      expect(response).toContain('secure /path');
      // The credentials of the proxy are for the proxy.
      expect(response).toContain('X-Proxy-Authorization: none');
      const other = { ...tls, servername: 'another.example' };
      await expect(
        secureTunnel(await through(settings, port), settings, { tls: other }),
      ).rejects.toMatchObject({ code: 'ERR_STREAM_TLS', cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    });
  });

  it.each(NAMES)(
    'reaches a plain server through a tunnel of %s, by name and by address [CU-01]',
    async (name) => {
      await withNodeServer(
        (request, response) => response.end(`plain ${request.headers['proxy-authorization'] ?? 'none'}`),
        async ({ port }) => {
          for (const target of ['localhost', host]) {
            await using stream = await through(settingsOf(name), port, target);
            expect(await get(stream, '/')).toContain('plain none');
          }
        },
      );
    },
  );

  it.each(NAMES)('says why %s cannot reach a server [CU-01]', async (name) => {
    const before = openDescriptors();
    // No program listens on port 1.
    const error = await through(settingsOf(name), 1, host).catch((reason: unknown) => reason);
    const { scheme } = PROGRAMS[name];
    expect(error).toMatchObject({
      code: 'ERR_HTTPCLIENT_PROXY',
      proxy: programOf(name).name,
      ...(scheme === 'http' ? { proxyStatus: expect.any(Number) } : { reply: 5 }),
    });
    await waitUntil(() => openDescriptors() <= before);
  });

  it.each(WITH_CREDENTIALS)('reports wrong and missing credentials of %s [CU-01] [CU-08]', async (name) => {
    const before = openDescriptors();
    const { scheme } = PROGRAMS[name];
    const auth = name.includes('digest') ? { auth: 'digest' } : {};
    const words = {
      refused: /refused the credentials/,
      missing: scheme === 'http' ? /requires a/ : /requires/,
    };
    for (const [credentials, message] of [
      [{ ...wrong, ...auth }, words.refused],
      [{}, words.missing],
    ] as const) {
      const error = await through(settingsOf(name, credentials), 1).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: 'ERR_HTTPCLIENT_PROXY',
        message: expect.stringMatching(message),
        ...(scheme === 'http' ? { proxyStatus: expect.any(Number) } : {}),
      });
      expect(String(error)).not.toContain('hunter2');
    }
    await waitUntil(() => openDescriptors() <= before);
  });

  it('reports a proxy that cannot be reached, and stops at an abort [CU-01]', async () => {
    const nowhere = ProxySettings.from(`http://${host}:1`);
    const server = { host: 'a.example', port: 443 };
    await expect(dialThroughProxy(nowhere, server, dial)).rejects.toMatchObject({
      code: 'ERR_HTTPCLIENT_PROXY',
      proxy: `${host}:1`,
      cause: { code: 'ECONNREFUSED' },
    });
    const signal = AbortSignal.abort('enough');
    const options = { signal };
    await expect(dialThroughProxy(settingsOf('squid'), server, dial, options)).rejects.toBe('enough');
    await expect(dialThroughProxy(nowhere, server, dial, { typo: 1 } as object)).rejects.toMatchObject({
      code: 'ERR_HTTPCLIENT_USAGE',
    });
  });
});

describe('absoluteForm', () => {
  it.each(WITH_HTTP)('fetches an http URL through %s [CU-01] [CU-08]', async (name) => {
    const settings = settingsOf(name);
    await withNodeServer(
      (request, response) =>
        response.end(`${request.url} ${request.headers['proxy-authorization'] ?? 'none'}`),
      async (peer) => {
        const url = parseAbsoluteUrl(`${peer.url}/path?q`, { http: 80 });
        const send = async (authorization?: string): Promise<string> => {
          const { target, headers } = absoluteForm(settings, url, authorization);
          await using stream = await dialProxy(settings, dial, undefined);
          return await get(stream, target, headers.serialize());
        };
        let response = await send();
        if (settings.auth === 'digest') {
          expect(response).toContain(' 407 ');
          const challenge = /^Proxy-Authenticate: (.*)\r$/m.exec(response)?.[1] ?? '';
          const headers = new HTTPHeaders().set('Proxy-Authenticate', challenge);
          const head: ResponseHead = { version: 'HTTP/1.1', status: 407, reason: '', headers };
          response = await send(digestFor(settings, 'GET', url.href)(head));
        }
        // The server sees a path, and no credentials of the proxy.
        expect(response).toContain('/path?q none');
      },
    );
  });
});

describe('secureTunnel', () => {
  it.each(['squid', 'microsocks'] as const)('resumes sessions through %s [CU-01]', async (name) => {
    await withSecureOrigin(identity, async (port) => {
      const settings = settingsOf(name);
      const sessions = new TlsSessionCache();
      const tls: TlsClientOptions & { servername: string } = {
        servername: 'localhost',
        ca: identity.cert,
        sessions,
      };
      const reused: (boolean | undefined)[] = [];
      for (let round = 0; round < 2; round += 1) {
        await using stream = await secureTunnel(await through(settings, port), settings, { tls });
        await get(stream, '/');
        reused.push(stream.tls?.isSessionReused);
        await waitUntil(() => sessions.size > 0);
      }
      expect(reused).toEqual([false, true]);
    });
  });

  it('reaches an https server through a proxy with TLS, and leaves nothing open [CU-01]', async () => {
    const before = openDescriptors();
    await withTlsProxy(identity, (proxyPort) =>
      withSecureOrigin(identity, async (port) => {
        const listening = openDescriptors();
        const tls = { servername: 'localhost', ca: identity.cert };
        const settings = ProxySettings.from({
          url: `https://localhost:${proxyPort}`,
          tls: { ca: identity.cert },
        });
        await using stream = await secureTunnel(await through(settings, port), settings, { tls });
        expect(await get(stream, '/')).toContain('secure /');
        stream.close();
        // Another name fails, and closes both layers.
        const other = { ...tls, servername: 'another.example' };
        const failing = secureTunnel(await through(settings, port), settings, { tls: other });
        await expect(failing).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
        // So does an abort in the middle of the handshake.
        const controller = new AbortController();
        const { signal } = controller;
        const aborted = secureTunnel(await through(settings, port), settings, { tls, signal });
        controller.abort('enough');
        await expect(aborted).rejects.toBe('enough');
        await waitUntil(() => openDescriptors() <= listening);
        // A certificate of the proxy that does not verify is an error of the proxy.
        const unknown = ProxySettings.from(`https://localhost:${proxyPort}`);
        await expect(through(unknown, port)).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_PROXY',
          cause: { code: 'ERR_STREAM_TLS' },
        });
      }),
    );
    await waitUntil(() => openDescriptors() <= before);
  });
});
