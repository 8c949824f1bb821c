import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { type ClockTimer, IOLoop } from '@landspout/ioloop';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { addressText } from '../addresses/net-address.ts';
import { StreamConnectError } from '../errors.ts';
import type { SocketAddress, Transport } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import { readCertificate, recallCertificate } from '../transports/tls-info.ts';
import { resolveTlsClientOptions, type TlsClientSettings } from './client-settings.ts';
import { handshakeError, handshakeTimeout } from './handshake-error.ts';
import { detachLive, onVerifiedSession } from './node-tls-adapter.ts';
import type { TlsClientOptions } from './options.ts';
import type { KeptSession } from './session-cache.ts';

/**
 * Performs the client's side of the TLS handshake on an open connection. The server's certificate must verify and match
 * `servername`, unless `rejectUnauthorized` is false.
 *
 * @param transport - taken over in any case, and closed if the handshake fails.
 * @param options.servername - a host name or a numeric address; required, because a certificate proves nothing without
 *   it.
 * @param signal - aborts the handshake.
 * @throws StreamConnectError `ERR_STREAM_TLS`, with the error of the TLS library or the system as its cause;
 *   StreamTimeoutError `ERR_STREAM_TIMEOUT` after `handshakeTimeoutMs`; StreamUsageError `ERR_STREAM_USAGE` if an
 *   option is invalid; the reason of `signal` if it aborts.
 */
export async function connectTls(
  transport: Transport,
  options: TlsClientOptions & { readonly servername: string },
  signal?: AbortSignal,
  loop: IOLoop = IOLoop.current(),
): Promise<Transport> {
  let settings: TlsClientSettings;
  try {
    signal?.throwIfAborted();
    settings = resolveTlsClientOptions(options);
  } catch (error) {
    transport.close();
    throw error;
  }
  try {
    return await secureClient(transport, settings, options.servername, signal, loop);
  } catch (error) {
    throw withCallerStack(error);
  }
}

/** As {@link connectTls}, for options that are already checked. */
export function secureClient(
  transport: Transport,
  settings: TlsClientSettings,
  servername: string,
  signal: AbortSignal | undefined,
  loop: IOLoop,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    // Read them now: after `detach` the transport no longer knows them.
    const { localAddress, remoteAddress, proxied } = transport;
    const below = detachLive(transport);
    const socket = openTls(below, settings, servername, remoteAddress);
    let deadline: ClockTimer | undefined;
    const end = (): void => {
      deadline?.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecured);
      socket.off('close', onClosed);
    };
    const giveUp = (reason: unknown): void => {
      end();
      socket.destroy();
      reject(reason);
    };
    const onAbort = (): void => giveUp(signal?.reason);
    const onSecured = (): void => {
      end();
      const secured = new NodeTransport(socket, { loop, localAddress, remoteAddress, proxied, below });
      socket.off('error', onError);
      resolve(secured);
    };
    // Stays attached if the handshake fails, so that a later `error` event is not uncaught.
    const onError = (error: Error): void => {
      end();
      reject(handshakeError(error, addressText(remoteAddress)));
    };
    const onClosed = (): void => {
      end();
      const message = 'tls: the connection was closed during the handshake';
      reject(new StreamConnectError('ERR_STREAM_TLS', message, { address: addressText(remoteAddress) }));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', onSecured);
    socket.on('error', onError);
    socket.once('close', onClosed);
    const { handshakeTimeoutMs } = settings;
    if (handshakeTimeoutMs === 0) return;
    deadline = loop.clock.setTimeout(() => giveUp(handshakeTimeout(handshakeTimeoutMs)), handshakeTimeoutMs);
  });
}

function openTls(
  socket: Duplex,
  settings: TlsClientSettings,
  servername: string,
  remoteAddress: SocketAddress,
): TLSSocket {
  const { alpnProtocols, rejectUnauthorized, secureContext, sessions } = settings;
  socket.on('error', () => {});
  const options: ConnectionOptions = { socket, rejectUnauthorized, secureContext, host: servername };
  // RFC 6066 §3 allows only host names in SNI. A numeric address is still checked against the certificate.
  if (isIP(servername) === 0) options.servername = servername;
  if (alpnProtocols !== undefined) options.ALPNProtocols = alpnProtocols;
  const sessionKey = `${JSON.stringify(remoteAddress)} ${servername} ${settings.fingerprint}`;
  const kept = sessions?.take(sessionKey);
  if (kept !== undefined) options.session = kept.session;
  try {
    const secure = connect(options);
    if (sessions !== undefined) keepSessions(secure, kept, (next) => sessions.put(sessionKey, next));
    return secure;
  } catch (cause) {
    socket.destroy();
    throw handshakeError(cause as Error, addressText(remoteAddress));
  }
}

/** Stores the sessions that the server issues. @param kept - the session offered for resumption. */
function keepSessions(
  socket: TLSSocket,
  kept: KeptSession | undefined,
  keep: (kept: KeptSession) => void,
): void {
  let certificate: PeerCertificate | undefined;
  socket.once('secureConnect', () => {
    if (kept === undefined || !socket.isSessionReused()) return;
    certificate = kept.certificate;
    recallCertificate(socket, certificate);
    // A TLS 1.2 session is reusable, and resuming it does not issue a new one: put it back.
    if (socket.getProtocol() !== 'TLSv1.3') keep(kept);
  });
  onVerifiedSession(socket, (session) => {
    certificate ??= readCertificate(socket);
    keep({ session, certificate });
  });
}
