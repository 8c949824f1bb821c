import type { Buffer } from 'node:buffer';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { DATA, type DecoderEvent, END, HEAD, NEED_DATA } from '../protocol/index.ts';

/** The decoder that a pump drives: that of requests or that of responses. */
export interface PumpedDecoder {
  readonly bufferedBytes: number;
  receive(bytes: Buffer, start: number, end: number): void;
  next(): DecoderEvent;
  hold(): void;
}

/** The connection whose messages a pump delivers. What a `deliver` method throws goes to {@link failed}. */
export interface PumpedConnection {
  readonly stream: IOStream;
  /** Whether the next event may be delivered now. */
  readonly takesEvents: boolean;
  deliverHead(): void;
  deliverData(): void;
  /** @returns whether the message that follows may be delivered. */
  deliverEnd(): boolean;
  /** If it is time to: that the peer has ended its side. @returns whether the delegate was notified, and may have acted. */
  deliverPeerEnd(): boolean;
  /** The decoder or a delegate threw. Must not throw itself; the pump goes on while {@link takesEvents}. */
  failed(error: unknown): void;
  /** Nothing more can be delivered now: decides by {@link MessagePump.pause} and its like what happens to the input. */
  pumped(): void;
  /** A promise that held `message` back was fulfilled. @returns whether events may be delivered again. */
  released(message: object): boolean;
  /** A promise that held `message` back was rejected. */
  rejected(error: unknown, message: object): void;
}

/**
 * Pulls events out of a decoder and delivers them to a connection of either side, one after the other, until bytes
 * are missing or the connection takes no more; keeps what was not decoded, and pauses the stream.
 *
 * It never runs inside itself: whatever a delegate does while an event is delivered to it, the next one follows after.
 */
export class MessagePump<Decoder extends PumpedDecoder> {
  readonly decoder: Decoder;
  /** One pump may serve one connection after the other: see `ServerCodecs`. */
  #connection: PumpedConnection | undefined;
  #running = false;
  #paused = false;
  /** A message is over, and bytes are there that may be the next one. */
  #hasNext = false;

  constructor(decoder: Decoder) {
    this.decoder = decoder;
  }

  /** Serves this connection from now on. */
  attach(connection: PumpedConnection | undefined): void {
    this.#connection = connection;
  }

  /** Whether reading of the stream is paused. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Decodes and delivers. Does nothing while it does so already. */
  run(): void {
    const connection = this.#connection;
    if (this.#running || connection === undefined) return;
    this.#running = true;
    try {
      // Ends: what fails has used up an event or has ended the connection, and a delegate is notified once.
      while (!this.#deliver(connection) || connection.deliverPeerEnd()) this.#hasNext = true;
    } finally {
      this.#running = false;
    }
    connection.pumped();
  }

  /** As {@link run}, but not in the async context of the caller, which may have to do with another message. */
  runOnwards(): void {
    if (this.#running) return;
    if (this.decoder.bufferedBytes > 0) runInRootContext(this.run, this);
    else this.run();
  }

  /**
   * Keeps the bytes that were not decoded. Reading goes on until there are `mostBytes` of them: a stream that is not
   * read does not notice that the peer leaves.
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

  /** Goes on with `message` when the promise of a delegate has settled; the connection takes no events until then. */
  waitFor(waiting: PromiseLike<unknown>, message: object): void {
    const connection = this.#connection as PumpedConnection;
    Promise.resolve(waiting).then(
      () => {
        if (connection.released(message)) this.run();
      },
      (error) => connection.rejected(error, message),
    );
  }

  /** @returns false after a failure, which the messages that follow have no part in: there may be more to deliver. */
  #deliver(connection: PumpedConnection): boolean {
    try {
      // Each message in a context of its own: the one before may have entered another by `enterWith`.
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

  /** Delivers the rest of one message at most. */
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
      }
    }
  }
}
