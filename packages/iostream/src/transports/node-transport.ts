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
  /** Whose flush queue collects the writes of one turn. Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** What the Duplex cannot say itself, such as the path of a Unix socket. Default: what it says. */
  readonly localAddress?: SocketAddress | undefined;
  readonly remoteAddress?: SocketAddress | undefined;
  /** Of the transport that a TLS socket was put on. */
  readonly proxied?: ProxiedConnection | undefined;
  /** Where bytes go one way only. */
  readonly direction?: Transport['direction'];
  /** What a TLS socket was put on: it alone can be reset. Default: the Duplex itself. */
  readonly below?: Duplex;
}

const NODE_TRANSPORT_OPTIONS: OptionNames<NodeTransportOptions> = {
  loop: true,
  localAddress: true,
  remoteAddress: true,
  proxied: true,
  direction: true,
  below: true,
};

/**
 * Any Node socket, TLS socket or Duplex as a {@link Transport}.
 *
 * The socket should have been made with `allowHalfOpen: true`, or Node ends our side when the peer ends its own.
 * One write is in flight at a time and carries all that was queued until then, up to a bound: thus `sent` tells the
 * truth, and a slow peer's bytes wait where the stream counts them.
 */
export class NodeTransport implements Transport, Flushable, BudgetedWriter {
  readonly kind = 'node';
  readonly direction: Transport['direction'];
  readonly tls: TlsInfo | undefined;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
  /** For the loop's budget. */
  writeTurn = 0;
  /** For the loop's budget. */
  spentInTurn = 0;

  readonly #duplex: Duplex;
  readonly #below: Duplex;
  readonly #loop: IOLoop;
  readonly #outgoing = new OutgoingPieces();
  #events: TransportEvents | undefined;
  /** What is about to be delivered. */
  #arrived: Buffer | undefined;
  #bytesInFlight = 0;
  #reading = false;
  #flushScheduled = false;
  #endWriteWanted: boolean;
  #endWriteDone: boolean;
  #peerEnded = false;
  #endReported = false;
  /** False as soon as either side has closed, and once we are detached. */
  #open = true;
  #error: Error | undefined;
  readonly #isUnixSocket: boolean;
  #isLooking = false;
  /** Whether the Duplex is gone, and whether somebody was told. */
  #duplexClosed = false;
  #closeReported = false;

  /** Takes ownership of a connected Duplex. It must emit `close` when destroyed, which is Node's default. */
  constructor(duplex: Duplex, options: NodeTransportOptions = {}) {
    streamChecks.options('NodeTransport', options, NODE_TRANSPORT_OPTIONS);
    this.#duplex = duplex;
    this.#below = options.below ?? duplex;
    this.direction = options.direction;
    this.#endWriteWanted = this.direction === 'read';
    this.#endWriteDone = this.#endWriteWanted;
    this.#loop = options.loop ?? IOLoop.current();
    this.tls = duplex instanceof TLSSocket ? readTlsInfo(duplex) : undefined;
    // Read now, since Node forgets them when the connection goes.
    this.localAddress = options.localAddress ?? ownAddress(duplex);
    this.remoteAddress = options.remoteAddress ?? peerAddress(duplex);
    this.proxied = options.proxied;
    // Of a TLS socket this would write a record; of a pipe or a terminal there is no other direction to look into.
    const isPlainSocket = duplex instanceof Socket && this.tls === undefined && this.direction === undefined;
    this.#isUnixSocket = isPlainSocket && ownAddress(duplex).family === 'unix';
    // A listener for `data` would start the flow, were the stream not paused in so many words.
    duplex.pause();
    duplex.on('data', this.#onData);
    duplex.on('end', this.#onEnd);
    duplex.on('error', this.#onError);
    duplex.on('close', this.#onClose);
    if (duplex.destroyed) this.#duplexClosed = true;
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
    // Without the alert of RFC 8446 §6.1 what the peer has been sent counts as cut off. That is so where some is lost.
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
    // The listener for errors stays: who takes over may be late with one, and one bad socket would end the process.
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

  /** Whether there may be anything left to tell. */
  #isReportable(): boolean {
    return this.#open || (this.#duplexClosed && !this.#closeReported);
  }

  /** @returns whether there is something to destroy. */
  #letGo(): boolean {
    if (!this.#open) {
      // The peer was faster, and a paused reader had not been told yet: it is told now.
      if (this.#duplexClosed) process.nextTick(() => this.#reportClosed());
      return false;
    }
    this.#open = false;
    this.#outgoing.clear();
    return true;
  }

  /** Hands over what one write takes, or waits for a later turn if the budget of this one is spent. */
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
   * In the root async context: Node calls back in that of the socket or, for what was buffered, of the one who resumed
   * it. Node before 24 keeps in the socket what `enterWith` has entered there.
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
    // Node may notice the end of an empty stream although it is paused.
    if (this.#reading) this.#reportEnd();
    // A turn later, as the reactor would: who hears of the end may answer it.
    if (this.#isUnixSocket) setImmediate(() => this.#lookForClose());
  };

  readonly #onWritten = (error?: Error | null): void => {
    const byteLength = this.#bytesInFlight;
    this.#bytesInFlight = 0;
    // A failed write is reported by the close that follows it.
    if (error || !this.#open) return;
    this.#events?.sent(byteLength);
    this.flush();
  };

  /** A Unix socket knows whether its peer has only shut down its side or closed: see {@link writeNothing}. */
  #lookForClose(): void {
    const isWriting = this.#bytesInFlight > 0 || this.#flushScheduled || this.#endWriteDone;
    // What is being written finds out by itself.
    if (!this.#open || isWriting) return;
    this.#isLooking = true;
    writeNothing(this.#duplex, (error) => {
      this.#isLooking = error !== null && error !== undefined;
    });
  }

  readonly #onError = (error: Error): void => {
    // The peer ended in order before it closed.
    if (this.#isLooking && (error as NodeJS.ErrnoException).code === 'EPIPE') return;
    this.#error ??= toTransportError(error);
  };

  readonly #onClose = (): void => {
    const closedByUs = !this.#open;
    this.#open = false;
    this.#duplexClosed = true;
    this.#outgoing.clear();
    // An orderly end waits, as the bytes before it would, until somebody reads.
    const awaitsReader = !closedByUs && this.#error === undefined && this.#peerEnded && !this.#endReported;
    if (awaitsReader && !this.#reading) return;
    this.#reportClosed();
  };

  #reportEnd(): void {
    if (this.#endReported || !this.#reading || !this.#isReportable()) return;
    this.#endReported = true;
    this.#events?.ended();
    if (this.#duplexClosed) this.#reportClosed();
  }

  #reportClosed(): void {
    if (this.#closeReported || this.#events === undefined) return;
    this.#closeReported = true;
    this.#reading = false;
    this.#events.closed(this.#error);
  }
}

/** For what comes from a user: @throws StreamUsageError `ERR_STREAM_USAGE` for anything but a Duplex. */
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

/** The system calls as the reactor names them, so that both backends report the same. */
const SYSCALLS: Readonly<Record<string, string>> = { read: 'recv', write: 'send' };

function toTransportError(error: Error): Error {
  const syscall = (error as NodeJS.ErrnoException).syscall ?? 'read';
  return SystemError.from(error, SYSCALLS[syscall] ?? syscall);
}
