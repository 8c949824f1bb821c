// Sockets and other descriptors, for programs that wait for readiness themselves. Each call is a system call. Does not
// buffer: streams are in iostream.

import { isIP } from 'node:net';
import { loopChecks } from '../checks.ts';
import type { SystemError } from '../errors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { requireNative } from '../reactor/backend.ts';
import type { NativeAddress, NativeBinding } from '../reactor/native-binding.ts';
import { checked, type Descriptor, systemError } from '../reactor/reactor.ts';
import { shownValue } from '../shown-value.ts';

/** Where a socket is, or shall go: a numeric address, or the path of a Unix socket (NUL first: an abstract name). */
export type SocketTarget = { readonly host: string; readonly port: number } | { readonly path: string };

type SocketFamily = 4 | 6 | 'unix';

/** The largest `int` of C. */
const MAX_INT = 0x7fffffff;
const DEFAULT_BACKLOG = 128;
const DEFAULT_RECV_BYTES = 64 * 1024;
/** More than the system holds for one socket by default, so that a larger wish is not answered with idle memory. */
const MOST_RECV_BYTES = 8 * 1024 * 1024;
const SHUT_WRITE = 1;

/** Who is to be told when a socket closes: what watches it, which is one thing at most. */
const WATCHERS = new WeakMap<Socket, () => void>();

/**
 * A non-blocking stream socket: TCP over IPv4 or IPv6, or Unix. Each method is one system call.
 *
 * For programs that drive their own readiness, with `DefaultSelector` or `IOLoop.addHandler`. Everybody else is
 * better served by `IOStream`, which buffers, waits and limits. Names are not resolved: addresses are numeric.
 *
 * Needs the native backend: the portable one has no descriptors, and making a socket throws `LoopUsageError`
 * `ERR_LOOP_NOT_SUPPORTED` there. What the system refuses is thrown as `SystemError` with the system's own code;
 * any call after {@link close} throws `LoopClosedError` `ERR_LOOP_CLOSED`. An open socket that nothing watches
 * does not keep the process alive, and is not closed by garbage collection.
 *
 * @example
 * using socket = Socket.tcp();
 * socket.connect({ host: '127.0.0.1', port: 8888 }); // false: register it for EVENT_WRITE
 */
export class Socket {
  /** How loop and selector know this socket. It is dead once the socket is closed. */
  readonly descriptor: Descriptor;
  readonly #binding: NativeBinding;
  readonly #family: SocketFamily;
  #target: string | undefined; // where connect goes, for the error that comes later
  #closed = false;

  private constructor(binding: NativeBinding, slot: number, family: SocketFamily) {
    this.#binding = binding;
    this.#family = family;
    this.descriptor = { slot, generation: binding.generation(slot) };
  }

  /**
   * Opens a TCP socket.
   *
   * @param family - 4 (the default) or 6: the addresses that the socket will take.
   * @throws SystemError such as `EMFILE`; LoopUsageError `ERR_LOOP_NOT_SUPPORTED`, `ERR_LOOP_USAGE` for another family.
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

  /** Where the socket is bound to; port 0 or an empty path before that. */
  get localAddress(): SocketTarget {
    const { binding, slot, generation } = this.#live('localAddress');
    return fromNative(binding.localAddress(slot, generation), 'getsockname') as SocketTarget;
  }

  /** The other end, or `undefined` while there is none. */
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
   * @returns true when connected at once; false when in progress: the socket gets writable when it is decided,
   *   and {@link getError} then says how.
   * @throws SystemError such as `ECONNREFUSED`; LoopUsageError `ERR_LOOP_USAGE` when the address does not fit.
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

  /** Takes a local address; TCP with SO_REUSEADDR. Port 0 lets the system choose. @throws as {@link connect}. */
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

  /** Lets connections come. @param backlog - most that wait for {@link accept}; the system caps it. Default 128. */
  listen(backlog: number = DEFAULT_BACKLOG): void {
    const { binding, slot, generation } = this.#live('listen');
    loopChecks.wholeNumber('listen', 'backlog', backlog, 0, MAX_INT);
    checked(binding.listen(slot, generation, backlog), 'listen');
  }

  /** Takes one connection. @returns a socket that is yours to close, or `undefined` when none waits. */
  accept(): Socket | undefined {
    const { binding, slot, generation } = this.#live('accept');
    const accepted = binding.accept(slot, generation);
    if (accepted === -binding.constants.EAGAIN) return undefined;
    return new Socket(binding, checked(accepted, 'accept'), this.#family);
  }

  /**
   * Reads what has come.
   *
   * @param maxBytes - most bytes to take, at least 1; 8 MiB is the most that one call takes. Default 64 KiB.
   * @returns the bytes, which are yours; empty at the end; `undefined` when it would block.
   * @throws SystemError such as `ECONNRESET`; LoopUsageError `ERR_LOOP_USAGE`.
   */
  recv(maxBytes: number = DEFAULT_RECV_BYTES): Uint8Array | undefined {
    const { binding, slot, generation } = this.#live('recv');
    loopChecks.wholeNumber('recv', 'maxBytes', maxBytes, 1, MAX_INT);
    const target = new Uint8Array(Math.min(maxBytes, MOST_RECV_BYTES));
    const count = binding.recv(slot, generation, target, 0, target.length);
    if (count === -binding.constants.EAGAIN) return undefined;
    checked(count, 'recv');
    // A few bytes must not hold a large buffer alive.
    return count < target.length / 2 ? target.slice(0, count) : target.subarray(0, count);
  }

  /** Writes. @returns how many of the bytes the system took, 0 when it would block. @throws SystemError such as `EPIPE`. */
  send(bytes: Uint8Array): number {
    const { binding, slot, generation } = this.#live('send');
    if (!(bytes instanceof Uint8Array)) throw loopChecks.wrong('send', 'a Uint8Array', bytes);
    const count = binding.sendBytes(slot, generation, bytes, 0, bytes.byteLength);
    return count === -binding.constants.EAGAIN ? 0 : checked(count, 'send');
  }

  /** Takes the error that came meanwhile, such as the one of a connect in progress. A second call finds none. */
  getError(): SystemError | undefined {
    const { binding, slot, generation } = this.#live('getError');
    const error = checked(binding.getOption(slot, generation, binding.constants.options.ERROR), 'getsockopt');
    return error === 0 ? undefined : systemError(-error, 'connect', this.#target);
  }

  /** Ends writing: the peer reads the end. Reading goes on. */
  shutdownWrite(): void {
    const { binding, slot, generation } = this.#live('shutdownWrite');
    checked(binding.shutdown(slot, generation, SHUT_WRITE), 'shutdown');
  }

  /** Whether small writes leave at once (TCP_NODELAY). @throws SystemError for a Unix socket, which has no such thing. */
  setNoDelay(enabled: boolean = true): void {
    const { binding, slot, generation } = this.#live('setNoDelay');
    loopChecks.boolean('setNoDelay', 'enabled', enabled);
    const { NODELAY } = binding.constants.options;
    checked(binding.setOption(slot, generation, NODELAY, enabled ? 1 : 0), 'setsockopt');
  }

  /** Closes, and ends any watching by a selector or loop first. Calling it again does nothing. */
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
      throw loopChecks.wrong('Socket', 'an address', address);
    }
    if ('path' in address !== (this.#family === 'unix')) {
      throw usageError(`${describe(address)} is no address for a ${familyName(this.#family)} socket`);
    }
    try {
      if ('path' in address) return call.unix(address.path);
      if (isIP(address.host) !== this.#family) {
        throw new TypeError(`the host is not a numeric ${familyName(this.#family)} address`);
      }
      return call.inet(address.host, address.port);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // only a bad argument is the caller's
      throw usageError(`${describe(address)}: ${error.message}`, { cause: error });
    }
  }
}

/** Has `callback` called behind the close of `socket`; `undefined` takes that back. For what watches the socket. */
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

/** For messages: clipped, and with what is invisible in an abstract name escaped. */
function describe(address: SocketTarget): string {
  if ('path' in address) return JSON.stringify(textOf(address.path).slice(0, 120)).slice(1, -1);
  const host = textOf(address.host).slice(0, 80);
  return host.includes(':') ? `[${host}]:${textOf(address.port)}` : `${host}:${textOf(address.port)}`;
}

/** What came for a host, port or path, which may be anything. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : shownValue(value);
}

function familyName(family: SocketFamily): string {
  return family === 'unix' ? 'Unix' : `IPv${family}`;
}

function usageError(message: string, options?: ErrorOptions): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_USAGE', message, options);
}
