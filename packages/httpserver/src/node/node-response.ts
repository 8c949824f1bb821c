import { OutgoingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { HTTPHeaders, type HTTPServerExchange, HTTPUsageError } from '@landspout/http1';
import { NEED_DRAIN, OUT_HEADERS, type WithSymbols, WRITABLE_FINISHED } from './node-internals.ts';
import type { NodeRequest } from './node-request.ts';
import type { NodeSocket } from './node-socket.ts';
import { FieldCollector, type OutHeaders } from './response-head.ts';

type Callback = (error?: Error | null) => void;
/** The properties that Node's types declare as read-only. */
type Writable = { socket: Socket | null };

/** Notified when the response was given to the exchange as a whole. */
export interface ResponseOwner {
  /** Called before the event `finish`. */
  responseCompleted(): void;
  /** Called if the client should send its body now. */
  continueWanted(): void;
}

/** The methods of node:http that report wrong calls with Node's own errors. */
const native = OutgoingMessage.prototype as unknown as {
  write(...args: unknown[]): boolean;
  end(...args: unknown[]): unknown;
};
/** What is waiting to be sent before the event `finish`, so that `writableFinished` is false: its size is not known. */
const UNSENT_END = 1;

/**
 * The response of node:http over an exchange. Header fields and `writeHead` are Node's own; the body is written through
 * the exchange, which frames it. So `Connection`, `Keep-Alive` and `Transfer-Encoding` are not sent as set:
 * `Connection: close` closes the connection after the response, and the others have no effect. `Date` is always sent.
 * If a `Content-Length` is set, the body must have that length.
 *
 * The event `finish` means that the whole response was passed to the connection.
 *
 * Names that start with an underscore are Node's.
 */
export class NodeResponse extends ServerResponse {
  declare _header: string | null;
  declare readonly _hasBody: boolean;
  declare readonly _trailer: string;
  declare _closed: boolean;
  declare _implicitHeader: () => void;
  declare outputSize: number;
  readonly #exchange: HTTPServerExchange;
  readonly #owner: ResponseOwner;
  readonly #view: NodeSocket;
  /** The head, from `writeHead` until it is written. */
  #fields: FieldCollector | undefined;
  #status = 0;
  #reason = '';
  #callbacks: Callback[] | undefined;
  #awaitsDrain = false;
  #bodyBytes = 0;

  // For `process.nextTick`, without a closure for each response.
  static readonly #drainedOf = (response: NodeResponse): void => response.#drained();
  static readonly #finishesOf = (response: NodeResponse): void => response.#finishes();
  static readonly #closesOf = (response: NodeResponse): void => response.#closes();

  constructor(request: NodeRequest, exchange: HTTPServerExchange, owner: ResponseOwner, socket: NodeSocket) {
    super(request);
    this.#exchange = exchange;
    this.#owner = owner;
    this.#view = socket;
    (this as Writable).socket = socket as unknown as Socket;
    // Node does not keep connections of HTTP/1.0; here the connection decides.
    this.shouldKeepAlive = true;
    const own = NodeResponse.prototype;
    this.write = own.write;
    this.end = own.end as typeof this.end;
    this.flushHeaders = own.flushHeaders;
    this.assignSocket = own.assignSocket;
    this.detachSocket = own.detachSocket;
    this._storeHeader = own._storeHeader;
    this._writeRaw = own._writeRaw;
  }

  // ---- for the exchange: static, because the prototype of a response may have been replaced ----

  /** The connection has ended: nothing more can be written. */
  static markCut(response: NodeResponse): void {
    response.destroyed = true;
    response.#fields = undefined;
  }

  /** The connection has ended before the response was complete. Only `close` is emitted, as by Node. */
  static connectionClosed(response: NodeResponse, reason: Error): void {
    response.#runCallbacks(destroyedError('write', reason));
    response.#closes();
  }

  // ---- what handlers use ----

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of Node's type.
  override write(chunk: any, encoding?: any, callback?: any): boolean {
    if (typeof encoding === 'function') {
      callback = encoding;
      encoding = undefined;
    }
    if (this.finished || this.destroyed || !isBody(chunk))
      return native.write.call(this, chunk, encoding, callback);
    const isText = typeof chunk === 'string';
    const piece = isText ? encoded(chunk, encoding) : callback === undefined ? chunk : Buffer.from(chunk);
    if (this.strictContentLength) this.#checkLength(piece, false);
    if (!this._header) this._implicitHeader();
    if (this.#view.destroyed) return false;
    if (this._hasBody && piece.length > 0) this.#writePiece(piece);
    return this.#isDrainedAfter(piece.length, callback);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of Node's type.
  override end(chunk?: any, encoding?: any, callback?: any): this {
    if (typeof chunk === 'function') {
      callback = chunk;
      chunk = undefined;
    } else if (typeof encoding === 'function') {
      callback = encoding;
      encoding = undefined;
    }
    if (this.finished) return this.#endAgain(chunk, encoding, callback);
    if (this.destroyed || this.#view.destroyed) return this.#endDestroyed(callback);
    let piece: string | Uint8Array = '';
    if (chunk) {
      if (!isBody(chunk)) native.write.call(this, chunk, encoding); // throws
      piece = typeof chunk === 'string' ? encoded(chunk, encoding) : chunk;
    }
    if (this.strictContentLength) this.#checkLength(piece, true);
    if (!this._header) this._implicitHeader();
    if (callback !== undefined && callback !== null) this.once('finish', callback);
    this.finished = true;
    this.outputSize += UNSENT_END;
    try {
      this.#writeEnd(piece);
    } catch (error) {
      this.finished = false;
      this.outputSize = 0;
      throw error;
    }
    while (this.writableCorked > 0) this.uncork();
    this.#view.noteActivity();
    this.emit('prefinish');
    process.nextTick(NodeResponse.#finishesOf, this);
    return this;
  }

  override flushHeaders(): void {
    if (!this._header) this._implicitHeader();
    if (!this.destroyed && !this.#view.destroyed) this.#writePiece('');
  }

  /** @throws HTTPUsageError always. */
  override assignSocket(): never {
    throw new HTTPUsageError('assignSocket: the response belongs to a request, and has its socket already');
  }

  override detachSocket(): void {
    (this as Writable).socket = null;
  }

  /** Called by `writeHead`, after `setHeader` or with the fields passed to it. */
  _storeHeader(firstLine: string, fields: unknown): void {
    const collected = new FieldCollector();
    if (OUT_HEADERS !== undefined && fields !== undefined && fields === (this as WithSymbols)[OUT_HEADERS])
      collected.addChecked(fields as OutHeaders);
    else if (OUT_HEADERS === undefined && this.getHeaderNames().length > 0)
      collected.addUnchecked(this.getHeaders());
    else collected.addUnchecked(fields);
    if (collected.close || !this.shouldKeepAlive) collected.headers.add('Connection', 'close');
    this.#fields = collected;
    this.#status = this.statusCode;
    this.#reason = this.statusMessage;
    // The value of `headersSent`.
    this._header = firstLine;
  }

  /** Called by the methods that send interim responses, with the text to send. */
  _writeRaw(text: string, _encoding?: unknown, callback?: unknown): boolean {
    const end = text.indexOf('\r\n');
    const status = Number(text.slice('HTTP/1.1 '.length, 'HTTP/1.1 100'.length));
    if (status === 100) this.#owner.continueWanted();
    else if (!this.destroyed && !this.#exchange.headSent)
      this.#exchange.writeInterim(status, HTTPHeaders.parse(text.slice(end + 2, -2)));
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  }

  // ---- writing ----

  /** Writes the head if it was not written, and a piece of the body. */
  #writePiece(piece: string | Uint8Array): void {
    const exchange = this.#exchange;
    const fields = this.#fields;
    if (fields === undefined) {
      if (piece.length > 0) exchange.write(piece);
    } else {
      this.#writeHead(fields, piece.length > 0 ? piece : undefined, false);
    }
    this.#view.noteActivity();
  }

  #writeEnd(piece: string | Uint8Array): void {
    const exchange = this.#exchange;
    const fields = this.#fields;
    const trailers = this._trailer === '' ? undefined : HTTPHeaders.parse(this._trailer);
    if (fields !== undefined) {
      // For a response to HEAD without a body, the length of the body that GET would have is not known.
      const isWhole = trailers === undefined && !fields.chunked && (this._hasBody || piece.length > 0);
      this.#writeHead(fields, piece.length > 0 ? piece : undefined, isWhole);
      if (isWhole) return;
    } else if (piece.length > 0) {
      exchange.write(piece);
    }
    exchange.finish(trailers);
  }

  #writeHead(fields: FieldCollector, piece: string | Uint8Array | undefined, isWhole: boolean): void {
    try {
      this.#exchange.writeHead(this.#status, this.#reason, fields.headers, piece, isWhole);
      this.#fields = undefined;
    } catch (error) {
      // Nothing was sent, so the handler may respond otherwise.
      if (!this.#exchange.headSent) this._header = null;
      throw error;
    }
  }

  /** @returns whether the handler may go on writing. If not, `drain` follows. */
  #isDrainedAfter(byteLength: number, callback: unknown): boolean {
    const isDrained = this.#exchange.isDrained === true;
    if (typeof callback === 'function') {
      if (isDrained) process.nextTick(callback as Callback);
      else this.#addCallback(callback as Callback);
    }
    if (isDrained) return true;
    this.outputSize += byteLength;
    this.#setNeedDrain(true);
    this.#awaitDrain();
    return false;
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    // If the connection ends first, `connectionClosed` is called.
    this.#exchange.waitDrained().then(
      () => process.nextTick(NodeResponse.#drainedOf, this),
      () => {},
    );
  }

  #setNeedDrain(isNeeded: boolean): void {
    if (NEED_DRAIN !== undefined) (this as WithSymbols)[NEED_DRAIN] = isNeeded;
  }

  /** Called when the client has read what was written. */
  #drained(): void {
    this.#awaitsDrain = false;
    if (this.destroyed) return;
    this.#view.noteActivity();
    if (this.#exchange.isDrained === false) {
      this.#awaitDrain();
      return;
    }
    this.#runCallbacks();
    if (this.finished) return;
    this.outputSize = 0;
    this.#setNeedDrain(false);
    this.emit('drain');
  }

  /** Called in the tick after the end. */
  #finishes(): void {
    if (this._closed) return;
    this.outputSize = 0;
    if (WRITABLE_FINISHED !== undefined) (this as WithSymbols)[WRITABLE_FINISHED] = true;
    this.#owner.responseCompleted();
    (this as Writable).socket = null;
    this.#runCallbacks();
    // A listener of `finish` may add one for `close`.
    if (this.listenerCount('finish') > 0 || this.listenerCount('close') > 0) {
      process.nextTick(NodeResponse.#closesOf, this);
      this.emit('finish');
    } else {
      this.destroyed = true;
      this._closed = true;
    }
  }

  /** Called in the tick after the event `finish`. */
  #closes(): void {
    if (this._closed) return;
    this.destroyed = true;
    this._closed = true;
    this.emit('close');
  }

  #endAgain(chunk: unknown, encoding: BufferEncoding, callback: unknown): this {
    if (chunk) native.end.call(this, chunk, encoding, callback);
    else if (typeof callback === 'function') {
      if (this.writableFinished) native.end.call(this, callback);
      else this.once('finish', callback as () => void);
    }
    return this;
  }

  #endDestroyed(callback: unknown): this {
    this.finished = true;
    if (typeof callback === 'function') process.nextTick(callback as Callback, destroyedError('end'));
    return this;
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

  /** For `strictContentLength`. */
  #checkLength(piece: string | Uint8Array, isLast: boolean): void {
    this.#bodyBytes += Buffer.byteLength(piece);
    const length = this.getHeader('content-length');
    if (length === undefined || !this._hasBody) return;
    const total = this.#bodyBytes;
    if (isLast ? total === Number(length) : total <= Number(length)) return;
    this.#bodyBytes -= Buffer.byteLength(piece);
    throw Object.assign(
      new Error(`the body has ${total} bytes, but the Content-Length is ${String(length)} bytes`),
      { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' },
    );
  }
}

function isBody(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

/** Returns what to write: the exchange encodes a text as UTF-8. @throws Node's error if the encoding is unknown. */
function encoded(text: string, encoding: unknown): string | Uint8Array {
  if (encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8') return text;
  return Buffer.from(text, encoding as BufferEncoding);
}

/** Creates the error that Node passes to the callbacks of a destroyed stream. */
function destroyedError(operation: string, cause?: Error): Error {
  const error = new Error(`Cannot call ${operation} after a stream was destroyed`, { cause });
  return Object.assign(error, { code: 'ERR_STREAM_DESTROYED' });
}
