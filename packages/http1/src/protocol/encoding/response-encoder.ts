// The encoding room turns heads and bodies into what is sent. It does not know the stream, nor the time.

import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { statusLine } from '../fields/status.ts';
import { flatString, trimBlanks } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING } from '../grammar/framing-fields.ts';
import { BodyEncoder, explicitLength } from './body-encoder.ts';

/** `idle` between answers, `head` and `body` while that is owed, `failed` once the answer broke its own length. */
export type EncoderState = 'idle' | 'head' | 'body' | 'failed';

/** Whether an answer never has content (RFC 9110 §15.3.5, §15.3.6 and §15.4.5). */
function neverHasContent(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** The fields that ask for more than appending Content-Length and Date. */
const SPECIAL = CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | DATE;

/** Lengths below this have their line made once. */
const KNOWN_LENGTHS = 1024;

/** Lines that many responses have in common, each made once. Belongs to a server, and is shared by its encoders. */
export class ResponseLines {
  #date = '';
  #lastLines = '';
  /** By length; '' until the line is asked for. */
  #lengths: string[] | undefined;

  /** The Content-Length line. */
  length(byteLength: number): string {
    if (byteLength >= KNOWN_LENGTHS) return `Content-Length: ${byteLength}\r\n`;
    this.#lengths ??= new Array<string>(KNOWN_LENGTHS).fill('');
    if (this.#lengths[byteLength] === '') {
      this.#lengths[byteLength] = flatString(`Content-Length: ${byteLength}\r\n`);
    }
    return this.#lengths[byteLength] as string;
  }

  /** The Date line and the empty line, which all usual responses of one second end with. */
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
 * Turns the answers of one connection into bytes, one after the other: `begin`, `head`, body pieces, `end`
 * (RFC 9112 §6). It returns strings and holds no bytes: the caller joins them with the body for one write.
 * All strings are latin1.
 *
 * A call at the wrong moment throws Http1UsageError `ERR_HTTP1_USAGE` and changes nothing.
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
  /** HTTP/1.1, persistent, and not CONNECT: the head of a usual answer needs no decisions. */
  #usual = false;
  readonly #lines: ResponseLines;

  /** @param lines - shared by the encoders of a server. */
  constructor(lines: ResponseLines = new ResponseLines()) {
    this.#lines = lines;
  }

  /** Starts the answer to one request. */
  begin(requestMethod: string, requestVersion: 'HTTP/1.0' | 'HTTP/1.1', requestKeepAlive: boolean): void {
    this.#expect('idle', 'begin');
    this.#state = 'head';
    this.#method = requestMethod;
    this.#http11 = requestVersion === 'HTTP/1.1';
    this.#keepAlive = requestKeepAlive;
    this.#usual = this.#http11 && requestKeepAlive && requestMethod !== 'CONNECT';
  }

  /**
   * Builds the head, and decides how the body is framed.
   *
   * A Content-Length in `headers` is a promise that the body keeps. Without one, `wholeBodyBytes` of 0 or more
   * sets it; else the body is chunked, or ended by closing for HTTP/1.0. A 1xx or 204 never carries framing (a
   * Content-Length is left out), a 205 has the length 0 (RFC 9110 §15.3.6), and a 304 or an answer to HEAD keeps Content-Length but sends no body. Date is
   * added unless set. `Connection: close` from the program is honoured and its other options are kept. Version
   * 1.1 is named whatever the request's was (RFC 9110 §6.2).
   *
   * @param status - 101 or 200 to 599; interim ones are for {@link encodeInterim}.
   * @param reason - '' for the registered phrase, which also replaces one with controls or HTML in it.
   * @param date - the present as IMF-fixdate, see `HttpDateCache`.
   * @param wholeBodyBytes - length of the whole body, or -1 where it is not known.
   * @param close - whether this is the last answer on the connection.
   * @throws Http1UsageError `ERR_HTTP1_LENGTH_MISMATCH` when Content-Length is not `wholeBodyBytes`, and
   *   `ERR_HTTP1_USAGE` for a status out of range or a Transfer-Encoding. The head is then still owed.
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
   * What goes before `byteLength` bytes of the body: a chunk's size, or ''. Write {@link dataSuffix} behind them.
   * Where {@link sendsBody} is false, write nothing at all.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_LONG` when Content-Length allows fewer. The connection must be closed.
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

  /** What goes behind the bytes that {@link dataPrefix} was asked for last. */
  get dataSuffix(): string {
    return this.#body.suffix;
  }

  /** After head: whether body bytes go on the wire. Not for HEAD, 1xx, 204, 205, 304 and a tunnel. */
  get sendsBody(): boolean {
    return this.#body.sends;
  }

  /**
   * Ends the answer: the last chunk with its trailers, or ''. Trailers of a body that is not chunked are dropped.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_SHORT` when Content-Length asks for more. The connection must be
   *   closed, so that the peer sees a cut answer and never the next one shifted.
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

  /** Whether the connection can carry another answer. Settled by head; false after 101, and after a failure. */
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
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'Transfer-Encoding is set by the encoder, not by headers');
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
      // The length of a 304 is that of the 200 it stands for, which only the program knows.
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
    throw new Http1UsageError('ERR_HTTP1_USAGE', `${call}: the encoder is ${this.#state}, not ${state}`);
  }

  #fail(): void {
    this.#state = 'failed';
    this.#keepAlive = false;
  }
}

/**
 * Builds an interim response, which may come any number of times before the answer (RFC 9110 §15.2). Never send one
 * to an HTTP/1.0 client.
 *
 * @param status - 100, 102 or 103, or another 1xx; 101 is an answer of its own.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` for another status, or headers that frame a body.
 */
export function encodeInterim(status: number, headers?: HTTPHeaders): string {
  if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
    throw new Http1UsageError('ERR_HTTP1_USAGE', `${status} is not an interim status`);
  }
  if (headers !== undefined && (headers.framing & (CONTENT_LENGTH | TRANSFER_ENCODING)) !== 0) {
    throw new Http1UsageError('ERR_HTTP1_USAGE', 'an interim response has no body to frame');
  }
  return `${statusLine(status, '')}${headers === undefined ? '' : headers.serialize()}\r\n`;
}

function checkArguments(status: number, wholeBodyBytes: number): void {
  if (!Number.isInteger(status) || (status < 200 && status !== 101) || status > 599) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `status must be 101 or 200 to 599, not ${shownValue(status)}`,
    );
  }
  if (!Number.isSafeInteger(wholeBodyBytes) || wholeBodyBytes < -1) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `wholeBodyBytes must be -1 or more, not ${shownValue(wholeBodyBytes)}`,
    );
  }
}

/** Splits the program's Connection field into the wish to close and the options that are none of our business. */
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

/** RFC 9112 §9.6: the last answer says so. RFC 9112 §C.2.2: HTTP/1.0 is told when the connection persists. */
function withPersistence(rest: string, keepAlive: boolean, http11: boolean): string {
  const own = keepAlive ? (http11 ? '' : 'keep-alive') : 'close';
  if (own === '' || rest === '') return own + rest;
  return `${own}, ${rest}`;
}
