import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { NodeTransport } from './node-transport.ts';
import { StreamConnectError } from './stream-errors.ts';
import { handshakeError } from './tls-acceptor.ts';
import { resolveTlsClientOptions, type TlsClientOptions, type TlsClientSettings } from './tls-options.ts';
import type { Transport } from './transport.ts';

/**
 * Puts the client's side of TLS on an open connection, and waits for the handshake. The server's certificate must
 * be vouched for and name `servername`, unless `rejectUnauthorized` is false.
 *
 * @param transport - taken over, whatever happens: after a failure it is closed.
 * @param options.servername - a name or a numeric address; required, since a certificate is worth nothing without.
 * @param signal - stops the handshake; there is no deadline of its own.
 * @throws StreamConnectError `ERR_STREAM_TLS`, the TLS library's or the system's error as its cause;
 *   StreamUsageError `ERR_STREAM_USAGE` for unknown options.
 */
export function connectTls(
  transport: Transport,
  options: TlsClientOptions & { readonly servername: string },
  signal?: AbortSignal,
  loop: IOLoop = IOLoop.current(),
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    const { localAddress, remoteAddress } = transport;
    try {
      signal?.throwIfAborted();
      socket = openTls(transport, resolveTlsClientOptions(options), options.servername);
    } catch (error) {
      transport.close();
      throw error;
    }
    const end = (): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecured);
      socket.off('close', onClosed);
    };
    const onAbort = (): void => {
      end();
      socket.destroy();
      reject(signal?.reason);
    };
    const onSecured = (): void => {
      end();
      const secured = new NodeTransport(socket, { loop, localAddress, remoteAddress });
      socket.off('error', onError);
      resolve(secured);
    };
    // Stays on a socket that failed, so that no late error of it goes unheard.
    const onError = (error: Error): void => {
      end();
      reject(handshakeError(error));
    };
    const onClosed = (): void => {
      reject(new StreamConnectError('ERR_STREAM_TLS', 'tls: the connection was closed during the handshake'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', onSecured);
    socket.on('error', onError);
    socket.once('close', onClosed);
  });
}

function openTls(transport: Transport, settings: TlsClientSettings, servername: string): TLSSocket {
  const { alpnProtocols, rejectUnauthorized, secureContext } = settings;
  const socket = transport.detach();
  socket.on('error', () => {});
  const options: ConnectionOptions = { socket, rejectUnauthorized, secureContext, host: servername };
  // RFC 6066 §3 lets only names be sent; an address is checked against the certificate all the same.
  if (isIP(servername) === 0) options.servername = servername;
  if (alpnProtocols !== undefined) options.ALPNProtocols = alpnProtocols;
  try {
    return connect(options);
  } catch (cause) {
    socket.destroy();
    throw handshakeError(cause as Error);
  }
}
