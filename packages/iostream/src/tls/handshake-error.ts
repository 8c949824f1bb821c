import { SystemError } from '@landspout/ioloop';
import { StreamConnectError, StreamTimeoutError } from '../errors.ts';

export type HandshakeError = StreamConnectError | StreamTimeoutError;

const MAX_MESSAGE_LENGTH = 200;

/** The error for a failed handshake, on either side. @param address - the server's, on the client's side. */
export function handshakeError(error: Error, address?: string): HandshakeError {
  if (error instanceof StreamTimeoutError || error instanceof StreamConnectError) return error;
  const cause = SystemError.from(error, (error as NodeJS.ErrnoException).syscall ?? 'recv');
  // OpenSSL's reason, without the error queue and source lines that Node's message adds.
  const { reason = cause.message } = error as { reason?: string };
  const words = reason.trim().slice(0, MAX_MESSAGE_LENGTH);
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the handshake failed: ${words}`, { cause, address });
}

/** The peer's certificate does not verify. @param verifyCode - for example `DEPTH_ZERO_SELF_SIGNED_CERT`. */
export function untrustedError(verifyCode: string): StreamConnectError {
  const cause = Object.assign(new Error(`the certificate does not verify: ${verifyCode}`), {
    code: verifyCode,
  });
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the peer's certificate was refused: ${verifyCode}`, {
    cause,
  });
}

export function missingCertificateError(): StreamConnectError {
  return new StreamConnectError('ERR_STREAM_TLS', 'tls: the client presented no certificate');
}

export function handshakeTimeout(timeoutMs: number): StreamTimeoutError {
  return new StreamTimeoutError(`tls: the handshake did not complete within ${timeoutMs} ms`);
}

/** The connection had ended before the handshake started. */
export function goneError(): StreamConnectError {
  return handshakeError(new SystemError('ECONNRESET', 'recv')) as StreamConnectError;
}

/**
 * Whether the peer disconnected, timed out or did not intend to use TLS, as port scanners and health checks constantly
 * do.
 */
export function isScanNoise(error: HandshakeError): boolean {
  if (error instanceof StreamTimeoutError) return true;
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ENOTCONN' || code === 'ECONNABORTED';
}
