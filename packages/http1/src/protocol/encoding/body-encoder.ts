import { excerpt } from '@landspout/ioloop/errors';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { forbiddenTrailer } from '../fields/trailer-fields.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { CONTENT_LENGTH } from '../grammar/framing-fields.ts';

const NO_BODY = 0;
const SIZED = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/** Frames the bodies of outgoing messages, one after another, and checks them against the announced length. */
export class BodyEncoder {
  /** The text to send after the body bytes that follow the last {@link prefix}. */
  suffix = '';
  #mode = NO_BODY;
  #owed = 0;

  /** Starts a message whose body is not sent. The caller discards the written bytes. */
  startNone(): void {
    this.#mode = NO_BODY;
    this.suffix = '';
  }

  /** Starts a body of exactly `length` bytes. */
  startSized(length: number): void {
    this.#mode = SIZED;
    this.#owed = length;
    this.suffix = '';
  }

  startChunked(): void {
    this.#mode = CHUNKED;
    this.suffix = '';
  }

  startUntilClose(): void {
    this.#mode = UNTIL_CLOSE;
    this.suffix = '';
  }

  get sends(): boolean {
    return this.#mode !== NO_BODY;
  }

  get isChunked(): boolean {
    return this.#mode === CHUNKED;
  }

  /**
   * Returns the text to send before `byteLength` body bytes: '' for 0 bytes, because a chunk of size 0 would end the
   * body.
   */
  prefix(byteLength: number): string {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new Http1UsageError(
        'ERR_HTTP1_USAGE',
        `byteLength must be a whole number of zero or more, got ${byteLength}`,
      );
    }
    if (this.#mode === SIZED) {
      if (byteLength > this.#owed) {
        const detail = `Content-Length allows ${this.#owed} more bytes, but ${byteLength} were written`;
        throw new Http1UsageError('ERR_HTTP1_BODY_LONG', detail);
      }
      this.#owed -= byteLength;
      return '';
    }
    if (this.#mode !== CHUNKED) return '';
    this.suffix = byteLength === 0 ? '' : '\r\n';
    return byteLength === 0 ? '' : `${byteLength.toString(16)}\r\n`;
  }

  /** Returns the text that ends the body. Trailers of a body that is not chunked are dropped (RFC 9110 §6.5.1). */
  end(trailers: HTTPHeaders | undefined): string {
    if (this.#mode === SIZED && this.#owed > 0) {
      const detail = `${this.#owed} of the bytes that Content-Length announced were not written`;
      throw new Http1UsageError('ERR_HTTP1_BODY_SHORT', detail);
    }
    const forbidden = trailers === undefined ? undefined : forbiddenTrailer(trailers);
    if (forbidden !== undefined) {
      throw new Http1UsageError('ERR_HTTP1_USAGE', `${excerpt(forbidden)} must not be a trailer`);
    }
    if (this.#mode !== CHUNKED) return '';
    return trailers === undefined ? '0\r\n\r\n' : `0\r\n${trailers.serialize()}\r\n`;
  }
}

/**
 * Returns the Content-Length that the program set, or -1 if there is none.
 *
 * @throws Http1UsageError `ERR_HTTP1_LENGTH_MISMATCH` if it is not a single number.
 */
export function explicitLength(headers: HTTPHeaders): number {
  if ((headers.framing & CONTENT_LENGTH) === 0) return -1;
  const text = headers.get('content-length') ?? '';
  const length = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(length)) {
    throw new Http1UsageError(
      'ERR_HTTP1_LENGTH_MISMATCH',
      `Content-Length must be a single number, got ${text}`,
    );
  }
  return length;
}
