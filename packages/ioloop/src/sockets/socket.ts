// Sockets and other descriptors, for programs that wait for readiness themselves. Each call is one system call, without
// buffering; streams are in iostream.

import { isIP } from 'node:net';
import { loopChecks } from '../checks.ts';
import type { SystemError } from '../errors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { requireNative } from '../reactor/backend.ts';
import type { NativeAddress, NativeBinding } from '../reactor/native-binding.ts';
import { checked, type Descriptor, systemError } from '../reactor/reactor.ts';
import { shownValue } from '../shown-value.ts';

/**
 * The address of a socket: a numeric host and a port, or the path of a Unix socket (an abstract name starts with NUL).
 */
export type SocketTarget = { readonly host: string; readonly port: number } | { readonly path: string };

type SocketFamily = 4 | 6 | 'unix';

/** The largest C `int`. */
const MAX_INT = 0x7fffffff;
const DEFAULT_BACKLOG = 128;
const DEFAULT_RECV_BYTES = 64 * 1024;
/**
 * Maximum number of bytes of one `recv`: more than the system buffers for one socket by default, so that a larger
 * `maxBytes` does not waste memory.
 */
const MOST_RECV_BYTES = 8 * 1024 * 1024;
const SHUT_WRITE = 1;

/** Called when a socket is closed. At most one loop or selector watches a socket. */
const WATCHERS = new WeakMap<Socket, () => void>();

/**
 * A non-blocking stream socket: TCP over IPv4 or IPv6, or Unix. Each method is one system call.
 *
 * For programs that handle readiness themselves, with `DefaultSelector` or `IOLoop.addHandler`. For most programs,
 * `IOStream` is the better choice: it buffers, waits and enforces limits. Host names are not resolved: addresses are
 * numeric.
 *
 * Needs the native backend: the portable one has no descriptors, and creating a socket there throws `LoopUsageError`
 * `ERR_LOOP_NOT_SUPPORTED`. A failed system call throws `SystemError` with the code of the system; any call after
 * {@link close} throws `LoopClosedError` `ERR_LOOP_CLOSED`. An open socket that is not watched does not keep the
 * process alive, and garbage collection does not close it.
 *
 * @example
 * using socket = Socket.tcp();
 * socket.connect({ host: '127.0.0.1', port: 8888 }); // false: register it for EVENT_WRITE
 */
export class Socket {
  /** Identifies this socket to loops and selectors. No longer valid after the socket has been closed. */
  readonly descriptor: Descriptor;
  readonly #binding: NativeBinding;
  readonly #family: SocketFamily;
  #target: string | undefined; // the address passed to connect, for an error that comes later
  #closed = false;

  private constructor(binding: NativeBinding, slot: number, family: SocketFamily) {
    this.#binding = binding;
    this.#family = family;
    this.descriptor = { slot, generation: binding.generation(slot) };
  }

  /**
   * Opens a TCP socket.
   *
   * @param family - 4 (the default) or 6: the family of addresses that the socket accepts.
   * @throws SystemError such as `EMFILE`; LoopUsageError `ERR_LOOP_NOT_SUPPORTED`, or `ERR_LOOP_USAGE` for another
   *   family.
   */
  static tcp(family: 4 | 6 = 4): Socket {
    const binding = requireNative('Socket.tcp');
    loopChecks.oneOf('Socket.tcp', 'family', family, [4, 6]);
    const { AF_INET, AF_INET6 } = binding.constants;
    return Socket.#open(binding, family === 6 ? AF_INET6 : AF_INET, family);
  }

  /** Opens a Unix stream socket. @throws SystemError such as `EMFILE`; LoopUsageError `ERR_LOOP_NOT_SUPPORTED`. */
  static unix(): Socket {
    const binding = requireNative('Socket.unix');
    return Socket.#open(binding, binding.constants.AF_UNIX, 'unix');
  }

  static #open(binding: NativeBinding, domain: number, family: SocketFamily): Socket {
    return new Socket(
      binding,
      checked(binding.socket(domain, binding.constants.SOCK_STREAM), 'socket'),
      family,
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The address that the socket is bound to; port 0 or an empty path if it is not bound. */
  get localAddress(): SocketTarget {
    const { binding, slot, generation } = this.#live('localAddress');
    return fromNative(binding.localAddress(slot, generation), 'getsockname') as SocketTarget;
  }

  /** The address of the peer, or `undefined` if there is none. */
  get remoteAddress(): SocketTarget | undefined {
    const { binding, slot, generation } = this.#live('remoteAddress');
    const address = binding.peerAddress(slot, generation);
    if (typeof address === 'number' && systemError(address, 'getpeername').code === 'ENOTCONN')
      return undefined;
    return fromNative(address, 'getpeername');
  }

  /**
   * Begins to connect.
   *
   * @returns true if connected immediately. Otherwise false: the socket becomes writable when the connect has succeeded
   *   or failed, and {@link getError} then returns the result.
   * @throws SystemError such as `ECONNREFUSED`; LoopUsageError `ERR_LOOP_USAGE` if the address is invalid for this
   *   socket.
   */
  connect(address: SocketTarget): boolean {
    const { binding, slot, generation } = this.#live('connect');
    const result = this.#withAddress(address, {
      inet: (host, port) => binding.connectInet(slot, generation, host, port),
      unix: (path) => binding.connectUnix(slot, generation, path),
    });
    const target = describe(address);
    this.#target = target;
    if (result === -binding.constants.EINPROGRESS) return false;
    checked(result, 'connect', target);
    return true;
  }

  /**
   * Binds the socket to a local address; for TCP, with SO_REUSEADDR. With port 0 the system chooses one. @throws as
   * {@link connect}.
   */
  bind(address: SocketTarget): void {
    const { binding, slot, generation } = this.#live('bind');
    const { REUSEADDR } = binding.constants.options;
    const result = this.#withAddress(address, {
      inet: (host, port) => {
        checked(binding.setOption(slot, generation, REUSEADDR, 1), 'setsockopt');
        return binding.bindInet(slot, generation, host, port);
      },
      unix: (path) => binding.bindUnix(slot, generation, path),
    });
    checked(result, 'bind', describe(address));
  }

  /**
   * Starts to accept connections. @param backlog - maximum number of connections that wait for {@link accept}; the
   * system may lower it. Default: 128.
   */
  listen(backlog: number = DEFAULT_BACKLOG): void {
    const { binding, slot, generation } = this.#live('listen');
    loopChecks.wholeNumber('listen', 'backlog', backlog, 0, MAX_INT);
    checked(binding.listen(slot, generation, backlog), 'listen');
  }

  /**
   * Accepts one connection. @returns a socket that the caller must close, or `undefined` if no connection is waiting.
   */
  accept(): Socket | undefined {
    const { binding, slot, generation } = this.#live('accept');
    const accepted = binding.accept(slot, generation);
    if (accepted === -binding.constants.EAGAIN) return undefined;
    return new Socket(binding, checked(accepted, 'accept'), this.#family);
  }

  /**
   * Reads the bytes that have arrived.
   *
   * @param maxBytes - maximum number of bytes to read, at least 1. One call reads at most 8 MiB. Default: 64 KiB.
   * @returns the bytes, which the caller owns; empty at the end of the data; `undefined` if the call would block.
   * @throws SystemError such as `ECONNRESET`; LoopUsageError `ERR_LOOP_USAGE`.
   */
  recv(maxBytes: number = DEFAULT_RECV_BYTES): Uint8Array | undefined {
    const { binding, slot, generation } = this.#live('recv');
    loopChecks.wholeNumber('recv', 'maxBytes', maxBytes, 1, MAX_INT);
    const target = new Uint8Array(Math.min(maxBytes, MOST_RECV_BYTES));
    const count = binding.recv(slot, generation, target, 0, target.length);
    if (count === -binding.constants.EAGAIN) return undefined;
    checked(count, 'recv');
    // A few bytes must not keep a large buffer alive.
    return count < target.length / 2 ? target.slice(0, count) : target.subarray(0, count);
  }

  /**
   * Writes bytes. @returns the number of bytes that the system has accepted; 0 if the call would block. @throws
   * SystemError such as `EPIPE`.
   */
  send(bytes: Uint8Array): number {
    const { binding, slot, generation } = this.#live('send');
    if (!(bytes instanceof Uint8Array)) throw loopChecks.wrong('send', 'a Uint8Array', bytes);
    const count = binding.sendBytes(slot, generation, bytes, 0, bytes.byteLength);
    return count === -binding.constants.EAGAIN ? 0 : checked(count, 'send');
  }

  /** Returns and clears the pending error, such as that of a connect in progress. A second call returns `undefined`. */
  getError(): SystemError | undefined {
    const { binding, slot, generation } = this.#live('getError');
    const error = checked(binding.getOption(slot, generation, binding.constants.options.ERROR), 'getsockopt');
    return error === 0 ? undefined : systemError(-error, 'connect', this.#target);
  }

  /** Ends writing: the peer reads the end of the data. Reading is still possible. */
  shutdownWrite(): void {
    const { binding, slot, generation } = this.#live('shutdownWrite');
    checked(binding.shutdown(slot, generation, SHUT_WRITE), 'shutdown');
  }

  /**
   * Whether small writes are sent without delay (TCP_NODELAY). @throws SystemError for a Unix socket, which has no such
   * option.
   */
  setNoDelay(enabled: boolean = true): void {
    const { binding, slot, generation } = this.#live('setNoDelay');
    loopChecks.boolean('setNoDelay', 'enabled', enabled);
    const { NODELAY } = binding.constants.options;
    checked(binding.setOption(slot, generation, NODELAY, enabled ? 1 : 0), 'setsockopt');
  }

  /**
   * Closes the socket. If a selector or loop watches the socket, it stops doing so first. Calling it again does
   * nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#binding.close(this.descriptor.slot, this.descriptor.generation);
    WATCHERS.get(this)?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['closed'], () => ({ family: this.#family, connectedTo: this.#target }));
  }

  #live(operation: string): { binding: NativeBinding; slot: number; generation: number } {
    if (this.#closed) throw new LoopClosedError(`${operation}: the socket is closed`);
    return { binding: this.#binding, slot: this.descriptor.slot, generation: this.descriptor.generation };
  }

  #withAddress(address: SocketTarget, call: AddressCall): number {
    if (typeof address !== 'object' || address === null) {
      throw loopChecks.wrong('Socket', 'an address ({ host, port } or { path })', address);
    }
    if ('path' in address !== (this.#family === 'unix')) {
      throw usageError(`${describe(address)} is not an address for a ${familyName(this.#family)} socket`);
    }
    try {
      if ('path' in address) return call.unix(address.path);
      if (isIP(address.host) !== this.#family) {
        throw new TypeError(`the host must be a numeric ${familyName(this.#family)} address`);
      }
      return call.inet(address.host, address.port);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // only an invalid argument is the caller's mistake
      throw usageError(`${describe(address)}: ${error.message}`, { cause: error });
    }
  }
}

/**
 * Sets the callback to call when `socket` is closed; `undefined` removes it. For the loop or selector that watches the
 * socket.
 */
export function whenClosed(socket: Socket, callback: (() => void) | undefined): void {
  if (callback === undefined) WATCHERS.delete(socket);
  else WATCHERS.set(socket, callback);
}

interface AddressCall {
  inet(host: string, port: number): number;
  unix(path: string): number;
}

function fromNative(address: NativeAddress | number, syscall: string): SocketTarget {
  if (typeof address === 'number') throw systemError(address, syscall);
  return address.length === 1 ? { path: address[0] } : { host: address[0], port: address[1] };
}

/** For messages: clipped, and with the invisible characters of an abstract name escaped. */
function describe(address: SocketTarget): string {
  if ('path' in address) return JSON.stringify(textOf(address.path).slice(0, 120)).slice(1, -1);
  const host = textOf(address.host).slice(0, 80);
  return host.includes(':') ? `[${host}]:${textOf(address.port)}` : `${host}:${textOf(address.port)}`;
}

/** The text of a host, port or path, which may be of any type. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : shownValue(value);
}

function familyName(family: SocketFamily): string {
  return family === 'unix' ? 'Unix' : `IPv${family}`;
}

function usageError(message: string, options?: ErrorOptions): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_USAGE', message, options);
}
