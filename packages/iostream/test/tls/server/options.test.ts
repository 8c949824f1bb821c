import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, startTls, TCPClient, TCPServer } from '../../../src/index.ts';
import {
  type Authority,
  type IssuedCertificate,
  makeAuthority,
  runOpenssl,
} from '../../support/certificates.ts';
import { echoLines, echoOf, echoServer, host } from '../../support/tls-fixture.ts';

const PASSPHRASE = 'open sesame';

let authority: Authority;
let own: IssuedCertificate;
let encryptedFile: string;
let listFile: string;
beforeAll(() => {
  authority = makeAuthority();
  own = authority.issue('own', 'DNS:localhost,IP:127.0.0.1');
  listFile = authority.revoke('none', []);
  encryptedFile = join(authority.folder, 'encrypted.pem');
  const request = ['pkcs8', '-topk8', '-in', own.keyFile, '-out', encryptedFile];
  runOpenssl([...request, '-passout', `pass:${PASSPHRASE}`]);
});
afterAll(() => authority.remove());

const files = () => ({ certFile: own.certFile, keyFile: own.keyFile });

/** The error of the constructor. */
function failure(tls: unknown, others: object = {}): Error & { code: string } {
  try {
    new TCPServer({ handleStream: echoLines, tls, ...others } as object);
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error('the options were accepted');
}

describe('TCPServer with certificates that are mixed up', () => {
  it('names what is in the files, and the remedy [SRV-01]', () => {
    const cases: [object, string][] = [
      [{ certFile: own.keyFile, keyFile: own.certFile }, 'a certificate: are they swapped?'],
      [{ certFile: own.certFile }, `certFile ${own.certFile} has no private key: set keyFile`],
      [
        { ...files(), keyFile: own.certFile },
        `keyFile ${own.certFile} has no private key, but a certificate`,
      ],
      [
        { ...files(), keyFile: encryptedFile },
        `the private key of keyFile ${encryptedFile} is encrypted: set passphrase`,
      ],
      [
        { ...files(), keyFile: encryptedFile, passphrase: 'wrong' },
        `passphrase does not decrypt the private key of keyFile ${encryptedFile}`,
      ],
      [
        { ...files(), caFile: own.keyFile, requestCert: true },
        `caFile ${own.keyFile} has no certificate, but a private key`,
      ],
      [
        { ...files(), caFile: own.certFile, crlFile: own.certFile, requestCert: true },
        `crlFile ${own.certFile} has no certificate revocation list, but a certificate`,
      ],
    ];
    for (const [tls, problem] of cases) {
      const error = failure(tls);
      expect(error.message).toContain(problem);
      expect(error.code).toBe('ERR_STREAM_TLS');
    }
  });

  it('never shows PEM text that was passed as a path', async () => {
    for (const key of [own.key, own.key.toString()]) {
      const error = failure({ certFile: own.certFile, keyFile: key });
      expect(error).toMatchObject({ code: 'ERR_STREAM_USAGE' });
      expect(error.cause).toBeUndefined();
      expect(error.message).toBe(
        'tls: keyFile must be the path of a file, but has PEM text; to pass text, set key',
      );
    }
    const { server } = await echoServer(files());
    await using _ = server;
    const tls = { caFile: own.cert.toString() };
    await expect(new TCPClient().connect({ host, port: server.port, tls })).rejects.toMatchObject({
      message: expect.stringMatching(
        /caFile must be the path of a file, but has PEM text; to pass text, set ca$/,
      ),
    });
  });

  it('decrypts a key with its passphrase', async () => {
    const { server } = await echoServer({ ...files(), keyFile: encryptedFile, passphrase: PASSPHRASE });
    await using _ = server;
    const tls = { caFile: authority.certFile };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream)).toBe('hello\n');
  });
});

describe('TCPServer with options of TLS of the wrong type', () => {
  it.each<[string, unknown, RegExp]>([
    ['true for the options', true, /^tls: an object of options was expected, not true/],
    ['null for the options', null, /^tls: an object of options was expected, not null/],
    ['text for a boolean', { requestCert: 'false' }, /^tls: requestCert must be true or false, got "false"/],
    [
      'a number for a boolean',
      { rejectUnauthorized: 0 },
      /^tls: rejectUnauthorized must be true or false, got 0/,
    ],
    [
      'one protocol for a list',
      { alpnProtocols: 'http/1.1' },
      /^tls: alpnProtocols must be a list of strings/,
    ],
    ['a descriptor for a path', { certFile: 5 }, /^tls: certFile must be the path of a file, got 5/],
    [
      'text for ticket keys',
      { ticketKeys: 'k'.repeat(48) },
      /^tls: ticketKeys must be a Buffer .* got a string$/,
    ],
    [
      'text for a number',
      { secureContext: createSecureContext(), handshakeTimeoutMs: '5000' },
      /^tls: handshakeTimeoutMs must be a number .*"5000"/,
    ],
    ['one certificate for a list', { certificates: {} }, /^tls: certificates must be a list of certificates/],
    [
      'no object for a certificate',
      { certificates: [null] },
      /^tls: certificates\[0\]: an object .* not null/,
    ],
    [
      'one name for a list',
      { certificates: [{ names: 'a' }] },
      /^tls: certificates\[0\]: names must be a list/,
    ],
  ])('refuses %s, and says what was expected [SRV-01]', (_, tls, problem) => {
    const error = failure(tls);
    expect(error).toMatchObject({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' });
    expect(error.message).toMatch(problem);
  });

  it('refuses names that no client can request [NET-06]', () => {
    for (const name of ['*.*.example', 'a.*.example', 'https://a.example', '127.0.0.1']) {
      const error = failure({ certificates: [files(), { ...files(), names: ['a.example', name] }] });
      expect(error.code).toBe('ERR_STREAM_USAGE');
      expect(error.message).toContain('tls: certificates[1]: names: a host name such as a.example');
      expect(error.message).toContain(`"${name}"`);
    }
  });

  it('says what to use instead of options of node:tls and node:https [SRV-01]', () => {
    expect(failure({ ...files(), pfx: own.cert }).message).toMatch(/^tls: unknown option "pfx": convert/);
    expect(failure({ SNICallback() {} }).message).toMatch(/unknown option "SNICallback": set certificates/);
    expect(failure(undefined, { certFile: 'a' }).message).toBe(
      'TCPServer: unknown option "certFile": set tls: { certFile }',
    );
  });
});

describe('TCPServer with options about client certificates', () => {
  it('refuses a revocation list without requestCert, which would have no effect [NET-06]', () => {
    const error = failure({ ...files(), caFile: authority.certFile, crlFile: listFile });
    expect(error).toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringMatching(/^tls: crlFile has no effect .*: set requestCert: true/),
    });
  });

  it('refuses authorities that are undefined with requestCert, which would mean those of Node [NET-06]', () => {
    for (const name of ['caFile', 'ca']) {
      expect(failure({ ...files(), requestCert: true, [name]: undefined })).toMatchObject({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining(`${name} is undefined: set it to the authorities of the clients`),
      });
    }
    const both = { ...files(), requestCert: true, ca: undefined, caFile: authority.certFile };
    expect(() => new TCPServer({ handleStream: echoLines, tls: both as object })).not.toThrow();
  });
});

describe('startTls', () => {
  it.each<[string, unknown, object, RegExp]>([
    ['no stream', null, { server: true, tls: {} }, /^startTls: an IOStream was expected, not null/],
    ['no side', undefined, { server: 'yes', tls: {} }, /^startTls: server: true or false was expected/],
    ['no signal', undefined, { server: true, tls: {}, signal: 5 }, /^startTls: signal: an AbortSignal/],
  ])('refuses what is %s, and leaves the stream as it is [STR-14]', async (_, given, options, problem) => {
    const [stream, peer] = IOStream.pair();
    const starting = startTls((given === undefined ? stream : given) as IOStream, options as never);
    await expect(starting).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringMatching(problem),
    });
    void peer.write('still here\n');
    expect((await stream.readUntil('\n')).toString()).toBe('still here\n');
    stream.close();
    peer.close();
  });
});
