import type { ServerResponse } from 'node:http';
import { HTTPHeaders, type HTTPServerExchange, HTTPUsageError } from '@landspout/http1';
import { FieldCollector, type OutHeaders } from './field-collector.ts';
import { NEED_DRAIN, OUT_HEADERS, symbolsOf, WRITABLE_FINISHED } from './node-internals.ts';
import type { NodeSocket } from './node-socket.ts';

/**
 * A longer piece is passed to the exchange in slices, at the pace of the client: the handler owns its memory in any case,
 * but the queue of a connection is limited, by default to 16 MiB.
 */
const LARGE_LENGTH = 4 * 1024 * 1024;
const SLICE_BYTES = 256 * 1024;
/** How much may be written after a large piece that is not sent: as much as the queue of a connection takes by default. */
const MAX_BYTES_AFTER_LARGE = 16 * 1024 * 1024;

export type Callback = (error?: Error | null) => void;

/** Notified of what the handler does with the response. */
export interface ResponseOwner {
  /** The whole response was passed to the exchange. Called before the event `finish`. */
  responseCompleted(): void;
  /** The last event was emitted. Not called if the connection has ended. */
  responseClosed(): void;
  /** The client should send its body now. */
  continueWanted(): void;
  /** The handler has written to a response that it has ended. */
  wroteAfterEnd(): void;
}

/** A response with the state of Node that its writer reads and sets. */
export type WrittenResponse = ServerResponse & {
  _header: string | null;
  readonly _hasBody: boolean;
  readonly _trailer: string;
  _closed: boolean;
  outputSize: number;
};

/**
 * Writes one response of node:http to its exchange, and emits its events. A separate object, because each property of
 * the response itself makes the properties that frameworks add more expensive.
 */
export class ResponseWriter {
  readonly socket: NodeSocket;
  readonly #exchange: HTTPServerExchange;
  readonly #owner: ResponseOwner;
  /** Set by {@link attach}. */
  #response!: WrittenResponse;
  /** The head, from `writeHead` until it is written. */
  #fields: FieldCollector | undefined;
  #status = 0;
  #reason = '';
  #callbacks: Callback[] | undefined;
  #awaitsDrain = false;
  #hasReported = false;
  /** The rest of a large piece, and what was written after it. Undefined if there is none. */
  #rest: Uint8Array[] | undefined;
  #bytesAfterLarge = 0;
  /** Whether the response ends after the rest, and with which trailers. */
  #endAfterRest: { readonly trailers: HTTPHeaders | undefined } | undefined;
  /** Counted for `strictContentLength` only. */
  #bodyBytes = 0;

  constructor(exchange: HTTPServerExchange, owner: ResponseOwner, socket: NodeSocket) {
    this.#exchange = exchange;
    this.#owner = owner;
    this.socket = socket;
  }

  /** Sets the response. It is created after its writer. */
  attach(response: WrittenResponse): void {
    this.#response = response;
  }

  // ---- for the exchange ----

  /** The connection has ended: nothing more can be written. */
  markCut(): void {
    this.#response.destroyed = true;
    this.#fields = undefined;
  }

  /** The response was written to the exchange by something else. `finish` follows in the next tick. */
  respondedElsewhere(status: number): void {
    const response = this.#response;
    if (response.finished || response._closed) return;
    this.#fields = undefined;
    response.statusCode = status;
    // The value of `headersSent`, which is not sent.
    response._header ??= 'HTTP/1.1';
    response.finished = true;
    process.nextTick(finishes, this);
  }

  /** The connection has ended before the response was complete. Only `close` is emitted, as by Node. */
  connectionClosed(reason: Error): void {
    this.#runCallbacks(destroyedError('write', reason));
    this.#closes();
  }

  /** The connection was taken over before anything was written. Only `close` is emitted. */
  handedOver(): void {
    this.#runCallbacks(destroyedError('write'));
    this.#closes();
  }

  // ---- for the response ----

  /** Keeps the head until the first piece of the body is written. */
  storeHead(status: number, reason: string, fields: unknown): void {
    const response = this.#response;
    const collected = new FieldCollector();
    const known = OUT_HEADERS === undefined ? undefined : symbolsOf(response)[OUT_HEADERS];
    if (fields !== undefined && fields === known) collected.addChecked(fields as OutHeaders);
    else if (OUT_HEADERS === undefined && response.getHeaderNames().length > 0)
      collected.addUnchecked(response.getHeaders());
    else collected.addUnchecked(fields);
    if (collected.close || !response.shouldKeepAlive) collected.headers.add('Connection', 'close');
    this.#fields = collected;
    this.#status = status;
    this.#reason = reason;
  }

  /** Writes the head if it was not written, and a piece of the body. */
  write(piece: string | Uint8Array): void {
    const fields = this.#fields;
    if (this.#rest !== undefined) this.#addRest(this.#rest, bytesOf(piece));
    else if (piece.length > LARGE_LENGTH) this.#startRest(piece);
    else if (fields !== undefined) this.#writeHead(fields, piece, false);
    else if (piece.length > 0) this.#exchange.write(piece);
    this.socket.noteActivity();
  }

  /** Writes the end of the body, and the head if it was not written. `finish` follows in the next tick. */
  end(piece: string | Uint8Array): void {
    const response = this.#response;
    const fields = this.#fields;
    const trailers = response._trailer === '' ? undefined : HTTPHeaders.parse(response._trailer);
    // For a response to HEAD without a body, the length of the body that GET would have is not known.
    const isWhole =
      fields !== undefined &&
      trailers === undefined &&
      !fields.chunked &&
      (response._hasBody || piece.length > 0);
    this.socket.noteActivity();
    if (this.#rest !== undefined || (piece.length > LARGE_LENGTH && response._hasBody)) {
      this.#endLarge(piece, isWhole, trailers);
      return;
    }
    if (fields !== undefined) this.#writeHead(fields, piece, isWhole);
    else if (piece.length > 0) this.#exchange.write(piece);
    if (!isWhole) this.#exchange.finish(trailers);
    process.nextTick(finishes, this);
  }

  /** @returns whether the handler may go on writing. If not, `drain` follows. */
  isDrainedAfter(byteLength: number, callback: unknown): boolean {
    const isDrained = this.#exchange.isDrained === true && this.#rest === undefined;
    if (typeof callback === 'function') {
      if (isDrained) process.nextTick(callback as Callback);
      else this.#addCallback(callback as Callback);
    }
    if (isDrained) return true;
    this.#response.outputSize += byteLength;
    this.#setNeedDrain(true);
    this.#awaitDrain();
    return false;
  }

  /** Sends the interim response that the text of a head describes. */
  writeInterim(text: string): void {
    const response = this.#response;
    const status = Number(text.slice('HTTP/1.1 '.length, 'HTTP/1.1 100'.length));
    const fields = text.slice(text.indexOf('\r\n') + 2, -2);
    if (status === 100) this.#owner.continueWanted();
    else if (!response.destroyed && !this.#exchange.headSent)
      this.#exchange.writeInterim(status, HTTPHeaders.parse(fields));
  }

  /** For `strictContentLength`. @throws an error with Node's code if the body does not have the length that was set. */
  checkLength(piece: string | Uint8Array, isLast: boolean): void {
    const response = this.#response;
    const length = response.getHeader('content-length');
    const total = this.#bodyBytes + Buffer.byteLength(piece);
    const isRight =
      length === undefined ||
      !response._hasBody ||
      (isLast ? total === Number(length) : total <= Number(length));
    if (!isRight) {
      const message = `the body has ${total} bytes, but the Content-Length is ${String(length)} bytes`;
      throw Object.assign(new Error(message), { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' });
    }
    this.#bodyBytes = total;
  }

  /** The handler has responded a second time, and does not listen for the error that Node would emit. */
  wroteAfterEnd(): void {
    if (this.#hasReported || this.#response.listenerCount('error') > 0) return;
    this.#hasReported = true;
    this.#owner.wroteAfterEnd();
  }

  // ---- events ----

  /** Called when the client has read what was written. */
  drained(): void {
    const response = this.#response;
    this.#awaitsDrain = false;
    if (response.destroyed) return;
    this.socket.noteActivity();
    if (this.#exchange.isDrained === false || this.#rest !== undefined) {
      this.#awaitDrain();
      return;
    }
    response.outputSize = 0;
    this.#runCallbacks();
    if (response.finished) return;
    this.#setNeedDrain(false);
    response.emit('drain');
  }

  /** Called in the tick after the end. */
  finishes(): void {
    const response = this.#response;
    if (response._closed) return;
    response.outputSize = 0;
    if (WRITABLE_FINISHED !== undefined) symbolsOf(response)[WRITABLE_FINISHED] = true;
    this.#owner.responseCompleted();
    (response as { socket: unknown }).socket = null;
    this.#runCallbacks();
    // A listener of `finish` may add one for `close`.
    if (response.listenerCount('finish') > 0 || response.listenerCount('close') > 0) {
      process.nextTick(closes, this);
      response.emit('finish');
    } else {
      response.destroyed = true;
      response._closed = true;
      this.#owner.responseClosed();
    }
  }

  /** Called in the tick after the event `finish`. */
  closesAfterFinish(): void {
    this.#closes();
    this.#owner.responseClosed();
  }

  #closes(): void {
    const response = this.#response;
    if (response._closed) return;
    response.destroyed = true;
    response._closed = true;
    response.emit('close');
  }

  #writeHead(fields: FieldCollector, piece: string | Uint8Array, isWhole: boolean): void {
    const exchange = this.#exchange;
    try {
      const chunk = piece.length > 0 ? piece : undefined;
      exchange.writeHead(this.#status, this.#reason, fields.headers, chunk, isWhole);
      this.#fields = undefined;
    } catch (error) {
      // Nothing was sent, so the handler may respond otherwise.
      if (!exchange.headSent) this.#response._header = null;
      throw error;
    }
  }

  #endLarge(piece: string | Uint8Array, isWhole: boolean, trailers: HTTPHeaders | undefined): void {
    const { headers } = this.#fields ?? {};
    if (this.#rest === undefined && isWhole && headers !== undefined && !headers.has('Content-Length'))
      headers.add('Content-Length', String(Buffer.byteLength(piece)));
    this.write(piece);
    this.#endAfterRest = { trailers };
  }

  #startRest(piece: string | Uint8Array): void {
    if (this.#fields !== undefined) this.#writeHead(this.#fields, '', false);
    this.#rest = [bytesOf(piece)];
    // If the connection ends first, `connectionClosed` is called.
    this.#writeRest().catch((error: unknown) => {
      if (!this.#exchange.isCut) this.#exchange.abort(error instanceof Error ? error : undefined);
    });
  }

  /** @throws HTTPUsageError if the handler does not wait for `drain`. */
  #addRest(rest: Uint8Array[], piece: Uint8Array): void {
    if (this.#bytesAfterLarge + piece.length > MAX_BYTES_AFTER_LARGE) {
      throw new HTTPUsageError(
        `write: more than ${MAX_BYTES_AFTER_LARGE} bytes were written while the client does not read; wait for the event drain if write returns false`,
      );
    }
    this.#bytesAfterLarge += piece.length;
    rest.push(piece);
  }

  async #writeRest(): Promise<void> {
    const exchange = this.#exchange;
    const pieces = this.#rest ?? [];
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      for (let at = 0; at < piece.length; at += SLICE_BYTES) {
        if (this.socket.destroyed || exchange.isCut) return;
        exchange.write(piece.subarray(at, at + SLICE_BYTES));
        this.socket.noteActivity();
        await exchange.waitDrained();
      }
    }
    this.#rest = undefined;
    this.#bytesAfterLarge = 0;
    process.nextTick(drained, this);
    if (this.#endAfterRest === undefined) return;
    exchange.finish(this.#endAfterRest.trailers);
    process.nextTick(finishes, this);
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain || this.#rest !== undefined) return;
    this.#awaitsDrain = true;
    // If the connection ends first, `connectionClosed` is called.
    this.#exchange.waitDrained().then(
      () => process.nextTick(drained, this),
      () => {},
    );
  }

  #setNeedDrain(isNeeded: boolean): void {
    if (NEED_DRAIN !== undefined) symbolsOf(this.#response)[NEED_DRAIN] = isNeeded;
  }

  #addCallback(callback: Callback): void {
    this.#callbacks ??= [];
    this.#callbacks.push(callback);
  }

  #runCallbacks(error?: Error): void {
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return;
    this.#callbacks = undefined;
    for (const callback of callbacks) callback(error);
  }
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** Creates the error that Node passes to the callbacks of a destroyed stream. */
export function destroyedError(operation: string, cause?: Error): Error {
  const error = new Error(`Cannot call ${operation} after a stream was destroyed`, { cause });
  return Object.assign(error, { code: 'ERR_STREAM_DESTROYED' });
}

// For `process.nextTick`, without a closure for each response.

function drained(writer: ResponseWriter): void {
  writer.drained();
}

function finishes(writer: ResponseWriter): void {
  writer.finishes();
}

function closes(writer: ResponseWriter): void {
  writer.closesAfterFinish();
}
