import type { FileHandle } from 'node:fs/promises';
import type {
  FilePart,
  HTTPConnectionInfo,
  HTTPHeaders,
  HTTPServerExchange,
  PreparedPiece,
  StopNotice,
} from '@landspout/http1';
import { NODE_MESSAGES, type NodeMessagesBehind, nodeMessagesOf } from '@landspout/httpserver';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';

/** Notified of what a {@link MiddlewareExchange} does. */
export interface MiddlewareExchangeOwner {
  /** Called before the middleware writes a response of its own. */
  middlewareResponds(): void;
  /** Called when the response of the handler was passed to the connection as a whole. */
  handlerResponseCompleted(): void;
}

/**
 * The exchange below the response of node:http. What middleware writes is a response of the application; after
 * {@link useConnection}, what is written is the response of the handler, and goes to the connection as it is.
 */
export class MiddlewareExchange implements HTTPServerExchange {
  readonly #own: HTTPServerExchange;
  readonly #connection: HTTPServerExchange;
  readonly #owner: MiddlewareExchangeOwner;
  #target: HTTPServerExchange;

  /**
   * @param own - for a response of the middleware.
   * @param connection - for the response of the handler.
   */
  constructor(own: HTTPServerExchange, connection: HTTPServerExchange, owner: MiddlewareExchangeOwner) {
    this.#own = own;
    this.#connection = connection;
    this.#owner = owner;
    this.#target = own;
  }

  /** What is written from now on is the response of the handler. */
  useConnection(): void {
    this.#target = this.#connection;
  }

  get connection(): HTTPConnectionInfo {
    return this.#connection.connection;
  }

  get [NODE_MESSAGES](): NodeMessagesBehind | undefined {
    return nodeMessagesOf(this.#connection);
  }

  get stopping(): AbortSignal {
    return this.#connection.stopping;
  }

  get headSent(): boolean {
    return this.#connection.headSent;
  }

  get finished(): boolean {
    return this.#target.finished;
  }

  get isCut(): boolean {
    return this.#target.isCut;
  }

  get bodyBytesSent(): number {
    return this.#connection.bodyBytesSent;
  }

  get isDrained(): boolean | undefined {
    return this.#target.isDrained;
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last = false,
  ): void {
    if (this.#target === this.#own) this.#owner.middlewareResponds();
    this.#target.writeHead(status, reason, headers, chunk, last);
    if (last) this.#completed();
  }

  write(chunk: string | Uint8Array): void {
    this.#target.write(chunk);
  }

  writePrepared(piece: PreparedPiece): void {
    this.#target.write(piece.bytes);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    return this.#target.writeFile(file, part);
  }

  finish(trailers?: HTTPHeaders): void {
    this.#target.finish(trailers);
    this.#completed();
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    this.#target.writeInterim(status, headers);
  }

  waitDrained(): Promise<void> {
    return this.#target.waitDrained();
  }

  abort(reason?: Error): void {
    this.#target.abort(reason);
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    this.#owner.middlewareResponds();
    return this.#own.detach(onStopping);
  }

  setMaxBodyBytes(maxBytes: number): void {
    this.#connection.setMaxBodyBytes(maxBytes);
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    this.#connection.setBodyTimeoutMs(timeoutMs);
  }

  [INSPECT](): object {
    return inspection(this, ['headSent', 'finished', 'isCut'], () => ({
      connection: undefined,
      stopping: undefined,
    }));
  }

  #completed(): void {
    if (this.#target === this.#connection) this.#owner.handlerResponseCompleted();
  }
}
