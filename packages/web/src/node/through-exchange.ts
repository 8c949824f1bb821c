import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import {
  type FilePart,
  type HTTPConnectionInfo,
  type HTTPHeaders,
  type HTTPServerExchange,
  HTTPUsageError,
  type PreparedPiece,
  type StopNotice,
} from '@landspout/http1';
import { requireFilePart } from '@landspout/http1/server';
import { type FileSink, NODE_MESSAGES, type NodeMessagesBehind, OutgoingFiles } from '@landspout/httpserver';
import { setResponseHeaders } from '@landspout/httpserver/node';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';

/** The method that middleware for compression adds to a response, to send what it holds back. */
interface Flushable {
  readonly flush?: () => void;
}

/**
 * The exchange of a handler behind middleware of node:http: writes the response through the methods of the middleware's
 * `response`, which the middleware may have replaced.
 */
export class ThroughExchange implements HTTPServerExchange {
  readonly #response: ServerResponse;
  readonly #connection: HTTPServerExchange;
  /** Called before the head is written. */
  readonly #begins: () => void;
  #headSent = false;
  #isEnded = false;
  #drained: Promise<void> | undefined = undefined;
  #files: OutgoingFiles | undefined = undefined;

  /** @param connection - the exchange of the connection. */
  constructor(response: ServerResponse, connection: HTTPServerExchange, begins: () => void) {
    this.#response = response;
    this.#connection = connection;
    this.#begins = begins;
  }

  get connection(): HTTPConnectionInfo {
    return this.#connection.connection;
  }

  /** Those of the middleware, to which it may have added what a mounted delegate needs. */
  get [NODE_MESSAGES](): NodeMessagesBehind {
    const response = this.#response;
    return { request: response.req, response };
  }

  get stopping(): AbortSignal {
    return this.#connection.stopping;
  }

  get headSent(): boolean {
    return this.#headSent || this.#connection.headSent;
  }

  /** Whether the connection has the whole response. The middleware may complete it later than the handler. */
  get finished(): boolean {
    return this.#connection.finished;
  }

  get isCut(): boolean {
    return this.#connection.isCut;
  }

  get bodyBytesSent(): number {
    return this.#connection.bodyBytesSent;
  }

  get isDrained(): boolean {
    return this.isCut || (this.#files?.isBusy !== true && this.#drained === undefined);
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk: string | Uint8Array = '',
    last = false,
  ): void {
    if (this.#headSent) throw new HTTPUsageError('writeHead: the response headers have already been written');
    if (this.isCut) return;
    const response = this.#response;
    this.#begins();
    response.statusCode = status;
    // Node refuses some characters. As without middleware, the reason is then that of the status.
    response.statusMessage = /[^\t\x20-\x7e\x80-\xff]/.test(reason) ? '' : reason;
    setResponseHeaders(response, headers);
    this.#headSent = true;
    this.#isEnded = last;
    try {
      if (last) this.#end(chunk, status);
      else if (chunk.length > 0) this.#write(chunk);
      else response.flushHeaders();
    } catch (error) {
      this.#headSent = this.#connection.headSent;
      this.#isEnded = false;
      // Another response may follow, which does not have the headers of this one, such as its length.
      if (!response.headersSent) for (const name of headers.names()) response.removeHeader(name);
      throw error;
    }
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (this.isCut || chunk.length === 0) return;
    if (this.#files?.isBusy === true) this.#files.write(chunk);
    else this.#write(chunk);
  }

  writePrepared(piece: PreparedPiece): void {
    this.write(piece.bytes);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    const { start, end } = requireFilePart(file, part);
    this.#requireOpen('writeFile');
    // A response to HEAD has no body, so the file is not read.
    if (this.isCut || this.#response.req.method === 'HEAD') return Promise.resolve();
    this.#files ??= new OutgoingFiles(this.#sink(), {
      fileFailed: (error) => this.abort(error),
      sinkFailed: (error) => this.abort(errorOf(error)),
    });
    const written = this.#files.add(file, { start, end });
    // The promise may be ignored.
    written.catch(() => {});
    return written;
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    this.#isEnded = true;
    if (this.isCut) return;
    if (this.#files?.isBusy === true) this.#files.end(trailers);
    else this.#finish(trailers);
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    this.#connection.writeInterim(status, headers);
  }

  async waitDrained(): Promise<void> {
    if (this.#files?.isBusy === true) await new Promise<void>((idle) => this.#files?.whenIdle(idle));
    await this.#drained;
    if (this.isCut) await this.#connection.waitDrained();
  }

  abort(reason?: Error): void {
    this.#connection.abort(reason);
  }

  /** Used by the request: the connection has ended, so that files are not read. */
  cut(reason: Error): void {
    this.#files?.stop(reason);
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    if (this.#headSent)
      throw new HTTPUsageError('detach: the response has been started, or the connection has ended');
    return this.#connection.detach(onStopping);
  }

  setMaxBodyBytes(maxBytes: number): void {
    this.#connection.setMaxBodyBytes(maxBytes);
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    this.#connection.setBodyTimeoutMs(timeoutMs);
  }

  [INSPECT](): object {
    return inspection(this, ['headSent', 'finished', 'isCut', 'bodyBytesSent'], () => ({
      connection: undefined,
      stopping: undefined,
    }));
  }

  #requireOpen(operation: string): void {
    if (this.isCut) return;
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: call writeHead first`);
    if (this.#isEnded) throw new HTTPUsageError(`${operation}: the response is complete`);
  }

  #end(chunk: string | Uint8Array, status: number): void {
    const response = this.#response;
    // Middleware reads the length, and may send the body in pieces.
    const hasLength = status !== 204 && status !== 205 && status !== 304;
    if (hasLength && !response.hasHeader('Content-Length'))
      response.setHeader('Content-Length', Buffer.byteLength(chunk));
    if (chunk.length > 0) response.end(chunk);
    else response.end();
  }

  #write(chunk: string | Uint8Array): void {
    const response = this.#response;
    // Middleware that collects the body may return nothing.
    const isFull = (response.write(chunk) as boolean | undefined) === false;
    if (isFull && this.#drained === undefined) this.#drained = this.#drain();
    (response as Flushable).flush?.();
  }

  #drain(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const done = (): void => {
        response.removeListener('drain', done);
        response.removeListener('close', done);
        this.#drained = undefined;
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  #finish(trailers: HTTPHeaders | undefined): void {
    if (trailers !== undefined) this.#response.addTrailers(trailers.getAll());
    this.#response.end();
  }

  /** Where files are written, and what is written after them. */
  #sink(): FileSink {
    const exchange = this;
    return {
      write: (chunk) => {
        if (!this.isCut) this.#write(chunk);
      },
      end: (trailers) => {
        if (!this.isCut) this.#finish(trailers);
      },
      get isDrained() {
        return exchange.#drained === undefined;
      },
      whenDrained: (drained) => void this.#drained?.then(drained),
    };
  }
}
