import { SystemError } from '@landspout/ioloop';
import { StreamConnectError, StreamTimeoutError, StreamUsageError } from '../errors.ts';
import { TlsFailure } from '../transports/tls-failure.ts';

export type HandshakeError = StreamConnectError | StreamTimeoutError;

const MAX_MESSAGE_LENGTH = 200;
/** A host name has at most 253 bytes. */
const MAX_NAME_LENGTH = 255;

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
  const words = reason.trim().slice(0, MAX_MESSAGE_LENGTH);
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the handshake failed: ${words}`, { cause });
}

function tlsFailed(cause: TlsFailure): StreamConnectError {
  const { code, reason, verifyCode } = cause;
  if (code === 'ERR_SSL_CERTIFICATE_VERIFY_FAILED' && verifyCode !== undefined)
    return untrustedError(verifyCode, cause);
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the handshake failed: ${reason}`, { cause });
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

export function missingCertificateError(): StreamConnectError {
  return new StreamConnectError('ERR_STREAM_TLS', 'tls: the client presented no certificate');
}

/** The client requests a name for which the server has no certificate, and which it refuses. */
export function unknownNameError(servername: string): StreamConnectError {
  const name = JSON.stringify(servername.slice(0, MAX_NAME_LENGTH));
  return new StreamConnectError('ERR_STREAM_TLS', `tls: no certificate for ${name}`);
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
