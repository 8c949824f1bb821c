import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { TlsInfo } from '../transport.ts';
import { servernameOf } from './node-socket-adapter.ts';

/**
 * Reads what the handshake of `socket` negotiated. Must be called while the connection is open: Node discards most of
 * this information when the connection closes.
 */
export function readTlsInfo(socket: TLSSocket): TlsInfo {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.standardName,
    alpnProtocol: socket.alpnProtocol === null ? false : socket.alpnProtocol,
    authorized: socket.authorized,
    authorizationError: toVerifyCode(socket.authorizationError),
    servername: servernameOf(socket)?.toLowerCase(),
    isSessionReused: socket.isSessionReused(),
    getPeerCertificate: () => readCertificate(socket),
  };
}

/** Returns the peer's certificate; for a server whose session was resumed, the one verified in the full handshake. */
export function readCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate();
  // Without a certificate Node returns an empty object, and on a closed socket null.
  return certificate?.subject === undefined ? recalled.get(socket)?.() : certificate;
}

/** Sets how to read the certificate of a server whose session was resumed, which Node no longer has. */
export function recallCertificate(socket: TLSSocket, read: () => PeerCertificate | undefined): void {
  recalled.set(socket, read);
}

const recalled = new WeakMap<TLSSocket, () => PeerCertificate | undefined>();

/** Returns OpenSSL's code, which Node reports as a string on a server and within an error on a client. */
export function toVerifyCode(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
