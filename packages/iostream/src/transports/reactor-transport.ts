// The transports/ folder holds the implementations of `Transport`: reactor descriptors, Node sockets and Duplexes, and
// memory. The stream implements limits, reads and promises; connections are made elsewhere.

import { closeSync } from 'node:fs';
import { Socket as NodeSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import {
  type BatchedSender,
  type BudgetedWriter,
  checked,
  type Descriptor,
  type Flushable,
  type Reactor,
  type ReadyHandler,
  runInRootContext,
  type SendBatch,
  systemError,
} from '@landspout/ioloop/reactor';
import { NO_ADDRESS, toSocketAddress } from '../addresses/net-address.ts';
import type { SocketAddress, TakenDescriptor, TlsInfo, Transport, TransportEvents } from '../transport.ts';
import {
  alsoWritable,
  BROKEN,
  changeEvents,
  closeDescriptor,
  ONLY_BROKEN,
  READABLE,
  TO_READ,
  UNWATCHED,
  WRITABLE,
} from './registration.ts';
import { SendQueue } from './send-queue.ts';

/** If this much is queued, it is sent at once instead of with the next flush. */
const EARLY_BYTES = 32 * 1024;
/**
 * Maximum number of reads of one descriptor in one loop iteration (1 MiB in total), so that a fast sender does not
 * starve the others. The reactor limits the total of all descriptors.
 */
const READS_PER_TURN = 16;

/**
 * A connected descriptor on the reactor. Calls `recv` once per readiness event, into the loop's shared buffer, and
 * again only if that buffer was filled. Everything written during a batch of events is sent at the end of the batch,
 * with one call.
 */
export class ReactorTransport
  implements Transport, ReadyHandler, Flushable, BatchedSender, BudgetedWriter, Descriptor
{
  readonly kind = 'reactor';
  readonly tls: TlsInfo | undefined = undefined;
  readonly slot: number;
  readonly generation: number;
  readonly direction: Transport['direction'];
  /** Used by the loop's write budget. */
  writeTurn = 0;
  /** Used by the loop's write budget. */
  spentInTurn = 0;

  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  #events: TransportEvents | undefined;
  /** Exists only while something waits to be sent, so that an idle connection has none. */
  #queue: SendQueue | undefined;
  /** The event bits that we are registered for, or {@link UNWATCHED}. */
  #interest = UNWATCHED;
  #reading = false;
  #blocked = false;
  /** Whether to continue with a file, rather than with the queue, when the kernel can take more bytes. */
  #sendsFile = false;
  #flushScheduled = false;
  /** Bytes that were sent before the flush that will report them. */
  #sentEarly = 0;
  /**
   * The negative errno of a send before the flush, which acts on it; 0 for none. An error is reported by the kernel only
   * once: after it, the connection looks as if the peer had ended its side.
   */
  #earlyFailure = 0;
  #ended: boolean;
  #endWriteWanted: boolean;
  #endWriteDone: boolean;
  #open = true;
  #keepsAlive = true;
  #remoteAddress: SocketAddress | undefined;
  #localAddress: SocketAddress | undefined;

  /**
   * Takes ownership of a connected descriptor.
   *
   * @param remoteAddress - if it is known already, which saves the system call that asks for it.
   */
  constructor(
    loop: IOLoop,
    reactor: Reactor,
    slot: number,
    generation: number,
    direction?: Transport['direction'],
    remoteAddress?: SocketAddress,
  ) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.slot = slot;
    this.generation = generation;
    this.direction = direction;
    this.#remoteAddress = remoteAddress;
    this.#ended = direction === 'write';
    this.#endWriteWanted = direction === 'read';
    this.#endWriteDone = this.#endWriteWanted;
    reactor.ref();
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  resume(): void {
    if (this.#reading || !this.#open) return;
    this.#reading = true;
    this.#watch();
  }

  pause(): void {
    if (!this.#reading || !this.#open) return;
    this.#reading = false;
    this.#watch();
  }

  write(piece: string | Uint8Array): void {
    if (!this.#open || this.#endWriteWanted || piece.length === 0) return;
    if (this.#queue === undefined) this.#queue = new SendQueue(piece);
    else this.#queue.push(piece);
    if (!this.#flushScheduled && !this.#blocked) {
      this.#flushScheduled = true;
      this.#loop.scheduleFlush(this);
    }
    if (this.#queue.byteLength >= EARLY_BYTES && !this.#sendsFile) this.#sendEarly(this.#queue);
  }

  /** Sent, but not reported yet. */
  get bytesInFlight(): number {
    return this.#sentEarly;
  }

  /**
   * Sends what is queued at once, because nothing is gained by waiting for more. A message is then freed before the
   * others of the batch are made, while it is still in the caches of the processor. The events follow with the flush.
   */
  #sendEarly(queue: SendQueue): void {
    if (this.#blocked || this.#earlyFailure !== 0) return;
    const mostBytes = this.#loop.writeBudget.allowance(this, queue.byteLength);
    if (mostBytes === 0) return;
    const { pieceCount } = queue;
    const result = queue.send(this.#reactor.binding, this.slot, this.generation, mostBytes);
    if (result <= 0) {
      this.#earlyFailure = result;
      return;
    }
    this.#loop.writeBudget.spend(this, result, pieceCount);
    this.#sentEarly += result;
    if (queue.isEmpty) this.#queue = undefined;
  }

  /** The negative errno of an early send that has failed; 0 if none has, or the kernel was only full. */
  get #earlyError(): number {
    return this.#earlyFailure === -this.#reactor.constants.EAGAIN ? 0 : this.#earlyFailure;
  }

  sendFile(fd: number, position: number, byteLength: number): number {
    if (!this.#open || this.#blocked) return 0;
    const { binding, constants } = this.#reactor;
    const budget = this.#loop.writeBudget;
    const mostBytes = budget.allowance(this, byteLength);
    if (mostBytes === 0) {
      this.#sendsFile = true;
      this.#deferFlush();
      return 0;
    }
    const wanted = Math.min(byteLength, mostBytes);
    const taken = binding.sendFile(this.slot, this.generation, fd, position, wanted);
    if (taken > 0) budget.spend(this, taken, 1);
    if (taken === byteLength) return taken;
    // Other errors are not reported here: the caller reads and writes the file instead, gets the same error again and
    // reports it.
    if (taken <= 0 && taken !== -constants.EAGAIN) return -1;
    this.#blocked = true;
    this.#sendsFile = true;
    this.#watch();
    return Math.max(taken, 0);
  }

  flush(): void {
    this.#flushScheduled = false;
    const failure = this.#earlyError;
    this.#earlyFailure = 0;
    if (!this.#open) return;
    const sent = this.#sentEarly;
    this.#sentEarly = 0;
    if (failure < 0) {
      if (sent > 0) this.#events?.sent(sent);
      this.#sendFailed(failure);
    } else if (this.#blocked || this.#sendsFile) {
      if (sent > 0) this.#events?.sent(sent);
      if (this.#sendsFile && !this.#blocked) this.#goOnWithFile();
    } else {
      this.#send(sent);
    }
  }

  /** Called by the loop: most responses are one string, and are sent together with those of other connections. */
  joinBatch(batch: SendBatch): boolean {
    const text = this.#queue?.loneText;
    if (text === undefined || this.#sentEarly > 0 || !this.#open || this.#blocked || this.#endWriteWanted)
      return false;
    if (this.#loop.writeBudget.allowance(this, text.length) < text.length) return false;
    if (!batch.add(this, this.slot, this.generation, text)) return false;
    this.#flushScheduled = false;
    return true;
  }

  /** Called by the batch. */
  sendTaken(result: number): void {
    if (result > 0) {
      this.#loop.writeBudget.spend(this, result, 1);
      this.#queue?.advance(result);
    } else if (result === -this.#reactor.constants.EAGAIN) {
      this.#blocked = true;
    }
    if (this.#queue?.isEmpty) this.#queue = undefined;
  }

  /** Called by the batch. */
  sendSettled(result: number): void {
    if (!this.#open) return;
    if (result < 0 && !this.#blocked) this.#sendFailed(result);
    else this.#send(Math.max(result, 0));
  }

  endWrite(): void {
    if (!this.#open || this.#endWriteWanted) return;
    this.#endWriteWanted = true;
    if (this.#flushScheduled || this.#blocked) return;
    this.#flushScheduled = true;
    this.#loop.scheduleFlush(this);
  }

  close(): void {
    if (!this.#open) return;
    this.#release();
    process.nextTick(reportClosed, this.#events, undefined);
  }

  reset(): void {
    if (!this.#open) return;
    this.#reactor.binding.setOption(this.slot, this.generation, this.#reactor.options.LINGER_ZERO, 1);
    this.close();
  }

  ref(): void {
    if (this.#keepsAlive || !this.#open) return;
    this.#keepsAlive = true;
    this.#reactor.ref();
  }

  unref(): void {
    if (!this.#keepsAlive || !this.#open) return;
    this.#keepsAlive = false;
    this.#reactor.unref();
  }

  setNoDelay(on: boolean): void {
    if (!this.#open) return;
    // Unix sockets refuse this option; they have nothing to delay.
    this.#reactor.binding.setOption(this.slot, this.generation, this.#reactor.options.NODELAY, on ? 1 : 0);
  }

  get remoteAddress(): SocketAddress {
    if (this.#remoteAddress === undefined) {
      if (!this.#open) return NO_ADDRESS;
      this.#remoteAddress = toSocketAddress(this.#reactor.binding.peerAddress(this.slot, this.generation));
    }
    return this.#remoteAddress;
  }

  get localAddress(): SocketAddress {
    if (this.#localAddress === undefined) {
      if (!this.#open) return NO_ADDRESS;
      this.#localAddress = toSocketAddress(this.#reactor.binding.localAddress(this.slot, this.generation));
    }
    return this.#localAddress;
  }

  takeDescriptor(): TakenDescriptor | undefined {
    if (this.direction !== undefined || !this.#open) return undefined;
    this.#reactor.unregister(this);
    this.#open = false;
    if (this.#keepsAlive) this.#reactor.unref();
    const { slot, generation } = this;
    return { slot, generation, early: undefined, keepsAlive: this.#keepsAlive };
  }

  detach(): Duplex {
    this.#reactor.forget(this);
    const fd = checked(this.#reactor.binding.release(this.slot, this.generation), 'release');
    this.#open = false;
    if (this.#keepsAlive) this.#reactor.unref();
    const readable = this.direction !== 'write';
    const writable = this.direction !== 'read';
    try {
      return new NodeSocket({ fd, readable, writable, allowHalfOpen: true });
    } catch (error) {
      // Node did not take over the descriptor: it must still be closed here, once.
      closeSync(fd);
      throw error;
    }
  }

  /** Called by the reactor. */
  ready(events: number): void {
    // Reads first if the connection is broken: a failing send would close the transport, and the response of a peer
    // that refuses our data would be lost.
    const isReadFirst = (events & BROKEN) !== 0 && (events & READABLE) !== 0 && this.#reading && !this.#ended;
    if ((events & WRITABLE) !== 0 && this.#blocked && !isReadFirst) {
      this.#blocked = false;
      if (this.#sendsFile) this.#goOnWithFile();
      else this.#send(0);
      if (!this.#open) return;
    }
    if ((events & TO_READ) !== 0 && this.#reading && !this.#ended) this.#receive();
    else if ((events & BROKEN) !== 0) this.#breakOff();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      localAddress: inspectedAddress(this.localAddress),
      isOpen: this.#open,
    }));
  }

  /** Reads again while a read fills the buffer, which saves a wake-up for bytes that have already arrived. */
  #receive(): void {
    const full = this.#reactor.readBuffer.length;
    for (let reads = 0; reads < READS_PER_TURN && this.#reading && this.#open; reads += 1) {
      if (this.#receiveOnce(reads > 0) < full || !this.#reactor.mayReadAgain()) return;
    }
  }

  /**
   * @param isLast - whether the transport is about to fail, so that only bytes are of interest.
   * @returns the number of bytes that were received; 0 if there were none, or the peer has ended its side.
   */
  #receiveOnce(isRepeated: boolean, isLast = false): number {
    const { readBuffer, binding } = this.#reactor;
    const received = binding.recv(this.slot, this.generation, readBuffer, 0, readBuffer.length);
    if (received <= 0) {
      if (!isLast) this.#nothingReceived(received);
      return 0;
    }
    if (!isRepeated) this.#events?.received(readBuffer, 0, received);
    // The reactor set the async context for the first call; a context that its handler entered with `enterWith` must not
    // reach the next ones.
    else runInRootContext(() => this.#events?.received(readBuffer, 0, received), undefined);
    return received;
  }

  /** @param result - 0 at the end, or a negative error number. */
  #nothingReceived(result: number): void {
    if (result === 0 && this.#earlyError < 0) {
      this.#fail(systemError(this.#earlyError, 'send'));
    } else if (result === 0) {
      this.#ended = true;
      this.#watch();
      this.#events?.ended(false);
      if (this.#endWriteDone) this.#fail(undefined);
    } else if (result !== -this.#reactor.constants.EAGAIN) {
      this.#fail(systemError(result, 'recv'));
    }
  }

  /** The connection was reset or is fully shut down, and nothing more is to be read from it. */
  #breakOff(): void {
    const error = this.#reactor.binding.getOption(this.slot, this.generation, this.#reactor.options.ERROR);
    if (error > 0) this.#fail(systemError(-error, 'recv'));
    else if (this.direction === 'write') this.#fail(new SystemError('EPIPE', 'send'));
    else if (this.#endWriteDone || this.#ended) this.#fail(undefined);
    else this.#fail(new SystemError('ECONNRESET', 'recv'));
  }

  /** The budget of this loop iteration is spent: the rest is sent in a later one. */
  #deferFlush(): void {
    this.#flushScheduled = true;
    this.#loop.deferFlush(this);
  }

  #goOnWithFile(): void {
    this.#sendsFile = false;
    this.#events?.writable?.();
    this.#watch();
  }

  /** @param taken - number of bytes that the kernel has just accepted. */
  #send(taken: number): void {
    const { binding } = this.#reactor;
    const budget = this.#loop.writeBudget;
    let total = taken;
    while (this.#queue !== undefined && !this.#blocked) {
      const mostBytes = budget.allowance(this, this.#queue.byteLength);
      if (mostBytes === 0) {
        this.#deferFlush();
        break;
      }
      const { pieceCount } = this.#queue;
      const result = this.#queue.send(binding, this.slot, this.generation, mostBytes);
      if (result > 0) budget.spend(this, result, pieceCount);
      if (result === -this.#reactor.constants.EAGAIN) {
        this.#blocked = true;
        break;
      }
      if (result < 0) {
        if (total > 0) this.#events?.sent(total);
        this.#sendFailed(result);
        return;
      }
      total += result;
      if (this.#queue.isEmpty) this.#queue = undefined;
    }
    if (this.#queue === undefined && this.#endWriteWanted && !this.#endWriteDone) {
      this.#endWriteDone = true;
      binding.shutdown(this.slot, this.generation, 1);
    }
    this.#watch();
    if (total > 0) this.#events?.sent(total);
    if (this.#open && this.#ended && this.#endWriteDone) this.#fail(undefined);
  }

  /**
   * The peer takes no more bytes. What it sent before is delivered first: a server that refuses a body may have sent its
   * response and closed.
   */
  #sendFailed(result: number): void {
    this.#queue = undefined;
    for (let reads = 0; reads < READS_PER_TURN && this.#open && this.#reading && !this.#ended; reads += 1) {
      // The end is not reported: after a reset whose error the send has got, it is not an end that the peer has sent.
      if (this.#receiveOnce(reads > 0, true) <= 0) break;
    }
    this.#fail(systemError(result, 'send'));
  }

  /** Updates the registration to the events that are needed now. */
  #watch(): void {
    if (!this.#open) return;
    let wanted = UNWATCHED;
    if (this.#reading) wanted = this.#ended ? ONLY_BROKEN : READABLE;
    if (this.#blocked) wanted = alsoWritable(wanted);
    this.#interest = changeEvents(this.#reactor, this, this.#interest, wanted);
  }

  #fail(error: Error | undefined): void {
    if (!this.#open) return;
    this.#release();
    this.#events?.closed(error);
  }

  #release(): void {
    this.#remoteAddress ??= this.remoteAddress;
    this.#open = false;
    this.#queue = undefined;
    closeDescriptor(this.#reactor, this);
    if (this.#keepsAlive) this.#reactor.unref();
  }
}

function reportClosed(events: TransportEvents | undefined, error: Error | undefined): void {
  events?.closed(error);
}
