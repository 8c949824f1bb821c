// The decoding room turns bytes of a peer into heads, body bytes and trailers, within limits. It does not know where the
// bytes come from, nor the time.

import { byteName, CR, LF } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { isAuthority } from '../grammar/host.ts';
import type { Http1Limits } from '../grammar/limits.ts';
import { methodName, targetAuthority } from '../targets/request-target.ts';
import { type DecoderEvent, HEAD, NEED_DATA } from './events.ts';
import type { ScanView } from './field-scanner.ts';
import { checkRequestFraming } from './framing.ts';
import {
  BODY_START,
  DONE,
  FAILED,
  FIELDS,
  LINE,
  MessageDecoder,
  MessageReader,
  START,
} from './message-reader.ts';
import { DecodedRequestHead } from './request-head.ts';
import { RequestLineScanner } from './request-line.ts';

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
export class RequestDecoder extends MessageDecoder<DecodedRequestHead> {
  readonly #reader: MessageReader<DecodedRequestHead>;
  readonly #line = new RequestLineScanner();
  #emptyLines = 0;
  #afterCr = false;

  /**
   * @param view - shared by the decoders that are lent the same receive buffer, so that no head costs a view of its own.
   * @throws Http1UsageError `ERR_HTTP1_LIMIT`, see {@link resolveLimits}.
   */
  constructor(limits?: Partial<Http1Limits>, view?: ScanView) {
    const reader = new MessageReader<DecodedRequestHead>(limits, START, view);
    super(reader);
    this.#reader = reader;
  }

  /**
   * Decodes up to the next event. After END it goes on with the next message.
   *
   * @throws Http1ProtocolError when the peer broke a rule or a limit. Discard the decoder: it throws the same again.
   */
  next(): DecoderEvent {
    const reader = this.#reader;
    try {
      const event = this.#step(reader);
      if (event === NEED_DATA) reader.input.keep();
      return event;
    } catch (error) {
      reader.fail(error);
      throw error;
    }
  }

  /** Whether a message has begun and not ended: input that stops now is cut off. */
  get midMessage(): boolean {
    const stage = this.#reader.stage;
    return stage !== START && stage !== DONE;
  }

  /** What {@link next} has thrown; `undefined` until then. */
  get failure(): unknown {
    return this.#reader.failure;
  }

  /** Whether the decoder knows nothing of the connection that it served, and may serve another. */
  get atRest(): boolean {
    const between = this.#reader.stage === START && this.#emptyLines === 0 && !this.#afterCr;
    return between && this.bufferedBytes === 0;
  }

  #step(reader: MessageReader<DecodedRequestHead>): DecoderEvent {
    if (reader.stage >= DONE) {
      if (reader.stage === FAILED) throw reader.failure;
      reader.endMessage(START);
      this.#emptyLines = 0;
    }
    if (reader.stage === START) {
      if (!this.#skipEmptyLines()) return NEED_DATA;
      this.#line.reset();
      reader.startHead();
    }
    if (reader.stage === LINE) {
      if (!this.#line.scan(reader.input, reader.headStop)) return reader.needMoreHead(this.#line.tooLongCode);
      reader.startFields();
    }
    if (reader.stage === FIELDS) {
      if (!reader.readFields()) return NEED_DATA;
      reader.head = this.#completeHead(reader);
      reader.input.block = -1;
      reader.stage = BODY_START;
      return HEAD;
    }
    return reader.readBody(this.head.bodyLength, false);
  }

  /** True when the first byte of a request line is next. Empty lines belong to no message and are not kept. */
  #skipEmptyLines(): boolean {
    const input = this.#reader.input;
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

  /** Checks what only the whole head can tell, and cuts it into one object. */
  #completeHead(reader: MessageReader<DecodedRequestHead>): DecodedRequestHead {
    const { bytes, block, pos } = reader.input;
    const fields = reader.fields;
    const line = this.#line;
    const minor = line.version.minor;
    const hostStart = block + fields.hostStart;
    const hostEnd = block + fields.hostEnd;
    const text = bytes.toString('latin1', block, pos);
    const method = methodName(bytes, block, line.methodEnd, text);
    checkRequestFraming(method, minor, fields.seen, fields.contentLength);
    // RFC 9112 §3.2: an empty Host is what a client sends for a target without an authority.
    if (hostEnd > hostStart && !isAuthority(bytes, hostStart, hostEnd)) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_HOST',
        'Host is not a name or address with an optional port',
      );
    }
    const target = text.slice(line.methodEnd + 1, line.targetEnd);
    const authority = targetAuthority(bytes, block + line.methodEnd + 1, block + line.targetEnd, method);
    const host = authority ?? text.slice(fields.hostStart, fields.hostEnd);
    return new DecodedRequestHead(
      text,
      method,
      target,
      minor,
      reader.fieldsStart,
      fields.seen,
      fields.contentLength,
      host,
    );
  }
}

function badStart(detail: string): Http1ProtocolError {
  return new Http1ProtocolError('ERR_HTTP1_BAD_REQUEST_LINE', detail);
}
