import type { HTTPHeaders } from '@landspout/http1';
import {
  DATA,
  END,
  HEAD,
  type MultipartDecoder,
  type MultipartLimits,
  MultipartProtocolError,
  NEED_DATA,
} from '@landspout/http1/protocol';
import { BodyChunks } from '@landspout/http1/server';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, onAbort } from '@landspout/ioloop/reactor';
import { HTTPError, WebUsageError, webChecks } from '../errors.ts';
import { addTo, bufferOf, fieldText, formDecoder } from './multipart-form.ts';
import type { PartSink } from './part-sink.ts';
import { type StreamedForm, StreamedPart } from './streamed-part.ts';
import { refusalOf } from './url-encoding.ts';

export interface MultipartReaderOptions {
  /**
   * Called with the headers of each part. Returns the sink that receives the part's body, such as one made by `saveTo`.
   * If it returns undefined, a field is added to `fields`, and the bytes of a file are discarded. If it returns a
   * promise, nothing more is read while the promise is pending. If it throws or rejects, the form fails.
   */
  onPart(part: StreamedPart): PartSink | undefined | PromiseLike<PartSink | undefined>;
  /** Limits for parts, files, headers and fields. Default: `DEFAULT_MULTIPART_LIMITS`. */
  readonly limits?: Partial<MultipartLimits>;
  /** Maximum total bytes of the fields without a sink, which are kept in memory; 413 if exceeded. Default: 10 MiB. */
  readonly maxTotalFieldBytes?: number;
  /**
   * When it aborts, {@link MultipartReader.abort} is called with its reason. Pass the signal of the handler. The reason
   * `ERR_HTTP_PEER_ENDED` is ignored, since a client that has half-closed its connection has sent the whole form.
   */
  readonly signal?: AbortSignal;
}

const READER_OPTIONS: OptionNames<MultipartReaderOptions> = {
  onPart: true,
  limits: true,
  maxTotalFieldBytes: true,
  signal: true,
};

const DEFAULT_TOTAL_FIELD_BYTES = 10 * 1024 * 1024;

/** What the reader is doing. Data that exists only in one state is stored in that state. */
type State =
  | { readonly kind: 'idle' | 'busy' }
  | { readonly kind: 'finished'; readonly form: StreamedForm }
  /** `undone` resolves after all sinks were aborted. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly undone: Promise<void> };

const IDLE: State = { kind: 'idle' };
const BUSY: State = { kind: 'busy' };
const NO_SINK: PartSink = { write() {} };

/**
 * Reads a `multipart/form-data` body of any size while it arrives, for handlers with `streamRequestBody`: one part at a
 * time, with back-pressure. At most one chunk, the headers of one part and the fields are in memory at a time.
 *
 * Pass each chunk to {@link write} in `dataReceived`, and await {@link finish} in the verb: only after that is the form
 * known to be complete. If the form fails, or {@link abort} is called, every sink used so far is aborted, including
 * those of complete parts, so that a failed form leaves no files behind.
 *
 * @example
 * class Upload extends RequestHandler {
 *   static override readonly streamRequestBody = true;
 *   #reader!: MultipartReader;
 *
 *   override prepare() {
 *     this.exchange.setMaxBodyBytes(2 ** 30);
 *     this.#reader = new MultipartReader(this.request.headers, {
 *       signal: this.signal,
 *       onPart: (part) => (part.filename === undefined ? undefined : saveTo(`/srv/uploads/${randomUUID()}`)),
 *     });
 *   }
 *   override dataReceived(chunk: Uint8Array) {
 *     return this.#reader.write(chunk);
 *   }
 *   override async post() {
 *     const { fields, files } = await this.#reader.finish();
 *   }
 * }
 */
export class MultipartReader {
  readonly #decoder: MultipartDecoder;
  readonly #onPart: MultipartReaderOptions['onPart'];
  readonly #maxTotalFieldBytes: number;
  readonly #fields = new Map<string, string[]>();
  readonly #files = new Map<string, StreamedPart[]>();
  readonly #sinks: PartSink[] = [];
  #state: State = IDLE;
  #part: StreamedPart | undefined = undefined;
  /** The sink that receives the body of the part; `undefined` for a field that is collected. */
  #sink: PartSink | undefined = undefined;
  /** The pieces of a field that is collected. */
  readonly #pieces = new BodyChunks();
  #fieldBytes = 0;
  /** Rejects the promise that waits for a sink. */
  #interrupt: ((reason: unknown) => void) | undefined = undefined;
  #forgetSignal: () => void = () => {};

  /**
   * @param headers - the headers of the request.
   * @throws HTTPError 400 or 415 if they do not describe a form that can be read. WebUsageError `ERR_WEB_USAGE` or
   *   Http1UsageError `ERR_HTTP1_LIMIT` if an option is invalid.
   */
  constructor(headers: HTTPHeaders, options: MultipartReaderOptions) {
    webChecks.options('MultipartReader', options, READER_OPTIONS);
    const { onPart, limits, maxTotalFieldBytes = DEFAULT_TOTAL_FIELD_BYTES, signal } = options;
    this.#onPart = webChecks.callback('MultipartReader', 'onPart', onPart);
    this.#maxTotalFieldBytes = webChecks.wholeNumber(
      'MultipartReader',
      'maxTotalFieldBytes',
      maxTotalFieldBytes,
    );
    webChecks.signal('MultipartReader', signal);
    try {
      this.#decoder = formDecoder(headers, limits);
    } catch (error) {
      throw httpErrorOf(error);
    }
    this.#forgetSignal = onAbort(signal, (reason) => {
      if ((reason as { readonly code?: unknown } | undefined)?.code === 'ERR_HTTP_PEER_ENDED') return;
      void this.abort(reason);
    });
  }

  /** Bytes that were received but not yet passed to a sink, not counting the fields. */
  get bufferedBytes(): number {
    return this.#decoder.bufferedBytes;
  }

  /**
   * Reads the next bytes of the body.
   *
   * @param chunk - after the call, owned by the reader and by the sinks that receive pieces of it.
   * @returns a promise if a sink or `onPart` returned one; wait for it before the next call. A promise is also returned
   *   if the form fails: it rejects, once all sinks have been aborted, with an HTTPError if the form is malformed (400)
   *   or exceeds a limit (400 or 413), with the error of a sink or `onPart`, or with the reason of {@link abort}. Later
   *   calls reject with the same error.
   * @throws WebUsageError `ERR_WEB_USAGE` if the last call is still pending, or the form is finished.
   */
  write(chunk: Uint8Array): void | Promise<void> {
    if (this.#state.kind === 'failed') return this.#rejected(this.#state);
    this.#start('write');
    try {
      this.#decoder.receive(bufferOf(chunk), 0, chunk.length);
      const waiting = this.#pump();
      if (waiting !== undefined) return this.#continue(waiting);
      this.#state = IDLE;
    } catch (error) {
      return this.#rejected(this.#fail(error));
    }
  }

  /**
   * Ends the body and returns the form. After that, the caller owns the files.
   *
   * @throws like {@link write}; HTTPError 400 if the last delimiter is missing. The promise rejects after all sinks
   *   were aborted.
   */
  async finish(): Promise<StreamedForm> {
    if (this.#state.kind === 'finished') return this.#state.form;
    if (this.#state.kind === 'failed') throw await this.#undone(this.#state);
    this.#start('finish');
    this.#decoder.endOfInput();
    try {
      const waiting = this.#pump();
      if (waiting !== undefined) await this.#continue(waiting);
    } catch (error) {
      throw await this.#undone(this.#fail(error));
    }
    const form = { fields: this.#fields, files: this.#files };
    this.#state = { kind: 'finished', form };
    this.#forgetSignal();
    return form;
  }

  /**
   * Abandons the form: a pending call and all later calls reject with `reason`, and every sink is aborted. Has no
   * effect after {@link finish} has returned the form, or after a failure.
   *
   * @returns a promise that resolves after all sinks were aborted. It never rejects.
   */
  abort(reason: unknown): Promise<void> {
    if (this.#state.kind === 'finished') return Promise.resolve();
    return this.#fail(reason).undone;
  }

  [INSPECT](): object {
    return inspection(this, ['bufferedBytes'], () => ({ state: this.#state.kind, part: this.#part }));
  }

  #start(operation: string): void {
    const { kind } = this.#state;
    if (kind !== 'idle') {
      const problem = kind === 'busy' ? 'the last call must settle first' : 'the form is finished';
      throw new WebUsageError('ERR_WEB_USAGE', `MultipartReader: ${operation}: ${problem}`);
    }
    this.#state = BUSY;
  }

  /** Decodes until all bytes are used, or until a step returns a promise, which is then returned. */
  #pump(): PromiseLike<unknown> | undefined {
    for (;;) {
      // A sink may have called `abort`.
      if (this.#state.kind === 'failed') throw this.#state.error;
      const event = this.#decoder.next();
      if (event === NEED_DATA || event === END) return undefined;
      const step = event === HEAD ? this.#startPart() : event === DATA ? this.#deliver() : this.#endPart();
      if (isThenable(step)) return step;
    }
  }

  async #continue(first: PromiseLike<unknown>): Promise<void> {
    try {
      for (let waiting: PromiseLike<unknown> | undefined = first; waiting !== undefined; ) {
        await this.#orInterrupted(waiting);
        waiting = this.#pump();
      }
      this.#state = IDLE;
    } catch (error) {
      throw await this.#undone(this.#fail(error));
    }
  }

  /**
   * Waits for a step, but only until {@link abort} is called: after the client has disconnected, a step may never
   * settle.
   */
  #orInterrupted(step: PromiseLike<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      step.then(resolve, reject);
    });
  }

  #startPart(): unknown {
    const part = new StreamedPart(this.#decoder.part);
    this.#part = part;
    const chosen = this.#onPart(part);
    if (!isThenable(chosen)) return this.#useSink(part, chosen);
    return chosen.then((sink) => this.#useSink(part, sink as PartSink | undefined));
  }

  #useSink(part: StreamedPart, sink: PartSink | undefined): void {
    if (sink === undefined) {
      this.#sink = part.filename === undefined ? undefined : NO_SINK;
      return;
    }
    webChecks.withMethods('onPart', 'a sink with a write method, or undefined,', sink, 'write');
    if (this.#state.kind === 'failed') {
      // The form was abandoned while `onPart` was pending.
      void abortSink(sink, this.#state.error);
      return;
    }
    part.goesTo(sink);
    this.#sink = sink;
    this.#sinks.push(sink);
    addTo(this.#files, part.fieldName, part);
  }

  #deliver(): unknown {
    const { data, dataStart, dataEnd } = this.#decoder;
    const bytes = data.subarray(dataStart, dataEnd);
    this.#part?.count(bytes.length);
    if (this.#sink !== undefined) return this.#sink.write(bytes);
    this.#fieldBytes += bytes.length;
    if (this.#fieldBytes > this.#maxTotalFieldBytes) {
      throw new HTTPError(413, `the fields of a form have more than ${this.#maxTotalFieldBytes} bytes`);
    }
    this.#pieces.push(bytes);
    return undefined;
  }

  #endPart(): unknown {
    const sink = this.#sink;
    const part = this.#part as StreamedPart;
    this.#sink = undefined;
    this.#part = undefined;
    if (sink !== undefined) return sink.close?.();
    addTo(this.#fields, part.fieldName, fieldText(this.#pieces.takeAll()));
    return undefined;
  }

  /** Abandons the form with its first error. */
  #fail(error: unknown): State & { readonly kind: 'failed' } {
    if (this.#state.kind === 'failed') return this.#state;
    const reason = httpErrorOf(error);
    const undone = this.#abortSinks(reason);
    const state = { kind: 'failed', error: reason, undone } as const;
    this.#state = state;
    this.#forgetSignal();
    this.#pieces.clear();
    this.#interrupt?.(reason);
    return state;
  }

  async #abortSinks(reason: unknown): Promise<void> {
    // Wait until the state has changed, because a sink may call `abort` on the reader.
    await Promise.resolve();
    await Promise.all(this.#sinks.map((sink) => abortSink(sink, reason)));
  }

  async #undone({ error, undone }: State & { readonly kind: 'failed' }): Promise<unknown> {
    await undone;
    return error;
  }

  async #rejected(state: State & { readonly kind: 'failed' }): Promise<never> {
    throw await this.#undone(state);
  }
}

async function abortSink(sink: PartSink, reason: unknown): Promise<void> {
  try {
    await sink.abort?.(reason);
  } catch {
    // Ignored: the form has already failed with an earlier error, which is the one that the handler needs.
  }
}

function httpErrorOf(error: unknown): unknown {
  return error instanceof MultipartProtocolError ? refusalOf(error) : error;
}
