import { SystemError } from '@landspout/ioloop';
import { StreamConnectError, StreamTimeoutError, StreamUsageError } from '../errors.ts';
import { TlsFailure } from '../transports/tls-failure.ts';

export type HandshakeError = StreamConnectError | StreamTimeoutError;

const MAX_MESSAGE_LENGTH = 200;
/** A host name has at most 253 bytes. */
const MAX_NAME_LENGTH = 255;

/** Counts requests of unknown names among the reasons of OpenSSL and Node, which have no code for it. */
const UNKNOWN_NAME = 'ERR_TLS_UNRECOGNIZED_NAME';

/** The error of a server for a failed handshake. */
export function handshakeError(error: Error): HandshakeError {
  if (error instanceof StreamTimeoutError || error instanceof StreamConnectError) return error;
  if (error instanceof TlsFailure) return tlsFailed(error);
  if (error instanceof StreamUsageError) {
    return new StreamConnectError('ERR_STREAM_TLS', error.message, { cause: error });
  }
  const cause = SystemError.from(error, (error as NodeJS.ErrnoException).syscall ?? 'recv');
  // OpenSSL's reason, without the error queue and source lines that Node's message adds.
  const { reason = cause.message } = error as { reason?: string };
  return failed(String((error as NodeJS.ErrnoException).code), reason, cause);
}

function tlsFailed(cause: TlsFailure): StreamConnectError {
  const { code, reason, verifyCode } = cause;
  if (code === 'ERR_SSL_CERTIFICATE_VERIFY_FAILED' && verifyCode !== undefined)
    return untrustedError(verifyCode, cause);
  return failed(code, reason, cause);
}

/**
 * What the reasons of OpenSSL mean on a server, by the end of their codes; the beginning of those of alerts depends on
 * the version of TLS. Names of options are those of `tls`.
 */
const EXPLANATIONS: readonly (readonly [RegExp, string])[] = [
  [/_(HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/, 'the client spoke HTTP without TLS to a TLS port'],
  [
    /_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|BAD_RECORD_TYPE|UNKNOWN_PROTOCOL)$/,
    'the client did not send TLS, or a version before TLS 1.2',
  ],
  [
    /_(UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|VERSION_TOO_HIGH|NO_PROTOCOLS_AVAILABLE)$/,
    'client and server have no version of TLS in common; see minVersion and maxVersion',
  ],
  [
    /_NO_SHARED_CIPHER$/,
    'client and server have no cipher suite in common; see ciphers, and the type of key of the certificate',
  ],
  [
    /_(NO_SUITABLE_SIGNATURE_ALGORITHM|NO_SHARED_SIGNATURE_ALGORITHMS)$/,
    'the client does not support the type of key of the certificate; see certificates',
  ],
  [/_NO_SUITABLE_(GROUPS|KEY_SHARE)$/, 'client and server have no group for the key exchange in common'],
  [
    /_NO_APPLICATION_PROTOCOL$/,
    'the client offers none of the application protocols of this server; see alpnProtocols',
  ],
  [/_PEER_DID_NOT_RETURN_A_CERTIFICATE$/, 'the client presented no certificate, which requestCert requires'],
  [
    /_ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA)$/,
    'the client refused the certificate of this server: it may not trust its authority, or expect another name',
  ],
];

function failed(code: string, reason: string, cause: Error): StreamConnectError {
  const own = reason.trim().slice(0, MAX_MESSAGE_LENGTH);
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(code));
  const words = known === undefined ? own : `${known[1]} (${own})`;
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the handshake failed: ${words}`, { cause });
}

/**
 * The peer's certificate does not verify.
 *
 * @param verifyCode - for example `DEPTH_ZERO_SELF_SIGNED_CERT`.
 */
export function untrustedError(verifyCode: string, failure?: TlsFailure): StreamConnectError {
  const options = failure === undefined ? {} : { cause: failure };
  const cause = Object.assign(new Error(`the certificate does not verify: ${verifyCode}`, options), {
    code: verifyCode,
  });
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the peer's certificate was refused: ${verifyCode}`, {
    cause,
  });
}

/** The client resumed a session that it created when no certificate was required. Otherwise OpenSSL refuses it. */
export function missingCertificateError(): StreamConnectError {
  const reason = 'peer did not return a certificate';
  const code = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';
  return failed(code, reason, Object.assign(new Error(reason), { code }));
}

/** The client requests a name for which the server has no certificate, and which it refuses. */
export function unknownNameError(servername: string): StreamConnectError {
  const name = JSON.stringify(servername.slice(0, MAX_NAME_LENGTH));
  const cause = Object.assign(new Error(`the client requested the name ${name}`), { code: UNKNOWN_NAME });
  return new StreamConnectError('ERR_STREAM_TLS', `tls: no certificate for ${name}`, { cause });
}

export function handshakeTimeout(timeoutMs: number): StreamTimeoutError {
  return new StreamTimeoutError(`tls: the handshake did not complete within ${timeoutMs} ms`);
}

/** The connection had ended before the handshake started. */
export function goneError(): StreamConnectError {
  return handshakeError(new SystemError('ECONNRESET', 'recv')) as StreamConnectError;
}

/** Why a handshake failed, as one code: that of the TLS library or of the system, if the cause has one. */
export function failureCode(error: HandshakeError): string {
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : error.code;
}

/**
 * Whether the peer disconnected, timed out or did not intend to use TLS, as port scanners and health checks constantly
 * do.
 */
export function isScanNoise(error: HandshakeError): boolean {
  if (error instanceof StreamTimeoutError) return true;
  const code = failureCode(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ENOTCONN' || code === 'ECONNABORTED';
}
