import { Buffer } from 'node:buffer';
import { ArgumentChecks, MAX_DELAY_MS, type OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Http1UsageError } from '../grammar/errors.ts';
import { type EventStreamErrorCode, EventStreamProtocolError } from './errors.ts';
import { EVENT_STREAM_LIMIT_NAMES, type EventStreamLimits, resolveEventStreamLimits } from './limits.ts';

/** One event, as dispatched by an `EventSource` of a browser. */
export interface ServerSentEvent {
  /** The type of the event; `message` if the server set none. */
  readonly event: string;
  /** The values of all `data` lines, joined with LF. */
  readonly data: string;
  /**
   * The last event id of the stream when the event was dispatched. Events without an `id` line keep the previous id.
   */
  readonly id: string;
  /** The reconnection time that the server set within this event, in milliseconds. */
  readonly retry: number | undefined;
}

export interface EventStreamDecoderOptions extends Partial<EventStreamLimits> {
  /** The id of events before the first `id` line. Default: ''. */
  readonly lastEventId?: string;
  /**
   * Called with the text of each comment. Servers send comments to keep a connection alive. If it throws, `next` throws
   * the same error; decoding may continue.
   */
  readonly onComment?: ((text: string) => void) | undefined;
}

const DECODER_OPTIONS: OptionNames<EventStreamDecoderOptions> = {
  ...EVENT_STREAM_LIMIT_NAMES,
  lastEventId: true,
  onComment: true,
};

const OPERATION = 'EventStreamDecoder';
const decoderChecks = new ArgumentChecks((problem) => new Http1UsageError('ERR_HTTP1_USAGE', problem));

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
/** The length of `event` and `retry`, the longest field names. */
const MAX_NAME_BYTES = 5;
const DIGITS = /^[0-9]+$/;
const EMPTY = Buffer.alloc(0);
const MIN_COPY_BYTES = 256;

/**
 * Decodes the bytes of a `text/event-stream` into events: pull-based, without I/O (WHATWG HTML §9.2.6).
 *
 * Pass bytes to {@link receive}, then call {@link next} until it returns `undefined`. The bytes are borrowed until
 * then, and must not be modified. Only an incomplete line and the lines of an incomplete event are kept. The events do
 * not depend on how the bytes were split, and the work is linear in the number of bytes.
 *
 * Lines end in LF, CR or CRLF. The text is UTF-8; invalid bytes become U+FFFD, and a byte order mark at the start is
 * ignored. An event that is incomplete when the stream ends is discarded: discard the decoder too.
 *
 * @example
 * const decoder = new EventStreamDecoder();
 * decoder.receive(chunk);
 * for (let event = decoder.next(); event !== undefined; event = decoder.next()) console.log(event.data);
 */
export class EventStreamDecoder {
  readonly #maxLineBytes: number;
  readonly #maxEventBytes: number;
  readonly #onComment: ((text: string) => void) | undefined;
  /** The borrowed bytes, and the position of the next one. */
  #bytes: Buffer = EMPTY;
  #pos = 0;
  /** The start of a line whose end has not been received. */
  #partial: Buffer = EMPTY;
  #partialLength = 0;
  /** The previous line ended in CR, so that an LF belongs to its line end. */
  #afterCr = false;
  #isFirstLine = true;
  /** The fields of the event that is not yet dispatched. */
  #type = '';
  #data: string[] = [];
  #retry: number | undefined;
  #eventBytes = 0;
  /** The id to use when the next event is dispatched. */
  #idBuffer: string;
  #lastEventId: string;
  #retryMs: number | undefined;
  #failure: EventStreamProtocolError | undefined;

  /** @throws Http1UsageError `ERR_HTTP1_USAGE` or `ERR_HTTP1_LIMIT` if an option is unknown or invalid. */
  constructor(options: EventStreamDecoderOptions = {}) {
    decoderChecks.options(OPERATION, options, DECODER_OPTIONS);
    const { lastEventId = '', onComment } = options;
    const { maxLineBytes, maxEventBytes } = resolveEventStreamLimits(OPERATION, options);
    if (typeof lastEventId !== 'string')
      throw decoderChecks.wrong(OPERATION, 'lastEventId: a string', lastEventId);
    if (onComment !== undefined) decoderChecks.callback(OPERATION, 'onComment', onComment);
    this.#maxLineBytes = maxLineBytes;
    this.#maxEventBytes = maxEventBytes;
    this.#onComment = onComment;
    this.#idBuffer = lastEventId;
    this.#lastEventId = lastEventId;
  }

  /**
   * The id to send as Last-Event-ID when connecting again. Set by the empty line after an `id` line, even if there is
   * no data and therefore no event.
   */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * The last reconnection time that the server set, in milliseconds, at most 2,147,483,647; `undefined` if it set none.
   * Takes effect with its line; no event is needed.
   */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /**
   * Passes bytes to the decoder, without decoding them. Ignored after {@link next} has thrown a limit error.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if earlier bytes have not all been decoded.
   */
  receive(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    if (this.#pos < this.#bytes.length) {
      throw new Http1UsageError(
        'ERR_HTTP1_USAGE',
        'receive: earlier bytes have not all been decoded: first call next until it returns undefined',
      );
    }
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pos = 0;
  }

  /**
   * Decodes up to the next event.
   *
   * @returns `undefined` if the bytes contain no further complete event.
   * @throws EventStreamProtocolError if a limit is exceeded. Further calls throw the same error: discard the decoder.
   */
  next(): ServerSentEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = this.#bytes;
    while (this.#pos < bytes.length) {
      const start = this.#lineStart(bytes);
      const end = lineEnd(bytes, start);
      const length = this.#partialLength + end - start;
      if (length > this.#maxLineBytes) throw this.#lineTooLong();
      if (end === bytes.length) {
        this.#keep(bytes, start);
        break;
      }
      this.#afterCr = bytes[end] === CR;
      this.#pos = end + 1;
      const event = this.#readLine(bytes, start, end);
      if (event !== undefined) return event;
    }
    this.#release();
    return undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['retryMs'], () => ({
      bufferedBytes: this.#eventBytes + this.#partialLength + this.#bytes.length - this.#pos,
      isFailed: this.#failure !== undefined,
    }));
  }

  /** Skips the LF of a CRLF whose CR has ended the previous line. */
  #lineStart(bytes: Buffer): number {
    const isSplitLineEnd = this.#afterCr && bytes[this.#pos] === LF;
    this.#afterCr = false;
    return isSplitLineEnd ? this.#pos + 1 : this.#pos;
  }

  /** Copies the start of a line. Each byte is copied a constant number of times on average. */
  #keep(bytes: Buffer, start: number): void {
    const length = this.#partialLength + bytes.length - start;
    if (length > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#partial.length * 2, MIN_COPY_BYTES));
      this.#partial.copy(larger, 0, 0, this.#partialLength);
      this.#partial = larger;
    }
    bytes.copy(this.#partial, this.#partialLength, start);
    this.#partialLength = length;
  }

  #readLine(bytes: Buffer, start: number, end: number): ServerSentEvent | undefined {
    if (this.#partialLength === 0) return this.#interpret(bytes, start, end);
    const whole = this.#partial;
    const length = this.#partialLength + end - start;
    // The line has its own buffer, because a callback could make this decoder receive more.
    const line = length <= whole.length ? whole : Buffer.allocUnsafe(length);
    if (line !== whole) whole.copy(line, 0, 0, this.#partialLength);
    bytes.copy(line, this.#partialLength, start, end);
    this.#partial = EMPTY;
    this.#partialLength = 0;
    return this.#interpret(line, 0, length);
  }

  #interpret(line: Buffer, from: number, end: number): ServerSentEvent | undefined {
    let start = from;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (hasByteOrderMark(line, start, end)) start += 3;
    }
    if (start === end) return this.#dispatch();
    if (line[start] === COLON) {
      this.#onComment?.(fieldValue(line, start, end));
      return undefined;
    }
    this.#eventBytes += end - start + 1;
    if (this.#eventBytes > this.#maxEventBytes) throw this.#eventTooLarge();
    let colon = start;
    while (colon < end && line[colon] !== COLON) colon += 1;
    // Values of unknown fields are not decoded.
    if (colon - start <= MAX_NAME_BYTES) {
      this.#setField(line.toString('latin1', start, colon), line, colon, end);
    }
    return undefined;
  }

  #setField(name: string, line: Buffer, colon: number, end: number): void {
    switch (name) {
      case 'data':
        this.#data.push(fieldValue(line, colon, end));
        break;
      case 'event':
        this.#type = fieldValue(line, colon, end);
        break;
      case 'id': {
        const id = fieldValue(line, colon, end);
        if (!id.includes('\0')) this.#idBuffer = id;
        break;
      }
      case 'retry': {
        const digits = fieldValue(line, colon, end);
        if (!DIGITS.test(digits)) break;
        this.#retry = Math.min(Number(digits), MAX_DELAY_MS);
        this.#retryMs = this.#retry;
        break;
      }
      default: // Ignored, as the standard requires.
    }
  }

  /** Ends an event at an empty line. Without a `data` line there is no event, but its id takes effect. */
  #dispatch(): ServerSentEvent | undefined {
    const data = this.#data;
    const [event, retry] = [this.#type, this.#retry];
    this.#lastEventId = this.#idBuffer;
    this.#type = '';
    this.#retry = undefined;
    this.#eventBytes = 0;
    if (data.length === 0) return undefined;
    this.#data = [];
    return {
      event: event === '' ? 'message' : event,
      data: data.length === 1 ? (data[0] as string) : data.join('\n'),
      id: this.#lastEventId,
      retry,
    };
  }

  #lineTooLong(): EventStreamProtocolError {
    const message = `a line of the event stream has more than ${this.#maxLineBytes} bytes`;
    return this.#fail('ERR_HTTP1_EVENT_STREAM_LINE', message);
  }

  #eventTooLarge(): EventStreamProtocolError {
    const message = `an event of the event stream has more than ${this.#maxEventBytes} bytes`;
    return this.#fail('ERR_HTTP1_EVENT_STREAM_EVENT', message);
  }

  /** Discards everything except the error, which later calls of `next` throw again. */
  #fail(code: EventStreamErrorCode, message: string): EventStreamProtocolError {
    const error = new EventStreamProtocolError(code, message);
    this.#failure = error;
    this.#partial = EMPTY;
    this.#partialLength = 0;
    this.#data = [];
    this.#eventBytes = 0;
    this.#release();
    return error;
  }

  #release(): void {
    this.#bytes = EMPTY;
    this.#pos = 0;
  }
}

/** Returns the position of the next CR or LF, or the length of `bytes`. */
function lineEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at += 1;
  return at;
}

function hasByteOrderMark(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
}

/** Returns the text after the colon and at most one space; '' if there is no colon. */
function fieldValue(line: Buffer, colon: number, end: number): string {
  if (colon === end) return '';
  const start = colon + 1;
  return line.toString('utf8', start < end && line[start] === SP ? start + 1 : start, end);
}
