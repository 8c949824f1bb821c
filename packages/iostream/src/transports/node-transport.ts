import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { IOLoop, SystemError } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { type BudgetedWriter, type Flushable, runInRootContext } from '@landspout/ioloop/reactor';
import { internetAddress } from '../addresses/net-address.ts';
import { streamChecks } from '../errors.ts';
import type { ProxiedConnection, SocketAddress, TlsInfo, Transport, TransportEvents } from '../transport.ts';
import { resetDuplex, writeNothing } from './node-socket-adapter.ts';
import { MOST_CHUNK_BYTES, OutgoingPieces } from './outgoing-pieces.ts';
import { readTlsInfo } from './tls-info.ts';

export interface NodeTransportOptions {
  /** The loop whose flush queue collects the writes of one iteration. Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Addresses that the Duplex does not report, such as the path of a Unix socket. Default: those that it reports. */
  readonly localAddress?: SocketAddress | undefined;
  readonly remoteAddress?: SocketAddress | undefined;
  /** The proxy of the transport below a TLS socket. */
  readonly proxied?: ProxiedConnection | undefined;
  /** Set if bytes go one way only. */
  readonly direction?: Transport['direction'];
  /** The socket below a TLS socket, since only that one can be reset. Default: the Duplex itself. */
  readonly below?: Duplex;
  /** Returns the error to report for an error of the Duplex. Default: the error itself. */
  readonly explain?: ((error: Error) => Error) | undefined;
}

const NODE_TRANSPORT_OPTIONS: OptionNames<NodeTransportOptions> = {
  loop: true,
  localAddress: true,
  remoteAddress: true,
  proxied: true,
  direction: true,
  below: true,
  explain: true,
};

/**
 * Any Node socket, TLS socket or Duplex as a {@link Transport}.
 *
 * Create the socket with `allowHalfOpen: true`; otherwise Node ends our side when the peer ends its own. One write is
 * in progress at a time, and it contains everything queued before it, up to a limit. So `sent` is reported only for
 * bytes that have really been written, and bytes that a slow peer does not read stay in this queue, where the stream
 * counts them.
 */
export class NodeTransport implements Transport, Flushable, BudgetedWriter {
  readonly kind = 'node';
  readonly direction: Transport['direction'];
  readonly tls: TlsInfo | undefined;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
  /** Used by the loop's write budget. */
  writeTurn = 0;
  /** Used by the loop's write budget. */
  spentInTurn = 0;

  readonly #duplex: Duplex;
  readonly #below: Duplex;
  readonly #explain: NodeTransportOptions['explain'];
  readonly #loop: IOLoop;
  readonly #outgoing = new OutgoingPieces();
  #events: TransportEvents | undefined;
  /** The bytes about to be delivered. */
  #arrived: Buffer | undefined;
  #bytesInFlight = 0;
  /** Of a write that has failed: some of them may have been written. */
  #bytesLost = 0;
  #reading = false;
  #flushScheduled = false;
  #endWriteWanted: boolean;
  #endWriteDone: boolean;
  #peerEnded = false;
  #endReported = false;
  /** False when either side has closed, and after `detach`. */
  #open = true;
  #error: Error | undefined;
  readonly #isUnixSocket: boolean;
  #isLooking = false;
  /** Whether the Duplex has closed, and whether that was reported. */
  #duplexClosed = false;
  #closeReported = false;

  /** Takes ownership of a connected Duplex. It must emit `close` when destroyed, which is Node's default. */
  constructor(duplex: Duplex, options: NodeTransportOptions = {}) {
    streamChecks.options('NodeTransport', options, NODE_TRANSPORT_OPTIONS);
    this.#duplex = duplex;
    this.#below = options.below ?? duplex;
    this.#explain = options.explain;
    this.direction = options.direction;
    this.#endWriteWanted = this.direction === 'read';
    this.#endWriteDone = this.#endWriteWanted;
    this.#loop = options.loop ?? IOLoop.current();
    this.tls = duplex instanceof TLSSocket ? readTlsInfo(duplex) : undefined;
    // Read now, since Node forgets them when the connection closes.
    this.localAddress = options.localAddress ?? ownAddress(duplex);
    this.remoteAddress = options.remoteAddress ?? peerAddress(duplex);
    this.proxied = options.proxied;
    // The check for a closed peer makes an empty write, which would send a record on a TLS socket; and pipes and
    // terminals have no other direction to check.
    const isPlainSocket = duplex instanceof Socket && this.tls === undefined && this.direction === undefined;
    this.#isUnixSocket = isPlainSocket && ownAddress(duplex).family === 'unix';
    // Without an explicit pause, a listener for `data` would start the flow.
    duplex.pause();
    duplex.on('data', this.#onData);
    duplex.on('end', this.#onEnd);
    duplex.on('error', this.#onError);
    duplex.on('close', this.#onClose);
    if (duplex.destroyed) this.#duplexClosed = true;
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight + this.#bytesLost;
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#duplexClosed) process.nextTick(() => this.#reportClosed());
  }

  resume(): void {
    if (this.#reading || !this.#isReportable()) return;
    this.#reading = true;
    if (this.#peerEnded) process.nextTick(() => this.#reportEnd());
    else if (this.direction !== 'write') this.#duplex.resume();
  }

  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    if (this.#open) this.#duplex.pause();
  }

  write(piece: string | Uint8Array): void {
    if (!this.#open || this.#endWriteWanted || piece.length === 0) return;
    this.#outgoing.push(piece);
    this.#scheduleFlush();
  }

  flush(): void {
    this.#flushScheduled = false;
    if (this.#bytesInFlight > 0 || !this.#open) return;
    if (this.#outgoing.byteLength > 0) {
      this.#writeSome();
    } else if (this.#endWriteWanted && !this.#endWriteDone) {
      this.#endWriteDone = true;
      this.#duplex.end();
    }
  }

  endWrite(): void {
    if (!this.#open || this.#endWriteWanted) return;
    this.#endWriteWanted = true;
    this.#scheduleFlush();
  }

  close(): void {
    // A peer that gets no close alert (RFC 8446 §6.1) must assume that data was cut off. So the alert is sent unless
    // queued bytes are discarded here.
    const isWhole =
      this.tls !== undefined && this.#bytesInFlight === 0 && this.#outgoing.take() === undefined;
    if (!this.#letGo()) return;
    if (isWhole && !this.#endWriteDone) this.#duplex.end();
    this.#duplex.destroy();
  }

  reset(): void {
    if (this.#letGo()) resetDuplex(this.#duplex, this.#below);
  }

  ref(): void {
    if (this.#duplex instanceof Socket) this.#duplex.ref();
  }

  unref(): void {
    if (this.#duplex instanceof Socket) this.#duplex.unref();
  }

  setNoDelay(on: boolean): void {
    if (this.#open && this.#duplex instanceof Socket) this.#duplex.setNoDelay(on);
  }

  detach(): Duplex {
    this.#open = false;
    this.#closeReported = true;
    const duplex = this.#duplex;
    duplex.pause();
    duplex.off('data', this.#onData);
    duplex.off('end', this.#onEnd);
    duplex.off('close', this.#onClose);
    // The error listener stays attached: an error emitted before the new owner has added its own listener would end the
    // process.
    return duplex;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      localAddress: inspectedAddress(this.localAddress),
      tls: this.tls?.protocol,
      isOpen: this.#open,
    }));
  }

  /** Whether there may still be events to report. */
  #isReportable(): boolean {
    return this.#open || (this.#duplexClosed && !this.#closeReported);
  }

  /** @returns whether there is something to destroy. */
  #letGo(): boolean {
    if (!this.#open) {
      // The peer closed first, and a paused reader has not been notified yet: notify it now.
      if (this.#duplexClosed) process.nextTick(() => this.#reportClosed());
      return false;
    }
    this.#open = false;
    this.#outgoing.clear();
    return true;
  }

  /**
   * Starts one write of as many bytes as the limit allows, or waits for a later loop iteration if the write budget of
   * this one is spent.
   */
  #writeSome(): void {
    const { byteLength, pieceCount } = this.#outgoing;
    const budget = this.#loop.writeBudget;
    const mostBytes = budget.allowance(this, byteLength);
    if (mostBytes === 0) {
      this.#flushScheduled = true;
      this.#loop.deferFlush(this);
      return;
    }
    const chunk = this.#outgoing.take(Math.min(mostBytes, MOST_CHUNK_BYTES)) as string | Uint8Array;
    budget.spend(this, chunk.length, pieceCount);
    this.#bytesInFlight = chunk.length;
    if (typeof chunk === 'string') this.#duplex.write(chunk, 'latin1', this.#onWritten);
    else this.#duplex.write(chunk, this.#onWritten);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#bytesInFlight > 0) return;
    this.#flushScheduled = true;
    this.#loop.scheduleFlush(this);
  }

  /**
   * Delivers in the root async context. Node calls back in the context of the socket or, for buffered bytes, of the
   * code that resumed it; before Node 24, a context entered with `enterWith` in such a callback stays with the socket.
   */
  readonly #onData = (bytes: Buffer): void => {
    if (!this.#open) return;
    this.#arrived = bytes;
    runInRootContext(this.#deliver, this);
  };

  #deliver(): void {
    const bytes = this.#arrived as Buffer;
    this.#arrived = undefined;
    this.#events?.received(bytes, 0, bytes.length);
  }

  readonly #onEnd = (): void => {
    this.#peerEnded = true;
    // Node may notice the end of an empty stream even while it is paused.
    if (this.#reading) this.#reportEnd();
    // One loop iteration later, as on the reactor: the receiver of the end may respond to it first.
    if (this.#isUnixSocket) setImmediate(() => this.#lookForClose());
  };

  readonly #onWritten = (error?: Error | null): void => {
    const byteLength = this.#bytesInFlight;
    this.#bytesInFlight = 0;
    // A failed write is reported by the close that follows.
    if (error || !this.#open) {
      this.#bytesLost = byteLength;
      return;
    }
    this.#events?.sent(byteLength);
    this.flush();
  };

  /**
   * Finds out whether the peer of a Unix socket has closed or only ended its writing side: see {@link writeNothing}.
   */
  #lookForClose(): void {
    const isWriting = this.#bytesInFlight > 0 || this.#flushScheduled || this.#endWriteDone;
    // A write in progress will fail if the peer has closed.
    if (!this.#open || isWriting) return;
    this.#isLooking = true;
    writeNothing(this.#duplex, (error) => {
      this.#isLooking = error !== null && error !== undefined;
    });
  }

  readonly #onError = (error: Error): void => {
    // The peer ended in order before it closed.
    if (this.#isLooking && (error as NodeJS.ErrnoException).code === 'EPIPE') return;
    const reported = toTransportError(error);
    this.#error ??= this.#explain === undefined ? reported : this.#explain(reported);
    // A client's TLS socket reports an invalid record or an alert, and stays open.
    if (this.#duplex instanceof TLSSocket) this.#duplex.destroy();
  };

  readonly #onClose = (): void => {
    const closedByUs = !this.#open;
    this.#open = false;
    this.#duplexClosed = true;
    this.#outgoing.clear();
    // An orderly end is reported only while the transport is not paused, like the bytes before it.
    const awaitsReader = !closedByUs && this.#error === undefined && this.#peerEnded && !this.#endReported;
    if (awaitsReader && !this.#reading) return;
    this.#reportClosed();
  };

  #reportEnd(): void {
    if (this.#endReported || !this.#reading || !this.#isReportable()) return;
    this.#endReported = true;
    this.#events?.ended(false);
    if (this.#duplexClosed) this.#reportClosed();
  }

  #reportClosed(): void {
    if (this.#closeReported || this.#events === undefined) return;
    this.#closeReported = true;
    this.#reading = false;
    this.#events.closed(this.#error);
  }
}

/**
 * Creates a transport over a Duplex of the user.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` for anything but a Duplex.
 */
export function nodeDuplexTransport(duplex: Duplex): NodeTransport {
  if (!(duplex instanceof Duplex)) throw streamChecks.wrong('fromDuplex', 'a Duplex', duplex);
  return new NodeTransport(duplex);
}

const UNNAMED: SocketAddress = { family: 'unix', path: '' };
const NO_SOCKET: SocketAddress = { family: 'memory' };

function ownAddress(duplex: Duplex): SocketAddress {
  if (!(duplex instanceof Socket)) return NO_SOCKET;
  const { localAddress, localPort } = duplex;
  return localAddress === undefined || localPort === undefined
    ? UNNAMED
    : internetAddress(localAddress, localPort);
}

function peerAddress(duplex: Duplex): SocketAddress {
  if (!(duplex instanceof Socket)) return NO_SOCKET;
  const { remoteAddress, remotePort } = duplex;
  return remoteAddress === undefined || remotePort === undefined
    ? UNNAMED
    : internetAddress(remoteAddress, remotePort);
}

/** The system calls as the reactor names them, so that both backends report the same errors. */
const SYSCALLS: Readonly<Record<string, string>> = { read: 'recv', write: 'send' };

function toTransportError(error: Error): Error {
  const syscall = (error as NodeJS.ErrnoException).syscall ?? 'read';
  return SystemError.from(error, SYSCALLS[syscall] ?? syscall);
}
