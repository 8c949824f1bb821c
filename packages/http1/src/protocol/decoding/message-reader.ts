import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { type Http1ErrorCode, Http1ProtocolError, Http1UsageError } from '../grammar/errors.ts';
import { type Http1Limits, limitChecks, resolveLimits } from '../grammar/limits.ts';
import { BodyDecoder } from './body-decoder.ts';
import { type DecoderEvent, END, NEED_DATA } from './events.ts';
import { FieldScanner, type ScanView } from './field-scanner.ts';
import { ReceiveBuffer } from './receive-buffer.ts';

// The stages of a message. Unlike other state machines of this project, this one uses integers instead of a tagged
// union: the decoders run for every message, and a union would allocate two more objects for each.
/** Client only: no response is expected. */
export const IDLE = 0;
export const START = 1;
export const LINE = 2;
export const FIELDS = 3;
export const BODY_START = 4;
const BODY = 5;
export const DONE = 6;
export const FAILED = 7;

/**
 * Reads what requests and responses have in common: a start line and fields within limits, then a body (RFC 9112 §2.1).
 * Tracks the position within one message. The decoder decides what a head means, and which message may follow.
 *
 * The properties are public so that the two decoders can use them; they are not visible outside this folder.
 */
export class MessageReader<Head> {
  readonly limits: Http1Limits;
  readonly input = new ReceiveBuffer();
  readonly fields: FieldScanner;
  readonly body: BodyDecoder;
  stage: number;
  /** The position of the first field, from the start of the head. */
  fieldsStart = 0;
  head: Head | undefined = undefined;
  failure: unknown = undefined;

  constructor(limits: Partial<Http1Limits> | undefined, stage: number, view: ScanView | undefined) {
    this.limits = resolveLimits(limits);
    this.fields = new FieldScanner(view);
    this.body = new BodyDecoder(this.limits, this.fields);
    this.stage = stage;
  }

  /** Starts a head at the next byte. */
  startHead(): void {
    this.input.block = this.input.pos;
    this.stage = LINE;
  }

  /** The position at which a scan of the head must stop: the end of the input, or the maximum size of a head. */
  get headStop(): number {
    return Math.min(this.input.end, this.input.block + this.limits.maxHeadBytes);
  }

  /**
   * Starts the fields. Each decoder scans the start line itself, because a polymorphic call from here would be slower.
   */
  startFields(): void {
    this.fieldsStart = this.input.pos - this.input.block;
    this.fields.reset(this.fieldsStart);
    this.stage = FIELDS;
  }

  /**
   * Continues to read fields, in the stage FIELDS.
   *
   * @returns whether the head is complete. The head is then between `input.block` and `input.pos`, and the decoder must
   *   end the block and set the next stage.
   */
  readFields(): boolean {
    if (this.fields.scan(this.input, this.headStop, this.limits.maxHeaders)) return true;
    this.needMoreHead('ERR_HTTP1_HEAD_TOO_LARGE');
    return false;
  }

  /** Returns NEED_DATA while the head is within its limit, otherwise throws `code`. */
  needMoreHead(code: Http1ErrorCode): typeof NEED_DATA {
    const max = this.limits.maxHeadBytes;
    if (this.input.pos < this.input.block + max) return NEED_DATA;
    const part = code === 'ERR_HTTP1_TARGET_TOO_LONG' ? 'target' : 'head';
    throw new Http1ProtocolError(code, `the ${part} exceeds the limit of ${max} bytes for a head`);
  }

  /**
   * Decodes up to the next event, in the stages BODY_START and BODY.
   *
   * @param length - length of the body, as in {@link BodyDecoder.start}.
   * @param ended - whether the peer has ended its side.
   */
  readBody(length: number, ended: boolean): DecoderEvent {
    if (this.stage === BODY_START) {
      this.body.start(length);
      this.stage = BODY;
    }
    const event = this.body.next(this.input, ended);
    if (event === END) this.stage = DONE;
    return event;
  }

  /** Discards the message that ended, so that it is not kept in memory. */
  endMessage(stage: number): void {
    this.head = undefined;
    this.body.reset();
    this.stage = stage;
  }

  /** Discards everything except the error, which later calls throw again. */
  fail(error: unknown): void {
    if (this.stage === FAILED) return;
    this.stage = FAILED;
    this.failure = error;
    this.input.block = -1;
    this.input.clear();
  }
}

/**
 * Base class of the two decoders. It has all of their methods except `next`: those that pass bytes in, and those that
 * return the data of the last event. Only {@link RequestDecoder} and {@link ResponseDecoder} extend it.
 */
export class MessageDecoder<Head> {
  readonly #reader: MessageReader<Head>;

  /** @internal */
  constructor(reader: MessageReader<Head>) {
    this.#reader = reader;
  }

  /**
   * Passes the bytes from `start` to `end` to the decoder, without decoding them. The decoder borrows them until `next`
   * returns NEED_DATA or {@link hold} is called. After {@link hold}, this method may be called again immediately; the
   * new bytes are then copied.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if borrowed bytes have not all been decoded.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    if (reader.stage !== FAILED) reader.input.receive(bytes, start, end);
  }

  /**
   * The head of the current message, from HEAD (or INTERIM) until the next message starts.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if there is none.
   */
  get head(): Head {
    const head = this.#reader.head;
    if (head === undefined) throw new Http1UsageError('ERR_HTTP1_USAGE', 'head: no head has been decoded');
    return head;
  }

  /** After DATA: the buffer with the body bytes, borrowed until the next call of any method. */
  get data(): Buffer {
    return this.#reader.body.data;
  }

  get dataStart(): number {
    return this.#reader.body.dataStart;
  }

  get dataEnd(): number {
    return this.#reader.body.dataEnd;
  }

  /** After END: the trailers of a chunked body, which are not added to the headers; undefined if there are none. */
  get trailers(): HTTPHeaders | undefined {
    return this.#reader.body.trailers;
  }

  /**
   * The maximum size of the current body, in bytes. May be changed after HEAD, before `next` is called again. If the
   * Content-Length is larger, `next` throws an error with status 413. Each message starts with the limit of the
   * constructor.
   *
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` if the new value is not a valid limit.
   */
  get maxBodyBytes(): number {
    return this.#reader.body.maxBytes;
  }

  set maxBodyBytes(maxBytes: number) {
    limitChecks.wholeNumber('limits', 'maxBodyBytes', maxBytes);
    this.#reader.body.maxBytes = maxBytes;
  }

  /** Copies the borrowed bytes that have not been decoded, so that the caller may reuse its buffer. */
  hold(): void {
    this.#reader.input.keep();
  }

  /**
   * Returns a copy of the bytes that have not been decoded, for the protocol after an upgrade or CONNECT. The copy is
   * owned by the caller. The decoder must not be used any more.
   */
  takeRest(): Buffer {
    return this.#reader.input.take();
  }

  /** The number of bytes that were received and not yet delivered. */
  get bufferedBytes(): number {
    return this.#reader.input.byteLength;
  }

  /** Whether part of a head was received, so that a header deadline applies. */
  get headStarted(): boolean {
    const stage = this.#reader.stage;
    return stage === LINE || stage === FIELDS;
  }

  [INSPECT](): object {
    return inspection(this, ['bufferedBytes', 'headStarted', 'maxBodyBytes']);
  }
}
