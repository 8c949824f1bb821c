import { Http1ProtocolError, Http1UsageError } from '../grammar/errors.ts';
import type { Http1Limits } from '../grammar/limits.ts';
import { type DecoderEvent, HEAD, INTERIM, NEED_DATA } from './events.ts';
import type { ScanView } from './field-scanner.ts';
import { isTunnel, responseBodyLength, responseKeepAlive } from './framing.ts';
import {
  BODY_START,
  DONE,
  FAILED,
  FIELDS,
  IDLE,
  LINE,
  MessageDecoder,
  MessageReader,
  START,
} from './message-reader.ts';
import { DecodedResponseHead } from './response-head.ts';
import { StatusLineScanner } from './status-line.ts';

/**
 * Decodes the bytes of one client connection into responses: the counterpart of the RequestDecoder. It borrows bytes
 * and returns events in the same way, and returns INTERIM for 1xx responses.
 *
 * The meaning of a response depends on its request, so {@link expect} must be called for each request. A 101, or a
 * successful response to a CONNECT, ends HTTP: after its HEAD and END, {@link takeRest} returns the bytes that follow.
 */
export class ResponseDecoder extends MessageDecoder<DecodedResponseHead> {
  readonly #reader: MessageReader<DecodedResponseHead>;
  readonly #line = new StatusLineScanner();
  #method = '';
  #interim = 0;
  #ended = false;
  #truncation: Error | undefined = undefined;
  #tunnel = false;

  /**
   * @param view - a cache of the DataView of a receive buffer. Decoders that read from the same buffer can share one,
   *   so that no DataView is created for each head.
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or invalid.
   */
  constructor(limits?: Partial<Http1Limits>, view?: ScanView) {
    const reader = new MessageReader<DecodedResponseHead>(limits, IDLE, view);
    super(reader);
    this.#reader = reader;
  }

  /**
   * Expects the response to a request with `method`.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if the last response has not ended, or was the end of HTTP on the
   *   connection.
   */
  expect(method: string): void {
    const reader = this.#reader;
    if (reader.stage === DONE && !this.#tunnel) reader.endMessage(IDLE);
    if (reader.stage !== IDLE)
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'expect: the last response has not ended');
    this.#method = method;
    this.#interim = 0;
    reader.stage = START;
  }

  /**
   * Marks the input as complete, because the peer has ended its side. `next` then completes a body that ends with the
   * connection, and throws `ERR_HTTP1_TRUNCATED` for any other incomplete response. If no part of a response was
   * received, `next` returns NEED_DATA: see {@link midMessage}.
   *
   * @param truncation - why the end cannot be trusted, such as an end of TLS without close_notify (RFC 9112 §9.8). A body
   *   that ends with the connection is then incomplete too, and the error becomes the `cause` of `ERR_HTTP1_TRUNCATED`.
   */
  endOfInput(truncation?: Error): void {
    this.#ended = true;
    this.#truncation = truncation;
  }

  /**
   * Decodes up to the next event. After END, it returns NEED_DATA until {@link expect} is called.
   *
   * @throws Http1ProtocolError if the peer broke a rule, exceeded a limit or sent an unsolicited response. Further
   *   calls throw the same error: discard the decoder.
   */
  next(): DecoderEvent {
    const reader = this.#reader;
    try {
      const event = this.#step(reader);
      if (event !== NEED_DATA) return event;
      if (this.#ended && this.midMessage) throw truncated(this.#truncation);
      reader.input.keep();
      return NEED_DATA;
    } catch (error) {
      reader.fail(error);
      throw error;
    }
  }

  /** Whether a response, which may be an interim response, has started and not ended. */
  get midMessage(): boolean {
    const stage = this.#reader.stage;
    return (stage > START && stage < DONE) || (stage === START && this.#interim > 0);
  }

  #step(reader: MessageReader<DecodedResponseHead>): DecoderEvent {
    const input = reader.input;
    if (reader.stage === IDLE || reader.stage >= DONE) {
      if (reader.stage === FAILED) throw reader.failure;
      if (this.#tunnel || input.pos === input.end) return NEED_DATA;
      throw new Http1ProtocolError('ERR_HTTP1_UNSOLICITED_RESPONSE', 'bytes were received without a request');
    }
    if (reader.stage === START) {
      if (input.pos === input.end) return NEED_DATA;
      this.#line.reset();
      reader.startHead();
    }
    if (reader.stage === LINE) {
      if (!this.#line.scan(input, reader.headStop)) return reader.needMoreHead('ERR_HTTP1_HEAD_TOO_LARGE');
      reader.startFields();
    }
    if (reader.stage === FIELDS) return reader.readFields() ? this.#completeHead(reader) : NEED_DATA;
    return reader.readBody(this.head.bodyLength, this.#ended && this.#truncation === undefined);
  }

  #completeHead(reader: MessageReader<DecodedResponseHead>): DecoderEvent {
    const input = reader.input;
    const { seen, contentLength } = reader.fields;
    const { status, reasonStart, reasonEnd, version } = this.#line;
    const bodyLength = responseBodyLength(this.#method, status, version.minor, seen, contentLength);
    const keepAlive = responseKeepAlive(this.#method, status, version.minor, seen, bodyLength);
    const text = input.bytes.toString('latin1', input.block, input.pos);
    const reason = text.slice(reasonStart, reasonEnd);
    input.block = -1;
    reader.head = new DecodedResponseHead(
      text,
      version.minor,
      status,
      reason,
      reader.fieldsStart,
      seen,
      bodyLength,
      keepAlive,
    );
    if (status < 200 && status !== 101) {
      if (this.#interim === reader.limits.maxInterimResponses) {
        const detail = `more than ${reader.limits.maxInterimResponses} interim responses`;
        throw new Http1ProtocolError('ERR_HTTP1_TOO_MANY_INTERIM', detail);
      }
      this.#interim += 1;
      reader.stage = START;
      return INTERIM;
    }
    this.#tunnel = isTunnel(this.#method, status);
    reader.stage = BODY_START;
    return HEAD;
  }
}

function truncated(cause: Error | undefined): Http1ProtocolError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const detail = `the connection ended before the response was complete${why}`;
  return new Http1ProtocolError('ERR_HTTP1_TRUNCATED', detail, { cause });
}
