import { OutgoingMessage, ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import { createdBy, type MessageConstructor } from './message-prototypes.ts';
import type { NodeRequest } from './node-request.ts';
import { type Callback, destroyedError, type ResponseWriter } from './response-writer.ts';

/** Node's methods, which report wrong calls with Node's own errors. */
const native = OutgoingMessage.prototype as unknown as {
  write(...args: unknown[]): boolean;
  end(...args: unknown[]): unknown;
};

/**
 * The response of node:http over an exchange. Header fields and `writeHead` are Node's own; the body is written through
 * the exchange, which frames it. So `Connection`, `Keep-Alive` and `Transfer-Encoding` are not sent as set:
 * `Connection: close` closes the connection after the response, and the others have no effect. `Date` is always sent.
 * If a `Content-Length` is set, the body must have that length.
 *
 * The event `finish` means that the whole response was passed to the connection.
 *
 * Its prototype is that of ServerResponse or of an application.
 *
 * Names that start with an underscore are Node's.
 */
export class NodeResponse extends createdBy(ServerResponse) {
  declare _header: string | null;
  declare readonly _hasBody: boolean;
  declare readonly _trailer: string;
  declare _closed: boolean;
  declare _implicitHeader: () => void;
  declare outputSize: number;
  readonly #writer: ResponseWriter;

  /** @param Constructor - creates the object. */
  constructor(request: NodeRequest, writer: ResponseWriter, Constructor: MessageConstructor) {
    super(request, Constructor);
    this.#writer = writer;
    (this as { socket: Socket | null }).socket = writer.socket as unknown as Socket;
    // Node does not keep connections of HTTP/1.0; here the connection decides.
    this.shouldKeepAlive = true;
    // Set now, because properties that are added after a framework has replaced the prototype are expensive.
    this.statusCode = 200;
    this.statusMessage = undefined as unknown as string;
    // Own properties, because the object has another prototype.
    const own = NodeResponse.prototype;
    this.write = own.write;
    this.end = own.end as typeof this.end;
    this.flushHeaders = own.flushHeaders;
    this._storeHeader = own._storeHeader;
    this._writeRaw = own._writeRaw;
    this.writeEarlyHints = own.writeEarlyHints;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of Node's type.
  override write(chunk: any, encoding?: any, callback?: any): boolean {
    if (typeof encoding === 'function') {
      callback = encoding;
      encoding = undefined;
    }
    if (this.finished) this.#writer.wroteAfterEnd();
    if (this.finished && !this.destroyed && isBody(chunk)) {
      process.nextTick(failAfterEnd, this, callback);
      return false;
    }
    if (this.finished || this.destroyed || !isBody(chunk))
      return native.write.call(this, chunk, encoding, callback);
    const writer = this.#writer;
    // A caller may use its buffer again when the callback is called.
    const bytes = typeof callback === 'function' ? copied : itself;
    const piece = typeof chunk === 'string' ? encoded(chunk, encoding) : bytes(chunk);
    if (this.strictContentLength) writer.checkLength(piece, false);
    if (!this._header) this._implicitHeader();
    if (writer.socket.destroyed) return false;
    if (this._hasBody && piece.length > 0) writer.write(piece);
    return writer.isDrainedAfter(piece.length, callback);
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
    const writer = this.#writer;
    if (this.finished) {
      if (chunk) writer.wroteAfterEnd();
      return endAgain(this, chunk, encoding, callback);
    }
    if (this.destroyed || writer.socket.destroyed) return endDestroyed(this, callback);
    if (chunk && !isBody(chunk)) native.write.call(this, chunk, encoding); // throws
    let piece: string | Uint8Array = '';
    if (chunk) piece = typeof chunk === 'string' ? encoded(chunk, encoding) : chunk;
    if (this.strictContentLength) writer.checkLength(piece, true);
    if (!this._header) this._implicitHeader();
    if (typeof callback === 'function') this.once('finish', callback);
    this.finished = true;
    try {
      writer.end(piece);
    } catch (error) {
      this.finished = false;
      throw error;
    }
    while (this.writableCorked > 0) this.uncork();
    this.emit('prefinish');
    return this;
  }

  override flushHeaders(): void {
    if (!this._header) this._implicitHeader();
    if (!this.destroyed && !this.finished && !this.#writer.socket.destroyed) this.#writer.write('');
  }

  /** Versions of Node that do not check these fields would send more fields, after a line break in a value. */
  override writeEarlyHints(hints: Record<string, string | string[]>, callback?: () => void): void {
    for (const [name, value] of Object.entries(hints)) {
      validateHeaderName(name);
      for (const one of [value].flat()) validateHeaderValue(name, one);
    }
    super.writeEarlyHints(hints, callback);
  }

  /** Called by `writeHead`, with the fields of `setHeader` or those passed to it. */
  _storeHeader(firstLine: string, fields: unknown): void {
    this.#writer.storeHead(this.statusCode, this.statusMessage, fields);
    // The value of `headersSent`.
    this._header = firstLine;
  }

  /** Called by the methods that send interim responses, with the text to send. */
  _writeRaw(text: string, _encoding?: unknown, callback?: unknown): boolean {
    this.#writer.writeInterim(text);
    if (typeof callback === 'function') process.nextTick(callback as () => void);
    return true;
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

function copied(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes);
}

function itself(bytes: Uint8Array): Uint8Array {
  return bytes;
}

/** `end` of a response that has ended. */
function endAgain<Response extends NodeResponse>(
  response: Response,
  chunk: unknown,
  encoding: unknown,
  callback: unknown,
): Response {
  if (chunk && !response.destroyed) process.nextTick(failAfterEnd, response, callback);
  else if (chunk) native.end.call(response, chunk, encoding, callback);
  else if (typeof callback === 'function') {
    if (response.writableFinished) native.end.call(response, callback);
    else response.once('finish', callback as () => void);
  }
  return response;
}

/**
 * Passes on Node's error for a write after the end. The response may have finished since; without a listener, the error
 * was logged instead.
 */
function failAfterEnd(response: NodeResponse, callback: unknown): void {
  const error = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
  if (typeof callback === 'function') (callback as Callback)(error);
  if (response.listenerCount('error') > 0) response.emit('error', error);
}

/** `end` of a response whose connection has ended: nothing is sent, and there is no event `finish`. */
function endDestroyed<Response extends NodeResponse>(response: Response, callback: unknown): Response {
  response.finished = true;
  if (typeof callback === 'function') process.nextTick(callback as Callback, destroyedError('end'));
  return response;
}
