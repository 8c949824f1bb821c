import { loopChecks } from '../checks.ts';
import { systemClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { requireNative } from '../reactor/backend.ts';
import type { NativeBinding } from '../reactor/native-binding.ts';
import { checked, type Descriptor, systemError } from '../reactor/reactor.ts';
import { Socket } from './socket.ts';

/** Ready to read. Also set at the end of the data and on an error. */
export const EVENT_READ = 1;
/** Ready to write. Also set when a connect has succeeded or failed. */
export const EVENT_WRITE = 2;

/** A registration: the socket, the events it is watched for, and the caller's data. */
export interface SelectorKey<Data = unknown> {
  readonly socket: Socket;
  /** {@link EVENT_READ}, {@link EVENT_WRITE}, or both. */
  readonly events: number;
  readonly data: Data;
}

const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;
/** Maximum number of events in one call. The other sockets stay ready, and are reported by the next call. */
const MAX_EVENTS = 256;
/** Maximum duration of one system call: a worker thread can be terminated only between system calls. */
const SLICE_MS = 50;

/**
 * Blocks until sockets are ready. For programs that run their own event loop.
 *
 * {@link select} blocks the whole thread: its timers, promises, signals and other connections all stop in the meantime.
 * Use it for learning, for tools, or in a worker thread that does nothing else; in a server, use `IOLoop.addHandler` or
 * streams. A selector has its own epoll instance, separate from `IOLoop`; a socket can be watched by only one of them
 * at a time. Level-triggered: a socket is reported again as long as it stays ready.
 *
 * Needs the native backend: on the portable one, the constructor throws `LoopUsageError` `ERR_LOOP_NOT_SUPPORTED`. Any
 * call after {@link close} throws `LoopClosedError` `ERR_LOOP_CLOSED`.
 *
 * @example
 * const selector = new DefaultSelector<(key: SelectorKey) => void>();
 * selector.register(socket, EVENT_READ, onReadable);
 * for (const [key] of selector.select()) key.data(key);
 */
export class DefaultSelector<Data = unknown> {
  readonly #binding: NativeBinding;
  readonly #poller: Descriptor;
  readonly #keys = new Map<Socket, SelectorKey<Data>>();
  readonly #socketOfSlot = new Map<number, Socket>();
  readonly #events = new Int32Array(MAX_EVENTS * 3);
  #closed = false;

  constructor() {
    this.#binding = requireNative('DefaultSelector');
    const slot = checked(this.#binding.pollerOpen(), 'epoll_create1');
    this.#poller = { slot, generation: this.#binding.generation(slot) };
  }

  /**
   * Starts watching a socket.
   *
   * @param events - {@link EVENT_READ}, {@link EVENT_WRITE}, or both.
   * @param data - returned with each event, such as a function to call.
   * @throws LoopUsageError `ERR_LOOP_ALREADY_REGISTERED` if this selector, another one or the loop already watches it;
   *   `ERR_LOOP_USAGE` if `events` is invalid; LoopClosedError if the socket is closed.
   */
  register(socket: Socket, events: number, data: Data): SelectorKey<Data> {
    this.#assertOpen();
    assertEvents(events);
    assertSocket(socket);
    if (socket.closed) throw new LoopClosedError('register: the socket is closed');
    if (this.#keys.has(socket))
      throw alreadyRegistered('the socket is already registered with this selector');
    const result = this.#control(CTL_ADD, socket, events);
    if (result < 0 && systemError(result, 'epoll_ctl').code === 'EEXIST') {
      throw alreadyRegistered('the socket is already watched by another selector or the loop');
    }
    checked(result, 'epoll_ctl');
    this.#socketOfSlot.set(socket.descriptor.slot, socket);
    return this.#keep({ socket, events, data });
  }

  /**
   * Replaces the events and the data of a registration. @throws the errors of {@link getKey}; LoopUsageError
   * `ERR_LOOP_USAGE` if `events` is invalid; LoopClosedError if the socket is closed.
   */
  modify(socket: Socket, events: number, data: Data): SelectorKey<Data> {
    assertEvents(events);
    const key = this.getKey(socket);
    if (socket.closed) throw new LoopClosedError('modify: the socket is closed');
    if (key.events !== events) checked(this.#control(CTL_MOD, socket, events), 'epoll_ctl');
    return this.#keep({ socket, events, data });
  }

  /** Stops watching. Closing a socket also stops it; the socket may still be unregistered after that. */
  unregister(socket: Socket): SelectorKey<Data> {
    const key = this.getKey(socket);
    this.#keys.delete(socket);
    const { slot } = socket.descriptor;
    if (this.#socketOfSlot.get(slot) === socket) this.#socketOfSlot.delete(slot); // otherwise the slot has been reused
    if (!socket.closed) checked(this.#control(CTL_DEL, socket, 0), 'epoll_ctl');
    return key;
  }

  /** Returns the registration of a socket. @throws LoopUsageError `ERR_LOOP_NOT_REGISTERED` if there is none. */
  getKey(socket: Socket): SelectorKey<Data> {
    this.#assertOpen();
    const key = this.#keys.get(socket);
    if (key !== undefined) return key;
    throw new LoopUsageError('ERR_LOOP_NOT_REGISTERED', 'the socket is not registered with this selector');
  }

  /**
   * Waits until a socket is ready. Blocks the thread: timers, promises and signals stop in the meantime.
   *
   * @param timeoutMs - 0 checks once without waiting. Default: no limit.
   * @returns the ready sockets, each with {@link EVENT_READ}, {@link EVENT_WRITE} or both; empty after the timeout.
   * @throws LoopUsageError `ERR_SELECTOR_EMPTY` if it would wait forever, because no open socket is registered;
   *   `ERR_LOOP_USAGE` if `timeoutMs` is not a number of at least 0.
   */
  select(timeoutMs?: number): [SelectorKey<Data>, number][] {
    this.#assertOpen();
    if (timeoutMs !== undefined) loopChecks.number('select', 'timeoutMs', timeoutMs);
    const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : systemClock.now() + timeoutMs;
    for (let remaining = timeoutMs ?? SLICE_MS; ; remaining = deadline - systemClock.now()) {
      if (deadline === Number.POSITIVE_INFINITY) this.#assertCanWake();
      const ready = this.#poll(Math.min(Math.max(Math.ceil(remaining), 0), SLICE_MS));
      if (ready.length > 0 || remaining <= 0) return ready;
    }
  }

  /** Stops watching all sockets, which stay open. Calling it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keys.clear();
    this.#socketOfSlot.clear();
    this.#binding.close(this.#poller.slot, this.#poller.generation);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ sockets: this.#keys.size, isClosed: this.#closed }));
  }

  #keep(key: SelectorKey<Data>): SelectorKey<Data> {
    this.#keys.set(key.socket, key);
    return key;
  }

  #control(operation: number, socket: Socket, events: number): number {
    const { EPOLLIN, EPOLLOUT } = this.#binding.constants;
    const bits = (events & EVENT_READ ? EPOLLIN : 0) | (events & EVENT_WRITE ? EPOLLOUT : 0);
    const { slot, generation } = socket.descriptor;
    return this.#binding.pollerControl(
      this.#poller.slot,
      this.#poller.generation,
      operation,
      slot,
      generation,
      bits,
    );
  }

  #poll(timeoutMs: number): [SelectorKey<Data>, number][] {
    const { slot, generation } = this.#poller;
    const { EPOLLIN, EPOLLOUT } = this.#binding.constants;
    const count = checked(this.#binding.pollerWait(slot, generation, this.#events, timeoutMs), 'epoll_wait');
    const ready: [SelectorKey<Data>, number][] = [];
    for (let at = 0; at < count * 3; at += 3) {
      const socket = this.#socketOfSlot.get(this.#events[at] as number);
      const key = socket === undefined ? undefined : this.#keys.get(socket);
      if (key === undefined || key.socket.descriptor.generation !== this.#events[at + 1]) continue;
      const bits = this.#events[at + 2] as number;
      // Error and hang-up are always reported. They are returned as the registered events; the next read or write then
      // throws the error.
      const read = bits & ~EPOLLOUT ? EVENT_READ : 0;
      const write = bits & ~EPOLLIN ? EVENT_WRITE : 0;
      const events = (read | write) & key.events;
      if (events !== 0) ready.push([key, events]);
    }
    return ready;
  }

  #assertOpen(): void {
    if (this.#closed) throw new LoopClosedError('the selector is closed');
  }

  #assertCanWake(): void {
    for (const socket of this.#keys.keys()) if (!socket.closed) return;
    throw new LoopUsageError('ERR_SELECTOR_EMPTY', 'select would wait forever: no open socket is registered');
  }
}

function assertEvents(events: number): void {
  if (events === EVENT_READ || events === EVENT_WRITE || events === (EVENT_READ | EVENT_WRITE)) return;
  throw loopChecks.wrong('DefaultSelector', 'EVENT_READ, EVENT_WRITE or both', events);
}

function assertSocket(socket: Socket): void {
  if (!(socket instanceof Socket)) throw loopChecks.wrong('DefaultSelector', 'a Socket', socket);
}

function alreadyRegistered(detail: string): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_ALREADY_REGISTERED', detail);
}
