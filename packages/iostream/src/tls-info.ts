import type { TLSSocket } from 'node:tls';
import type { TlsInfo } from './transport.ts';

/** What the handshake of `socket` agreed on. Read once: Node forgets most of it when the connection goes. */
export function readTlsInfo(socket: TLSSocket): TlsInfo {
  // Both sides have it, though Node's types know it of neither.
  const { servername } = socket as TLSSocket & { readonly servername?: string | false | null };
  return {
    protocol: socket.getProtocol(),
    alpnProtocol: socket.alpnProtocol === null ? false : socket.alpnProtocol,
    authorized: socket.authorized,
    servername: servername || undefined,
    getPeerCertificate() {
      const certificate = socket.getPeerCertificate();
      // Without a certificate Node answers an empty object.
      return certificate?.subject === undefined ? undefined : certificate;
    },
  };
}
