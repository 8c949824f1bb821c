import { type HTTPHeaders, type HTTPServerExchange, HTTPUsageError } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';

/** The head of a response whose body is a stream. */
export interface StreamedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HTTPHeaders;
}

interface StreamOwner {
  readonly exchange: HTTPServerExchange;
  responded(status: number): void;
  responseFailed(error: unknown): void;
}

type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

/**
 * For how many microtasks the head waits for the first chunk, and that for the end of the body. A stream that has its
 * chunks needs at most this many; any other is written as it comes.
 */
const PROMPT_MICROTASKS = 12;

/** Writes the response to a request from a stream, as fast as the client reads it. */
export class ResponseStream {
  readonly #owner: StreamOwner;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** The chunk that was asked for last. */
  #reading!: Promise<Chunk>;
  #isCancelled = false;

  /** Starts to read. The caller must cancel it if the connection ends. */
  constructor(owner: StreamOwner, head: StreamedResponse, body: ReadableStream<Uint8Array>) {
    this.#owner = owner;
    this.#reader = body.getReader();
    void this.#run(head);
  }

  /** Stops writing, and lets the stream release what it holds. */
  cancel(reason: unknown): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#reader.cancel(reason).catch(() => {});
  }

  async #run(head: StreamedResponse): Promise<void> {
    try {
      if (!(await this.#writeHead(head))) await this.#writeRest();
    } catch (error) {
      // If the connection has ended, this is how a stream that was cancelled ends.
      this.cancel(error);
      this.#owner.responseFailed(error);
      return;
    }
    if (!this.#isCancelled) this.#owner.responded(head.status);
  }

  /** Writes the head, with what the stream has ready. @returns whether the response is complete. */
  async #writeHead({ status, statusText, headers }: StreamedResponse): Promise<boolean> {
    const { exchange } = this.#owner;
    const first = await promptly(this.#read());
    if (this.#isCancelled) return true;
    if (first === undefined || first.done) {
      exchange.writeHead(status, statusText, headers, undefined, first !== undefined);
      return first !== undefined;
    }
    const chunk = bytesOf(first.value);
    const second = await promptly(this.#read());
    if (this.#isCancelled) return true;
    const isWhole = second?.done === true;
    exchange.writeHead(status, statusText, headers, chunk, isWhole);
    return isWhole;
  }

  async #writeRest(): Promise<void> {
    const { exchange } = this.#owner;
    let reading = this.#reading;
    if (exchange.isDrained !== true) await exchange.waitDrained();
    for (;;) {
      const { done, value } = await reading;
      if (this.#isCancelled) return;
      if (done) {
        exchange.finish();
        return;
      }
      exchange.write(bytesOf(value));
      if (exchange.isDrained !== true) await exchange.waitDrained();
      if (this.#isCancelled) return;
      // Awaited before anything else is, so that a rejection is never without a handler.
      reading = this.#reader.read();
    }
  }

  #read(): Promise<Chunk> {
    this.#reading = this.#reader.read();
    return this.#reading;
  }
}

/** Returns the result of a promise if it settles within a few microtasks; else undefined. */
async function promptly(reading: Promise<Chunk>): Promise<Chunk | undefined> {
  let result: Chunk | undefined;
  let failure: { readonly error: unknown } | undefined;
  reading.then(
    (chunk) => {
      result = chunk;
    },
    (error: unknown) => {
      failure = { error };
    },
  );
  for (let turn = 0; turn < PROMPT_MICROTASKS && result === undefined && failure === undefined; turn += 1) {
    await undefined;
  }
  if (failure !== undefined) throw failure.error;
  return result;
}

/** Text is not a valid chunk of a Response (Fetch Standard), but @hono/node-server and srvx send it too. */
function bytesOf(chunk: unknown): Uint8Array | string {
  if (chunk instanceof Uint8Array || typeof chunk === 'string') return chunk;
  throw new HTTPUsageError(
    `FetchContainer: the body of a response must be a stream of Uint8Array, not of ${shownValue(chunk)}`,
  );
}
