import { describe, expect, it } from 'vitest';
import { type PemContent, requireContent, requirePair } from './pem-content.ts';

const block = (label: string): string => `-----BEGIN ${label}-----\nsecret\n-----END ${label}-----\n`;
const CERTIFICATE = block('CERTIFICATE');
const KEY = block('EC PRIVATE KEY');

const content = (option: PemContent['option'], text: string, file?: string): PemContent => ({
  option,
  text,
  file,
});
const failure = (check: () => void): unknown => {
  try {
    check();
  } catch (error) {
    return error;
  }
  return undefined;
};
const refused = (problem: string) =>
  expect.objectContaining({ code: 'ERR_STREAM_TLS', message: `tls: ${problem}` });

describe('requireContent', () => {
  it('accepts text with a block of the right type, also after others', () => {
    const text = `words\n${block('EC PARAMETERS')}${KEY}${block('TRUSTED CERTIFICATE')}`;
    for (const option of ['cert', 'key', 'ca'] as const)
      expect(failure(() => requireContent(content(option, text)))).toBeUndefined();
  });

  it.each<[PemContent, string]>([
    [content('ca', KEY, 'ca.pem'), 'caFile ca.pem has no certificate, but a private key'],
    [content('crl', CERTIFICATE), 'crl has no certificate revocation list, but a certificate'],
    [
      content('cert', block('CERTIFICATE REQUEST'), 'c.pem'),
      'certFile c.pem has no certificate, but a certificate request',
    ],
    [content('key', block('PUBLIC KEY')), 'key has no private key, but a public key'],
    [content('key', block('DH PARAMETERS')), 'key has no private key, but another PEM block'],
    [content('ca', 'ca.pem'), 'ca has no PEM block (-----BEGIN …); to read a file, set caFile'],
    [content('ca', '', 'ca.pem'), 'caFile ca.pem has no PEM block (-----BEGIN …)'],
  ])('says what is there instead, and not the text', (given, problem) => {
    expect(failure(() => requireContent(given))).toEqual(refused(problem));
  });
});

describe('requirePair', () => {
  const pair = (cert: PemContent, key: PemContent, passphrase?: string) =>
    failure(() => requirePair(cert, key, passphrase));

  it('accepts a certificate and a key, in one text or two', () => {
    expect(pair(content('cert', CERTIFICATE), content('key', KEY))).toBeUndefined();
    const both = content('cert', CERTIFICATE + KEY);
    expect(pair(both, both)).toBeUndefined();
  });

  it('asks whether the two are swapped', () => {
    const problem = 'certFile a.pem has a private key and keyFile b.pem a certificate: are they swapped?';
    expect(pair(content('cert', KEY, 'a.pem'), content('key', CERTIFICATE, 'b.pem'))).toEqual(
      refused(problem),
    );
  });

  it('says that the key is missing', () => {
    const file = content('cert', CERTIFICATE, 'a.pem');
    expect(pair(file, file)).toEqual(refused('certFile a.pem has no private key: set keyFile'));
    const text = content('cert', CERTIFICATE);
    expect(pair(text, text)).toEqual(refused('cert has no private key: set key'));
    expect(pair(text, content('key', CERTIFICATE, 'k.pem'))).toEqual(
      refused('keyFile k.pem has no private key, but a certificate'),
    );
  });

  it.each([
    block('ENCRYPTED PRIVATE KEY'),
    KEY.replace('secret', 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nsecret'),
  ])('says that an encrypted key needs a passphrase', (text) => {
    const [cert, key] = [content('cert', CERTIFICATE), content('key', text, 'k.pem')];
    expect(pair(cert, key)).toEqual(refused('the private key of keyFile k.pem is encrypted: set passphrase'));
    expect(pair(cert, key, 'words')).toBeUndefined();
  });
});
