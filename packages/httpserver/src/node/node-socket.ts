import { Duplex } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import { type HTTPConnectionInfo, HTTPUsageError } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { TlsInfo } from '@landspout/iostream';
import { RequestConnection } from '../forwarded/request-connection.ts';
import { InactivityTimer } from './inactivity-timer.ts';

/** The request that a connection is processing, as its socket sees it. */
export interface SocketUser {
  /** Resets the connection. */
  abort(error: Error | undefined): void;
  /** Emits `timeout` on the request and the response. @returns whether one of them has a listener. */
  timedOut(): boolean;
}

/** The sockets of open connections. */
const SOCKETS = new WeakMap<HTTPConnectionInfo, NodeSocket>();

const ignore = (): void => {};

/** Returns the socket of a connection, the same one for all of its requests. */
export function nodeSocketOf(connection: HTTPConnectionInfo): NodeSocket {
  let socket = SOCKETS.get(connection);
  // If a handler has destroyed it between requests while the client sent the next one, the connection goes on.
  if (socket === undefined || socket.destroyed) {
    socket = new NodeSocket(connection);
    SOCKETS.set(connection, socket);
  }
  return socket;
}

/** Called when a connection has ended: its socket emits `close`, and is forgotten. */
export function closeNodeSocket(connection: HTTPConnectionInfo): void {
  const socket = SOCKETS.get(connection);
  if (socket === undefined) return;
  SOCKETS.delete(connection);
  socket.connectionEnded();
}

/**
 * The `socket` of requests and responses: a view of one connection, with the properties and events of `net.Socket` that
 * handlers use. The connection itself reads requests and writes responses, so the view delivers no bytes, and writing
 * to it throws. Destroying it during a request resets the connection; between requests, the connection is closed. If a
 * request is cut while its connection goes on, as by `handlerTimeoutMs` of an application, that request gets a closed view.
 *
 * If a trusted proxy reports the client, there is one view for each request, with the addresses that the proxy reports. It
 * closes after the response.
 */
export class NodeSocket extends Duplex {
  /** As in `net.Socket`. */
  readonly connecting = false;
  readonly pending = false;
  readonly server = undefined;
  /** The certificate of the client; only with TLS, so that its presence shows that the connection uses TLS. */
  readonly getPeerCertificate: (() => PeerCertificate | object) | undefined;
  readonly #connection: HTTPConnectionInfo;
  #user: SocketUser | undefined;
  #timer: InactivityTimer | undefined;
  #activity = 0;
  #isConnectionEnded = false;

  constructor(connection: HTTPConnectionInfo) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    const { tls } = connection;
    this.getPeerCertificate = tls === undefined ? undefined : () => tls.getPeerCertificate() ?? {};
    // Node's HTTP server listens too, so that `destroy(error)` is no uncaught error.
    this.on('error', ignore);
  }

  // ---- for the exchange ----

  /** A request begins: destroying the socket now resets its connection. */
  begin(user: SocketUser): void {
    this.#user = user;
  }

  /** A response is complete. */
  release(user: SocketUser): void {
    if (this.#user !== user) return;
    this.#user = undefined;
    this.#timer?.stop();
  }

  /** Whether the view belongs to one request, because a trusted proxy or another server reports the connection. */
  get closesWithRequest(): boolean {
    return this.#connection instanceof RequestConnection;
  }

  /** The events of a response were emitted. */
  responseClosed(): void {
    if (this.closesWithRequest) closeNodeSocket(this.#connection);
  }

  /** Returns a closed view for a request that is over while the connection goes on. */
  closedCopy(): NodeSocket {
    const copy = new NodeSocket(this.#connection);
    copy.connectionEnded();
    return copy;
  }

  /** Bytes were received or written. */
  noteActivity(): void {
    this.#activity += 1;
  }

  /** The connection has ended, so that there is nothing to reset. */
  connectionEnded(): void {
    this.#user = undefined;
    this.#isConnectionEnded = true;
    this.destroy();
  }

  // ---- what handlers use ----

  get remoteAddress(): string | undefined {
    const { remoteAddress } = this.#connection;
    return 'address' in remoteAddress ? remoteAddress.address : undefined;
  }

  get remotePort(): number | undefined {
    const { remoteAddress } = this.#connection;
    return 'port' in remoteAddress ? remoteAddress.port : undefined;
  }

  get remoteFamily(): string | undefined {
    return ipFamily(this.#connection.remoteAddress.family);
  }

  get localAddress(): string | undefined {
    const { localAddress } = this.#connection;
    return 'address' in localAddress ? localAddress.address : undefined;
  }

  get localPort(): number | undefined {
    const { localAddress } = this.#connection;
    return 'port' in localAddress ? localAddress.port : undefined;
  }

  get localFamily(): string | undefined {
    return ipFamily(this.#connection.localAddress.family);
  }

  address(): { address?: string; family?: string; port?: number } {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined || family === undefined || port === undefined
      ? {}
      : { address, family, port };
  }

  /** Whether the client used HTTPS, to this server or to a trusted proxy in front of it. */
  get encrypted(): true | undefined {
    return this.#connection.protocol === 'https' ? true : undefined;
  }

  get authorized(): boolean | undefined {
    return this.#tls?.authorized;
  }

  get authorizationError(): string | undefined {
    return this.#tls?.authorizationError;
  }

  get alpnProtocol(): string | false | undefined {
    return this.#tls?.alpnProtocol;
  }

  get servername(): string | undefined {
    return this.#tls?.servername;
  }

  getProtocol(): string | null | undefined {
    return this.#tls?.protocol;
  }

  getCipher(): { name: string; standardName: string; version: string | null } | undefined {
    const tls = this.#tls;
    if (tls?.cipher === undefined) return undefined;
    return { name: tls.cipher, standardName: tls.cipher, version: tls.protocol };
  }

  isSessionReused(): boolean {
    return this.#tls?.isSessionReused === true;
  }

  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  /**
   * Emits `timeout` on the request, the response and this socket if nothing is received and written for `timeoutMs`. If
   * neither the request nor the response has a listener, the connection is reset, as by Node. Ends with the response.
   */
  setTimeout(timeoutMs: number, callback?: () => void): this {
    this.#timer ??= new InactivityTimer(
      () => this.#activity,
      () => this.#inactive(),
    );
    this.#timer.start(timeoutMs);
    if (callback === undefined) return this;
    if (timeoutMs > 0) this.once('timeout', callback);
    else this.removeListener('timeout', callback);
    return this;
  }

  get timeout(): number | undefined {
    return this.#timer?.timeoutMs;
  }

  /** Has no effect: TCP_NODELAY is always on. */
  setNoDelay(): this {
    return this;
  }

  /** Has no effect: see the option `keepAlive` of the server. */
  setKeepAlive(): this {
    return this;
  }

  /** Has no effect: a request in progress keeps the process alive. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** @throws HTTPUsageError always. */
  override write(): never {
    throw new HTTPUsageError(
      'socket.write: bytes cannot be written beside the response; use the methods of the response, or for another protocol the option onUpgrade of NodeContainer',
    );
  }

  override _read(): void {}

  override _final(callback: (error?: Error | null) => void): void {
    // The handler ends the connection, and does not wait for the response.
    this.#closeConnection(undefined);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#timer?.stop();
    this.#closeConnection(error ?? undefined);
    callback(error);
  }

  [INSPECT](): object {
    return inspection(this, ['encrypted', 'destroyed'], () => ({
      remoteAddress: inspectedAddress(this.#connection.remoteAddress),
    }));
  }

  get #tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  #closeConnection(error: Error | undefined): void {
    if (this.#user !== undefined) this.#user.abort(error);
    else if (!this.#isConnectionEnded) this.#connection.closeWhenIdle?.();
  }

  #inactive(): void {
    const isHandled = this.#user?.timedOut() === true;
    this.emit('timeout');
    if (!isHandled) this.destroy();
  }
}

function ipFamily(family: string): string | undefined {
  return family === 'IPv4' || family === 'IPv6' ? family : undefined;
}
