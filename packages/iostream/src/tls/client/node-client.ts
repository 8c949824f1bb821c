import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { ClockTimer, IOLoop } from '@landspout/ioloop';
import type { StreamConnectError } from '../../errors.ts';
import type { Transport } from '../../transport.ts';
import { NodeTransport } from '../../transports/node-transport.ts';
import { recallCertificate, toVerifyCode } from '../../transports/tls-info.ts';
import { reportKeyLines } from '../key-log.ts';
import { detachLive, onSession } from '../node-tls-adapter.ts';
import { ClientContext } from './client-context.ts';
import {
  connectionFailure,
  type HandshakePeer,
  handshakeFailure,
  handshakeTooLong,
  refusedCertificate,
} from './client-failure.ts';
import { ClientSessions } from './client-sessions.ts';
import type { TlsClientSettings } from './client-settings.ts';
import { isCertificateFor, type ServerIdentity } from './server-identity.ts';
import { sessionCertificate } from './session-certificate.ts';

/** Performs the client's side of a handshake with node:tls, on a transport of any kind. */
export function secureOnSocket(
  transport: Transport,
  settings: TlsClientSettings,
  signal: AbortSignal | undefined,
  loop: IOLoop,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    // Read them now: after `detach` the transport no longer knows them.
    const { localAddress, remoteAddress, proxied } = transport;
    const peer: HandshakePeer = {
      host: settings.server.host,
      remoteAddress,
      isAnonymous: settings.isAnonymous,
    };
    const below = detached(transport, peer);
    const sessions = new ClientSessions(settings, remoteAddress);
    const socket = openTls(below, settings, sessions, peer);
    let isVerified = false;
    if (sessions.areKept) {
      onSession(socket, (session) => {
        if (isVerified) sessions.issued(session);
      });
    }
    const { keyLog } = settings;
    if (keyLog !== undefined) socket.on('keylog', (line) => reportKeyLines(keyLog, String(line), loop));
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
      const refusal = settings.rejectUnauthorized ? refusalOf(socket, peer) : undefined;
      if (refusal !== undefined) {
        giveUp(refusal);
        return;
      }
      end();
      isVerified = true;
      takeUpSession(socket, sessions);
      const explain = (error: Error): Error => connectionFailure(error, peer);
      const secured = new NodeTransport(socket, {
        loop,
        localAddress,
        remoteAddress,
        proxied,
        below,
        explain,
      });
      socket.off('error', onError);
      resolve(secured);
    };
    // Stays attached if the handshake fails, so that a later `error` event is not uncaught.
    const onError = (error: Error): void => {
      end();
      reject(handshakeFailure(error, peer));
    };
    const onClosed = (): void => giveUp(handshakeFailure(closedError(), peer));
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', onSecured);
    socket.on('error', onError);
    socket.once('close', onClosed);
    const { handshakeTimeoutMs } = settings;
    if (handshakeTimeoutMs === 0) return;
    deadline = loop.clock.setTimeout(
      () => giveUp(handshakeTooLong(handshakeTimeoutMs, peer)),
      handshakeTimeoutMs,
    );
  });
}

function detached(transport: Transport, peer: HandshakePeer): Duplex {
  try {
    return detachLive(transport);
  } catch (error) {
    throw handshakeFailure(error as Error, peer);
  }
}

function openTls(
  socket: Duplex,
  { alpnProtocols, context, server }: TlsClientSettings,
  sessions: ClientSessions,
  peer: HandshakePeer,
): TLSSocket {
  socket.on('error', () => {});
  try {
    const options: ConnectionOptions = {
      socket,
      secureContext: context instanceof ClientContext ? context.secureContext() : context,
      host: server.host,
      // Node would destroy the connection before the certificate can be read; `refusalOf` refuses it instead. Node would
      // also ignore sessions that were not issued through node:tls.
      rejectUnauthorized: false,
      checkServerIdentity: (_, certificate) => nameProblem(certificate, server),
      ...(server.servername === '' ? {} : { servername: server.servername }),
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
      ...(sessions.offered === undefined ? {} : { session: sessions.offered }),
    };
    return connect(options);
  } catch (cause) {
    socket.destroy();
    throw handshakeFailure(cause as Error, peer);
  }
}

/**
 * Why the certificate of the server is not for the name or address that is expected; `undefined` if it is. Node calls it
 * if the chain verifies, except for a resumed session, whose server was verified when it issued the session.
 *
 * @param certificate - without fields if the server has presented none. On Node 20, `getPeerX509Certificate` would remove
 *   the certificate from the connection.
 */
function nameProblem({ raw }: Partial<PeerCertificate>, server: ServerIdentity): Error | undefined {
  if (raw !== undefined && isCertificateFor(new X509Certificate(raw), server)) return undefined;
  // Only the code is used: `refusedCertificate` has the message.
  const code = 'ERR_TLS_CERT_ALTNAME_INVALID';
  return Object.assign(new Error('the certificate has another name'), { code });
}

/** The error for a server whose certificate does not verify or has another name; `undefined` if nothing is wrong. */
function refusalOf(socket: TLSSocket, peer: HandshakePeer): StreamConnectError | undefined {
  if (socket.authorized) return undefined;
  const code = toVerifyCode(socket.authorizationError) ?? 'UNSPECIFIED';
  return refusedCertificate(code, peer, socket.getPeerX509Certificate());
}

function takeUpSession(socket: TLSSocket, sessions: ClientSessions): void {
  const { offered } = sessions;
  if (offered === undefined || !socket.isSessionReused()) return;
  recallCertificate(socket, () => sessionCertificate(offered));
  sessions.resumed(socket.getProtocol());
}

function closedError(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
}
