import { formatHttpDate } from '@landspout/http1';
import type { ResponseEncoder } from '@landspout/http1/protocol';
import type { Clock } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { ruleFailed } from './errors.ts';
import { bytesOfChunk, type MockChunk, type PreparedResponse } from './mock-response.ts';

type Chunks = Iterable<MockChunk> | AsyncIterable<MockChunk>;

/** A larger chunk is sent in several pieces, so that the queue of the stream stays short. */
const PIECE_BYTES = 256 * 1024;
/** The client has closed the connection. */
const GONE = Symbol('gone');

/** Sends one response on a stream, or a part of it. Stops when the client closes the connection. */
export class ResponseSender {
  readonly #stream: IOStream;
  readonly #encoder: ResponseEncoder;
  readonly #isHead: boolean;
  readonly #clock: Clock;
  readonly #gone: AbortSignal;

  /** @param encoder - after `begin`. @param gone - aborts when the client has closed the connection. */
  constructor(stream: IOStream, encoder: ResponseEncoder, isHead: boolean, clock: Clock, gone: AbortSignal) {
    this.#stream = stream;
    this.#encoder = encoder;
    this.#isHead = isHead;
    this.#clock = clock;
    this.#gone = gone;
  }

  /** @throws MockTransportError `ERR_MOCK_RESPONSE` if the body fails; Http1UsageError if it has a wrong length. */
  async send(response: PreparedResponse): Promise<void> {
    await this.#wait(response.delayMs);
    if (this.#isGone) return;
    const { body } = response;
    this.#sendHead(response, this.#lengthOf(body));
    if (this.#encoder.sendsBody && body !== undefined) await this.#sendBody(body, Infinity);
    if (this.#isGone) return;
    const last = this.#encoder.end();
    if (last !== '') this.#stream.send(last);
  }

  /** Sends the head and `bodyBytes` bytes of the body, but not its end. @param bodyBytes - -1 for the head only. */
  async sendPart(response: PreparedResponse, bodyBytes: number): Promise<void> {
    await this.#wait(response.delayMs);
    if (this.#isGone) return;
    this.#sendHead(response, -1);
    const { body } = response;
    if (this.#encoder.sendsBody && body !== undefined && bodyBytes > 0) await this.#sendBody(body, bodyBytes);
  }

  /** The stream notices first: it cannot send any more. */
  get #isGone(): boolean {
    return this.#gone.aborted || this.#stream.isClosed;
  }

  #sendHead({ status, reason, headers }: PreparedResponse, wholeBodyBytes: number): void {
    const date = formatHttpDate(this.#clock.wallTime());
    this.#stream.send(this.#encoder.head(status, reason, headers, date, wholeBodyBytes, false));
  }

  /** -1 if the length is unknown: nothing says how long the body is that a HEAD does not get. */
  #lengthOf(body: PreparedResponse['body']): number {
    if (body === undefined) return this.#isHead ? -1 : 0;
    return body instanceof Uint8Array ? body.length : -1;
  }

  async #sendBody(body: Uint8Array | Chunks, limit: number): Promise<void> {
    if (body instanceof Uint8Array) {
      await this.#sendChunk(body.length > limit ? body.subarray(0, limit) : body);
      return;
    }
    let left = limit;
    const iterator = iteratorOf(body);
    try {
      while (left > 0 && !this.#isGone) {
        const next = await this.#unlessGone(iterator.next());
        if (next === GONE || next.done === true) return;
        const chunk = bytesOfChunk('the body of a response', next.value);
        await this.#sendChunk(chunk.length > left ? chunk.subarray(0, left) : chunk);
        left -= chunk.length;
      }
    } catch (error) {
      if (this.#isGone) return;
      throw ruleFailed('the body of a response failed', error);
    } finally {
      // Not awaited: a generator that waits for its own chunk cannot return before it has it.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  /** Resolves when more may be sent. */
  async #sendChunk(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length && !this.#isGone; start += PIECE_BYTES) {
      const piece = chunk.subarray(start, start + PIECE_BYTES);
      const prefix = this.#encoder.dataPrefix(piece.length);
      if (prefix !== '') this.#stream.send(prefix);
      this.#stream.send(piece);
      if (this.#encoder.dataSuffix !== '') this.#stream.send(this.#encoder.dataSuffix);
      // It rejects only if the client has closed the connection.
      await this.#stream.waitDrained().catch(() => {});
    }
  }

  #wait(delayMs: number): Promise<void> {
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => {
        forget();
        resolve();
      }, delayMs);
      const forget = onAbort(this.#gone, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #unlessGone<T>(promise: T | PromiseLike<T>): Promise<T | typeof GONE> {
    return new Promise((resolve, reject) => {
      const forget = onAbort(this.#gone, () => resolve(GONE));
      Promise.resolve(promise).then(
        (value) => {
          forget();
          resolve(value);
        },
        (error) => {
          forget();
          reject(error);
        },
      );
    });
  }
}

function iteratorOf(body: Chunks): Iterator<MockChunk> | AsyncIterator<MockChunk> {
  return Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
}
