import type { X509Certificate } from 'node:crypto';
import { SystemError } from '@landspout/ioloop';
import { printable } from '@landspout/ioloop/errors';
import { addressText } from '../../addresses/net-address.ts';
import { StreamConnectError, StreamTimeoutError } from '../../errors.ts';
import type { SocketAddress } from '../../transport.ts';
import type { HandshakeError } from '../handshake-error.ts';
import { certificateProblem } from './certificate-problem.ts';

/** The server with which a client performs a handshake. */
export interface HandshakePeer {
  /** The name or the numeric address that was expected. */
  readonly host: string;
  readonly remoteAddress: SocketAddress;
  /** Whether this client has no certificate that it could present. */
  readonly isAnonymous: boolean;
}

const MAX_REASON_CHARS = 200;
const MAX_HOST_CHARS = 100;

/** The error of a client whose handshake has failed for another reason than the certificate of the server. */
export function handshakeFailure(error: Error, peer: HandshakePeer): HandshakeError {
  if (error instanceof StreamTimeoutError || error instanceof StreamConnectError) return error;
  const cause = SystemError.from(error, (error as NodeJS.ErrnoException).syscall ?? 'recv');
  // OpenSSL's reason, without the error queue and source lines that Node's message adds.
  const { reason = cause.message, code = '' } = cause as { reason?: string; code?: string };
  const words = `the handshake with ${nameOf(peer)} failed: ${explained(code, reason.trim(), peer)}`;
  return connectError(words, cause, peer);
}

/**
 * The error of a client's connection that has failed after the handshake. In TLS 1.3, the client's handshake is complete
 * before the server verifies the client's certificate, so a refusal is the first that the client receives (RFC 8446
 * §4.4.2.4).
 */
export function connectionFailure(error: Error, peer: HandshakePeer): Error {
  const { code, reason = error.message } = error as { code?: unknown; reason?: string };
  if (typeof code !== 'string' || !CERTIFICATE_ALERT.test(code)) return error;
  const words = `the connection with ${nameOf(peer)} failed: ${explained(code, reason.trim(), peer)}`;
  return connectError(words, error, peer);
}

/**
 * The error of a client that refuses the certificate of a server.
 *
 * @param code - why, as node:tls names it, such as `CERT_HAS_EXPIRED`.
 * @param certificate - what the server has presented, if that is known.
 * @param cause - OpenSSL's error, if there is one.
 */
export function refusedCertificate(
  code: string,
  peer: HandshakePeer,
  certificate: X509Certificate | undefined,
  cause?: Error,
): StreamConnectError {
  const problem = certificateProblem(code, peer.host, certificate);
  const refusal = Object.assign(new Error(`the certificate does not verify: ${problem}`, { cause }), {
    code,
  });
  return connectError(`the certificate of ${nameOf(peer)} was refused: ${problem} (${code})`, refusal, peer);
}

export function handshakeTooLong(timeoutMs: number, peer: HandshakePeer): StreamTimeoutError {
  const message = `tls: the handshake with ${nameOf(peer)} did not complete within ${timeoutMs} ms`;
  return new StreamTimeoutError(message, { phase: 'tls', address: addressText(peer.remoteAddress) });
}

function connectError(words: string, cause: Error, peer: HandshakePeer): StreamConnectError {
  const address = addressText(peer.remoteAddress);
  return new StreamConnectError('ERR_STREAM_TLS', `tls: ${words}`, { cause, address });
}

/** The name that was expected and the address of the connection, which may be that of a proxy. */
function nameOf({ host, remoteAddress }: HandshakePeer): string {
  const address = addressText(remoteAddress);
  if (address === undefined) return printable(host, MAX_HOST_CHARS);
  if ('address' in remoteAddress && remoteAddress.address === host) return address;
  return `${printable(host, MAX_HOST_CHARS)} at ${printable(address)}`;
}

/** The alerts by which a server refuses the certificate of a client, or requires one (RFC 8446 §6.2). */
const CERTIFICATE_ALERT =
  /_ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|CERTIFICATE_REQUIRED|UNKNOWN_CA|ACCESS_DENIED)$/;
const REQUIRED = 'the server requires a client certificate; set certFile and keyFile';

/**
 * What the reasons of OpenSSL mean for a client, by the end of their codes; the beginning depends on the version of
 * OpenSSL. Names of options are those of `tls`.
 */
const EXPLANATIONS: readonly (readonly [RegExp, string])[] = [
  [
    /^(ECONNRESET|EPIPE|ENOTCONN)$/,
    'the server ended the connection; it may not support TLS on this port, or not this name or version',
  ],
  [
    /_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|BAD_RECORD_TYPE|UNKNOWN_PROTOCOL|HTTP_REQUEST)$/,
    'the server did not respond with TLS; if it does not use TLS on this port, connect without it, such as with http: instead of https:',
  ],
  [
    /_(ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|VERSION_TOO_LOW|VERSION_TOO_HIGH)$/,
    'client and server have no version of TLS in common; see minVersion and maxVersion',
  ],
  [
    /_ALERT_HANDSHAKE_FAILURE$/,
    'the server refused; there may be no cipher suite in common, see ciphers, or it requires a client certificate, see certFile',
  ],
  [/_ALERT_INSUFFICIENT_SECURITY$/, 'the server requires stronger cipher suites; see ciphers'],
  [/_ALERT_CERTIFICATE_REQUIRED$/, REQUIRED],
  [CERTIFICATE_ALERT, 'the server refused the certificate of this client; see certFile'],
  [
    /_UNRECOGNIZED_NAME$/,
    'the server has no certificate for this name; set servername to a name that it has',
  ],
  [
    /_NO_APPLICATION_PROTOCOL$/,
    'the server supports none of the application protocols that were offered; see alpnProtocols',
  ],
];

function explained(code: string, reason: string, { isAnonymous }: HandshakePeer): string {
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(code));
  if (known === undefined) return printable(reason, MAX_REASON_CHARS);
  // Servers other than OpenSSL may refuse a missing certificate with the alert for a bad one.
  const words = isAnonymous && CERTIFICATE_ALERT.test(code) ? REQUIRED : known[1];
  return `${words} (${code.startsWith('ERR_') ? printable(reason, MAX_REASON_CHARS) : code})`;
}
