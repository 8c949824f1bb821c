import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateProblem } from './certificate-problem.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');

const certificate = (details: Partial<X509Certificate> = {}): X509Certificate =>
  ({
    subject: 'CN=a.example',
    issuer: 'O=Authority\nCN=Root',
    validFrom: 'Jan  1 00:00:00 2026 GMT',
    validTo: 'Jan  1 00:00:00 2027 GMT',
    ...details,
  }) as X509Certificate;

describe('certificateProblem', () => {
  it('says that a certificate of the chain is invalid if the one of the server is valid', () => {
    expect(certificateProblem('CERT_HAS_EXPIRED', 'a.example', certificate(), NOW)).toBe(
      'it, or a certificate of its chain, has expired; renew it, or correct the clock of this system, which shows 2026-06-01T12:00:00Z',
    );
    expect(certificateProblem('CERT_NOT_YET_VALID', 'a.example', certificate(), NOW)).toContain(
      'it, or a certificate of its chain, is not yet valid',
    );
  });

  it('shows the dates of the certificate of the server', () => {
    const late = certificate({ validTo: 'May  1 10:00:00 2026 GMT' });
    expect(certificateProblem('CERT_HAS_EXPIRED', 'a.example', late, NOW)).toContain(
      'it expired on 2026-05-01T10:00:00Z',
    );
    const early = certificate({ validFrom: 'Jul  1 10:00:00 2026 GMT' });
    expect(certificateProblem('CERT_NOT_YET_VALID', 'a.example', early, NOW)).toContain(
      'it is not valid before 2026-07-01T10:00:00Z',
    );
  });

  it('names the issuer on one line', () => {
    expect(certificateProblem('SELF_SIGNED_CERT_IN_CHAIN', 'a.example', certificate())).toContain(
      '(issuer: O=Authority, CN=Root)',
    );
  });

  it('escapes and clips text of the certificate', () => {
    const hostile = certificate({ subjectAltName: `DNS:a\u001b[31m\r\n${'x'.repeat(1_000)}` });
    const words = certificateProblem('ERR_TLS_CERT_ALTNAME_INVALID', 'a.example', hostile);
    expect(words).toContain('it is for DNS:a\\x1b[31m\\x0d\\x0axxx');
    expect(words.length).toBeLessThan(400);
  });

  it.each([
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'UNABLE_TO_GET_CRL',
    'CRL_HAS_EXPIRED',
    'INVALID_PURPOSE',
  ])('has words for %s without the certificate', (code) => {
    expect(certificateProblem(code, 'a.example', undefined, NOW)).toMatch(/^[a-z][^(]+$/);
  });

  it('says so if the certificate has no name', () => {
    const nameless = certificate({ subject: undefined } as unknown as Partial<X509Certificate>);
    expect(certificateProblem('ERR_TLS_CERT_ALTNAME_INVALID', 'a.example', nameless)).toContain(
      'it is for no name at all, not for a.example',
    );
  });
});
