// Holds everything in this folder that relies on Node's internals. Each function documents what it relies on, in which
// versions of Node this was seen, and what breaks without it; node-tls-adapter.canary.test.ts checks the running
// version of Node. Independent of options and settings.

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { SecureContext, Server, TLSSocket } from 'node:tls';
import { SystemError } from '@landspout/ioloop';
import type { Transport } from '../transport.ts';
import { toVerifyCode } from '../transports/tls-info.ts';

/** The outcome of one handshake: exactly one of `secured` and `failed` is called, once. */
export interface HandshakeEvents {
  secured(socket: TLSSocket): void;
  failed(error: Error, socket: TLSSocket): void;
  /** A line of the key log with its line feed, before the outcome or after it; see {@link collectKeyLines}. */
  keyLine(line: string): void;
}

/**
 * Whether `value` was created by `createSecureContext`. Node exports no class for an `instanceof` check.
 *
 * Relies on the property `context`, in which Node keeps OpenSSL's context (seen in Node 20 to 26). Without it, a
 * ready-made context would be treated as an options object and refused.
 */
export function isSecureContext(value: object): value is SecureContext {
  return typeof value === 'object' && value !== null && 'context' in value;
}

/**
 * Makes `server` use a ready-made context, for which `createServer` has no option.
 *
 * Relies on `_sharedCreds`, in which Node keeps the context created from the options, and which it reads at each
 * handshake (seen in Node 20 to 26). If the name changes, servers with a `secureContext` have no certificate and every
 * handshake fails.
 */
export function setSharedContext(server: Server, context: SecureContext): void {
  Object.assign(server, { _sharedCreds: context });
}

/**
 * Changes the keys of the session tickets of `server`, and of the contexts that it selects by name: Node decrypts a
 * ticket with the keys of the server's context, but encrypts it with those of the selected one.
 *
 * Relies on the property `context` of a secure context having the method by which `server.setTicketKeys` is implemented
 * (seen in Node 20 to 26). Otherwise clients that request one of several names could not resume their sessions.
 *
 * @param keys - 48 bytes.
 */
export function setTicketKeys(server: Server, contexts: readonly SecureContext[], keys: Buffer): void {
  server.setTicketKeys(keys);
  for (const { context } of contexts) context.setTicketKeys?.(keys);
}

/**
 * Makes handshakes of `server` report the lines of a key log to their {@link HandshakeEvents}.
 *
 * Relies on Node asking the server for listeners to `keylog` at the start of each handshake, and emitting the event on
 * the server that the handshake was started with (seen in Node 20 to 26). Otherwise no line would be reported.
 */
export function collectKeyLines(server: Server): void {
  server.on('keylog', () => {});
}

/**
 * Starts the server's side of a handshake on an open socket, using a server that never listens.
 *
 * Node reports the outcome of a handshake as an event of the server, which does not say which connection it concerns.
 * So each connection gets an object that inherits from the server and has its own `emit`.
 *
 * Relies on Node's `connection` listener using its `this` as the server: it reads everything through inheritance, and
 * emits `secureConnection` and `tlsClientError` on it (seen in Node 20 to 26). If Node emitted on the real server
 * instead, every handshake would run into its timeout.
 *
 * Relies on the TLS socket copying `allowHalfOpen` from the socket below when it is created. Otherwise a client that
 * ends its side during the handshake would be kept until the timeout.
 */
export function startHandshake(server: Server, socket: Duplex, events: HandshakeEvents): void {
  const emit = (event: string, ...details: unknown[]): boolean => {
    if (event === 'tlsClientError') events.failed(details[0] as Error, details[1] as TLSSocket);
    else if (event === 'secureConnection') events.secured(details[0] as TLSSocket);
    else if (event === 'keylog') events.keyLine(String(details[0]));
    return true;
  };
  const view = Object.create(server, { emit: { value: emit } }) as Server;
  // A client that ends its side during the handshake has disconnected. The TLS socket keeps this setting from here on.
  socket.allowHalfOpen = false;
  EventEmitter.prototype.emit.call(view, 'connection', socket);
  socket.allowHalfOpen = true;
}

/**
 * Returns OpenSSL's code for why a client's certificate was refused; `undefined` if the handshake failed for another
 * reason.
 *
 * Relies on Node setting `authorizationError` before it closes the connection, which otherwise looks like a disconnect
 * (seen in Node 20 to 26; documented only for open connections). Without it, such a failure would be reported as
 * `ECONNRESET`.
 */
export function refusalCode(socket: TLSSocket): string | undefined {
  return toVerifyCode(socket.authorizationError);
}

/**
 * Calls `keep` with each session that the server issues, in OpenSSL's encoding. Must be called before the handshake.
 *
 * Relies on Node delaying the event `session` until `secureConnect` has been emitted, whose listeners verify the server
 * (seen in Node 20 to 26). If the event came earlier, the sessions of TLS 1.2 would not be kept.
 *
 * Relies on the bytes that newer versions of Node put in front: a marker, and the name of the server with its length
 * (seen in Node 22.23, 24.21 and 26; not in Node 20). If they change, sessions are not resumed. Node accepts the plain
 * encoding if its own verification is off.
 */
export function onSession(socket: TLSSocket, keep: (session: Buffer) => void): void {
  socket.on('session', (emitted: Buffer) => keep(plainSession(emitted)));
}

function plainSession(emitted: Buffer): Buffer {
  const nameAt = SESSION_MARKER.length + 2;
  if (emitted.length < nameAt || !emitted.subarray(0, SESSION_MARKER.length).equals(SESSION_MARKER))
    return emitted;
  return emitted.subarray(nameAt + emitted.readUInt16BE(SESSION_MARKER.length));
}

const SESSION_MARKER = Buffer.from('\0nodejs:tls:session:1\0');

/** Detaches the Node socket of a transport. @throws SystemError `ECONNRESET` if it has ended. */
export function detachLive(transport: Transport): Duplex {
  const socket = transport.detach();
  // If the socket emitted `end` before this point, the event would not be repeated, and the new owner would wait
  // forever.
  if (!socket.destroyed && !socket.readableEnded) return socket;
  socket.destroy();
  throw new SystemError('ECONNRESET', 'recv');
}
