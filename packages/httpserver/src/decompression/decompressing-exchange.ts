import type { FileHandle } from 'node:fs/promises';
import type {
  FilePart,
  HTTPConnectionInfo,
  HTTPHeaders,
  HTTPServerExchange,
  PreparedPiece,
  StopNotice,
} from '@landspout/http1';
import type { BodyInflater } from '@landspout/http1/content-coding';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';

/**
 * The exchange of a request whose body is decompressed. Body limits also apply to the decompressed size, and
 * decompression stops when the response is complete.
 */
export class DecompressingExchange implements HTTPServerExchange {
  readonly #exchange: HTTPServerExchange;
  readonly #inflater: BodyInflater;

  constructor(exchange: HTTPServerExchange, inflater: BodyInflater) {
    this.#exchange = exchange;
    this.#inflater = inflater;
  }

  get headSent(): boolean {
    return this.#exchange.headSent;
  }

  get finished(): boolean {
    return this.#exchange.finished;
  }

  get isCut(): boolean {
    return this.#exchange.isCut;
  }

  get bodyBytesSent(): number {
    return this.#exchange.bodyBytesSent;
  }

  get connection(): HTTPConnectionInfo {
    return this.#exchange.connection;
  }

  get stopping(): AbortSignal {
    return this.#exchange.stopping;
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last?: boolean,
  ): void {
    this.#exchange.writeHead(status, reason, headers, chunk, last);
    if (this.#exchange.finished) this.#inflater.close();
  }

  write(chunk: string | Uint8Array): void {
    this.#exchange.write(chunk);
  }

  writePrepared(piece: PreparedPiece): void {
    if (this.#exchange.writePrepared === undefined) this.#exchange.write(piece.bytes);
    else this.#exchange.writePrepared(piece);
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    return this.#exchange.writeFile(file, part);
  }

  finish(trailers?: HTTPHeaders): void {
    this.#exchange.finish(trailers);
    this.#inflater.close();
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    this.#exchange.writeInterim(status, headers);
  }

  waitDrained(): Promise<void> {
    return this.#exchange.waitDrained();
  }

  get isDrained(): boolean | undefined {
    return this.#exchange.isDrained;
  }

  abort(reason?: Error): void {
    this.#exchange.abort(reason);
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    const stream = this.#exchange.detach(onStopping);
    this.#inflater.close();
    return stream;
  }

  setMaxBodyBytes(maxBytes: number): void {
    this.#exchange.setMaxBodyBytes(maxBytes);
    this.#inflater.maxBodyBytes = maxBytes;
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    this.#exchange.setBodyTimeoutMs(timeoutMs);
  }

  [INSPECT](): object {
    return inspection(this, ['headSent', 'finished'], () => ({
      remoteAddress: inspectedAddress(this.connection.remoteAddress),
    }));
  }
}
