// What this room relies on of Node's internals: each function says what that is, where it was seen, and what breaks if it
// goes. node-tls-adapter.canary.test.ts checks that this version of Node still has it. Knows no options or settings.

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { SecureContext, Server, TLSSocket } from 'node:tls';
import type { Transport } from '../transport.ts';
import { toVerifyCode } from '../transports/tls-info.ts';
import { goneError } from './handshake-error.ts';

/** Notified of how one handshake ended: one of the two is called, once. */
export interface HandshakeEvents {
  secured(socket: TLSSocket): void;
  failed(error: Error, socket: TLSSocket): void;
}

/**
 * Whether `value` was made by `createSecureContext`. Node exports no class to compare with.
 *
 * Relies on the property `context`, where Node keeps OpenSSL's context (seen in Node 20 to 26). Without it, a ready
 * context is taken for an object of options, and refused.
 */
export function isSecureContext(value: object): value is SecureContext {
  return typeof value === 'object' && value !== null && 'context' in value;
}

/**
 * Has `server` use a ready context, for which `createServer` has no option.
 *
 * Relies on `_sharedCreds`, where Node keeps the context that it makes of the options, and reads it at each handshake
 * (seen in Node 20 to 26). If the name changes, servers with a `secureContext` have no certificate: every handshake fails.
 */
export function setSharedContext(server: Server, context: SecureContext): void {
  Object.assign(server, { _sharedCreds: context });
}

/**
 * Starts the server's side of a handshake on an open socket, with a server that never listens.
 *
 * Node says how handshakes end by events of the server, which do not say whose connection they are about. So each
 * connection gets an object of its own that inherits from the server and has an `emit` of its own.
 *
 * Relies on Node's listener for `connection` using its `this` as the server, reading all it needs through inheritance
 * and emitting `secureConnection` and `tlsClientError` on it (seen in Node 20 to 26). If Node emits on the real server
 * instead, no handshake ever ends here but by its timeout.
 *
 * Relies on the TLS socket copying `allowHalfOpen` of the socket below when it is made. Otherwise a client that ends its
 * side during the handshake is held until the timeout.
 */
export function startHandshake(server: Server, socket: Duplex, events: HandshakeEvents): void {
  const emit = (event: string, ...details: unknown[]): boolean => {
    if (event === 'tlsClientError') events.failed(details[0] as Error, details[1] as TLSSocket);
    else if (event === 'secureConnection') events.secured(details[0] as TLSSocket);
    return true;
  };
  const view = Object.create(server, { emit: { value: emit } }) as Server;
  // A client that ends in the handshake is gone; the TLS socket takes over how its ends are treated from here.
  socket.allowHalfOpen = false;
  EventEmitter.prototype.emit.call(view, 'connection', socket);
  socket.allowHalfOpen = true;
}

/**
 * OpenSSL's code for why a client's certificate was refused; `undefined` if the handshake failed for another reason.
 *
 * Relies on Node setting `authorizationError` before it closes the connection without another word, as a hang-up (seen
 * in Node 20 to 26; documented for open connections only). Without it, such a failure is reported as `ECONNRESET`.
 */
export function refusalCode(socket: TLSSocket): string | undefined {
  return toVerifyCode(socket.authorizationError);
}

/**
 * Calls `keep` for each session that a server gives, once its certificate is verified. TLS 1.3 brings sessions after the
 * handshake, TLS 1.2 in it.
 *
 * Relies on Node holding the event `session` back until the server is verified, and dropping it if that fails (seen in
 * Node 20 to 26). Otherwise the session of a server that was refused would be kept, and resuming it is not verified.
 */
export function onVerifiedSession(socket: TLSSocket, keep: (session: Buffer) => void): void {
  socket.on('session', keep);
}

/** Takes over what a transport is made on. @throws what went wrong, with nothing left open. */
export function detachLive(transport: Transport): Duplex {
  const socket = transport.detach();
  // A new owner is not notified of an end that came before, and would wait for it without end.
  if (!socket.destroyed && !socket.readableEnded) return socket;
  socket.destroy();
  throw goneError();
}
