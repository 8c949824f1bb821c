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
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import { FileWrites } from '../mounting/file-pieces.ts';

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
  #files: FileWrites | undefined = undefined;

  /** @param connection - the exchange of the connection. */
  constructor(response: ServerResponse, connection: HTTPServerExchange, begins: () => void) {
    this.#response = response;
    this.#connection = connection;
    this.#begins = begins;
  }

  get connection(): HTTPConnectionInfo {
    return this.#connection.connection;
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
    return this.isCut || this.#drained === undefined;
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
    response.statusMessage = reason;
    setHeaders(response, headers);
    this.#headSent = true;
    this.#isEnded = last;
    try {
      if (last) this.#end(chunk, status);
      else if (chunk.length > 0) this.#write(chunk);
      else response.flushHeaders();
    } catch (error) {
      this.#headSent = this.#connection.headSent;
      this.#isEnded = false;
      throw error;
    }
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (this.isCut || chunk.length === 0) return;
    if (this.#files === undefined) this.#write(chunk);
    else this.#afterFiles(this.#files, () => this.#write(chunk));
  }

  writePrepared(piece: PreparedPiece): void {
    this.write(piece.bytes);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    this.#requireOpen('writeFile');
    this.#files ??= new FileWrites((piece) => {
      if (this.isCut) return undefined;
      this.#write(piece);
      return this.waitDrained();
    });
    // A response to HEAD has no body, so the file is not read.
    const isRead = this.#response.req.method !== 'HEAD';
    const written = isRead ? this.#files.add(file, part) : this.#files.after(() => {});
    written.catch((error: unknown) => this.abort(errorOf(error)));
    return written;
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    this.#isEnded = true;
    if (this.isCut) return;
    const end = (): void => {
      if (trailers !== undefined) this.#response.addTrailers(trailers.getAll());
      this.#response.end();
    };
    if (this.#files === undefined) end();
    else this.#afterFiles(this.#files, end);
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    this.#connection.writeInterim(status, headers);
  }

  async waitDrained(): Promise<void> {
    await this.#drained;
    if (this.isCut) await this.#connection.waitDrained();
  }

  abort(reason?: Error): void {
    this.#connection.abort(reason);
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

  #afterFiles(files: FileWrites, step: () => void): void {
    const done = files.after(() => {
      if (!this.isCut) step();
    });
    done.catch((error: unknown) => this.abort(errorOf(error)));
  }
}

/**
 * Sets the headers of the handler. They replace those that middleware has set, except the cookies and `Vary` of both.
 */
function setHeaders(response: ServerResponse, headers: HTTPHeaders): void {
  for (const name of headers.names()) {
    const values = headers.getList(name);
    const key = name.toLowerCase();
    if (key === 'set-cookie') {
      response.appendHeader(name, values);
    } else if (key === 'vary') {
      const before = response.getHeader(name);
      response.setHeader(name, [...(before === undefined ? [] : [before].flat()), ...values].join(', '));
    } else {
      response.setHeader(name, values.length === 1 ? (values[0] as string) : values);
    }
  }
}
