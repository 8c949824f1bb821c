import type { HTTPHeaders } from '@landspout/http1';
import { AVAILABLE_CODINGS, BodyInflater, parseContentEncoding } from '@landspout/http1/content-coding';
import { isThenable } from '@landspout/ioloop/reactor';
import { BodyCollector } from './body-collector.ts';
import type { ResponseBody } from './response-body.ts';

const NOTHING = new Uint8Array(0);

const MAX_CODINGS = 5;
const INFLATED_CHUNK_BYTES = 64 * 1024;

/** Returns the decoder for a body; undefined if it has no coding, or one that is not known: it is passed on as it is. */
export function inflaterFor(headers: HTTPHeaders, maxBodyBytes: number): BodyInflater | undefined {
  const value = headers.get('Content-Encoding');
  if (value === undefined) return undefined;
  const codings = parseContentEncoding(value, AVAILABLE_CODINGS, MAX_CODINGS);
  if (codings === undefined || codings.length === 0) return undefined;
  const maxRatio = Number.POSITIVE_INFINITY;
  return new BodyInflater(codings, { chunkBytes: INFLATED_CHUNK_BYTES, maxBodyBytes, maxRatio });
}

export type DataCallback = (chunk: Uint8Array) => void | PromiseLike<void>;

/**
 * Where the chunks of a body go: to a callback, to the reader of a streamed response, or into one buffer; decoded
 * before that if the body is compressed.
 */
export class BodyIntake {
  readonly #inflater: BodyInflater | undefined;
  readonly #stream: ResponseBody | undefined;
  readonly #onData: DataCallback | undefined;
  #collector: BodyCollector | undefined = undefined;

  constructor(
    inflater: BodyInflater | undefined,
    stream: ResponseBody | undefined,
    onData: DataCallback | undefined,
  ) {
    this.#inflater = inflater;
    this.#stream = stream;
    this.#onData = onData;
  }

  /** The body, if it goes into a buffer. */
  get bytes(): Uint8Array {
    return this.#collector?.bytes ?? NOTHING;
  }

  /** Takes a chunk, which it then owns. @returns a promise if no more should be received until it settles. */
  receive(chunk: Uint8Array): void | PromiseLike<void> {
    if (this.#inflater === undefined) return this.#deliver(chunk);
    this.#inflater.write(chunk);
    return this.#deliverInflated(this.#inflater);
  }

  /** The body has arrived. @returns a promise if not all of it is decoded and delivered. */
  end(): Promise<void> | undefined {
    if (this.#inflater === undefined) return undefined;
    this.#inflater.end();
    return this.#deliverInflated(this.#inflater);
  }

  /** Frees the memory of the decoder. Nothing more is delivered. */
  close(): void {
    this.#inflater?.close();
  }

  async #deliverInflated(inflater: BodyInflater): Promise<void> {
    for (let piece = await inflater.next(); piece !== undefined; piece = await inflater.next()) {
      // The fetch may have been aborted while this piece was on its way.
      if (inflater.isClosed) return;
      const waiting = this.#deliver(piece);
      if (isThenable(waiting)) await waiting;
    }
  }

  #deliver(chunk: Uint8Array): void | PromiseLike<void> {
    if (this.#stream !== undefined) return this.#stream.push(chunk);
    if (this.#onData !== undefined) return this.#onData(chunk);
    if (this.#collector === undefined) this.#collector = new BodyCollector(chunk);
    else this.#collector.append(chunk);
    return undefined;
  }
}
