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
import { encodeInterim, type HTTPHeaders } from '../../protocol/index.ts';
import type { BodyPieces } from '../body-pieces.ts';
import { HTTPUsageError } from '../errors.ts';
import { endAnswer, writeAnswerBody, writeAnswerHead } from './answer-writer.ts';
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
