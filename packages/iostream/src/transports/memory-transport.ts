import type { Duplex } from 'node:stream';
import { IOLoop, SystemError } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Flushable } from '@landspout/ioloop/reactor';
import type { SocketAddress, TlsInfo, Transport, TransportEvents } from '../transport.ts';
import { MemoryPipe } from './memory-pipe.ts';
import { OutgoingPieces } from './outgoing-pieces.ts';
import { TransportDuplex } from './transport-duplex.ts';

/**
 * Creates two transports that are connected in memory: for tests, and for a server and a client in one process.
 *
 * They behave like sockets: bytes are delivered in a later loop iteration, at most 64 KiB are in flight in each
 * direction, and both half-close and reset work. They do not keep the process alive.
 */
export function memoryPair(): [Transport, Transport] {
  const there = new MemoryPipe();
  const back = new MemoryPipe();
  return [new MemoryTransport(back, there), new MemoryTransport(there, back)];
}

class MemoryTransport implements Transport, Flushable {
  readonly kind = 'memory';
  readonly tls: TlsInfo | undefined = undefined;
  readonly localAddress: SocketAddress = ADDRESS;
  readonly remoteAddress: SocketAddress = ADDRESS;

  readonly #incoming: MemoryPipe;
  readonly #outgoing: MemoryPipe;
  readonly #queue = new OutgoingPieces();
  /** The piece that did not fit completely into the pipe. */
  #piece: string | Uint8Array | undefined;
  #events: TransportEvents | undefined;
  #reading = false;
  #open = true;
  #flushScheduled = false;
  #endWriteWanted = false;
  #endReported = false;

  constructor(incoming: MemoryPipe, outgoing: MemoryPipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    incoming.onReadable = () => this.#deliver();
    outgoing.onWritable = () => this.flush();
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  resume(): void {
    if (this.#reading || !this.#open) return;
    this.#reading = true;
    this.#incoming.wakeReader();
  }

  pause(): void {
    this.#reading = false;
  }

  write(piece: string | Uint8Array): void {
    if (!this.#open || this.#endWriteWanted || piece.length === 0) return;
    this.#queue.push(piece);
    this.#scheduleFlush();
  }

  endWrite(): void {
    if (!this.#open || this.#endWriteWanted) return;
    this.#endWriteWanted = true;
    this.#scheduleFlush();
  }

  flush(): void {
    this.#flushScheduled = false;
    if (!this.#open) return;
    const total = this.#fillPipe();
    if (total > 0) this.#events?.sent(total);
    // The callback may have written more, which must be sent before the end.
    if (!this.#open || this.#flushScheduled) return;
    if (this.#piece !== undefined) {
      // The peer has closed and will never make room. A socket would notice this by the reset that the peer sends in
      // response.
      if (this.#outgoing.isAbandoned) this.#fail(new SystemError('ECONNRESET', 'send'));
    } else if (this.#endWriteWanted && !this.#outgoing.isEnded) {
      this.#outgoing.end();
      if (this.#endReported) this.#fail(undefined);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#outgoing.end();
    this.#release();
    process.nextTick(() => this.#events?.closed(undefined));
  }

  reset(): void {
    if (!this.#open) return;
    this.#outgoing.reset();
    this.#release();
    process.nextTick(() => this.#events?.closed(undefined));
  }

  // There is no descriptor that could keep the process alive, and nothing to delay.
  ref(): void {}
  unref(): void {}
  setNoDelay(): void {}

  detach(): Duplex {
    this.#open = false;
    const heir = new MemoryTransport(this.#incoming, this.#outgoing);
    return new TransportDuplex(heir);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      isOpen: this.#open,
      localAddress: undefined,
      remoteAddress: undefined,
    }));
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    IOLoop.current().scheduleFlush(this);
  }

  /** @returns how many bytes the pipe took. */
  #fillPipe(): number {
    let total = 0;
    for (;;) {
      this.#piece ??= this.#queue.take();
      if (this.#piece === undefined || this.#outgoing.isAbandoned) return total;
      const taken = this.#outgoing.write(this.#piece);
      total += taken;
      if (taken < this.#piece.length) {
        this.#piece =
          typeof this.#piece === 'string' ? this.#piece.slice(taken) : this.#piece.subarray(taken);
        return total;
      }
      this.#piece = undefined;
    }
  }

  /** Delivers one chunk per loop iteration, as a socket does for each readiness event. */
  #deliver(): void {
    if (!this.#reading || !this.#open) return;
    const incoming = this.#incoming;
    if (incoming.isReset) {
      this.#fail(new SystemError('ECONNRESET', 'recv'));
      return;
    }
    const chunk = incoming.read();
    if (chunk !== undefined) {
      incoming.wakeReader();
      this.#events?.received(chunk, 0, chunk.length);
    } else if (incoming.isEnded && !this.#endReported) {
      this.#endReported = true;
      this.#events?.ended(false);
      if (this.#outgoing.isEnded) this.#fail(undefined);
    }
  }

  #fail(error: Error | undefined): void {
    if (!this.#open) return;
    this.#outgoing.end();
    this.#release();
    this.#events?.closed(error);
  }

  #release(): void {
    this.#open = false;
    this.#queue.clear();
    this.#piece = undefined;
    this.#outgoing.onWritable = undefined;
    this.#incoming.abandon();
  }
}

const ADDRESS: SocketAddress = { family: 'memory' };
