// The decoding/ folder decodes bytes from a peer into heads, body bytes and trailers, within limits. The caller reads
// from the stream and has the timeouts.

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

/**
 * The maximum number of empty lines that are skipped before a request line (RFC 9112 §2.2: a server SHOULD ignore at
 * least one).
 */
const MAX_EMPTY_LINES = 4;

/**
 * Decodes the bytes of one connection into requests: pull-based, without I/O or a clock (RFC 9112).
 *
 * Pass bytes to {@link receive}, then call {@link next} until it returns NEED_DATA. To stop earlier, call {@link hold}.
 * Until one of these happens, the bytes are borrowed and must not be modified. The decoder buffers at most one
 * incomplete head or trailer section, within the limits.
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
   * @param view - a cache of the DataView of a receive buffer. Decoders that read from the same buffer can share one,
   *   so that no DataView is created for each head.
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or invalid.
   */
  constructor(limits?: Partial<Http1Limits>, view?: ScanView) {
    const reader = new MessageReader<DecodedRequestHead>(limits, START, view);
    super(reader);
    this.#reader = reader;
  }

  /**
   * Decodes up to the next event. After END, it continues with the next message.
   *
   * @throws Http1ProtocolError if the peer broke a rule or exceeded a limit. Further calls throw the same error:
   *   discard the decoder.
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

  /** Whether a message has started and not ended. If the input ends now, that message is truncated. */
  get midMessage(): boolean {
    const stage = this.#reader.stage;
    return stage !== START && stage !== DONE;
  }

  /** The error that {@link next} threw; `undefined` if it has not thrown. */
  get failure(): unknown {
    return this.#reader.failure;
  }

  /** Whether the decoder has no state of its connection, so that it may be reused for another connection. */
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

  /** Skips empty lines, which are not part of a message. @returns whether the next byte starts a request line. */
  #skipEmptyLines(): boolean {
    const input = this.#reader.input;
    while (input.pos < input.end) {
      const byte = input.bytes[input.pos];
      if (this.#afterCr) {
        if (byte !== LF)
          throw badStart(`expected LF after CR before the request line, got ${byteName(byte)}`);
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

  /** Runs the checks that need the whole head, and creates the head object. */
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
    // RFC 9112 §3.2: a client sends an empty Host if the target has no authority.
    if (hostEnd > hostStart && !isAuthority(bytes, hostStart, hostEnd)) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_HOST',
        'Host must be a name or address with an optional port',
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
