import type { IncomingMessage } from 'node:http';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { HTTPConnectionInfo } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { normalizeIp, type SocketAddress, type TlsInfo } from '@landspout/iostream';

type Socket = IncomingMessage['socket'];

const NO_ADDRESS: SocketAddress = { family: 'unix', path: '' };

/** The connection of a request that node:http received. Shared by the requests of the connection. */
export class OuterNodeConnection implements HTTPConnectionInfo {
  readonly remoteAddress: SocketAddress;
  readonly localAddress: SocketAddress;
  readonly tls: TlsInfo | undefined;
  readonly protocol: 'http' | 'https';

  constructor(socket: Socket, protocol: 'http' | 'https' | undefined) {
    // Read now, since Node forgets them when the connection closes.
    this.remoteAddress = addressOf(socket.remoteAddress, socket.remotePort);
    this.localAddress = addressOf(socket.localAddress, socket.localPort);
    this.tls = isTls(socket) ? tlsInfoOf(socket) : undefined;
    this.protocol = protocol ?? ('encrypted' in socket && socket.encrypted === true ? 'https' : 'http');
  }

  [INSPECT](): object {
    return inspection(this, ['protocol'], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      localAddress: inspectedAddress(this.localAddress),
      tls: this.tls?.protocol,
    }));
  }
}

function addressOf(address: string | undefined, port: number | undefined): SocketAddress {
  if (address === undefined || port === undefined) return NO_ADDRESS;
  const normal = normalizeIp(address);
  return { family: normal.includes(':') ? 'IPv6' : 'IPv4', address: normal, port };
}

/** A socket with `encrypted` may also be one of a proxy or of a test, which has none of the methods. */
function isTls(socket: Socket): socket is TLSSocket {
  return typeof (socket as Partial<TLSSocket>).getCipher === 'function';
}

function tlsInfoOf(socket: TLSSocket): TlsInfo {
  const { servername } = socket as TLSSocket & { readonly servername?: unknown };
  const authorizationError = verifyCode(socket.authorizationError);
  // Node sets it also if the client presented no certificate, although nothing is wrong then.
  const isPresented = authorizationError !== undefined && certificateOf(socket) !== undefined;
  return {
    protocol: socket.getProtocol(),
    cipher: (socket.getCipher() as { standardName?: string } | undefined)?.standardName,
    alpnProtocol: socket.alpnProtocol === null ? false : socket.alpnProtocol,
    authorized: socket.authorized,
    authorizationError: isPresented ? authorizationError : undefined,
    servername: typeof servername === 'string' && servername !== '' ? servername : undefined,
    isSessionReused: socket.isSessionReused(),
    getPeerCertificate: () => certificateOf(socket),
  };
}

function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate() as PeerCertificate | undefined | null;
  // Without a certificate Node returns an empty object, and on a closed socket null.
  return certificate?.subject === undefined ? undefined : certificate;
}

/** Returns OpenSSL's code, which Node reports as a string on a server, although its type is an error. */
function verifyCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code ?? error;
  return typeof code === 'string' ? code : undefined;
}
