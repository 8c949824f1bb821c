import { Buffer } from 'node:buffer';
import { callReporting } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import type {
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerExchange,
  RequestHead,
} from '../../delegate.ts';
import { encodeInterim, type HTTPHeaders, type ResponseEncoder } from '../../protocol/index.ts';
import type { BodyPieces } from '../body-pieces.ts';
import { HTTPUsageError } from '../errors.ts';
import type { RequestToken } from './connection-monitor.ts';
import type { ServerConnection } from './server-connection.ts';

/** What the head of a request says of it, beyond what its delegate hears. */
export interface BegunRequest extends RequestHead {
  /** -1 where it is chunked. */
  readonly bodyLength: number;
  readonly expectContinue: boolean;
}

/**
 * One request's claim to the connection. It outlives its turn safely: once the answer is complete, or the
 * connection is gone, nothing written here reaches the answer of another request.
 */
export class ServerExchange implements HTTPServerExchange {
  readonly head: BegunRequest;
  readonly connection: HTTPConnectionInfo;
  /** For the connection: who hears of the request, until the answer is complete or the connection gone. */
  message: HTTPMessageDelegate | undefined = undefined;
  /** For the connection: the whole request has come. */
  requestComplete: boolean;
  /** For the connection: the peer waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
  /** For the connection: what its monitor keeps for this request. */
  token: RequestToken | undefined = undefined;
  /** For the connection: of the answer's head; 0 while none was written. */
  status = 0;
  /** For the connection: of the answer's body, without framing. */
  bodyBytesSent = 0;
  /** For the connection: where a body is put together that the delegate wants as a whole. */
  pieces: BodyPieces | undefined = undefined;
  /** For the connection: the reason that the delegate was given first, by which it may have aborted its work. */
  closeReason: Error | undefined = undefined;
  readonly #owner: ServerConnection;
  #headSent = false;
  #finished = false;
  /** The connection ended, or took the answer over, before we were finished: writes go nowhere. */
  #cut = false;

  constructor(owner: ServerConnection, head: BegunRequest, connection: HTTPConnectionInfo) {
    this.#owner = owner;
    this.head = head;
    this.connection = connection;
    this.requestComplete = head.bodyLength === 0;
    this.expectsContinue = head.expectContinue;
  }

  get headSent(): boolean {
    return this.#headSent;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  get stopping(): AbortSignal {
    return this.#owner.settings.stopSignal;
  }

  setMaxBodyBytes(maxBytes: number): void {
    if (!this.#cut && !this.#finished) this.#owner.setMaxBodyBytes(maxBytes);
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    if (!(timeoutMs >= 0 && timeoutMs < 2 ** 31)) {
      throw new HTTPUsageError(
        `setBodyTimeoutMs: 0 or more milliseconds were expected, not ${shownValue(timeoutMs)}`,
      );
    }
    if (!this.#cut && !this.requestComplete) this.#owner.setBodyTimeoutMs(timeoutMs);
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    if (this.#headSent) throw new HTTPUsageError('writeInterim: the head of this answer has been written');
    const wire = encodeInterim(status, headers);
    if (!this.#cut && this.head.version === 'HTTP/1.1') this.#owner.stream.send(wire);
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last = false,
  ): void {
    if (this.#headSent) throw new HTTPUsageError('writeHead: the head of this answer has been written');
    if (this.#cut) return;
    const { stream, encoder, settings, isLastRequest } = this.#owner;
    const ends = settings.stopping || !settings.keepAlive || isLastRequest || (last && !this.requestComplete);
    const terms = { date: settings.dates.at(settings.loop.clock.wallTime()), close: ends };
    this.bodyBytesSent = writeAnswerHead(stream, encoder, terms, status, reason, headers, chunk, last);
    this.status = status;
    this.#headSent = true;
    if (last) this.#complete();
    else this.#owner.answerWritten();
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (this.#cut) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    this.bodyBytesSent += writeAnswerBody(this.#owner.stream, this.#owner.encoder, bytes);
    this.#owner.answerWritten();
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    if (!this.#cut) endAnswer(this.#owner.stream, this.#owner.encoder, trailers);
    this.#complete();
  }

  async waitDrained(): Promise<void> {
    try {
      if (!this.#cut) await this.#owner.stream.waitDrained();
    } catch (error) {
      throw this.closeReason ?? error;
    }
    // A caller that writes and waits in a loop would never let anything else run if this resolved at once for ever.
    if (this.#cut && this.closeReason !== undefined) throw this.closeReason;
  }

  abort(reason?: Error): void {
    if (this.#finished || this.#cut) return;
    this.#owner.stream.reset(reason);
  }

  detach(onStopping?: () => void): IOStream {
    if (this.#headSent || this.#cut)
      throw new HTTPUsageError('detach: the answer has begun, or the connection is gone');
    this.#cut = true;
    this.#headSent = true;
    this.#finished = true;
    return this.#owner.detach(onStopping);
  }

  // ---- for the connection ----

  /** Whatever is still written goes nowhere, and the delegate hears, once, that its message will not be completed. */
  cut(reason: Error): void {
    this.#cut = true;
    const { message } = this;
    this.message = undefined;
    this.closeReason ??= reason;
    this.pieces?.release();
    this.pieces = undefined;
    this.#tell(message, reason);
  }

  /** The delegate hears of something that does not end its message. */
  tell(reason: Error): void {
    this.closeReason ??= reason;
    this.#tell(this.message, reason);
  }

  [INSPECT](): object {
    return inspection(this, ['head', 'status', 'headSent', 'finished', 'bodyBytesSent'], () => ({
      remoteAddress: inspectedAddress(this.connection.remoteAddress),
      connection: undefined,
      message: undefined,
      token: undefined,
      pieces: undefined,
    }));
  }

  /** What a delegate throws here is its own, and must not reach the stream that all else depends on. */
  #tell(message: HTTPMessageDelegate | undefined, reason: Error): void {
    callReporting(
      () => message?.connectionClosed(reason),
      undefined,
      (error) => this.#owner.settings.loop.logger.error({ error }, 'hearing of a closed connection failed'),
    );
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: writeHead comes first`);
    if (this.#finished) throw new HTTPUsageError(`${operation}: this answer is complete`);
  }

  #complete(): void {
    this.#finished = true;
    if (!this.#cut) this.#owner.answerCompleted(this);
  }
}

/** What the server decides about the head of an answer. */
interface AnswerTerms {
  /** The present as IMF-fixdate. */
  readonly date: string;
  /** Whether this is the last answer on the connection. */
  readonly close: boolean;
}

/**
 * Writes the head, and the first or only part of the body with it.
 *
 * @param last - `chunk` is the whole body, which is then framed by its length.
 * @returns how many bytes of a body were written.
 * @throws Http1UsageError for what must not reach the wire; nothing was written then.
 */
function writeAnswerHead(
  stream: IOStream,
  encoder: ResponseEncoder,
  terms: AnswerTerms,
  status: number,
  reason: string,
  headers: HTTPHeaders,
  chunk: string | Uint8Array | undefined,
  last: boolean,
): number {
  if (typeof chunk === 'string' && last) {
    const byteLength = Buffer.byteLength(chunk, 'utf8');
    // As many bytes as code units: the text is ASCII, and head and body leave as one string, unconverted.
    if (byteLength === chunk.length) {
      const head = encoder.head(status, reason, headers, terms.date, byteLength, terms.close);
      if (encoder.sendsBody) encoder.dataPrefix(byteLength);
      const { sendsBody } = encoder;
      stream.send(sendsBody ? head + chunk : head);
      encoder.end();
      return sendsBody ? byteLength : 0;
    }
  }
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
  const byteLength = bytes?.length ?? 0;
  stream.send(encoder.head(status, reason, headers, terms.date, last ? byteLength : -1, terms.close));
  const written = bytes === undefined ? 0 : writeAnswerBody(stream, encoder, bytes);
  if (last) endAnswer(stream, encoder);
  return written;
}

/**
 * Writes more of the body. What is longer than announced, or does not fit the stream's bound, must not leave half
 * of an answer that looks whole: the peer sees the connection fail (H1-13), and the caller the error.
 *
 * @returns how many bytes were written: none of an answer that has no body.
 */
function writeAnswerBody(stream: IOStream, encoder: ResponseEncoder, chunk: Uint8Array): number {
  if (chunk.length === 0) return 0;
  try {
    const prefix = encoder.dataPrefix(chunk.length);
    if (!encoder.sendsBody) return 0;
    if (prefix !== '') stream.send(prefix);
    stream.send(chunk);
    if (prefix !== '') stream.send(encoder.dataSuffix);
    return chunk.length;
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** Ends the body. One that is shorter than announced ends the connection, as in {@link writeAnswerBody}. */
function endAnswer(stream: IOStream, encoder: ResponseEncoder, trailers?: HTTPHeaders): void {
  try {
    const wire = encoder.end(trailers);
    if (wire !== '') stream.send(wire);
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}
