import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { TlsInfo } from '../transport.ts';
import { servernameOf } from './node-socket-adapter.ts';

/** What the handshake of `socket` agreed on. Read once: Node forgets most of it when the connection goes. */
export function readTlsInfo(socket: TLSSocket): TlsInfo {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.standardName,
    alpnProtocol: socket.alpnProtocol === null ? false : socket.alpnProtocol,
    authorized: socket.authorized,
    authorizationError: toVerifyCode(socket.authorizationError),
    servername: servernameOf(socket),
    isSessionReused: socket.isSessionReused(),
    getPeerCertificate: () => readCertificate(socket),
  };
}

/** The peer's certificate, or of a server that is met again the one that was verified then. */
export function readCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate();
  // Without a certificate Node answers an empty object, and on a closed socket null.
  return certificate?.subject === undefined ? recalled.get(socket) : certificate;
}

/** A session that a client goes on with has the server's certificate no more; whoever kept it says what it was. */
export function recallCertificate(socket: TLSSocket, certificate: PeerCertificate | undefined): void {
  if (certificate !== undefined) recalled.set(socket, certificate);
}

const recalled = new WeakMap<TLSSocket, PeerCertificate>();

/** OpenSSL's code; Node gives it by itself on a server, and within an error on a client. */
export function toVerifyCode(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
