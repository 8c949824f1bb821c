import type { Buffer } from 'node:buffer';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { DATA, type DecoderEvent, END, HEAD, INTERIM, NEED_DATA } from '../protocol/index.ts';

/** The decoder that a pump drives: a RequestDecoder or a ResponseDecoder. */
export interface PumpedDecoder {
  readonly bufferedBytes: number;
  receive(bytes: Buffer, start: number, end: number): void;
  next(): DecoderEvent;
  hold(): void;
}

/**
 * The connection to which a pump delivers messages. If a `deliver` method throws, the error is passed to
 * {@link failed}.
 */
export interface PumpedConnection {
  readonly stream: IOStream;
  /** Whether the next event may be delivered now. */
  readonly takesEvents: boolean;
  /** Client only. */
  deliverInterim?(): void;
  deliverHead(): void;
  deliverData(): void;
  /** @returns whether the next message may be delivered. */
  deliverEnd(): boolean;
  /**
   * Notifies the delegate if the peer has half-closed and the delegate has not been notified of that yet.
   *
   * @returns whether the delegate was notified, and so may have acted on the connection.
   */
  deliverPeerEnd(): boolean;
  /**
   * Called if the decoder or a delegate threw. Must not throw. The pump continues while {@link takesEvents} is true.
   */
  failed(error: unknown): void;
  /** Called when nothing more can be delivered: decides whether to hold, pause or resume the input of the pump. */
  pumped(): void;
  /** Called when the promise that delayed `message` is fulfilled. @returns whether events may be delivered again. */
  released(message: object): boolean;
  /** Called when the promise that delayed `message` is rejected. */
  rejected(error: unknown, message: object): void;
}

/**
 * Pulls events out of a decoder and delivers them one by one to a server or client connection, until more bytes are
 * needed or the connection does not accept more events. Keeps undecoded bytes, and pauses and resumes the stream.
 *
 * The pump is not reentrant: if a delegate calls {@link run}, directly or not, while an event is being delivered, the
 * next event is delivered only after that call has returned.
 */
export class MessagePump<Decoder extends PumpedDecoder> {
  readonly decoder: Decoder;
  /** A pump may be reused for one connection after another: see `ServerCodecs`. */
  #connection: PumpedConnection | undefined;
  #running = false;
  #paused = false;
  /** A message is complete, and more bytes are buffered, which may belong to the next message. */
  #hasNext = false;

  constructor(decoder: Decoder) {
    this.decoder = decoder;
  }

  /** Sets the connection to deliver to; undefined detaches the pump. */
  attach(connection: PumpedConnection | undefined): void {
    this.#connection = connection;
  }

  /** Whether the pump has paused the stream. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Decodes and delivers events. Does nothing if it is already running. */
  run(): void {
    const connection = this.#connection;
    if (this.#running || connection === undefined) return;
    this.#running = true;
    try {
      // This terminates: each failure consumes an event or ends the connection, and each delegate is notified only
      // once.
      while (!this.#deliver(connection) || connection.deliverPeerEnd()) this.#hasNext = true;
    } finally {
      this.#running = false;
    }
    connection.pumped();
  }

  /** Like {@link run}, but not in the async context of the caller, which may belong to another message. */
  runOnwards(): void {
    if (this.#running) return;
    if (this.decoder.bufferedBytes > 0) runInRootContext(this.run, this);
    else this.run();
  }

  /**
   * Copies the bytes that were not decoded. Pauses the stream only if there are at least `mostBytes` of them: a paused
   * stream does not notice that the peer has closed the connection.
   */
  hold(mostBytes: number): void {
    this.decoder.hold();
    if (this.decoder.bufferedBytes >= mostBytes) this.pause();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#connection?.stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection?.stream.resume();
  }

  /**
   * Continues with `message` when the delegate's promise is settled. Until then, the connection does not accept events.
   */
  waitFor(waiting: PromiseLike<unknown>, message: object): void {
    const connection = this.#connection as PumpedConnection;
    Promise.resolve(waiting).then(
      () => {
        if (connection.released(message)) this.run();
      },
      (error) => connection.rejected(error, message),
    );
  }

  /** @returns false after a failure. A failure affects only one message, so there may be more events to deliver. */
  #deliver(connection: PumpedConnection): boolean {
    try {
      // Each message gets an async context of its own: the previous one may have called `enterWith`.
      do {
        if (this.#hasNext) runInRootContext(this.#deliverMessage, this);
        else this.#deliverMessage();
      } while (this.#hasNext);
      return true;
    } catch (error) {
      connection.failed(error);
      return false;
    }
  }

  /** Delivers events of the current message, and none of the next one. */
  #deliverMessage(): void {
    const connection = this.#connection as PumpedConnection;
    const { decoder } = this;
    this.#hasNext = false;
    while (!this.#hasNext && connection.takesEvents) {
      const event = decoder.next();
      if (event === NEED_DATA) return;
      if (event === HEAD) connection.deliverHead();
      else if (event === DATA) connection.deliverData();
      else if (event === END) {
        this.#hasNext = connection.deliverEnd() && decoder.bufferedBytes > 0;
      } else if (event === INTERIM) connection.deliverInterim?.();
    }
  }
}
