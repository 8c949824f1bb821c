import type { IOStream } from '@landspout/iostream';
import type { HTTPConnectionInfo, HTTPServerExchange } from '../delegate.ts';
import type { HTTPHeaders } from '../protocol/index.ts';
import { HTTPUsageError } from './errors.ts';
import type { ServerConnection } from './server-connection.ts';

/**
 * One request's claim to the connection. It outlives its turn safely: once the answer is complete, or the
 * connection is gone, nothing written here reaches the answer of another request.
 */
export class ServerExchange implements HTTPServerExchange {
  readonly #connection: ServerConnection;
  #headSent = false;
  #finished = false;
  /** The connection ended, or took the answer over, before we were finished: writes go nowhere. */
  #cut = false;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  get headSent(): boolean {
    return this.#headSent;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get connection(): HTTPConnectionInfo {
    return this.#connection;
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
    this.#connection.writeHead(status, reason, headers, chunk, last);
    this.#headSent = true;
    if (last) this.#complete();
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (!this.#cut)
      this.#connection.writeBody(typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk);
  }

  finish(): void {
    this.#requireOpen('finish');
    if (!this.#cut) this.#connection.endBody();
    this.#complete();
  }

  async waitDrained(): Promise<void> {
    if (!this.#cut) await this.#connection.stream.waitDrained();
  }

  abort(reason?: Error): void {
    if (this.#finished || this.#cut) return;
    this.#connection.stream.reset(reason);
  }

  detach(onStopping?: () => void): IOStream {
    if (this.#headSent || this.#cut)
      throw new HTTPUsageError('detach: the answer has begun, or the connection is gone');
    this.#cut = true;
    this.#headSent = true;
    this.#finished = true;
    return this.#connection.detach(onStopping);
  }

  /** For the connection: whatever is still written goes nowhere. */
  cut(): void {
    this.#cut = true;
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: writeHead comes first`);
    if (this.#finished) throw new HTTPUsageError(`${operation}: this answer is complete`);
  }

  #complete(): void {
    this.#finished = true;
    if (!this.#cut) this.#connection.answerCompleted();
  }
}
