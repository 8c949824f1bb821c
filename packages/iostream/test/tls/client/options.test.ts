import { createSecureContext, type SecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, type TlsClientOptions } from '../../../src/index.ts';
import { checkTlsClientOptions } from '../../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { echoOf, echoServer, host } from '../../support/tls-fixture.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const USAGE = 'ERR_STREAM_USAGE';
const UNUSABLE = 'ERR_STREAM_TLS';

/** [an option that is wrong, the code, the words] */
const WRONG: readonly (readonly [tls: unknown, code: string, words: RegExp])[] = [
  [{ cafile: 'x' }, USAGE, /^tls: unknown option "cafile": did you mean "caFile"\?$/],
  [{ servername: 7 }, USAGE, /^tls: servername must be a host name .*, got 7$/],
  [{ servername: '.a.example' }, USAGE, /^tls: servername must be a host name/],
  [{ sessions: {} }, USAGE, /^tls: sessions must be a TlsSessionCache, got /],
  [{ secureContext: {} }, USAGE, /^tls: secureContext must be /],
  [{ secureContext: 'a' }, USAGE, /^tls: secureContext must be /],
  [{ handshakeTimeoutMs: -1 }, USAGE, /^tls: handshakeTimeoutMs must be a number/],
  [{ handshakeTimeoutMs: '5' }, USAGE, /^tls: handshakeTimeoutMs must be a number/],
  [{ rejectUnauthorized: 0 }, USAGE, /^tls: rejectUnauthorized must be true or false, got 0$/],
  [{ alpnProtocols: 'h2' }, USAGE, /^tls: alpnProtocols must be /],
  [{ pfx: Buffer.alloc(1) }, USAGE, /^tls: unknown option "pfx": .*PEM/],
  [{ minVersion: 'TLSv1' }, USAGE, /^tls: the version must be TLSv1\.2 or TLSv1\.3/],
  [{ caFile: '/nowhere/ca.pem' }, UNUSABLE, /^tls: caFile \/nowhere\/ca\.pem cannot be read: /],
  [{ ca: 'ca.pem' }, UNUSABLE, /^tls: ca has no PEM block/],
];
const NO_OPTIONS: readonly unknown[] = [false, null, 5, 'a', [], () => {}];

/** Fails the test if a name is resolved. */
const untouched = {
  resolve: () => {
    throw new Error('the name was resolved');
  },
};

describe('TCPClient.connect', () => {
  it.each(WRONG)('refuses %j before the name is resolved [NET-06]', async (tls, code, words) => {
    const client = new TCPClient({ resolver: untouched });
    await expect(
      client.connect({ host: 'a.example', port: 443, tls: tls as TlsClientOptions }),
    ).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
  });

  it.each(NO_OPTIONS)('refuses %j as its option tls [NET-06]', async (tls) => {
    const client = new TCPClient({ resolver: untouched });
    await expect(client.connect({ host: 'a.example', port: 443, tls: tls as true })).rejects.toMatchObject({
      code: USAGE,
      message: expect.stringMatching(/^tls: true or an object of options was expected, not /),
    });
  });

  it('takes true, a ready-made context, and options without a name [NET-06]', async () => {
    const { server } = await echoServer({ cert: own.cert, key: own.key });
    await using _ = server;
    const secureContext = createSecureContext({ ca: own.cert });
    const forms: readonly (TlsClientOptions | SecureContext)[] = [
      secureContext,
      { secureContext },
      { ca: own.cert },
    ];
    for (const tls of forms) {
      await using stream = await new TCPClient().connect({ host, port: server.port, tls });
      expect(await echoOf(stream)).toBe('hello\n');
    }
    await expect(new TCPClient().connect({ host, port: server.port, tls: true })).rejects.toMatchObject({
      message: expect.stringContaining('it is self-signed'),
    });
  });
});

describe('checkTlsClientOptions', () => {
  it.each(WRONG)('refuses %j as a connection does [NET-06]', (tls, code, words) => {
    expect(() => checkTlsClientOptions(tls as TlsClientOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(words) }),
    );
  });

  it.each([...NO_OPTIONS, true])('refuses %j, which is no object of options [NET-06]', (tls) => {
    expect(() => checkTlsClientOptions(tls as TlsClientOptions)).toThrow(
      expect.objectContaining({ code: USAGE, message: expect.stringMatching(/^tls: an object of options/) }),
    );
  });

  it('accepts what a client can use [NET-06]', () => {
    checkTlsClientOptions({});
    checkTlsClientOptions({ certFile: own.certFile, keyFile: own.keyFile, ca: own.cert });
    checkTlsClientOptions({ secureContext: createSecureContext(), servername: 'a.example' });
  });
});

describe('an empty list of application protocols', () => {
  it('is the same as none on a server [NET-06]', async () => {
    const { server } = await echoServer({ cert: own.cert, key: own.key, alpnProtocols: [] });
    await using _ = server;
    for (const alpnProtocols of [[], ['one', 'two']]) {
      const tls = { ca: own.cert, alpnProtocols };
      await using stream = await new TCPClient().connect({ host, port: server.port, tls });
      expect(await echoOf(stream)).toBe('hello\n');
      expect(stream.tls?.alpnProtocol).toBe(false);
    }
  });

  it('is the same as none on a client, whichever comes first [NET-06]', async () => {
    const { server } = await echoServer({ cert: own.cert, key: own.key, alpnProtocols: ['one'] });
    await using _ = server;
    for (const list of [{ alpnProtocols: [] }, {}, { alpnProtocols: ['one'] }, { alpnProtocols: [] }, {}]) {
      await using stream = await new TCPClient().connect({
        host,
        port: server.port,
        // Options that no other test has, so that the first connection creates the context.
        tls: { ca: own.cert, minVersion: 'TLSv1.3', ...list },
      });
      expect(await echoOf(stream)).toBe('hello\n');
      expect(stream.tls?.alpnProtocol).toBe(list.alpnProtocols?.[0] ?? false);
    }
  });
});
