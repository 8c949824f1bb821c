import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import {
  type BatchedSender,
  type BudgetedWriter,
  type Descriptor,
  type Flushable,
  type Reactor,
  type ReadyHandler,
  runInRootContext,
  type SendBatch,
  systemError,
  TLS_BARE,
  TLS_BYTES,
  TLS_ENDED,
  TLS_FULL,
  TLS_KEPT,
  TLS_KEY_LINES,
  TLS_NEEDS_INPUT,
  TLS_SESSION,
  TLS_WAITING,
  type TlsBinding,
} from '@landspout/ioloop/reactor';
import type {
  ProxiedConnection,
  SocketAddress,
  TakenDescriptor,
  TlsInfo,
  Transport,
  TransportEvents,
} from '../transport.ts';
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
import type { SendCalls } from './send-queue.ts';
import { failureOf, type TlsFailure } from './tls-failure.ts';
import { sendCallsOf, TlsOutgoing } from './tls-outgoing.ts';
import { TransportDuplex } from './transport-duplex.ts';

/** Observes a {@link TlsTransport}. Its methods must not throw. */
export interface TlsWatcher {
  /** The descriptor was closed, by either side. Called once. */
  closed(transport: TlsTransport): void;
  /** The server has issued a session (DER) that can be resumed. */
  session?(transport: TlsTransport, der: Uint8Array): void;
  /** Lines of the key log, each with its line feed. */
  keyLines?(lines: string): void;
}

export interface TlsTransportOptions {
  readonly loop: IOLoop;
  readonly reactor: Reactor;
  readonly binding: TlsBinding;
  /** A descriptor whose handshake is complete, and which is not watched. */
  readonly descriptor: TakenDescriptor;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
  readonly tls: TlsInfo;
  readonly watcher: TlsWatcher | undefined;
  /** Returns the error to report for a failure of TLS. Default: the failure itself. */
  readonly explain?: ((failure: TlsFailure) => Error) | undefined;
  /** Whether bytes have arrived that epoll will not report. */
  readonly hasInput: boolean;
}

/** If this much is queued, it is encrypted and sent at once instead of with the next flush. */
const EARLY_BYTES = 32 * 1024;
/** Maximum number of reads of one descriptor in one loop iteration; the reactor limits the total of all descriptors. */
const READS_PER_TURN = 16;
const { EAGAIN, EPROTO } = constants.errno;
/** Instead of a number of encrypted bytes: the budget of this loop iteration allows no more. */
const BUDGET_SPENT = Number.MAX_SAFE_INTEGER;

/** How the peer has ended its side. */
const OPEN = 0;
const ANNOUNCED = 1;
const BARE = 2;
type PeerEnd = typeof OPEN | typeof ANNOUNCED | typeof BARE;

/**
 * A connected descriptor on the reactor, with TLS whose handshake is complete. Reads, writes and ends as
 * `ReactorTransport` does, with calls that decrypt and encrypt.
 *
 * What differs: bytes may be left in the slot that epoll does not report, so a read may have to be asked for; the kernel
 * may take a record only partly, so bytes are reported as sent when their whole record is in the kernel, and nothing is
 * encrypted while ciphertext waits; and an end is announced by the alert close_notify.
 */
export class TlsTransport
  implements Transport, ReadyHandler, Flushable, BatchedSender, BudgetedWriter, Descriptor
{
  readonly kind = 'reactor';
  readonly slot: number;
  readonly generation: number;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
  readonly tls: TlsInfo;
  /** Used by the loop's write budget. */
  writeTurn = 0;
  /** Used by the loop's write budget. */
  spentInTurn = 0;

  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #binding: TlsBinding;
  readonly #sendCalls: SendCalls;
  readonly #watcher: TlsWatcher | undefined;
  readonly #explain: TlsTransportOptions['explain'];
  #events: TransportEvents | undefined;
  /** Kept after the close: see {@link bytesInFlight}. */
  #outgoing: TlsOutgoing | undefined;
  /** The event bits that we are registered for, or {@link UNWATCHED}. */
  #interest = UNWATCHED;
  #reading = false;
  /** Whether the slot has input that epoll does not report. */
  #hasInput: boolean;
  /** Whether the reactor will call us for that input. */
  #inputAsked = false;
  #peerEnd: PeerEnd = OPEN;
  #endReported = false;
  #flushScheduled = false;
  #endWriteWanted = false;
  #endAnnounced = false;
  #endWriteDone = false;
  #open = true;
  #keepsAlive: boolean;

  /** Takes ownership of the descriptor. */
  constructor(options: TlsTransportOptions) {
    const { descriptor } = options;
    this.slot = descriptor.slot;
    this.generation = descriptor.generation;
    this.localAddress = options.localAddress;
    this.remoteAddress = options.remoteAddress;
    this.proxied = options.proxied;
    this.tls = options.tls;
    this.#loop = options.loop;
    this.#reactor = options.reactor;
    this.#binding = options.binding;
    this.#sendCalls = sendCallsOf(options.binding);
    this.#watcher = options.watcher;
    this.#explain = options.explain;
    this.#hasInput = options.hasInput;
    this.#keepsAlive = descriptor.keepsAlive;
    if (this.#keepsAlive) this.#reactor.ref();
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    // TLS 1.2 issues sessions during the handshake.
    if (this.#watcher?.session !== undefined) this.#reportSessions(this.#watcher);
  }

  resume(): void {
    if (this.#reading || !this.#open) return;
    this.#reading = true;
    this.#watch();
    if (this.#hasInput || this.#isEndDue) this.#askForInput();
  }

  pause(): void {
    if (!this.#reading || !this.#open) return;
    this.#reading = false;
    this.#watch();
  }

  write(piece: string | Uint8Array): void {
    if (!this.#open || this.#endWriteWanted || piece.length === 0) return;
    this.#outgoing ??= new TlsOutgoing();
    const outgoing = this.#outgoing;
    outgoing.push(piece);
    if (!this.#flushScheduled && !outgoing.isWaiting) {
      this.#flushScheduled = true;
      this.#loop.scheduleFlush(this);
    }
    // Nothing is gained by waiting for more. The events follow with the flush.
    if (outgoing.queuedBytes >= EARLY_BYTES && !outgoing.isWaiting && outgoing.failure === 0)
      this.#encrypt(outgoing);
  }

  /** Encrypted, but not reported yet. */
  get bytesInFlight(): number {
    return this.#outgoing === undefined ? 0 : this.#outgoing.bytesInFlight;
  }

  flush(): void {
    this.#flushScheduled = false;
    if (!this.#open) return;
    const failure = this.#outgoing === undefined ? 0 : this.#outgoing.failure;
    if (failure < 0) this.#sendFailed(failure);
    else if (this.#awaitsKernel) this.#reportSent();
    else this.#send();
  }

  /** Called by the loop: most responses are one string, and are sent together with those of other connections. */
  joinBatch(batch: SendBatch): boolean {
    const text = this.#outgoing?.loneText;
    if (text === undefined || !this.#open || this.#endWriteWanted) return false;
    if (this.#loop.writeBudget.allowance(this, text.length) < text.length) return false;
    if (!batch.add(this, this.slot, this.generation, text)) return false;
    this.#flushScheduled = false;
    return true;
  }

  /** Called by the batch. */
  sendTaken(result: number): void {
    const byteLength = this.#outgoing === undefined ? 0 : this.#outgoing.accept(result);
    if (byteLength > 0) this.#loop.writeBudget.spend(this, byteLength, 1);
  }

  /** Called by the batch. */
  sendSettled(): void {
    this.flush();
  }

  endWrite(): void {
    if (!this.#open || this.#endWriteWanted) return;
    this.#endWriteWanted = true;
    if (this.#flushScheduled || this.#isWaiting) return;
    this.#flushScheduled = true;
    this.#loop.scheduleFlush(this);
  }

  close(): void {
    if (!this.#open) return;
    // If bytes of ours are discarded, the peer must not take them for all.
    const isComplete = this.#outgoing === undefined || this.#outgoing.isSent;
    if (isComplete && !this.#endAnnounced) this.#binding.tlsShutdown(this.slot, this.generation);
    this.#abandon();
  }

  reset(): void {
    if (!this.#open) return;
    const { binding, options } = this.#reactor;
    binding.setOption(this.slot, this.generation, options.LINGER_ZERO, 1);
    this.#abandon();
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
    const { binding, options } = this.#reactor;
    binding.setOption(this.slot, this.generation, options.NODELAY, on ? 1 : 0);
  }

  detach(): Duplex {
    if (!this.#open) throw new SystemError('EBADF', 'detach');
    const { slot, generation } = this;
    const heir = new TlsTransport({
      loop: this.#loop,
      reactor: this.#reactor,
      binding: this.#binding,
      descriptor: { slot, generation, early: undefined, keepsAlive: this.#keepsAlive },
      localAddress: this.localAddress,
      remoteAddress: this.remoteAddress,
      proxied: this.proxied,
      tls: this.tls,
      watcher: this.#watcher,
      explain: this.#explain,
      hasInput: this.#hasInput,
    });
    heir.#peerEnd = this.#peerEnd;
    heir.#outgoing = this.#outgoing;
    this.#reactor.unregister(this);
    this.#open = false;
    heir.#watch();
    if (this.#keepsAlive) this.#reactor.unref();
    return new TransportDuplex(heir);
  }

  /** Called by the reactor. */
  ready(events: number): void {
    // Reads first if the connection is broken: a failing send would close the transport, and the response of a peer
    // that refuses our data would be lost.
    const isReadFirst = (events & BROKEN) !== 0 && (events & READABLE) !== 0 && this.#readsMore;
    if ((events & WRITABLE) !== 0 && this.#isWaiting && !isReadFirst) {
      this.#send();
      if (!this.#open) return;
    }
    if ((events & TO_READ) !== 0 && this.#readsMore) this.#receive();
    else if ((events & BROKEN) !== 0) this.#breakOff();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      localAddress: inspectedAddress(this.localAddress),
      isOpen: this.#open,
    }));
  }

  // ---- reading ----

  get #readsMore(): boolean {
    return this.#reading && this.#open && this.#peerEnd === OPEN;
  }

  /** Whether the peer has ended its side, and that was not reported yet. */
  get #isEndDue(): boolean {
    return this.#peerEnd !== OPEN && !this.#endReported;
  }

  /** Reads again while there may be more, which saves a wake-up for bytes that have already arrived. */
  #receive(): void {
    let mayGoOn = true;
    for (let reads = 0; mayGoOn && reads < READS_PER_TURN; reads += 1) {
      mayGoOn = this.#receiveOnce(reads > 0) && this.#readsMore && this.#reactor.mayReadAgain();
    }
    if (this.#hasInput && this.#readsMore) this.#askForInput();
  }

  /** @returns whether another read may find more. */
  #receiveOnce(isRepeated: boolean): boolean {
    const { readBuffer } = this.#reactor;
    const result = this.#binding.tlsRecv(this.slot, this.generation, readBuffer, 0, readBuffer.length);
    if (result < 0) {
      this.#hasInput = false;
      if (result !== -EAGAIN) this.#fail(this.#errorOf(result, 'recv'));
      return false;
    }
    const byteLength = result & TLS_BYTES;
    if (this.#outgoing?.needsInput === true) this.#inputCame(this.#outgoing);
    this.#note(result);
    if (byteLength > 0 && this.#open) this.#deliver(byteLength, isRepeated);
    if (this.#peerEnd !== OPEN) this.#reportEnd(isRepeated || byteLength > 0);
    return (result & (TLS_KEPT | TLS_FULL)) !== 0;
  }

  /** What OpenSSL needed before it sends may have arrived: the next flush tries again. */
  #inputCame(outgoing: TlsOutgoing): void {
    outgoing.needsInput = false;
    if (this.#flushScheduled || outgoing.isWaiting) return;
    this.#flushScheduled = true;
    this.#loop.scheduleFlush(this);
  }

  /** Acts on the flags of a read, other than the end. */
  #note(result: number): void {
    this.#hasInput = (result & TLS_KEPT) !== 0;
    if (result === (result & TLS_BYTES)) return;
    if ((result & TLS_ENDED) !== 0) this.#peerEnd = ANNOUNCED;
    else if ((result & TLS_BARE) !== 0) this.#peerEnd = BARE;
    if ((result & TLS_WAITING) !== 0) {
      // A response that OpenSSL itself makes, such as a key update.
      this.#outgoing ??= new TlsOutgoing();
      this.#outgoing.isWaiting = true;
      this.#watch();
    }
    const watcher = this.#watcher;
    if (watcher === undefined) return;
    if ((result & TLS_SESSION) !== 0) this.#reportSessions(watcher);
    if ((result & TLS_KEY_LINES) !== 0 && this.#open) this.#reportKeyLines(watcher);
  }

  #deliver(byteLength: number, isRepeated: boolean): void {
    const { readBuffer } = this.#reactor;
    if (!isRepeated) this.#events?.received(readBuffer, 0, byteLength);
    // The reactor set the async context for the first call; a context that its handler entered with `enterWith` must not
    // reach the next ones.
    else runInRootContext(() => this.#events?.received(readBuffer, 0, byteLength), undefined);
  }

  /** Reports the end of the peer's side, unless the transport is paused. */
  #reportEnd(isRepeated: boolean): void {
    if (!this.#isEndDue || !this.#reading || !this.#open) return;
    const failure = this.#outgoing === undefined ? 0 : this.#outgoing.failure;
    if (this.#peerEnd === BARE && failure < 0) {
      // The kernel has reported its error to that send. After it, a broken connection looks as if the peer had ended.
      this.#fail(this.#errorOf(failure, 'send'));
      return;
    }
    this.#endReported = true;
    this.#watch();
    const isBare = this.#peerEnd === BARE;
    if (!isRepeated) this.#events?.ended(isBare);
    else runInRootContext(() => this.#events?.ended(isBare), undefined);
    if (this.#endWriteDone) this.#fail(undefined);
  }

  /** Asks the reactor for a turn in the next loop iteration. */
  #askForInput(): void {
    if (this.#inputAsked) return;
    this.#inputAsked = true;
    // A separate handler, so that this call is not mistaken for one of epoll.
    this.#reactor.readyLater({ ready: () => this.#takeInput() });
  }

  #takeInput(): void {
    this.#inputAsked = false;
    if (this.#hasInput && this.#readsMore) this.#receive();
    else this.#reportEnd(false);
  }

  #reportSessions(watcher: TlsWatcher): void {
    if (watcher.session === undefined) return;
    while (this.#open) {
      const der = this.#binding.tlsSession(this.slot, this.generation);
      if (der === undefined) return;
      watcher.session(this, der);
    }
  }

  #reportKeyLines(watcher: TlsWatcher): void {
    const lines = this.#binding.tlsKeyLog(this.slot, this.generation);
    if (lines !== undefined) watcher.keyLines?.(lines);
  }

  // ---- writing ----

  /** Whether ciphertext waits until the kernel can take more. */
  get #isWaiting(): boolean {
    return this.#outgoing?.isWaiting === true;
  }

  /** Whether epoll will report that the kernel can take the ciphertext that waits. */
  get #awaitsKernel(): boolean {
    return this.#isWaiting && this.#interest !== UNWATCHED && (this.#interest & WRITABLE) !== 0;
  }

  #send(): void {
    const outgoing = this.#outgoing;
    const result = outgoing === undefined ? 0 : this.#sendAll(outgoing);
    const failure = result < 0 ? result : this.#endIfWanted();
    if (failure < 0) {
      this.#sendFailed(failure);
      return;
    }
    this.#watch();
    this.#reportSent();
    if (this.#open && this.#endReported && this.#endWriteDone) this.#fail(undefined);
  }

  /** Sends as much as the kernel and the budget of this iteration allow. @returns 0 or the negative errno. */
  #sendAll(outgoing: TlsOutgoing): number {
    let result = outgoing.isWaiting ? this.#flushWaiting(outgoing) : 0;
    while (result >= 0 && !outgoing.isWaiting && !outgoing.needsInput && outgoing.queuedBytes > 0) {
      result = this.#encrypt(outgoing);
      if (result === BUDGET_SPENT) {
        this.#deferFlush();
        return 0;
      }
      // Some of the records may be in the kernel.
      if (outgoing.isWaiting) result = this.#flushWaiting(outgoing);
    }
    return Math.min(result, 0);
  }

  #flushWaiting(outgoing: TlsOutgoing): number {
    return outgoing.flush(this.#binding, this.slot, this.generation);
  }

  /** @returns a number of bytes, {@link BUDGET_SPENT}, or the negative errno. */
  #encrypt(outgoing: TlsOutgoing): number {
    const budget = this.#loop.writeBudget;
    const mostBytes = budget.allowance(this, outgoing.queuedBytes);
    if (mostBytes === 0) return BUDGET_SPENT;
    const { pieceCount } = outgoing;
    const result = outgoing.encrypt(this.#sendCalls, this.slot, this.generation, mostBytes);
    if (result > 0) budget.spend(this, result, pieceCount);
    return result;
  }

  #reportSent(): void {
    const outgoing = this.#outgoing;
    if (outgoing === undefined) return;
    const byteLength = outgoing.takeSent();
    if (outgoing.isSent) this.#outgoing = undefined;
    if (byteLength > 0) this.#events?.sent(byteLength);
  }

  /** Ends our side once everything was sent: announces the end, and then shuts down. @returns 0 or the negative errno. */
  #endIfWanted(): number {
    if (!this.#endWriteWanted || this.#endWriteDone) return 0;
    if (this.#outgoing !== undefined && !this.#outgoing.isSent) return 0;
    if (!this.#endAnnounced) {
      const result = this.#binding.tlsShutdown(this.slot, this.generation);
      if (result > 0 && (result & TLS_NEEDS_INPUT) !== 0) {
        this.#outgoing ??= new TlsOutgoing();
        this.#outgoing.needsInput = true;
        return 0;
      }
      this.#endAnnounced = true;
      // A peer that has ended in order may have closed without waiting for our end.
      if (result < 0 && !this.#endReported) return result;
      if (result > 0 && (result & TLS_WAITING) !== 0) {
        this.#outgoing ??= new TlsOutgoing();
        this.#outgoing.isWaiting = true;
        return 0;
      }
    }
    this.#endWriteDone = true;
    this.#reactor.binding.shutdown(this.slot, this.generation, 1);
    return 0;
  }

  /** The budget of this loop iteration is spent: the rest is sent in a later one. */
  #deferFlush(): void {
    this.#flushScheduled = true;
    this.#loop.deferFlush(this);
  }

  // ---- ending ----

  /**
   * The peer takes no more bytes. What it sent before is delivered first: a server that refuses a body may have sent its
   * response and closed, or the alert that says why.
   */
  #sendFailed(result: number): void {
    this.#reportSent();
    const { readBuffer } = this.#reactor;
    for (let reads = 0; reads < READS_PER_TURN && this.#readsMore; reads += 1) {
      const received = this.#binding.tlsRecv(this.slot, this.generation, readBuffer, 0, readBuffer.length);
      if (received === -EPROTO) {
        this.#fail(this.#errorOf(received, 'recv'));
        return;
      }
      // The end is not reported: after a reset whose error the send has got, it is not an end that the peer has sent.
      if (received < 0) break;
      const byteLength = received & TLS_BYTES;
      if (byteLength > 0) this.#deliver(byteLength, reads > 0);
      const isLast = byteLength === 0 && (received & (TLS_KEPT | TLS_FULL)) === 0;
      if (isLast || (received & (TLS_ENDED | TLS_BARE)) !== 0) break;
    }
    this.#fail(this.#errorOf(result, 'send'));
  }

  /** The connection was reset or is fully shut down, and nothing more is to be read from it. */
  #breakOff(): void {
    const { binding, options } = this.#reactor;
    const error = binding.getOption(this.slot, this.generation, options.ERROR);
    if (error > 0) this.#fail(systemError(-error, 'recv'));
    else if (this.#endWriteDone || this.#endReported) this.#fail(undefined);
    else this.#fail(new SystemError('ECONNRESET', 'recv'));
  }

  #errorOf(result: number, syscall: 'recv' | 'send'): Error {
    if (result !== -EPROTO) return systemError(result, syscall);
    const failure = failureOf(this.#binding, this.slot, this.generation);
    return this.#explain === undefined ? failure : this.#explain(failure);
  }

  /** Updates the registration to the events that are needed now. */
  #watch(): void {
    if (!this.#open) return;
    let wanted = UNWATCHED;
    if (this.#reading) wanted = this.#peerEnd === OPEN ? READABLE : ONLY_BROKEN;
    if (this.#isWaiting) wanted = alsoWritable(wanted);
    this.#interest = changeEvents(this.#reactor, this, this.#interest, wanted);
  }

  #fail(error: Error | undefined): void {
    if (!this.#open) return;
    this.#release();
    this.#events?.closed(error);
  }

  #abandon(): void {
    this.#release();
    process.nextTick(reportClosed, this.#events);
  }

  #release(): void {
    this.#open = false;
    this.#outgoing?.clear();
    closeDescriptor(this.#reactor, this);
    if (this.#keepsAlive) this.#reactor.unref();
    this.#watcher?.closed(this);
  }
}

function reportClosed(events: TransportEvents | undefined): void {
  events?.closed(undefined);
}
