import { createServer, type Socket } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamConnectError, startTls, TCPClient, type TlsClientOptions } from '../../../src/index.ts';
import { type Certificates, type IssuedCertificate, makeCertificates } from '../../support/certificates.ts';
import { echoServer, host } from '../../support/tls-fixture.ts';
import { openDescriptors, until } from '../../support/until.ts';
import { TestAuthority } from '../../tls-foreign/support/pki.ts';

let authority: TestAuthority;
let good: IssuedCertificate;
let expired: IssuedCertificate;
let early: IssuedCertificate;
let unlisted: IssuedCertificate;
let stranger: Certificates;
let crlFile: string;
beforeAll(() => {
  authority = new TestAuthority('Own authority');
  good = authority.issue('good', { names: 'DNS:localhost,DNS:a.example,IP:127.0.0.1' });
  expired = authority.issue('expired', { validity: 'expired' });
  early = authority.issue('early', { validity: 'not yet' });
  unlisted = authority.issue('unlisted', { names: '' });
  stranger = makeCertificates('DNS:localhost');
  crlFile = authority.revoke(expired);
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});

const trusting = () => ({ caFile: authority.certFile });

/** How a client fails. Nothing of it is open afterwards. */
async function failureAt(port: number, tls: TlsClientOptions): Promise<StreamConnectError> {
  const before = openDescriptors();
  const error: unknown = await new TCPClient().connect({ host, port, tls }).catch((reason) => reason);
  expect(error).toBeInstanceOf(StreamConnectError);
  expect(error).toMatchObject({ code: 'ERR_STREAM_TLS', address: `${host}:${port}` });
  await until(() => openDescriptors() <= before);
  return error as StreamConnectError;
}

/** The failure of a client that connects to a server with `certificate`, with the port in its message replaced. */
async function refusalOf(certificate: IssuedCertificate, tls: TlsClientOptions): Promise<object> {
  const { cert, key } = certificate;
  const { server } = await echoServer({ cert, key }, { loop: silentLoop() });
  await using _ = server;
  const { message, cause } = await failureAt(server.port, tls);
  return { message: message.replace(`:${server.port}`, ':443'), code: (cause as { code: unknown }).code };
}

/** The failure of a client whose server does what `answer` does with the ClientHello. */
async function failureOf(answer: (socket: Socket) => void, tls: TlsClientOptions = {}): Promise<object> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  try {
    const { message, cause } = await failureAt(port, { servername: 'a.example', ...tls });
    return { message: message.replace(`:${port}`, ':443'), code: (cause as { code: unknown }).code };
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const silentLoop = (): IOLoop => {
  const say = (): void => {};
  return new IOLoop({ logger: { debug: say, info: say, warn: say, error: say } });
};

const alert = (number: number) => (socket: Socket) =>
  void socket.write(Buffer.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, number));

describe('a TCPClient that refuses the certificate of a server', () => {
  it('says which names the certificate has, and how to expect another one [NET-06]', async () => {
    expect(await refusalOf(good, { ...trusting(), servername: 'b.example' })).toEqual({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      message:
        'tls: the certificate of b.example at 127.0.0.1:443 was refused: it is for DNS:localhost, DNS:a.example, ' +
        'IP Address:127.0.0.1, not for b.example; if this is the right server, set tls.servername to a name that the ' +
        'certificate has (ERR_TLS_CERT_ALTNAME_INVALID)',
    });
    expect(await refusalOf(good, { ...trusting(), servername: '127.0.0.2' })).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      message: expect.stringContaining('not for 127.0.0.2'),
    });
    expect(await refusalOf(unlisted, { ...trusting(), servername: 'a.example' })).toMatchObject({
      message: expect.stringContaining('it is for CN=unlisted, not for a.example'),
    });
  });

  it('says since when the certificate is invalid, and what time it is here [NET-06]', async () => {
    expect(await refusalOf(expired, trusting())).toMatchObject({
      code: 'CERT_HAS_EXPIRED',
      message: expect.stringMatching(
        /^tls: the certificate of 127\.0\.0\.1:443 was refused: it expired on \d{4}-\d\d-\d\dT[\d:]+Z; renew it, or correct the clock of this system, which shows \d{4}-\d\d-\d\dT[\d:]+Z \(CERT_HAS_EXPIRED\)$/,
      ),
    });
    expect(await refusalOf(early, trusting())).toMatchObject({
      code: 'CERT_NOT_YET_VALID',
      message: expect.stringMatching(/it is not valid before \d{4}-\d\d-\d\dT[\d:]+Z; correct the clock/),
    });
  });

  it('names the issuer of the certificate, and says how to trust it [NET-06]', async () => {
    expect(await refusalOf(good, {})).toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      message: expect.stringMatching(
        /its issuer is not known \(issuer: CN=Own authority\); .* as tls\.ca or tls\.caFile/,
      ),
    });
    expect(await refusalOf(stranger, trusting())).toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      message: expect.stringMatching(
        /it is self-signed \(issuer: CN=localhost\) and not trusted; .* tls\.ca /,
      ),
    });
  });

  it('says that it is revoked, or that a revocation list is missing [NET-06]', async () => {
    const revoked = authority.issue('revoked');
    const list = authority.revoke(revoked);
    expect(await refusalOf(revoked, { ...trusting(), crlFile: list })).toMatchObject({
      code: 'CERT_REVOKED',
      message: expect.stringContaining('it was revoked (issuer: CN=Own authority)'),
    });
    expect(await refusalOf(stranger, { ca: stranger.cert, crlFile })).toMatchObject({
      code: 'UNABLE_TO_GET_CRL',
      message: expect.stringContaining('add the list to tls.crl or tls.crlFile'),
    });
  });

  it('reports the chain before the name, as node:tls does [NET-06]', async () => {
    expect(await refusalOf(stranger, { servername: 'b.example' })).toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(await refusalOf(expired, { ...trusting(), servername: 'b.example' })).toMatchObject({
      code: 'CERT_HAS_EXPIRED',
    });
  });

  it('escapes and clips the text of the certificate [NET-06]', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `DNS:${index}.long.example`).join(',');
    const crowded = authority.issue('crowded', { names });
    const { message } = (await refusalOf(crowded, trusting())) as { message: string };
    expect(message).toContain('it is for DNS:0.long.example, DNS:1.long.example');
    expect(message).toMatch(/…, not for 127\.0\.0\.1; /);
    expect(message.length).toBeLessThan(600);
  });
});

describe('a TCPClient whose handshake fails', () => {
  it.each<[string, (socket: Socket) => void, RegExp, RegExp]>([
    [
      'does not use TLS',
      (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      /^ERR_SSL_WRONG_VERSION_NUMBER$/,
      /the server did not respond with TLS; .* http: instead of https: \(wrong version number\)$/,
    ],
    [
      'ends the connection',
      (socket) => void socket.end(),
      /^ECONNRESET$/,
      /the server ended the connection; .* \(ECONNRESET\)$/,
    ],
    [
      'resets the connection',
      (socket) => void socket.resetAndDestroy(),
      /^ECONNRESET$/,
      /the server ended the connection; .* \(ECONNRESET\)$/,
    ],
    [
      'has no certificate for the name',
      alert(112),
      /^ERR_SSL_TLSV1_UNRECOGNIZED_NAME$/,
      /the server has no certificate for this name; set servername .* \(tlsv1 unrecognized name\)$/,
    ],
    [
      'has no common parameters',
      alert(40),
      /_ALERT_HANDSHAKE_FAILURE$/,
      /the server refused; .* see ciphers, .* see certFile \(.* alert handshake failure\)$/,
    ],
    [
      'refuses the certificate of the client',
      alert(48),
      /_ALERT_UNKNOWN_CA$/,
      /the server refused the certificate of this client; see certFile \(tlsv1 alert unknown ca\)$/,
    ],
    [
      'has an internal error',
      alert(80),
      /_ALERT_INTERNAL_ERROR$/,
      /^tls: the handshake with a\.example at 127\.0\.0\.1:443 failed: tlsv1 alert internal error$/,
    ],
  ])('names the server and explains the reason if it %s [NET-06]', async (_, answer, code, words) => {
    expect(await failureOf(answer, { cert: good.cert, key: good.key })).toEqual({
      code: expect.stringMatching(code),
      message: expect.stringMatching(words),
    });
  });

  it('names the versions and protocols to look at [NET-06]', async () => {
    const { cert, key } = good;
    const { server } = await echoServer(
      { cert, key, maxVersion: 'TLSv1.2', alpnProtocols: ['one'] },
      { loop: silentLoop() },
    );
    await using _ = server;
    const versions = await failureAt(server.port, { ...trusting(), minVersion: 'TLSv1.3' });
    expect(versions.message).toContain('no version of TLS in common; see minVersion and maxVersion');
    const protocols = await failureAt(server.port, { ...trusting(), alpnProtocols: ['other'] });
    expect(protocols.message).toContain('see alpnProtocols');
    expect(protocols.cause).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'says so if the server requires a client certificate, %s [NET-06]',
    async (version) => {
      const { cert, key } = good;
      const required = { cert, key, ca: authority.cert, requestCert: true, maxVersion: version };
      const { server } = await echoServer(required, { loop: silentLoop() });
      await using _ = server;
      const failing = new TCPClient()
        .connect({ host, port: server.port, tls: trusting() })
        .then((stream) => stream.readBytes(1));
      const error = (await failing.catch((reason: unknown) => reason)) as Error & { code: string };
      // In TLS 1.3, a client learns it after its handshake, and node:tls on a server only closes the connection.
      if (version === 'TLSv1.2')
        expect(error.message).toMatch(/the server .*; .*certFile|ended the connection/);
      else if (IOLoop.current().tls === 'native')
        expect(String(error.cause)).toContain('set certFile and keyFile');
      else expect(error.code).toBe('ERR_STREAM_CLOSED');
    },
  );

  it('names the server whose handshake took too long [NET-06]', async () => {
    const server = createServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as { port: number };
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const plain = await new TCPClient().connect({ host, port });
    const tls = { servername: 'a.example', handshakeTimeoutMs: 3_000 };
    const failing = startTls(plain, { server: false, tls, loop }).catch((reason) => reason);
    void clock.advance(3_000);
    expect(await failing).toMatchObject({
      code: 'ERR_STREAM_TIMEOUT',
      phase: 'tls',
      address: `${host}:${port}`,
      message: `tls: the handshake with a.example at ${host}:${port} did not complete within 3000 ms`,
    });
    await new Promise((resolve) => server.close(resolve));
  });

  it.each<[string, TlsClientOptions, RegExp]>([
    ['ca', { ca: 'ca.pem' }, /^tls: ca has no PEM block .*; to read a file, set caFile$/],
    ['one of several ca', { ca: [Buffer.from('ca.pem')] }, /^tls: ca has no PEM block .* set caFile$/],
    ['cert', { cert: 'cert.pem', key: 'key.pem' }, /^tls: cert has no PEM block .* set certFile$/],
  ])('suggests the option for a file if %s is none [NET-06]', async (_, tls, words) => {
    const { server } = await echoServer({ cert: good.cert, key: good.key });
    await using __ = server;
    const connecting = new TCPClient().connect({ host, port: server.port, tls });
    await expect(connecting).rejects.toMatchObject({
      code: 'ERR_STREAM_TLS',
      message: expect.stringMatching(words),
    });
  });

  it.each(['', 'a b', 'a\0b', 'x'.repeat(254), '.a.example', 'a..example'])(
    'refuses the servername %j [NET-06]',
    async (servername) => {
      const before = openDescriptors();
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const { port } = server.address() as { port: number };
      const connecting = new TCPClient().connect({ host, port, tls: { servername } });
      await expect(connecting).rejects.toMatchObject({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining('servername must be a host name'),
      });
      await new Promise((resolve) => server.close(resolve));
      await until(() => openDescriptors() <= before);
    },
  );
});
