import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HTTPHeaders, RequestHead } from '@landspout/http1';
import type { IncomingBody } from '../bodies/incoming-body.ts';
import { detachSignal } from './node-internals.ts';
import type { NodeSocket } from './node-socket.ts';

/**
 * The request of node:http over the head and body of an exchange. Everything but the source of the body is Node's own:
 * headers, events, destroying, and reading in all its forms.
 *
 * Names that start with an underscore are Node's.
 */
export class NodeRequest extends IncomingMessage {
  /** The bytes of the body; -1 if the body is chunked. */
  readonly bodyLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  declare _consuming: boolean;
  declare _dump: () => void;
  declare _addHeaderLines: (raw: readonly string[], length: number) => void;
  declare readonly _readableState: { readingMore: boolean };
  readonly #view: NodeSocket;
  /** Undefined if there is no body, or it was discarded. */
  #body: IncomingBody | undefined;
  /** Whether the stream asked for more than there was. */
  #isReading = false;

  constructor(head: RequestHead, socket: NodeSocket) {
    super(socket as unknown as Socket);
    this.#view = socket;
    const { headers, target, mountPath } = head;
    const raw: string[] = [];
    let bodyLength = 0;
    let expectsContinue = false;
    for (const [name, value] of headers.getAll()) {
      raw.push(name, value);
      const { length } = name;
      if (length === 6 && name.toLowerCase() === 'expect') expectsContinue = true;
      else if (length === 14 && name.toLowerCase() === 'content-length') bodyLength = Number(value);
      else if (length === 17 && name.toLowerCase() === 'transfer-encoding') bodyLength = -1;
    }
    this._addHeaderLines(raw, raw.length);
    this.bodyLength = bodyLength;
    this.expectsContinue = expectsContinue;
    this.method = head.method;
    this.url = target;
    this.httpVersionMajor = 1;
    this.httpVersionMinor = head.version === 'HTTP/1.1' ? 1 : 0;
    this.httpVersion = head.version === 'HTTP/1.1' ? '1.1' : '1.0';
    (this as { upgrade?: boolean }).upgrade = false;
    if (mountPath !== undefined) Object.assign(this, { baseUrl: mountPath, originalUrl: mountPath + target });
    this._read = NodeRequest.prototype._read;
  }

  // ---- for the exchange: static, because the prototype of a request may have been replaced ----

  /** Sets where the bytes come from. Without a body, the message is complete. */
  static setBody(request: NodeRequest, body: IncomingBody | undefined): void {
    if (body === undefined) {
      request.complete = true;
      return;
    }
    request.#body = body;
    if (body.isComplete) request.#completed(body.trailers);
    else body.onReadable = () => request.#bodyChanged(body);
  }

  /** The response is complete: what was not read of the body is discarded. */
  static responseCompleted(request: NodeRequest): void {
    detachSignal(request);
    const body = request.#body;
    if (body !== undefined && !body.isComplete) {
      request.#body = undefined;
      body.discard();
      if (request._consuming) {
        // The connection reads no more of the body, so the handler must not take what it got for the whole.
        request.destroy(abortedError('the response was complete before the body was read'));
        return;
      }
      request.complete = true;
    }
    if (request._consuming) return;
    // Nothing else can notice the end of a body that was not read.
    if (request.listenerCount('end') > 0 || request.listenerCount('close') > 0) request._dump();
  }

  /** The connection has ended before the response was complete. Emits `aborted` and `close`, as Node does. */
  static connectionClosed(request: NodeRequest, reason: Error): void {
    detachSignal(request);
    if (!request.destroyed) request.destroy(abortedError('aborted', reason));
  }

  // ---- for the stream ----

  override _read(): void {
    if (!this._consuming) {
      this._readableState.readingMore = false;
      this._consuming = true;
    }
    this.#isReading = true;
    this.#pull();
  }

  #bodyChanged(body: IncomingBody): void {
    this.#view.noteActivity();
    if (body.isComplete) this.#completed(body.trailers);
    if (this.#isReading) this.#pull();
  }

  #completed(trailers: HTTPHeaders | undefined): void {
    if (this.complete) return;
    this.complete = true;
    // Of a complete message, Node takes these lines for the trailers.
    const raw = trailers?.getAll().flat() ?? [];
    this._addHeaderLines(raw, raw.length);
  }

  #pull(): void {
    const body = this.#body;
    for (;;) {
      const chunk = body?.take();
      if (chunk === undefined) break;
      if (this.push(chunk)) continue;
      this.#isReading = false;
      return;
    }
    if (body !== undefined && !body.isComplete) return;
    this.#isReading = false;
    this.push(null);
  }
}

/** Creates the error that Node reports if a request is aborted. */
function abortedError(message: string, cause?: Error): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), {
    code: 'ECONNRESET',
  });
}
