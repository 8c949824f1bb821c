import { type Http1ErrorCode, Http1ProtocolError } from '../grammar/errors.ts';
import { type Http1Limits, resolveLimits } from '../grammar/limits.ts';
import { BodyDecoder } from './body-decoder.ts';
import { type DecoderEvent, END, NEED_DATA } from './events.ts';
import { FieldScanner } from './field-scanner.ts';
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
  readonly fields = new FieldScanner();
  readonly body: BodyDecoder;
  stage: number;
  /** Where the first field starts, from the start of the head. */
  fieldsStart = 0;
  head: Head | undefined = undefined;
  failure: unknown = undefined;

  constructor(limits: Partial<Http1Limits> | undefined, stage: number) {
    this.limits = resolveLimits(limits);
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
