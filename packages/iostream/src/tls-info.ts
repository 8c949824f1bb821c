import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { TlsInfo } from './transport.ts';

/** What the handshake of `socket` agreed on. Read once: Node forgets most of it when the connection goes. */
export function readTlsInfo(socket: TLSSocket): TlsInfo {
  // Both sides have it, though Node's types know it of neither.
  const { servername } = socket as TLSSocket & { readonly servername?: string | false | null };
  const isSessionReused = socket.isSessionReused();
  // Node calls a client authorized too that goes on with a session of one without a certificate.
  const authorized = socket.authorized && (!isSessionReused || hasCertificate(socket));
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.standardName,
    alpnProtocol: socket.alpnProtocol === null ? false : socket.alpnProtocol,
    authorized,
    authorizationError: authorized ? undefined : toVerifyCode(socket.authorizationError),
    servername: servername || undefined,
    isSessionReused,
    getPeerCertificate: () => readCertificate(socket),
  };
}

export function hasCertificate(socket: TLSSocket): boolean {
  return readCertificate(socket) !== undefined;
}

function readCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate();
  // Without a certificate Node answers an empty object, and on a closed socket null.
  return certificate?.subject === undefined ? undefined : certificate;
}

/** OpenSSL's code; Node gives it by itself on a server, and within an error on a client. */
export function toVerifyCode(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
