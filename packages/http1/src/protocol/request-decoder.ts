import type { Buffer } from 'node:buffer';
import { BodyDecoder } from './body-decoder.ts';
import { CR, LF } from './byte-classes.ts';
import { Http1ProtocolError, Http1UsageError } from './errors.ts';
import { type DecoderEvent, END, HEAD, NEED_DATA } from './events.ts';
import { byteName } from './excerpt.ts';
import { FieldScanner } from './field-scanner.ts';
import { isAuthority } from './host.ts';
import type { HTTPHeaders } from './http-headers.ts';
import { checkLimit, type Http1Limits, resolveLimits } from './limits.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { checkRequestFraming } from './request-framing.ts';
import { DecodedRequestHead } from './request-head.ts';
import { RequestLineScanner } from './request-line.ts';
import { methodName, targetAuthority } from './request-target.ts';

// Where one message stands. Integers, not the tagged union that other machines here use: the decoder runs for
// every request, and a union would be two objects more for each.
const START = 0;
const LINE = 1;
const FIELDS = 2;
const BODY_START = 3;
const BODY = 4;
const DONE = 5;
const FAILED = 6;

/** Empty lines that are skipped before a request line (RFC 9112 §2.2 asks for at least one). */
const MAX_EMPTY_LINES = 4;

/**
 * Turns the bytes of one connection into requests: pull-based, without I/O or time (RFC 9112).
 *
 * Lend it bytes with {@link receive}, then call {@link next} until it answers NEED_DATA, or stop earlier with
 * {@link hold}. Only then may the lent bytes be used for something else. While a message is incomplete, at most
 * its head (or trailers) is buffered, within the limits.
 *
 * @example
 * decoder.receive(bytes, 0, bytes.length);
 * for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
 *   if (event === HEAD) console.log(decoder.head.method, decoder.head.target);
 * }
 */
export class RequestDecoder {
  readonly #limits: Http1Limits;
  readonly #input = new ReceiveBuffer();
  readonly #line = new RequestLineScanner();
  readonly #fields = new FieldScanner();
  readonly #body: BodyDecoder;
  #stage = START;
  #emptyLines = 0;
  #afterCr = false;
  /** Where the first field starts, from the start of the head. */
  #fieldsStart = 0;
  #head: DecodedRequestHead | undefined = undefined;
  #failure: unknown = undefined;

  /** @throws Http1UsageError `ERR_HTTP1_LIMIT`, see {@link resolveLimits}. */
  constructor(limits?: Partial<Http1Limits>) {
    this.#limits = resolveLimits(limits);
    this.#body = new BodyDecoder(this.#limits, this.#fields);
  }

  /**
   * Lends the bytes from `start` to `end` until {@link next} answers NEED_DATA or {@link hold} is called. Decodes
   * nothing. After hold it may be called without pulling first; the bytes are then copied at once.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when bytes lent earlier have not all been pulled.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.#stage !== FAILED) this.#input.receive(bytes, start, end);
  }

  /**
   * Decodes up to the next event. After END it goes on with the next message.
   *
   * @throws Http1ProtocolError when the peer broke a rule or a limit. Discard the decoder: it throws the same again.
   */
  next(): DecoderEvent {
    try {
      const event = this.#step();
      if (event === NEED_DATA) this.#input.keep();
      return event;
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

  /**
   * The head of the current message, from HEAD until `next` is called after END.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when there is none.
   */
  get head(): DecodedRequestHead {
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

  /** After END: the trailers of a chunked body, apart from the headers; undefined where there are none. */
  get trailers(): HTTPHeaders | undefined {
    return this.#body.trailers;
  }

  /**
   * Most bytes of the current body. May be changed after HEAD, before `next` is called again; a body that is known
   * to be longer then throws 413 there. Every message starts with the limit of the constructor.
   */
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

  /**
   * Takes the bytes that have not been decoded, for a protocol that follows an upgrade. They are the caller's own.
   * Use the decoder no further.
   */
  takeRest(): Buffer {
    return this.#input.take();
  }

  /** Bytes that came and have not been delivered. */
  get bufferedBytes(): number {
    return this.#input.byteLength;
  }

  /** Whether a message has begun and not ended: input that stops now is cut off. */
  get midMessage(): boolean {
    return this.#stage !== START && this.#stage !== DONE;
  }

  /** Whether the decoder knows nothing of the connection that it served, and may serve another. */
  get atRest(): boolean {
    const between = this.#stage === START && this.#emptyLines === 0 && !this.#afterCr;
    return between && this.#input.byteLength === 0;
  }

  /** Whether a part of a head is there: the header deadline runs. */
  get headStarted(): boolean {
    return this.#stage === LINE || this.#stage === FIELDS;
  }

  #step(): DecoderEvent {
    const input = this.#input;
    for (;;) {
      switch (this.#stage) {
        case START:
          if (!this.#skipEmptyLines()) return NEED_DATA;
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
          this.#head = this.#completeHead();
          input.block = -1;
          this.#stage = BODY_START;
          return HEAD;
        }
        case BODY_START:
          this.#body.start(this.head.bodyLength);
          this.#stage = BODY;
          break;
        case BODY: {
          const event = this.#body.next(input, false);
          if (event === END) this.#stage = DONE;
          return event;
        }
        case DONE:
          this.#head = undefined;
          this.#body.reset();
          this.#emptyLines = 0;
          this.#stage = START;
          break;
        default:
          throw this.#failure;
      }
    }
  }

  /** True when the first byte of a request line is next. Empty lines belong to no message and are not kept. */
  #skipEmptyLines(): boolean {
    const input = this.#input;
    while (input.pos < input.end) {
      const byte = input.bytes[input.pos];
      if (this.#afterCr) {
        if (byte !== LF) throw badStart(`${byteName(byte)} after a CR before the request line`);
        this.#afterCr = false;
      } else if (byte === CR) {
        if (this.#emptyLines === MAX_EMPTY_LINES)
          throw badStart('too many empty lines before the request line');
        this.#emptyLines += 1;
        this.#afterCr = true;
      } else {
        return true;
      }
      input.pos += 1;
    }
    return false;
  }

  #needMoreHead(limit: number): DecoderEvent {
    if (this.#input.pos < limit) return NEED_DATA;
    const max = this.#limits.maxHeadBytes;
    if (this.#stage === LINE && this.#line.inTarget) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_TARGET_TOO_LONG',
        `the target does not fit into ${max} bytes of head`,
      );
    }
    throw new Http1ProtocolError('ERR_HTTP1_HEAD_TOO_LARGE', `the head is longer than ${max} bytes`);
  }

  /** Checks what only the whole head can tell, and cuts it into one object. */
  #completeHead(): DecodedRequestHead {
    const { bytes, block, pos } = this.#input;
    const fields = this.#fields;
    const line = this.#line;
    const minor = line.version.minor;
    const seen = fields.seen;
    checkRequestFraming(seen, minor);
    const hostStart = block + fields.hostStart;
    const hostEnd = block + fields.hostEnd;
    // RFC 9112 §3.2: an empty Host is what a client sends for a target without an authority.
    if (hostEnd > hostStart && !isAuthority(bytes, hostStart, hostEnd)) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_HOST',
        'Host is not a name or address with an optional port',
      );
    }
    const text = bytes.toString('latin1', block, pos);
    const method = methodName(bytes, block, line.methodEnd, text);
    const target = text.slice(line.methodEnd + 1, line.targetEnd);
    const authority = targetAuthority(bytes, block + line.methodEnd + 1, block + line.targetEnd, method);
    const host = authority ?? text.slice(fields.hostStart, fields.hostEnd);
    return new DecodedRequestHead(
      text,
      method,
      target,
      minor,
      this.#fieldsStart,
      seen,
      fields.contentLength,
      host,
    );
  }
}

function badStart(detail: string): Http1ProtocolError {
  return new Http1ProtocolError('ERR_HTTP1_BAD_REQUEST_LINE', detail);
}
