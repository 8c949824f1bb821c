import { IncomingMessage } from 'node:http';
import type { HTTPHeaders, RequestHead } from '@landspout/http1';
import type { IncomingBody } from '../bodies/incoming-body.ts';
import { createdBy, type MessageConstructor } from './message-prototypes.ts';
import { detachSignal } from './node-internals.ts';
import type { NodeSocket } from './node-socket.ts';

/**
 * The request of node:http over the head and body of an exchange. Everything but the source of the body is Node's own:
 * headers, events, destroying, and reading in all its forms. Its prototype is that of IncomingMessage or of an
 * application.
 *
 * Names that start with an underscore are Node's.
 */
export class NodeRequest extends createdBy(IncomingMessage) {
  declare _consuming: boolean;
  declare _addHeaderLines: (raw: readonly string[], length: number) => void;
  declare readonly _readableState: { readingMore: boolean };
  /** Undefined if the request has no body. */
  #reader: BodyReader | undefined;

  /**
   * @param raw - the names and values of the header fields in turn.
   * @param Constructor - creates the object.
   */
  constructor(
    head: RequestHead,
    raw: readonly string[],
    socket: NodeSocket,
    Constructor: MessageConstructor,
  ) {
    super(socket, Constructor);
    const { target, mountPath, version } = head;
    this.#reader = undefined;
    this._addHeaderLines(raw, raw.length);
    this.method = head.method;
    this.url = target;
    this.httpVersionMajor = 1;
    this.httpVersionMinor = version === 'HTTP/1.1' ? 1 : 0;
    this.httpVersion = version === 'HTTP/1.1' ? '1.1' : '1.0';
    (this as { upgrade?: boolean }).upgrade = false;
    if (mountPath !== undefined) Object.assign(this, { baseUrl: mountPath, originalUrl: mountPath + target });
    // An own property, because the object has another prototype.
    this._read = NodeRequest.prototype._read;
  }

  // ---- for the exchange: static, because the object has another prototype ----

  /** Sets where the bytes come from. Without a body, the message is complete. */
  static setBody(request: NodeRequest, body: IncomingBody | undefined, socket: NodeSocket): void {
    if (body === undefined) request.complete = true;
    else request.#reader = new BodyReader(request, body, socket);
  }

  /** The response is complete: what was not read of the body is discarded. */
  static responseCompleted(request: NodeRequest): void {
    detachSignal(request);
    const wasCut = request.#reader?.discardRest() === true;
    if (request._consuming) {
      // The connection reads no more of the body, so the handler must not take what it got for the whole.
      if (wasCut) request.destroy(abortedError('the response was complete before the body was read'));
      return;
    }
    request.complete = true;
    // Nothing else can notice the end of a body that was not read.
    if (request.listenerCount('end') > 0 || request.listenerCount('close') > 0) request.resume();
  }

  /** The connection has ended before the response was complete. Emits `aborted` and `close`, as Node does. */
  static connectionClosed(request: NodeRequest, reason: Error): void {
    detachSignal(request);
    if (!request.destroyed) request.destroy(abortedError('aborted', reason));
  }

  override _read(): void {
    if (!this._consuming) {
      this._readableState.readingMore = false;
      this._consuming = true;
    }
    if (this.#reader === undefined) this.push(null);
    else this.#reader.read();
  }
}

/** Moves the body to the stream of its request. */
class BodyReader {
  readonly #request: NodeRequest;
  readonly #body: IncomingBody;
  readonly #socket: NodeSocket;
  /** Whether the stream asked for more than there was. */
  #isReading = false;
  #isDiscarded = false;
  readonly #onReadable = (): void => this.#bodyChanged();

  constructor(request: NodeRequest, body: IncomingBody, socket: NodeSocket) {
    this.#request = request;
    this.#body = body;
    this.#socket = socket;
    if (body.isComplete) this.#completed(body.trailers);
    else if (body.onReadable === undefined) body.onReadable = this.#onReadable;
  }

  read(): void {
    // A body that has another reader is taken over when the request is read, and not before.
    if (!this.#body.isComplete && !this.#isDiscarded) this.#body.onReadable = this.#onReadable;
    this.#isReading = true;
    this.#pull();
  }

  /**
   * Discards what was not read, unless something else reads the body.
   *
   * @returns whether there was a rest: the body was not received as a whole.
   */
  discardRest(): boolean {
    const body = this.#body;
    if (body.isComplete) return false;
    this.#isDiscarded = true;
    if (body.onReadable === undefined || body.onReadable === this.#onReadable) body.discard();
    return true;
  }

  #bodyChanged(): void {
    this.#socket.noteActivity();
    if (this.#body.isComplete) this.#completed(this.#body.trailers);
    if (this.#isReading) this.#pull();
  }

  #completed(trailers: HTTPHeaders | undefined): void {
    const request = this.#request;
    if (request.complete) return;
    request.complete = true;
    // Of a complete message, Node takes these lines for the trailers.
    const raw = trailers?.getAll().flat() ?? [];
    request._addHeaderLines(raw, raw.length);
  }

  #pull(): void {
    const body = this.#body;
    for (;;) {
      const chunk = body.take();
      if (chunk === undefined) break;
      if (this.#request.push(chunk)) continue;
      this.#isReading = false;
      return;
    }
    if (!body.isComplete && !this.#isDiscarded) return;
    this.#isReading = false;
    this.#request.push(null);
  }
}

/** Creates the error that Node reports if a request is aborted. */
function abortedError(message: string, cause?: Error): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), {
    code: 'ECONNRESET',
  });
}
