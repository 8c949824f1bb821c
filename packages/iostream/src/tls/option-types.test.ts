import { describe, expect, it } from 'vitest';
import { nodeTlsProblem, typeProblem } from './option-types.ts';

const PEM = '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n';

describe('typeProblem', () => {
  it('accepts values of the right types, and options that are undefined', () => {
    expect(
      typeProblem({
        certFile: 'cert.pem',
        key: Buffer.from(PEM),
        ca: [PEM, Buffer.from(PEM)],
        alpnProtocols: ['http/1.1'],
        requestCert: true,
        rejectUnauthorized: false,
        ticketKeys: new Uint8Array(48),
        caFile: undefined,
      }),
    ).toBeUndefined();
  });

  it.each<[object, string]>([
    [{ certFile: 5 }, 'certFile must be the path of a file, got 5'],
    [{ certFile: '' }, 'certFile must be the path of a file, got "" (an empty string)'],
    [{ caFile: null }, 'caFile must be the path of a file, got null'],
    [
      { cert: [PEM] },
      'cert must be PEM text, as a string or Buffer, got an array; for several certificates, set certificates',
    ],
    [{ ca: [5] }, 'ca must be PEM text, as a string or Buffer, or a list of these, got an array'],
    [{ requestCert: 'false' }, 'requestCert must be true or false, got "false" (a string)'],
    [{ rejectUnauthorized: 0 }, 'rejectUnauthorized must be true or false, got 0'],
    [{ alpnProtocols: 'http/1.1' }, 'alpnProtocols must be a list of strings, got "http/1.1" (a string)'],
    [{ alpnProtocols: [1] }, 'alpnProtocols must be a list of strings, got an array'],
    [{ names: 'a.example' }, 'names must be a list of strings, got "a.example" (a string)'],
    [{ certificates: {} }, 'certificates must be a list of certificates, got an object of Object'],
    [{ ciphers: ['a'] }, 'ciphers must be a string, got an array'],
    [{ secureContext: {} }, 'secureContext must be made by tls.createSecureContext, got an object of Object'],
  ])('names the option, what was expected and what was passed: %o', (options, problem) => {
    expect(typeProblem(options)).toBe(problem);
  });

  it.each<[object, string]>([
    [{ ticketKeys: 'a'.repeat(48) }, 'ticketKeys must be a Buffer or Uint8Array of 48 bytes, got a string'],
    [{ passphrase: 1234 }, 'passphrase must be a string, got a number'],
    [{ key: 1234 }, 'key must be PEM text, as a string or Buffer, got a number'],
  ])('does not show secrets: %o', (options, problem) => {
    expect(typeProblem(options)).toBe(problem);
  });

  it.each([PEM, Buffer.from(PEM), 'first line\nsecret', `M${'secret'.repeat(20)}=`])(
    'does not show text that was passed instead of a path',
    (text) => {
      const problem = typeProblem({ keyFile: text });
      expect(problem).toBe('keyFile must be the path of a file, but has PEM text; to pass text, set key');
    },
  );
});

describe('nodeTlsProblem', () => {
  it('says what to use instead of an option of node:tls', () => {
    expect(nodeTlsProblem({ pfx: Buffer.alloc(1) })).toMatch(
      /^unknown option "pfx": convert the file to PEM/,
    );
    expect(nodeTlsProblem({ SNICallback() {} })).toMatch(/^unknown option "SNICallback": set certificates/);
    expect(nodeTlsProblem({ pfx: undefined, certFile: 'a' })).toBeUndefined();
  });
});
