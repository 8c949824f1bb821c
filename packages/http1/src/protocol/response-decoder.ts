import type { Buffer } from 'node:buffer';
import { BodyDecoder } from './body-decoder.ts';
import { Http1ProtocolError, Http1UsageError } from './errors.ts';
import { type DecoderEvent, END, HEAD, INTERIM, NEED_DATA } from './events.ts';
import { FieldScanner } from './field-scanner.ts';
import type { HTTPHeaders } from './http-headers.ts';
import { checkLimit, type Http1Limits, resolveLimits } from './limits.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { isTunnel, responseBodyLength, responseKeepAlive } from './response-framing.ts';
import { DecodedResponseHead } from './response-head.ts';
import { StatusLineScanner } from './status-line.ts';

// Where one response stands; integers for the reason that the RequestDecoder gives.
const IDLE = 0;
const START = 1;
const LINE = 2;
const FIELDS = 3;
const BODY_START = 4;
const BODY = 5;
const DONE = 6;
const FAILED = 7;

/**
 * Turns the bytes of one client connection into responses: the counterpart of the RequestDecoder, with the same
 * loan of bytes and the same events, and INTERIM for 1xx responses.
 *
 * What a response means depends on its request, so {@link expect} must be called for each. A 101, or the answer to
 * a CONNECT that succeeded, ends HTTP here: after its HEAD and END, {@link takeRest} has what follows.
 */
export class ResponseDecoder {
  readonly #limits: Http1Limits;
  readonly #input = new ReceiveBuffer();
  readonly #line = new StatusLineScanner();
  readonly #fields = new FieldScanner();
  readonly #body: BodyDecoder;
  #stage = IDLE;
  #method = '';
  #interim = 0;
  #ended = false;
  #tunnel = false;
  #fieldsStart = 0;
  #head: DecodedResponseHead | undefined = undefined;
  #failure: unknown = undefined;

  /** @throws Http1UsageError `ERR_HTTP1_LIMIT`, see {@link resolveLimits}. */
  constructor(limits?: Partial<Http1Limits>) {
    this.#limits = resolveLimits(limits);
    this.#body = new BodyDecoder(this.#limits, this.#fields);
  }

  /**
   * Announces that a request with `method` was sent, so that its response may come.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` while another response is owed, or after a tunnel began.
   */
  expect(method: string): void {
    if (this.#stage === DONE && !this.#tunnel) this.#reset();
    if (this.#stage !== IDLE)
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'expect: the last response has not ended');
    this.#method = method;
    this.#interim = 0;
    this.#stage = START;
  }

  /** As in the RequestDecoder. */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.#stage !== FAILED) this.#input.receive(bytes, start, end);
  }

  /**
   * Says that the peer sends no more. `next` then completes a body that only the end of the connection ends, and
   * throws `ERR_HTTP1_TRUNCATED` for any other message that has begun. Where nothing of a response came, it
   * answers NEED_DATA: see {@link midMessage}.
   */
  endOfInput(): void {
    this.#ended = true;
  }

  /**
   * Decodes up to the next event. After END it answers NEED_DATA until {@link expect} is called.
   *
   * @throws Http1ProtocolError when the peer broke a rule or a limit, also by a response that nobody asked for.
   *   Discard the decoder: it throws the same again.
   */
  next(): DecoderEvent {
    try {
      const event = this.#step();
      if (event !== NEED_DATA) return event;
      if (this.#ended && this.midMessage) {
        throw new Http1ProtocolError(
          'ERR_HTTP1_TRUNCATED',
          'the connection ended in the middle of a response',
        );
      }
      this.#input.keep();
      return NEED_DATA;
    } catch (error) {
      if (this.#stage !== FAILED) {
        this.#stage = FAILED;
        this.#failure = error;
        this.#input.block = -1;
        this.#input.clear();
      }
      throw error;
    }
  }

  /** The head after INTERIM or HEAD. @throws Http1UsageError `ERR_HTTP1_USAGE` when there is none. */
  get head(): DecodedResponseHead {
    if (this.#head === undefined)
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'head: no head has been decoded');
    return this.#head;
  }

  /** After DATA: the buffer with the body bytes, lent until the next call of any method. */
  get data(): Buffer {
    return this.#body.data;
  }

  get dataStart(): number {
    return this.#body.dataStart;
  }

  get dataEnd(): number {
    return this.#body.dataEnd;
  }

  /** After END: the trailers of a chunked body, apart from the headers. */
  get trailers(): HTTPHeaders | undefined {
    return this.#body.trailers;
  }

  /** Most bytes of the current body. May be changed after HEAD, before `next` is called again. */
  get maxBodyBytes(): number {
    return this.#body.maxBytes;
  }

  set maxBodyBytes(maxBytes: number) {
    checkLimit('maxBodyBytes', maxBytes);
    this.#body.maxBytes = maxBytes;
  }

  /** Ends the loan without pulling further: what has not been decoded yet is copied. */
  hold(): void {
    this.#input.keep();
  }

  /** Takes the bytes behind a 101 or a CONNECT. They are the caller's own. Use the decoder no further. */
  takeRest(): Buffer {
    return this.#input.take();
  }

  /** Bytes that came and have not been delivered. */
  get bufferedBytes(): number {
    return this.#input.byteLength;
  }

  /** Whether a response has begun (an interim one counts) and not ended. */
  get midMessage(): boolean {
    const started = this.#stage > START && this.#stage !== DONE && this.#stage !== FAILED;
    return started || (this.#stage === START && this.#interim > 0);
  }

  /** Whether a part of a head is there. */
  get headStarted(): boolean {
    return this.#stage === LINE || this.#stage === FIELDS;
  }

  #step(): DecoderEvent {
    const input = this.#input;
    for (;;) {
      switch (this.#stage) {
        case IDLE:
        case DONE:
          if (this.#tunnel || input.pos === input.end) return NEED_DATA;
          throw new Http1ProtocolError(
            'ERR_HTTP1_UNSOLICITED_RESPONSE',
            'bytes came that no request asked for',
          );
        case START:
          if (input.pos === input.end) return NEED_DATA;
          input.block = input.pos;
          this.#line.reset();
          this.#stage = LINE;
          break;
        case LINE: {
          const limit = input.block + this.#limits.maxHeadBytes;
          if (!this.#line.scan(input, Math.min(input.end, limit))) return this.#needMoreHead(limit);
          this.#fieldsStart = input.pos - input.block;
          this.#fields.reset(this.#fieldsStart);
          this.#stage = FIELDS;
          break;
        }
        case FIELDS: {
          const limit = input.block + this.#limits.maxHeadBytes;
          const stop = Math.min(input.end, limit);
          if (!this.#fields.scan(input, stop, this.#limits.maxHeaders)) return this.#needMoreHead(limit);
          return this.#completeHead();
        }
        case BODY_START:
          this.#body.start(this.head.bodyLength);
          this.#stage = BODY;
          break;
        case BODY: {
          const event = this.#body.next(input, this.#ended);
          if (event === END) this.#stage = DONE;
          return event;
        }
        default:
          throw this.#failure;
      }
    }
  }

  #needMoreHead(limit: number): DecoderEvent {
    if (this.#input.pos < limit) return NEED_DATA;
    const detail = `the head is longer than ${this.#limits.maxHeadBytes} bytes`;
    throw new Http1ProtocolError('ERR_HTTP1_HEAD_TOO_LARGE', detail);
  }

  #completeHead(): DecoderEvent {
    const input = this.#input;
    const { seen, contentLength } = this.#fields;
    const { status, reasonStart, reasonEnd, version } = this.#line;
    const bodyLength = responseBodyLength(this.#method, status, version.minor, seen, contentLength);
    const keepAlive = responseKeepAlive(this.#method, status, version.minor, seen, bodyLength);
    const text = input.bytes.toString('latin1', input.block, input.pos);
    const reason = text.slice(reasonStart, reasonEnd);
    input.block = -1;
    this.#head = new DecodedResponseHead(
      text,
      version.minor,
      status,
      reason,
      this.#fieldsStart,
      seen,
      bodyLength,
      keepAlive,
    );
    if (status < 200 && status !== 101) {
      if (this.#interim === this.#limits.maxInterimResponses) {
        const detail = `more than ${this.#limits.maxInterimResponses} interim responses`;
        throw new Http1ProtocolError('ERR_HTTP1_TOO_MANY_INTERIM', detail);
      }
      this.#interim += 1;
      this.#stage = START;
      return INTERIM;
    }
    this.#tunnel = isTunnel(this.#method, status);
    this.#stage = BODY_START;
    return HEAD;
  }

  #reset(): void {
    this.#stage = IDLE;
    this.#head = undefined;
    this.#body.reset();
  }
}
