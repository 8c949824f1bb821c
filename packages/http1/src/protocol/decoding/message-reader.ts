import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { type Http1ErrorCode, Http1ProtocolError, Http1UsageError } from '../grammar/errors.ts';
import { type Http1Limits, limitChecks, resolveLimits } from '../grammar/limits.ts';
import { BodyDecoder } from './body-decoder.ts';
import { type DecoderEvent, END, NEED_DATA } from './events.ts';
import { FieldScanner, type ScanView } from './field-scanner.ts';
import { ReceiveBuffer } from './receive-buffer.ts';

// Where one message stands. Integers, not the tagged union that other machines here use: the decoders run for
// every message, and a union would be two objects more for each.
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
 * What both directions have in common: a start line and fields within limits, then a body (RFC 9112 §2.1). Holds the
 * position within one message; which message may come next, and what a head means, is the decoder's business.
 *
 * The fields are public for the two decoders. Nothing outside this folder sees them.
 */
export class MessageReader<Head> {
  readonly limits: Http1Limits;
  readonly input = new ReceiveBuffer();
  readonly fields: FieldScanner;
  readonly body: BodyDecoder;
  stage: number;
  /** Where the first field starts, from the start of the head. */
  fieldsStart = 0;
  head: Head | undefined = undefined;
  failure: unknown = undefined;

  constructor(limits: Partial<Http1Limits> | undefined, stage: number, view: ScanView | undefined) {
    this.limits = resolveLimits(limits);
    this.fields = new FieldScanner(view);
    this.body = new BodyDecoder(this.limits, this.fields);
    this.stage = stage;
  }

  /** Starts on a head, whose first byte is next. */
  startHead(): void {
    this.input.block = this.input.pos;
    this.stage = LINE;
  }

  /** Where a scan of the head must stop: at the end of what came, or of what the head may have. */
  get headStop(): number {
    return Math.min(this.input.end, this.input.block + this.limits.maxHeadBytes);
  }

  /** Starts on the fields. The start line is the decoder's: a call that is the same for both would be a slow one. */
  startFields(): void {
    this.fieldsStart = this.input.pos - this.input.block;
    this.fields.reset(this.fieldsStart);
    this.stage = FIELDS;
  }

  /**
   * Reads on in the stage FIELDS. True when the head is complete: it lies from `input.block` to `input.pos`, and the
   * decoder has to end the block and set the next stage.
   */
  readFields(): boolean {
    if (this.fields.scan(this.input, this.headStop, this.limits.maxHeaders)) return true;
    this.needMoreHead('ERR_HTTP1_HEAD_TOO_LARGE');
    return false;
  }

  /** Answers NEED_DATA while the head may go on, else throws `code`. */
  needMoreHead(code: Http1ErrorCode): typeof NEED_DATA {
    const max = this.limits.maxHeadBytes;
    if (this.input.pos < this.input.block + max) return NEED_DATA;
    const part = code === 'ERR_HTTP1_TARGET_TOO_LONG' ? 'target' : 'head';
    throw new Http1ProtocolError(code, `the ${part} does not fit into ${max} bytes of head`);
  }

  /** Takes the next step in the stages BODY_START and BODY. `length` is that of the body, and `ended` says that the peer sends no more. */
  readBody(length: number, ended: boolean): DecoderEvent {
    if (this.stage === BODY_START) {
      this.body.start(length);
      this.stage = BODY;
    }
    const event = this.body.next(this.input, ended);
    if (event === END) this.stage = DONE;
    return event;
  }

  /** Forgets the message that ended, so that nothing of it stays in memory. */
  endMessage(stage: number): void {
    this.head = undefined;
    this.body.reset();
    this.stage = stage;
  }

  /** Lets everything go. Only the failure stays, to be thrown again. */
  fail(error: unknown): void {
    if (this.stage === FAILED) return;
    this.stage = FAILED;
    this.failure = error;
    this.input.block = -1;
    this.input.clear();
  }
}

/**
 * What the decoders of both directions let a caller do beside pulling events: lend bytes, and see what the last
 * event brought. Only {@link RequestDecoder} and {@link ResponseDecoder} extend it.
 */
export class MessageDecoder<Head> {
  readonly #reader: MessageReader<Head>;

  /** @internal */
  constructor(reader: MessageReader<Head>) {
    this.#reader = reader;
  }

  /**
   * Lends the bytes from `start` to `end` until `next` answers NEED_DATA or {@link hold} is called. Decodes
   * nothing. After hold it may be called without pulling first; the bytes are then copied at once.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when bytes lent earlier have not all been pulled.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    if (reader.stage !== FAILED) reader.input.receive(bytes, start, end);
  }

  /**
   * The head of the current message, from HEAD (or INTERIM) until the next message is begun.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when there is none.
   */
  get head(): Head {
    const head = this.#reader.head;
    if (head === undefined) throw new Http1UsageError('ERR_HTTP1_USAGE', 'head: no head has been decoded');
    return head;
  }

  /** After DATA: the buffer with the body bytes, lent until the next call of any method. */
  get data(): Buffer {
    return this.#reader.body.data;
  }

  get dataStart(): number {
    return this.#reader.body.dataStart;
  }

  get dataEnd(): number {
    return this.#reader.body.dataEnd;
  }

  /** After END: the trailers of a chunked body, apart from the headers; undefined where there are none. */
  get trailers(): HTTPHeaders | undefined {
    return this.#reader.body.trailers;
  }

  /**
   * Most bytes of the current body. May be changed after HEAD, before `next` is called again; a body that is known
   * to be longer then throws 413 there. Every message starts with the limit of the constructor.
   */
  get maxBodyBytes(): number {
    return this.#reader.body.maxBytes;
  }

  set maxBodyBytes(maxBytes: number) {
    limitChecks.wholeNumber('limits', 'maxBodyBytes', maxBytes);
    this.#reader.body.maxBytes = maxBytes;
  }

  /** Ends the loan without pulling further: what has not been decoded yet is copied. */
  hold(): void {
    this.#reader.input.keep();
  }

  /**
   * Takes the bytes that have not been decoded, for a protocol that follows an upgrade or a CONNECT. They are the
   * caller's own. Use the decoder no further.
   */
  takeRest(): Buffer {
    return this.#reader.input.take();
  }

  /** Bytes that came and have not been delivered. */
  get bufferedBytes(): number {
    return this.#reader.input.byteLength;
  }

  /** Whether a part of a head is there: the header deadline runs. */
  get headStarted(): boolean {
    const stage = this.#reader.stage;
    return stage === LINE || stage === FIELDS;
  }

  [INSPECT](): object {
    return inspection(this, ['bufferedBytes', 'headStarted', 'maxBodyBytes']);
  }
}
