import { describe, expect, it } from 'vitest';
import { failureOf, TlsFailure, verifyCodeOf } from './tls-failure.ts';

type Native = Parameters<typeof failureOf>[0];

/** The calls that are used here. */
function reporting(failure: ReturnType<Native['tlsFailure']>, ...chain: Uint8Array[]): Native {
  return { tlsFailure: () => failure, tlsPeerChain: () => chain } as unknown as Native;
}

describe('verifyCodeOf', () => {
  it.each([
    [0, undefined],
    [10, 'CERT_HAS_EXPIRED'],
    [18, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [62, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [64, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [79, 'INVALID_CA'],
    [1, 'UNSPECIFIED'],
    [24, 'UNSPECIFIED'],
    [-1, 'UNSPECIFIED'],
    [9999, 'UNSPECIFIED'],
  ])('names the result %i as node:tls does: %s', (result, code) => {
    expect(verifyCodeOf(result)).toBe(code);
  });
});

describe('failureOf', () => {
  it.each([
    ['wrong version number', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ['tlsv1 alert unknown ca', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'],
    ['ssl/tls alert handshake failure', 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE'],
  ])('makes the code for the reason %j as node:tls does', (reason, code) => {
    const failure = failureOf(reporting([reason, 0, -1]), 1, 1);
    expect(failure).toBeInstanceOf(TlsFailure);
    expect(failure).toMatchObject({ code, reason, verifyCode: undefined, alert: undefined });
    expect(failure.certificate).toBeUndefined();
    expect(failure.message).toContain(reason);
  });

  it('reports why the certificate does not verify, and which one', () => {
    const certificate = Uint8Array.of(1);
    const failure = failureOf(
      reporting(['certificate verify failed', 10, -1], certificate, Uint8Array.of(2)),
      1,
      1,
    );
    expect(failure).toMatchObject({
      code: 'ERR_SSL_CERTIFICATE_VERIFY_FAILED',
      verifyCode: 'CERT_HAS_EXPIRED',
      certificate,
    });
    expect(failure.message).toContain('CERT_HAS_EXPIRED');
  });

  it('reports the alert of the peer, even close_notify, whose number is 0', () => {
    expect(failureOf(reporting(['tlsv1 alert unknown ca', 0, 48]), 1, 1).alert).toBe(48);
    expect(failureOf(reporting(['unexpected message', 0, 0]), 1, 1).alert).toBe(0);
  });

  it('has a reason even if OpenSSL gives none', () => {
    expect(failureOf(reporting(['', 0, -1]), 1, 1).code).toBe('ERR_SSL_UNKNOWN_REASON');
    expect(failureOf(reporting(undefined), 1, 1).code).toBe('ERR_SSL_INTERNAL_ERROR');
  });
});
