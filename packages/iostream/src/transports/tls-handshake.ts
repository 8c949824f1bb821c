import { constants } from 'node:os';
import type { IOLoop } from '@landspout/ioloop';
import {
  type Descriptor,
  type Reactor,
  type ReadyHandler,
  systemError,
  TLS_BYTES,
  TLS_COMPLETE,
  TLS_KEPT,
  TLS_WAITING,
  TLS_WANTS_CONTEXT,
  type TlsBinding,
} from '@landspout/ioloop/reactor';
import type { TakenDescriptor } from '../transport.ts';
import type { HandshakeQueue, QueuedHandshake } from './handshake-queue.ts';
import { changeEvents, closeDescriptor, READABLE, UNWATCHED, WRITABLE } from './registration.ts';
import { failureOf } from './tls-failure.ts';

/**
 * What a {@link TlsHandshake} reports. Any of these may be called during {@link TlsHandshake.start}, and any of them may
 * cancel the handshake. If one throws, the handshake fails with that error.
 */
export interface TlsHandshakeEvents {
  /**
   * Chooses the certificates for the name that a client requests (SNI), if the attached context stops for that.
   *
   * @param servername - in lower case; `undefined` if the client requests none.
   * @returns the number of a context, 0 for the one that was attached, or -1 to refuse the client.
   */
  chooseContext?(servername: string | undefined): number;
  /**
   * The handshake is complete, and everything that we had to send is in the kernel. The descriptor is not watched any
   * more. The receiver owns it and must close it.
   *
   * @param hasInput - whether bytes have arrived that epoll will not report.
   */
  complete(hasInput: boolean): void;
  /**
   * The handshake has failed, and the descriptor is closed.
   *
   * @param error - a `TlsFailure`, a SystemError, or what another callback has thrown.
   */
  failed(error: Error): void;
  /** Lines of the key log, each with its line feed. Not called unless the context collects them. */
  keyLines?(lines: string): void;
}

const { EPROTO, EPIPE } = constants.errno;

/**
 * The handshake of one connection on the reactor, on either side. It has no deadline: its owner cancels it.
 *
 * The descriptor must have been attached to a context with `tlsAttach`. The handshake owns it until `complete` or
 * `failed` is called.
 */
export class TlsHandshake implements ReadyHandler, QueuedHandshake, Descriptor {
  readonly slot: number;
  readonly generation: number;

  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #binding: TlsBinding;
  readonly #queue: HandshakeQueue;
  readonly #events: TlsHandshakeEvents;
  readonly #keepsAlive: boolean;
  /** The event bits that we are registered for, or {@link UNWATCHED}. */
  #interest = UNWATCHED;
  /** Whether ciphertext waits until the kernel can take more. */
  #isWaiting = false;
  /** Whether the handshake is complete, so that only {@link #isWaiting} delays the event. */
  #isComplete = false;
  #hasInput = false;
  #isOver = false;

  constructor(
    loop: IOLoop,
    reactor: Reactor,
    binding: TlsBinding,
    descriptor: TakenDescriptor,
    queue: HandshakeQueue,
    events: TlsHandshakeEvents,
  ) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.#binding = binding;
    this.slot = descriptor.slot;
    this.generation = descriptor.generation;
    this.#keepsAlive = descriptor.keepsAlive;
    this.#queue = queue;
    this.#events = events;
    if (this.#keepsAlive) reactor.ref();
  }

  /** Takes the first step, now if the queue has time for it. Called once. */
  start(): void {
    if (!this.#isOver) this.#queue.enter(this);
  }

  /** Gives the handshake up and closes the descriptor, without an event. Does nothing after the end of the handshake. */
  cancel(): void {
    if (!this.#isOver) this.#close();
  }

  /** Called by the reactor. */
  ready(): void {
    // A handshake that waits in the queue is not watched: otherwise epoll would report it again and again.
    if (!this.#queue.enter(this)) this.#watch(UNWATCHED);
  }

  /** Called by the queue. */
  takeTurn(): void {
    try {
      this.#goOn();
    } catch (error) {
      this.#recover(error);
    }
  }

  #goOn(): void {
    if (this.#isWaiting && !this.#flush()) return;
    if (!this.#isComplete && !this.#step()) return;
    if (this.#isComplete && !this.#isWaiting) this.#finish();
    else this.#watch((this.#isComplete ? 0 : READABLE) | (this.#isWaiting ? WRITABLE : 0));
  }

  /** Sends ciphertext that waits. @returns false if the handshake has failed. */
  #flush(): boolean {
    const result = this.#binding.tlsFlush(this.slot, this.generation);
    if (result < 0) return this.#failed(result);
    this.#isWaiting = (result & TLS_WAITING) !== 0;
    return true;
  }

  /** Goes on as far as the bytes that have arrived allow. @returns false if there is nothing to wait for. */
  #step(): boolean {
    for (;;) {
      const result = this.#binding.tlsHandshake(this.slot, this.generation);
      this.#reportKeyLines();
      if (this.#isOver) return false;
      if (result < 0) return this.#failed(result);
      this.#isWaiting = (result & TLS_WAITING) !== 0;
      const isKept = (result & TLS_KEPT) !== 0;
      const state = result & TLS_BYTES;
      if (state === TLS_COMPLETE) {
        this.#isComplete = true;
        this.#hasInput = isKept;
        return true;
      }
      if (state === TLS_WANTS_CONTEXT) {
        if (!this.#chooseContext()) return false;
      } else if (isKept) {
        this.#watch(UNWATCHED);
        this.#queue.defer(this);
        return false;
      } else {
        return true;
      }
    }
  }

  #reportKeyLines(): void {
    if (this.#events.keyLines === undefined) return;
    const lines = this.#binding.tlsKeyLog(this.slot, this.generation);
    if (lines !== undefined) this.#events.keyLines(lines);
  }

  /** @returns false if the handshake is over. */
  #chooseContext(): boolean {
    const servername = this.#binding.tlsServerName(this.slot, this.generation);
    const context = this.#events.chooseContext?.(servername) ?? 0;
    if (this.#isOver) return false;
    this.#binding.tlsChooseContext(this.slot, this.generation, context);
    return true;
  }

  #watch(wanted: number): void {
    this.#interest = changeEvents(this.#reactor, this, this.#interest, wanted);
  }

  #finish(): void {
    this.#isOver = true;
    this.#watch(UNWATCHED);
    if (this.#keepsAlive) this.#reactor.unref();
    this.#events.complete(this.#hasInput);
  }

  /** @param result - a negative errno. */
  #failed(result: number): false {
    this.#fail(
      result === -EPROTO
        ? failureOf(this.#binding, this.slot, this.generation)
        : systemError(result, result === -EPIPE ? 'send' : 'recv'),
    );
    return false;
  }

  /** A callback has thrown, or the descriptor cannot be watched. The other handshakes must still get their turns. */
  #recover(error: unknown): void {
    try {
      if (this.#isOver) throw error;
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    } catch (thrown) {
      this.#loop.logger.error({ error: thrown }, 'a callback of a TLS handshake threw');
    }
  }

  #fail(error: Error): void {
    this.#close();
    this.#events.failed(error);
  }

  #close(): void {
    this.#isOver = true;
    this.#queue.leave(this);
    closeDescriptor(this.#reactor, this);
    if (this.#keepsAlive) this.#reactor.unref();
  }
}
