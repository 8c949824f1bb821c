import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isCertificateFor, serverIdentity } from './server-identity.ts';

describe('serverIdentity', () => {
  it.each([
    ['example.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('sends the name %s, without a trailing dot and in ASCII', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: expected, isAddress: false });
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('sends no name for the address %s (RFC 6066 §3)', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: '', isAddress: true });
  });

  it.each(['010.2.3.4', '+10.2.3.4', '10.2.3', '0x0a020304'])(
    'takes %s for a name, since it is not the numeric form of an address',
    (name) => {
      expect(serverIdentity(name)).toEqual({ host: name, servername: name, isAddress: false });
    },
  );

  it.each([
    ...['', '.', 'a b', 'good.example\0.evil.example', 'a\n', 'a'.repeat(254), undefined, 7],
    ...['.example.com', 'a..example.com', 'example.com..'],
  ])('refuses %j', (name) => {
    expect(() => serverIdentity(name)).toThrow(
      expect.objectContaining({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining('servername must be a host name'),
      }),
    );
  });
});

/** A certificate (DER) with the common name `common.example` and no other name. */
const COMMON_NAME_ONLY = Buffer.from(
  'MIHsMIGfAhQeLuTFwGYJpNxUH3NpxegJFUAuODAFBgMrZXAwGTEXMBUGA1UEAwwOY29tbW9uLmV4YW1wbGUwHhcNMjYxMTMwMTkw' +
    'OTIxWhcNMzYxMTI3MTkwOTIxWjAZMRcwFQYDVQQDDA5jb21tb24uZXhhbXBsZTAqMAUGAytlcAMhAAu9r55cGSHqW+YF47+21gim' +
    't8P0MQRQt1sABE6bPsL4MAUGAytlcANBAHZjr16UOO0mYuK1pQ3g8wNZxMCTSE70QN7W7Q0HdiWCi5AQgNbSzuNqgj5cgom07mI6' +
    'vSeMP+u4v35ZcvvcZAs=',
  'base64',
);

describe('isCertificateFor', () => {
  const certificate = new X509Certificate(COMMON_NAME_ONLY);
  const isFor = (name: string) => isCertificateFor(certificate, serverIdentity(name));

  it('compares the common name of a certificate without other names', () => {
    expect(isFor('common.example')).toBe(true);
    expect(isFor('other.example')).toBe(false);
    expect(isFor('192.0.2.1')).toBe(false);
  });

  it('is false if the common name is not text', () => {
    const der = Buffer.from(COMMON_NAME_ONLY);
    // The type of the issuer's and the subject's name: a sequence instead of a UTF-8 string.
    for (let at = der.indexOf('common.example'); at >= 0; at = der.indexOf('common.example', at + 1))
      der[at - 2] = 0x30;
    const odd = new X509Certificate(der);
    expect(() => odd.checkHost('common.example')).toThrow('Operation failed');
    expect(isCertificateFor(odd, serverIdentity('common.example'))).toBe(false);
  });
});
