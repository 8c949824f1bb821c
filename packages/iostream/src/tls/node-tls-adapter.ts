import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { StreamConnectError } from '../errors.ts';
import type { Transport } from '../transport.ts';
import { readCertificate } from '../transports/tls-info.ts';
import { goneError, missingCertificateError } from './handshake-error.ts';
import type { TlsServerSettings } from './server-settings.ts';

/** Tells how one handshake ended: one of the two, once. */
export interface HandshakeEvents {
  secured(socket: TLSSocket): void;
  failed(error: Error, socket: TLSSocket): void;
}

/** A server that never listens: it brings the handshake, and what Node verifies at its end. */
export function toNodeServer(settings: TlsServerSettings): Server {
  const { credentials, readyContext, names, alpnProtocols, requestCert, rejectUnauthorized } = settings;
  const server = createServer({
    ...credentials,
    requestCert,
    rejectUnauthorized,
    // The deadline is ours, by the loop's clock; Node's cannot be turned off.
    handshakeTimeout: 2 ** 31 - 1,
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
    ...(names === undefined ? {} : { SNICallback: selectByName(settings) }),
  });
  // Node has no option for a context that is ready; this is where it keeps the one that it makes of the options.
  if (readyContext !== undefined) Object.assign(server, { _sharedCreds: readyContext });
  return server;
}

/** Starts the server's side of a handshake on an open socket, with a server of {@link toNodeServer}. */
export function startHandshake(
  server: Server,
  settings: TlsServerSettings,
  socket: Duplex,
  events: HandshakeEvents,
): void {
  // Node tells of handshakes by events of the server, without saying which connection they are of. So each
  // connection gets a server of its own to look at: the same one, with its own ear.
  const { requestCert, rejectUnauthorized } = settings;
  const emit = (event: string, ...details: unknown[]): boolean => {
    if (event === 'tlsClientError') {
      events.failed(details[0] as Error, details[1] as TLSSocket);
    } else if (event === 'secureConnection') {
      const [secure] = details as [TLSSocket];
      // OpenSSL finds nothing wrong with a session that was made without a certificate, where none was demanded.
      if (requestCert && readCertificate(secure) === undefined) secure.authorized = false;
      if (requestCert && rejectUnauthorized && !secure.authorized) {
        events.failed(missingCertificateError(), secure);
      } else {
        events.secured(secure);
      }
    }
    return true;
  };
  const view = Object.create(server, { emit: { value: emit } }) as Server;
  EventEmitter.prototype.emit.call(view, 'connection', socket);
}

/** Takes over what a transport stands on. @throws what went wrong, with nothing left open. */
export function detachLive(transport: Transport): Duplex {
  const socket = transport.detach();
  // Whoever takes over is told of no end that was noticed before, and would wait for ever.
  if (!socket.destroyed && !socket.readableEnded) return socket;
  socket.destroy();
  throw goneError();
}

function selectByName({ names, refusesUnknownNames }: TlsServerSettings) {
  return (servername: string, callback: (error: Error | null, context?: SecureContext) => void): void => {
    const context = names?.find(servername);
    if (context === undefined && refusesUnknownNames) {
      const name = JSON.stringify(servername.slice(0, 255));
      callback(new StreamConnectError('ERR_STREAM_TLS', `tls: there is no certificate for ${name}`));
    } else {
      callback(null, context);
    }
  };
}
