import { CodedError } from '@landspout/ioloop/errors';
import type { TlsBinding } from '@landspout/ioloop/reactor';

/** The details of a {@link TlsFailure}, as OpenSSL reports them. */
export interface TlsFailureDetails {
  readonly verifyCode?: string | undefined;
  readonly alert?: number | undefined;
  readonly certificate?: Uint8Array | undefined;
}

/**
 * TLS has failed on a connection of the native path: in the handshake, or later. The connection cannot be used any more.
 *
 * Its {@link code} is made from OpenSSL's reason, as `node:tls` does: `ERR_SSL_WRONG_VERSION_NUMBER`.
 */
export class TlsFailure extends CodedError {
  override readonly name = 'TlsFailure';

  /** OpenSSL's words, such as `wrong version number`. */
  readonly reason: string;
  /**
   * Why the certificate of the peer does not verify, as `node:tls` names it, such as `CERT_HAS_EXPIRED`; `undefined` if
   * verification did not fail.
   */
  readonly verifyCode: string | undefined;
  /** The number of the alert that the peer sent (RFC 8446 §6); `undefined` if it sent none. */
  readonly alert: number | undefined;
  /** The peer's own certificate (DER), if it was refused. */
  readonly certificate: Uint8Array | undefined;

  constructor(reason: string, { verifyCode, alert, certificate }: TlsFailureDetails = {}) {
    const why = verifyCode === undefined ? '' : ` (${verifyCode})`;
    super(codeOf(reason), `TLS failed: ${reason}${why}`);
    this.reason = reason;
    this.verifyCode = verifyCode;
    this.alert = alert;
    this.certificate = certificate;
  }
}

/** OpenSSL's reason if the certificate of the peer was refused. */
const REFUSED = 'certificate verify failed';

/** Returns the error for a call that returned -EPROTO. Must be called before the descriptor is closed. */
export function failureOf(binding: TlsBinding, slot: number, generation: number): TlsFailure {
  const failure = binding.tlsFailure(slot, generation);
  if (failure === undefined) return new TlsFailure('internal error');
  const [reason, verifyResult, alert] = failure;
  const [certificate] = reason === REFUSED ? binding.tlsPeerChain(slot, generation) : [];
  return new TlsFailure(reason === '' ? 'unknown reason' : reason, {
    verifyCode: verifyCodeOf(verifyResult),
    alert: alert < 0 ? undefined : alert,
    certificate,
  });
}

/** Returns the name that `node:tls` has for a verification result of OpenSSL; `undefined` for success. */
export function verifyCodeOf(result: number): string | undefined {
  if (result === 0) return undefined;
  return VERIFY_CODES[result] ?? 'UNSPECIFIED';
}

/** As Node: blanks become underscores, and everything else stays. */
function codeOf(reason: string): string {
  return `ERR_SSL_${reason.replaceAll(' ', '_').toUpperCase()}`;
}

/** OpenSSL's `X509_V_ERR_*` that Node has names for; Node calls all others UNSPECIFIED. */
const VERIFY_CODES: Readonly<Record<number, string>> = {
  2: 'UNABLE_TO_GET_ISSUER_CERT',
  3: 'UNABLE_TO_GET_CRL',
  4: 'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  5: 'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  6: 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  7: 'CERT_SIGNATURE_FAILURE',
  8: 'CRL_SIGNATURE_FAILURE',
  9: 'CERT_NOT_YET_VALID',
  10: 'CERT_HAS_EXPIRED',
  11: 'CRL_NOT_YET_VALID',
  12: 'CRL_HAS_EXPIRED',
  13: 'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  14: 'ERROR_IN_CERT_NOT_AFTER_FIELD',
  15: 'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  16: 'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  17: 'OUT_OF_MEM',
  18: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  19: 'SELF_SIGNED_CERT_IN_CHAIN',
  20: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  21: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  22: 'CERT_CHAIN_TOO_LONG',
  23: 'CERT_REVOKED',
  25: 'PATH_LENGTH_EXCEEDED',
  26: 'INVALID_PURPOSE',
  27: 'CERT_UNTRUSTED',
  28: 'CERT_REJECTED',
  // Node checks names itself, after OpenSSL's verification, and reports both kinds with this code.
  62: 'ERR_TLS_CERT_ALTNAME_INVALID',
  64: 'ERR_TLS_CERT_ALTNAME_INVALID',
  79: 'INVALID_CA',
};
