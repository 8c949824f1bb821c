import { createServer } from 'node:https';
import { describe, expect, it } from 'vitest';
import { intrudeAsServer } from '../../../iostream/test/tls-hostile/support/intruder.ts';
import { RECORD } from '../../../iostream/test/tls-hostile/support/records.ts';
import {
  AsyncHTTPClient,
  type ClientTlsOptions,
  HTTPClientUsageError,
  HTTPRequest,
  type RequestDefaults,
} from '../../src/index.ts';
import { MockTransport } from '../../src/testing/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { withClient } from '../fixtures/servers.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
const url = 'https://server.test/';

/** A client that must not resolve a name. */
function untouched(): AsyncHTTPClient {
  return new AsyncHTTPClient({
    resolver: {
      resolve: () => {
        throw new Error('the name was resolved');
      },
    },
  });
}

const WRONG: readonly (readonly [tls: unknown, words: RegExp])[] = [
  [true, /: tls: an object of options was expected, not true$/],
  ['ca.pem', /: tls: an object of options was expected, not "ca\.pem" \(a string\)$/],
  [[], /: tls: an object of options was expected, not /],
  [{ cafile: 'x' }, /: tls: unknown option "cafile": did you mean "caFile"\?$/],
  [{ rejectUnauthorized: 'false' }, /: tls: rejectUnauthorized must be true or false, got "false" /],
  [{ ca: 'ca.pem' }, /: tls: ca has no PEM block .*; to read a file, set caFile$/],
  [{ caFile: '/nowhere/ca.pem' }, /: tls: caFile \/nowhere\/ca\.pem cannot be read: /],
  [{ servername: 7 }, /: tls: servername must be a host name .*, got 7$/],
];

describe('the TLS options of AsyncHTTPClient', () => {
  it.each(WRONG)('are checked by the constructor: %j [HC-01] [HC-03]', (tls, words) => {
    const create = () => new AsyncHTTPClient({ defaults: { tls } as RequestDefaults });
    expect(create).toThrow(HTTPClientUsageError);
    expect(create).toThrow(words);
    expect(create).toThrow(/^AsyncHTTPClient: defaults: tls: /);
  });

  it.each(WRONG)('are checked before the name is resolved: %j [HC-01] [HC-03]', async (tls, words) => {
    await using client = untouched();
    for (const start of [
      () => client.fetch(url, { tls: tls as ClientTlsOptions }),
      () => client.stream(url, { tls: tls as ClientTlsOptions }),
      () => client.fetch(new HTTPRequest(url, { tls: tls as ClientTlsOptions })),
    ])
      await expect(start()).rejects.toMatchObject({
        name: 'HTTPClientUsageError',
        code: 'ERR_HTTPCLIENT_USAGE',
        message: expect.stringMatching(words),
      });
  });

  it('are checked for a URL whose host no certificate can have [HC-03]', async () => {
    await using client = untouched();
    await expect(client.fetch('https://a..b/')).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_HTTPCLIENT_(USAGE|URL)$/),
    });
  });

  it('have no effect, and are not read, if the program opens the connections [HC-03]', async () => {
    const mock = new MockTransport();
    mock.on('GET', '/', { body: 'hello' });
    await using client = new AsyncHTTPClient({
      connect: mock.connect,
      defaults: { tls: { caFile: '/nowhere/ca.pem' } },
    });
    expect((await client.fetch(url)).text()).toBe('hello');
  });

  it('may be one object for many requests, whose files are read for each connection [HC-03]', async () => {
    const server = createServer(identity, (_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const tls = { ca: identity.cert };
    await withClient({ maxConnections: 1 }, async (client) => {
      for (let round = 0; round < 2; round += 1)
        expect((await client.fetch(`https://127.0.0.1:${port}/`, { tls })).text()).toBe('hello');
      expect(client.stats().opened).toBe(1);
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('options in a wrong place', () => {
  it.each<[object, string]>([
    [{ tls: {} }, 'AsyncHTTPClient: unknown option "tls": set defaults.tls'],
    [{ headers: {} }, 'AsyncHTTPClient: unknown option "headers": set defaults.headers'],
    [{ ca: 'x' }, 'AsyncHTTPClient: unknown option "ca": set defaults.tls.ca'],
    [{ rejectUnauthorized: false }, '"rejectUnauthorized": set defaults.tls.rejectUnauthorized'],
    [{ pfx: Buffer.alloc(1) }, '"pfx": convert it to PEM with openssl pkcs12, and set defaults.tls.certFile'],
    [{ agent: {} }, '"agent": agents are not used; what they do is set by tls, proxy and localAddress'],
    [{ defaults: { key: 'x' } }, 'defaults: unknown option "key": set defaults.tls.key'],
  ])('are refused by AsyncHTTPClient with the right one: %o [HC-01]', (options, message) => {
    expect(() => new AsyncHTTPClient(options)).toThrow(message);
    expect(() => new AsyncHTTPClient(options)).toThrow(HTTPClientUsageError);
  });

  it.each<[object, string]>([
    [{ ca: 'x' }, 'fetch: unknown option "ca": set tls.ca'],
    [{ rejectUnauthorized: false }, 'fetch: unknown option "rejectUnauthorized": set tls.rejectUnauthorized'],
    [{ checkServerIdentity: () => {} }, '"checkServerIdentity": set tls.servername to the name'],
    [{ dispatcher: {} }, 'fetch: unknown option "dispatcher": agents are not used'],
  ])('are refused by fetch with the right one: %o [HC-01]', async (options, message) => {
    await using client = untouched();
    await expect(client.fetch(url, options)).rejects.toThrow(message);
    expect(() => new HTTPRequest(url, options)).toThrow(message);
  });

  it('are ignored if they are undefined, as all others [HC-01]', () => {
    expect(() => new HTTPRequest(url, { ca: undefined } as object)).not.toThrow();
  });
});

describe('AsyncHTTPClient whose certificate the server refuses', () => {
  it.each([
    ['certificate expired', 45, true, 'the server refused the certificate of this client; see certFile ('],
    ['unknown ca', 48, true, 'the server refused the certificate of this client; see certFile ('],
    [
      'certificate required',
      116,
      false,
      'the server requires a client certificate; set certFile and keyFile (',
    ],
  ])('says so, in TLS 1.3 too: %s [HC-03]', async (_, alert, hasCertificate, words) => {
    const { cert, key } = identity;
    const own = { cert: Buffer.from(cert), key: Buffer.from(key), certFile: '', keyFile: '' };
    const { port, intruder } = await intrudeAsServer(own, 'TLSv1.3');
    const tls = hasCertificate ? { ca: cert, cert, key } : { ca: cert };
    await withClient({ defaults: { tls } }, async (client) => {
      const failing = client.fetch(`https://localhost:${port}/`, { family: 4 }).catch((error) => error);
      await using server = await intruder;
      server.send(RECORD.alert, Buffer.of(2, alert));
      expect(await failing).toMatchObject({
        code: 'ERR_HTTPCLIENT_CLOSED',
        message: expect.stringContaining(words),
        cause: { code: 'ERR_STREAM_TLS', address: `127.0.0.1:${port}` },
      });
    });
  });
});
