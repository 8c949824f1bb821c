import type { FileHandle } from 'node:fs/promises';
import {
  type FilePart,
  type HTTPConnectionInfo,
  type HTTPHeaders,
  type HTTPServerExchange,
  HTTPUsageError,
  type PreparedPiece,
  type RequestHead,
  type StopNotice,
} from '@landspout/http1';
import { encodeInterim, ResponseEncoder, ResponseLines, safeReason } from '@landspout/http1/protocol';
import { requireFilePart } from '@landspout/http1/server';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import { callEnded } from './call-failure.ts';
import { callingChecks, HTTPDetachError } from './errors.ts';
import { NODE_MESSAGES, type NodeMessagesBehind } from './node-messages.ts';
import { OutgoingFiles } from './outgoing-files.ts';
import type { ResponseSink } from './response-sink.ts';

/** The encoders check the framing; what they encode is not used. */
const LINES = new ResponseLines();
const NO_DATE = '';

/** What an exchange needs from the call that it belongs to. */
export interface ExchangeCall {
  readonly stopping: AbortSignal;
  maxBodyBytes: number;
  limitBodyTime(timeoutMs: number): void;
  responseCompleted(): void;
  /** Called if the delegate aborted the response, or it cannot be completed: cuts the exchange. */
  responseAborted(reason: Error): void;
  /** Called if the sink threw when no method of the delegate was running. */
  failed(thrown: unknown): void;
}

/** One request that another server received, and its response, which is written to a {@link ResponseSink}. */
export class CalledExchange implements HTTPServerExchange {
  readonly head: RequestHead;
  readonly connection: HTTPConnectionInfo;
  bodyBytesSent = 0;
  status = 0;
  /** Set before the delegate is called, if the server in front is one of node:http. */
  [NODE_MESSAGES]: NodeMessagesBehind | undefined = undefined;
  /** Why the exchange was cut; undefined if it was not. */
  closeReason: Error | undefined = undefined;
  readonly #call: ExchangeCall;
  readonly #sink: ResponseSink;
  readonly #encoder = new ResponseEncoder(LINES);
  #files: OutgoingFiles | undefined = undefined;
  #drainWaiters: (() => void)[] | undefined = undefined;
  #headSent = false;
  #finished = false;
  #cut = false;

  constructor(call: ExchangeCall, sink: ResponseSink, head: RequestHead, connection: HTTPConnectionInfo) {
    this.#call = call;
    this.#sink = sink;
    this.head = head;
    this.connection = connection;
    this.#encoder.begin(head.method, head.version, true);
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
    return this.#call.stopping;
  }

  setMaxBodyBytes(maxBytes: number): void {
    callingChecks.wholeNumber('setMaxBodyBytes', 'maxBytes', maxBytes);
    this.#call.maxBodyBytes = maxBytes;
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    callingChecks.durationMs('setBodyTimeoutMs', 'timeoutMs', timeoutMs);
    if (!this.#cut && !this.#finished) this.#call.limitBodyTime(timeoutMs);
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    if (this.#headSent)
      throw new HTTPUsageError('writeInterim: the response headers have already been written');
    // Throws if it must not be sent, even if the server in front cannot send it.
    encodeInterim(status, headers);
    if (!this.#cut && this.head.version === 'HTTP/1.1') this.#sink.interim(status, headers);
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last = false,
  ): void {
    if (this.#headSent) throw new HTTPUsageError('writeHead: the response headers have already been written');
    if (this.#cut) return;
    if (this.#sink.isTaken) {
      const remedy = 'mount the delegate where no other handler responds to its requests';
      throw new HTTPUsageError(`writeHead: another handler has already responded to this request; ${remedy}`);
    }
    if (status === 101)
      throw new HTTPDetachError('writeHead: a 101 can be sent only after detach, by the new owner');
    const byteLength = last ? lengthOf(chunk) : -1;
    this.#encoder.head(status, reason, headers, NO_DATE, byteLength, false);
    const hasBody = this.#encoder.sendsBody;
    const mayHaveLength = status !== 204 && status !== 304;
    const contentLength = status === 205 ? 0 : mayHaveLength ? byteLength : -1;
    const head = { status, reason: safeReason(status, reason), headers, hasBody, contentLength };
    this.status = status;
    this.#headSent = true;
    if (last) {
      if (hasBody) this.bodyBytesSent = byteLength;
      this.#sink.start(head, hasBody && byteLength > 0 ? chunk : undefined, true);
      this.#complete();
    } else {
      this.#sink.start(head, undefined, false);
      if (chunk !== undefined) this.write(chunk);
    }
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    const byteLength = lengthOf(chunk);
    if (this.#cut || byteLength === 0) return;
    if (!this.#count(byteLength)) return;
    this.bodyBytesSent += byteLength;
    if (this.#files?.isBusy === true) this.#files.write(chunk);
    else this.#sink.write(chunk);
  }

  writePrepared(piece: PreparedPiece): void {
    this.write(piece.bytes);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    const { start, end } = requireFilePart(file, part);
    this.#requireOpen('writeFile');
    if (this.#cut) return this.#settled(undefined);
    if (start === end) return Promise.resolve();
    if (!this.#count(end - start)) return Promise.resolve();
    this.bodyBytesSent += end - start;
    this.#files ??= new OutgoingFiles(this.#sink, {
      fileFailed: (error) => this.#failed(error),
      sinkFailed: (error) => this.#sinkFailed(error),
    });
    const written = this.#settled(this.#files.add(file, { start, end }));
    // A caller that ignores the promise is notified by `connectionClosed`.
    written.catch(() => {});
    return written;
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    if (!this.#cut) {
      this.#countEnd();
      if (this.#files?.isBusy === true) this.#files.end(trailers);
      else this.#sink.end(trailers);
    }
    this.#complete();
  }

  waitDrained(): Promise<void> {
    return this.#settled(this.isDrained ? undefined : this.#drained());
  }

  get isDrained(): boolean {
    return this.#cut || (this.#files?.isBusy !== true && this.#sink.isDrained);
  }

  abort(reason?: Error): void {
    if (this.#finished || this.#cut) return;
    this.#failed(reason ?? callEnded('the response was aborted'));
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    if (this.#headSent || this.#cut)
      throw new HTTPUsageError('detach: the response has been started, or the connection has ended');
    if (this.#sink.detach === undefined) throw new HTTPDetachError(`detach: ${this.#sink.detachRemedy}`);
    const stream = this.#sink.detach(onStopping);
    this.#headSent = true;
    this.#finished = true;
    this.#cut = true;
    this.#call.responseCompleted();
    return stream;
  }

  // ---- for the call ----

  /** Discards further writes. Waits end with `reason`. */
  cut(reason: Error): void {
    this.#cut = true;
    this.closeReason ??= reason;
    this.stopFiles(reason);
    for (const wake of this.#drainWaiters?.splice(0) ?? []) wake();
  }

  /** The client is gone, so that files need not be read. */
  stopFiles(reason: Error): void {
    this.#files?.stop(reason);
  }

  /**
   * Responds in place of the delegate, whose writes are discarded from now on.
   *
   * @throws what the sink throws, whose response is then aborted.
   */
  respondInstead(status: number, headers: HTTPHeaders, body: string, reason: Error): void {
    this.cut(reason);
    if (this.#sink.isTaken) return;
    this.status = status;
    this.#headSent = true;
    const hasBody = this.head.method !== 'HEAD';
    const phrase = safeReason(status, '');
    const head = { status, reason: phrase, headers, hasBody, contentLength: lengthOf(body) };
    try {
      this.#sink.start(head, hasBody ? body : undefined, true);
    } catch (error) {
      this.#sink.abort(errorOf(error));
      throw error;
    }
  }

  [INSPECT](): object {
    return inspection(this, ['head', 'status', 'headSent', 'finished', 'bodyBytesSent'], () => ({
      remoteAddress: inspectedAddress(this.connection.remoteAddress),
      connection: undefined,
    }));
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: call writeHead first`);
    if (this.#finished) throw new HTTPUsageError(`${operation}: the response is complete`);
  }

  /**
   * Counts bytes of the body. If there are more than announced, a partial response must not look complete.
   *
   * @returns whether they are to be sent.
   */
  #count(byteLength: number): boolean {
    try {
      this.#encoder.dataPrefix(byteLength);
      return this.#encoder.sendsBody;
    } catch (error) {
      this.#misused(errorOf(error));
      throw error;
    }
  }

  /** Ends the body. If it is shorter than announced, the response is aborted, as in {@link #count}. */
  #countEnd(): void {
    try {
      this.#encoder.end();
    } catch (error) {
      this.#misused(errorOf(error));
      throw error;
    }
  }

  #sinkFailed(thrown: unknown): void {
    const error = errorOf(thrown);
    this.#call.failed(error);
    // Also if the delegate has completed the response, whose end was not sent.
    this.#sink.abort(error);
  }

  /** Aborts the response because of an error that is thrown. */
  #misused(reason: Error): void {
    this.#sink.abort(reason);
    // Later, so that the delegate does not take its own mistake for the consequence of a client that left.
    process.nextTick(() => {
      if (!this.#cut) this.#call.responseAborted(reason);
    });
  }

  #failed(reason: Error): void {
    this.#sink.abort(reason);
    if (!this.#cut) this.#call.responseAborted(reason);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drainWaiters ??= [];
      if (this.#drainWaiters.push(resolve) > 1) return;
      const drained = () => {
        for (const wake of this.#drainWaiters?.splice(0) ?? []) wake();
      };
      const sinkDrained = () => (this.#sink.isDrained ? drained() : this.#sink.whenDrained(drained));
      if (this.#files === undefined) sinkDrained();
      else this.#files.whenIdle(sinkDrained);
    });
  }

  /** Waits. If the exchange is cut, throws the reason, so that a caller that writes in a loop stops. */
  async #settled(waiting: Promise<unknown> | undefined): Promise<void> {
    await waiting;
    if (this.#cut && this.closeReason !== undefined) throw this.closeReason;
  }

  #complete(): void {
    this.#finished = true;
    if (!this.#cut) this.#call.responseCompleted();
  }
}

function lengthOf(chunk: string | Uint8Array | undefined): number {
  if (chunk === undefined) return 0;
  return typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
}
