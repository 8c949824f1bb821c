// The encoding/ folder encodes heads and bodies. The caller writes to the stream, and passes the current time.

import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { statusLine } from '../fields/status.ts';
import { flatString, trimBlanks } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING } from '../grammar/framing-fields.ts';
import { BodyEncoder, explicitLength } from './body-encoder.ts';

/** `idle` between responses; `head` or `body` if that part is next; `failed` after a body of the wrong length. */
export type EncoderState = 'idle' | 'head' | 'body' | 'failed';

/** Whether a response with this status never has content (RFC 9110 §15.3.5, §15.3.6 and §15.4.5). */
function neverHasContent(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/**
 * If one of these fields is present, the general case is needed. Otherwise, only Content-Length and Date are appended.
 */
const SPECIAL = CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | DATE;

/** The Content-Length line is cached for lengths below this. */
const KNOWN_LENGTHS = 1024;

/** Caches lines that many responses have in common. All encoders of a server share one instance. */
export class ResponseLines {
  #date = '';
  #lastLines = '';
  /** The lines by length; '' until a line is first used. */
  #lengths: string[] | undefined;

  /** Returns the Content-Length line. */
  length(byteLength: number): string {
    if (byteLength >= KNOWN_LENGTHS) return `Content-Length: ${byteLength}\r\n`;
    this.#lengths ??= new Array<string>(KNOWN_LENGTHS).fill('');
    if (this.#lengths[byteLength] === '') {
      this.#lengths[byteLength] = flatString(`Content-Length: ${byteLength}\r\n`);
    }
    return this.#lengths[byteLength] as string;
  }

  /** Returns the Date line followed by the empty line: the end of most heads that are sent in the same second. */
  last(date: string): string {
    if (date !== this.#date) {
      this.#date = date;
      this.#lastLines = flatString(`Date: ${date}\r\n\r\n`);
    }
    return this.#lastLines;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ date: this.#date }));
  }
}

/**
 * Encodes the responses of one connection, one after another: call `begin`, `head`, `dataPrefix` for each piece of the
 * body, then `end` (RFC 9112 §6). The methods return latin1 strings, and the encoder stores no bytes: the caller
 * combines the strings and the body into one write.
 *
 * A method called at the wrong time throws Http1UsageError `ERR_HTTP1_USAGE`, and the state does not change.
 *
 * @example
 * encoder.begin('GET', 'HTTP/1.1', true);
 * const wire = encoder.head(200, '', headers, date, 5, false) + encoder.dataPrefix(5) + 'hello' + encoder.end();
 */
export class ResponseEncoder {
  readonly #body = new BodyEncoder();
  #state: EncoderState = 'idle';
  #method = '';
  #http11 = true;
  #keepAlive = false;
  /** The request is HTTP/1.1, keep-alive and not CONNECT: most responses to it can use the fast path in `head`. */
  #usual = false;
  readonly #lines: ResponseLines;

  /** @param lines - a cache shared by the encoders of a server. */
  constructor(lines: ResponseLines = new ResponseLines()) {
    this.#lines = lines;
  }

  /** Starts the response to one request. */
  begin(requestMethod: string, requestVersion: 'HTTP/1.0' | 'HTTP/1.1', requestKeepAlive: boolean): void {
    this.#expect('idle', 'begin');
    this.#state = 'head';
    this.#method = requestMethod;
    this.#http11 = requestVersion === 'HTTP/1.1';
    this.#keepAlive = requestKeepAlive;
    this.#usual = this.#http11 && requestKeepAlive && requestMethod !== 'CONNECT';
  }

  /**
   * Encodes the head, and decides how the body is framed.
   *
   * If `headers` has a Content-Length, the body must have that length. Otherwise, if `wholeBodyBytes` is known, it
   * becomes the Content-Length; if it is -1, the body is chunked or, for HTTP/1.0, ends when the connection closes. A
   * 101, a 204 and a successful response to CONNECT have no framing: a Content-Length is removed. A 205 has the length
   * 0 (RFC 9110 §15.3.6). A 304 or a response to HEAD keeps Content-Length but has no body.
   *
   * Date is added unless it is set. `Connection: close` in `headers` is respected, and other Connection options are
   * kept. The version is always 1.1 (RFC 9110 §6.2).
   *
   * @param status - 101 or 200 to 599; for interim responses, use {@link encodeInterim}.
   * @param reason - '' for the registered phrase. A phrase with control or HTML characters is also replaced by the
   *   registered one.
   * @param date - the current time as IMF-fixdate, see `HttpDateCache`.
   * @param wholeBodyBytes - length of the whole body; -1 if unknown.
   * @param close - whether this is the last response on the connection.
   * @throws Http1UsageError `ERR_HTTP1_LENGTH_MISMATCH` if Content-Length differs from `wholeBodyBytes`;
   *   `ERR_HTTP1_USAGE` if the status is out of range or `headers` has Transfer-Encoding. `head` may then be called
   *   again.
   */
  head(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    date: string,
    wholeBodyBytes: number,
    close: boolean,
  ): string {
    this.#expect('head', 'head');
    const usual = this.#usual && !close && (headers.framing & SPECIAL) === 0;
    if (!usual || status < 200 || neverHasContent(status) || !(wholeBodyBytes >= 0)) {
      return this.#decideHead(status, reason, headers, date, wholeBodyBytes, close);
    }
    checkArguments(status, wholeBodyBytes);
    if (this.#method === 'HEAD') this.#body.startNone();
    else this.#body.startSized(wholeBodyBytes);
    this.#state = 'body';
    const lines = this.#lines;
    return statusLine(status, reason) + headers.serialize() + lines.length(wholeBodyBytes) + lines.last(date);
  }

  /**
   * Returns the text to send before `byteLength` bytes of the body: the size of a chunk, or ''. Send {@link dataSuffix}
   * after the bytes. If {@link sendsBody} is false, send nothing at all.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_LONG` if Content-Length is exceeded. The connection must then be closed.
   */
  dataPrefix(byteLength: number): string {
    this.#expect('body', 'dataPrefix');
    try {
      return this.#body.prefix(byteLength);
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  /** The text to send after the body bytes that follow the last {@link dataPrefix}. */
  get dataSuffix(): string {
    return this.#body.suffix;
  }

  /** After head: whether body bytes must be sent. False for HEAD, 101, 204, 205, 304 and a successful CONNECT. */
  get sendsBody(): boolean {
    return this.#body.sends;
  }

  /** After head: whether a chunk may be sent that was framed elsewhere, such as that of a {@link PreparedPiece}. */
  get takesChunks(): boolean {
    return this.#state === 'body' && this.#body.isChunked;
  }

  /**
   * Ends the response, and returns the last chunk with the trailers, or ''. Trailers of a body that is not chunked are
   * dropped.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_SHORT` if the body is shorter than Content-Length. The connection must then
   *   be closed; otherwise the client would read the next response as the rest of this body.
   */
  end(trailers?: HTTPHeaders): string {
    this.#expect('body', 'end');
    try {
      const wire = this.#body.end(trailers);
      this.#state = 'idle';
      return wire;
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  /** Whether the connection can carry another response. Set by {@link head}; false after a 101 and after a failure. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  get state(): EncoderState {
    return this.#state;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ state: this.#state }));
  }

  /** The general case, in the order of RFC 9112 §6.3. */
  #decideHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    date: string,
    wholeBodyBytes: number,
    close: boolean,
  ): string {
    checkArguments(status, wholeBodyBytes);
    if ((headers.framing & TRANSFER_ENCODING) !== 0) {
      throw new Http1UsageError(
        'ERR_HTTP1_USAGE',
        'headers must not contain Transfer-Encoding, which the encoder sets',
      );
    }
    const explicit = explicitLength(headers);
    const tunnel = status === 101 || (this.#method === 'CONNECT' && status < 300);
    const bodiless = tunnel || status === 204;
    const unsent = bodiless || neverHasContent(status) || this.#method === 'HEAD';
    if (!unsent && explicit >= 0 && wholeBodyBytes >= 0 && explicit !== wholeBodyBytes) {
      const detail = `Content-Length is ${explicit}, but the body has ${wholeBodyBytes} bytes`;
      throw new Http1UsageError('ERR_HTTP1_LENGTH_MISMATCH', detail);
    }
    const options = otherOptions(headers);
    let keepAlive = this.#keepAlive && !close && !options.close;
    let framing = '';
    if (unsent) {
      this.#body.startNone();
      // The Content-Length of a 304 is the length of the corresponding 200 response, which only the program knows.
      const known = !bodiless && status !== 304 && explicit < 0 && wholeBodyBytes >= 0;
      if (status === 205) framing = 'Content-Length: 0\r\n';
      else if (known) framing = `Content-Length: ${wholeBodyBytes}\r\n`;
    } else if (explicit >= 0) {
      this.#body.startSized(explicit);
    } else if (wholeBodyBytes >= 0) {
      this.#body.startSized(wholeBodyBytes);
      framing = `Content-Length: ${wholeBodyBytes}\r\n`;
    } else if (this.#http11) {
      this.#body.startChunked();
      framing = 'Transfer-Encoding: chunked\r\n';
    } else {
      this.#body.startUntilClose();
      keepAlive = false;
    }
    this.#keepAlive = keepAlive && !tunnel;
    this.#state = 'body';
    const dropped = bodiless || status === 205 ? CONNECTION | CONTENT_LENGTH : CONNECTION;
    const fields = headers.serializeWithout(dropped);
    const connection = tunnel ? options.rest : withPersistence(options.rest, keepAlive, this.#http11);
    const connectionLine = connection === '' ? '' : `Connection: ${connection}\r\n`;
    const dateLine = (headers.framing & DATE) !== 0 ? '' : `Date: ${date}\r\n`;
    return `${statusLine(status, reason)}${fields}${framing}${connectionLine}${dateLine}\r\n`;
  }

  #expect(state: EncoderState, call: string): void {
    if (this.#state === state) return;
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `${call}: the encoder is in state ${this.#state}, but must be in state ${state}`,
    );
  }

  #fail(): void {
    this.#state = 'failed';
    this.#keepAlive = false;
  }
}

/**
 * Encodes an interim response. Any number of interim responses may be sent before the final response (RFC 9110 §15.2),
 * but none to an HTTP/1.0 client.
 *
 * @param status - 100, 102, 103 or another 1xx, except 101, which is a final response.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` for another status, or if `headers` frame a body.
 */
export function encodeInterim(status: number, headers?: HTTPHeaders): string {
  if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `an interim status must be from 100 to 199 and not 101, got ${status}`,
    );
  }
  if (headers !== undefined && (headers.framing & (CONTENT_LENGTH | TRANSFER_ENCODING)) !== 0) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      'an interim response must not have Content-Length or Transfer-Encoding',
    );
  }
  return `${statusLine(status, '')}${headers === undefined ? '' : headers.serialize()}\r\n`;
}

function checkArguments(status: number, wholeBodyBytes: number): void {
  if (!Number.isInteger(status) || (status < 200 && status !== 101) || status > 599) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `status must be 101 or from 200 to 599, got ${shownValue(status)}`,
    );
  }
  if (!Number.isSafeInteger(wholeBodyBytes) || wholeBodyBytes < -1) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `wholeBodyBytes must be -1 or more, got ${shownValue(wholeBodyBytes)}`,
    );
  }
}

/**
 * Parses the program's Connection header: whether it lists `close`, and all options except `close` and `keep-alive`.
 */
function otherOptions(headers: HTTPHeaders): { readonly close: boolean; readonly rest: string } {
  if ((headers.framing & CONNECTION) === 0) return NO_OPTIONS;
  let close = false;
  const rest: string[] = [];
  for (const item of (headers.get('connection') ?? '').split(',')) {
    const option = trimBlanks(item);
    const lower = option.toLowerCase();
    if (lower === 'close') close = true;
    else if (lower !== 'keep-alive' && lower !== '') rest.push(option);
  }
  return { close, rest: rest.join(', ') };
}

const NO_OPTIONS = { close: false, rest: '' } as const;

/** Adds `close` to the last response (RFC 9112 §9.6), and `keep-alive` for HTTP/1.0 (RFC 9112 §C.2.2). */
function withPersistence(rest: string, keepAlive: boolean, http11: boolean): string {
  const own = keepAlive ? (http11 ? '' : 'keep-alive') : 'close';
  if (own === '' || rest === '') return own + rest;
  return `${own}, ${rest}`;
}
