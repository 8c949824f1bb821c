import type { FileHandle } from 'node:fs/promises';
import {
  type FilePart,
  type HTTPConnectionInfo,
  HTTPHeaders,
  type HTTPServerExchange,
  HTTPUsageError,
  PreparedPiece,
  type StopNotice,
} from '@landspout/http1';
import { requireFilePart } from '@landspout/http1/server';
import {
  type FileSink,
  NODE_MESSAGES,
  type NodeMessagesBehind,
  nodeMessagesOf,
  OutgoingFiles,
} from '@landspout/httpserver';
import { errorOf, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import { HTTPError, statusOfError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { listsEntityTag, reads } from '../response/conditional.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';

/** What a {@link ResponseExchange} needs from its request. */
export interface ExchangeHost {
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  /** Why the response was ended. May be created by each call. */
  readonly endReason: Error;
  /** Called with an error that the delegate cannot be notified of. */
  failed(error: unknown): void;
  /** Called when the delegate has taken over the connection. */
  detached(): void;
}

/**
 * The exchange of a delegate that is mounted in an application. What it writes is the response of the application: the
 * hooks of `beforeHeaders`, cookies and compression apply.
 */
export class ResponseExchange implements HTTPServerExchange {
  readonly #host: ExchangeHost;
  #headSent = false;
  #finished = false;
  /** Why the response was ended by something other than the delegate. */
  #cutReason: Error | undefined = undefined;
  /** Files that are compressed, and what is written after them. */
  #files: OutgoingFiles | undefined = undefined;

  constructor(host: ExchangeHost) {
    this.#host = host;
  }

  get #response(): HTTPServerResponse {
    return this.#host.response;
  }

  get #outer(): HTTPServerExchange {
    return this.#host.response.exchange;
  }

  get connection(): HTTPConnectionInfo {
    return this.#outer.connection;
  }

  /** The setting `publicOrigin` of the application. */
  get publicOrigins(): readonly string[] | undefined {
    const { ownOrigins, publicOrigin } = this.#host.request;
    if (ownOrigins === undefined || ownOrigins.length <= 1) return ownOrigins;
    return [publicOrigin, ...ownOrigins.filter((origin) => origin !== publicOrigin)];
  }

  get [NODE_MESSAGES](): NodeMessagesBehind | undefined {
    return nodeMessagesOf(this.#outer);
  }

  get stopping(): AbortSignal {
    return this.#outer.stopping;
  }

  get headSent(): boolean {
    return this.#headSent || this.#response.headSent;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get isCut(): boolean {
    return this.#cutReason !== undefined || this.#outer.isCut;
  }

  get bodyBytesSent(): number {
    return this.#outer.bodyBytesSent;
  }

  get isDrained(): boolean | undefined {
    if (this.#cutReason !== undefined) return true;
    if (this.#files?.isBusy === true) return false;
    return this.#response.isEncoding ? undefined : this.#outer.isDrained;
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last = false,
  ): void {
    if (this.#headSent) throw new HTTPUsageError('writeHead: the response headers have already been written');
    if (this.isCut) return;
    const response = this.#response;
    response.passHead(status, reason, headers);
    if (chunk !== undefined) response.append(chunk);
    response.chooseCoding(last);
    if (response.contentCoding !== undefined) this.#becomeNotModified();
    this.#headSent = true;
    this.#finished = last;
    try {
      if (last) response.end();
      else response.passPiece('');
    } catch (error) {
      this.#headSent = response.headSent;
      this.#finished = false;
      // Another response may follow, which does not have the headers of this one, such as its length.
      if (!response.headSent) for (const name of headers.names()) response.headers.delete(name);
      throw error;
    }
  }

  write(chunk: string | Uint8Array): void {
    this.#write('write', chunk);
  }

  writePrepared(piece: PreparedPiece): void {
    this.#write('writePrepared', piece);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    const { start, end } = requireFilePart(file, part);
    this.#requireOpen('writeFile');
    const reason = this.#cutReason ?? this.#response.gone;
    if (reason !== undefined) return rejected(reason);
    if (!this.#response.isEncoding) return this.#outer.writeFile(file, part);
    this.#files ??= new OutgoingFiles(this.#sink(), {
      fileFailed: (error) => this.#host.failed(error),
      sinkFailed: (error) => this.#host.failed(error),
    });
    return ignorable(this.#files.add(file, { start, end }));
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    this.#finished = true;
    if (this.isCut) return;
    if (this.#files?.isBusy === true) this.#files.end(trailers);
    else this.#response.end(trailers);
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    this.#outer.writeInterim(status, headers);
  }

  waitDrained(): Promise<void> {
    if (this.#cutReason !== undefined) return rejected(this.#cutReason);
    if (this.#files?.isBusy === true) return ignorable(this.#drainedAfter(this.#files));
    return this.#response.waitDrained();
  }

  abort(reason?: Error): void {
    if (this.#finished || this.isCut) return;
    this.#response.abort(reason ?? new HTTPUsageError('the mounted delegate aborted the response'));
  }

  /**
   * Responds with the error page of the application, with the header fields of the error, as those of http-errors have.
   * An error for a 500 is logged like one of a handler.
   */
  fail(status: number, error?: unknown): boolean {
    if (this.headSent || this.isCut) return false;
    const isUncaught = status === 500 && statusOfError(error) === 500;
    const shown = isUncaught ? error : httpErrorOf(status, error);
    this.#host.failed(shown);
    this.cut(errorOf(shown));
    return true;
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    if (this.#headSent || this.isCut)
      throw new HTTPUsageError('detach: the response has been started, or the connection has ended');
    const stream = this.#response.detach(onStopping);
    this.#headSent = true;
    this.#finished = true;
    this.#host.detached();
    return stream;
  }

  setMaxBodyBytes(maxBytes: number): void {
    this.#outer.setMaxBodyBytes(maxBytes);
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    this.#outer.setBodyTimeoutMs(timeoutMs);
  }

  /** Used by the application: discards further writes. */
  cut(reason: Error): void {
    this.#cutReason ??= reason;
    this.#files?.stop(reason);
  }

  [INSPECT](): object {
    return inspection(this, ['headSent', 'finished', 'isCut', 'bodyBytesSent'], () => ({
      connection: undefined,
      publicOrigins: undefined,
      stopping: undefined,
    }));
  }

  #write(operation: string, piece: string | Uint8Array | PreparedPiece): void {
    this.#requireOpen(operation);
    if (this.isCut) return;
    if (this.#files?.isBusy !== true) this.#response.passPiece(piece);
    else this.#files.write(piece instanceof PreparedPiece ? piece.bytes : piece);
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) {
      // Something else has ended the response, and the delegate need not know what.
      if (this.isCut) return;
      throw new HTTPUsageError(`${operation}: call writeHead first`);
    }
    if (this.#finished) throw new HTTPUsageError(`${operation}: the response is complete`);
  }

  /**
   * Compression replaces the entity tag, so the delegate does not recognize the one that the client has: it sends the
   * whole body, which the client does not need.
   */
  #becomeNotModified(): void {
    const { request } = this.#host;
    const response = this.#response;
    const tag = response.header('ETag');
    const field = tag === undefined ? undefined : request.headers.get('If-None-Match');
    if (field === undefined || response.status !== 200 || !reads(request)) return;
    if (!listsEntityTag(field, tag as string)) return;
    response.headers.delete('Content-Length');
    response.becomeNotModified();
  }

  /** Where files are compressed, and what is written after them. */
  #sink(): FileSink {
    return {
      write: (piece) => {
        if (this.isCut) this.#files?.stop(this.#host.endReason);
        else this.#response.passPiece(piece);
      },
      end: (trailers) => {
        if (!this.isCut) this.#response.end(trailers);
      },
      isDrained: false,
      whenDrained: (drained) => void this.#response.waitDrained().then(drained, drained),
    };
  }

  async #drainedAfter(files: OutgoingFiles): Promise<void> {
    await new Promise<void>((idle) => files.whenIdle(idle));
    if (this.#cutReason !== undefined) throw this.#cutReason;
    await this.#response.waitDrained();
  }
}

function httpErrorOf(status: number, error: unknown): HTTPError {
  const { headers } = (error ?? {}) as { readonly headers?: unknown };
  const fields = typeof headers === 'object' && headers !== null ? validFields(headers) : undefined;
  return new HTTPError(status, logMessageOf(status, error), {
    cause: error,
    ...(fields === undefined ? {} : { headers: fields }),
  });
}

/** Returns the fields that can be sent. The status of the error is what matters. */
function validFields(headers: object): HTTPHeaders {
  const fields = new HTTPHeaders();
  for (const [name, value] of Object.entries(headers)) {
    try {
      fields.set(name, String(value));
    } catch {
      // Left out, as by NodeContainer.
    }
  }
  return fields;
}

/** Errors below 500 are the client's, which can cause many. */
function logMessageOf(status: number, error: unknown): string | undefined {
  if (status < 500 || error === undefined) return undefined;
  return error instanceof Error ? error.message : shownValue(error);
}

function rejected(reason: Error): Promise<never> {
  return ignorable(Promise.reject(reason));
}

/** As for the exchange of a connection, the promise may be ignored. */
function ignorable<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {});
  return promise;
}
