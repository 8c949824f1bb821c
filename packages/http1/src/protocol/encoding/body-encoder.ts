import { excerpt } from '@landspout/ioloop/errors';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { forbiddenTrailer } from '../fields/trailer-fields.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { CONTENT_LENGTH } from '../grammar/framing-fields.ts';

const NO_BODY = 0;
const SIZED = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/** Frames the body of one outgoing message after the other, and holds it to the length that was announced. */
export class BodyEncoder {
  /** What follows the bytes that {@link prefix} was asked for last. */
  suffix = '';
  #mode = NO_BODY;
  #owed = 0;

  /** The message has no body on the wire; what is written is dropped by the caller. */
  startNone(): void {
    this.#mode = NO_BODY;
    this.suffix = '';
  }

  /** Exactly `length` bytes follow. */
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

  /** What goes before `byteLength` body bytes. An empty write is nothing: a chunk of 0 would end the body. */
  prefix(byteLength: number): string {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new Http1UsageError('ERR_HTTP1_USAGE', `a piece of a body cannot have ${byteLength} bytes`);
    }
    if (this.#mode === SIZED) {
      if (byteLength > this.#owed) {
        const detail = `Content-Length allows ${this.#owed} bytes more, but ${byteLength} were written`;
        throw new Http1UsageError('ERR_HTTP1_BODY_LONG', detail);
      }
      this.#owed -= byteLength;
      return '';
    }
    if (this.#mode !== CHUNKED) return '';
    this.suffix = byteLength === 0 ? '' : '\r\n';
    return byteLength === 0 ? '' : `${byteLength.toString(16)}\r\n`;
  }

  /** What ends the body. Trailers go only behind a chunked one, and are dropped elsewhere (RFC 9110 §6.5.1). */
  end(trailers: HTTPHeaders | undefined): string {
    if (this.#mode === SIZED && this.#owed > 0) {
      const detail = `${this.#owed} bytes that Content-Length announced were not written`;
      throw new Http1UsageError('ERR_HTTP1_BODY_SHORT', detail);
    }
    const forbidden = trailers === undefined ? undefined : forbiddenTrailer(trailers);
    if (forbidden !== undefined) {
      throw new Http1UsageError('ERR_HTTP1_USAGE', `${excerpt(forbidden)} cannot be a trailer`);
    }
    if (this.#mode !== CHUNKED) return '';
    return trailers === undefined ? '0\r\n\r\n' : `0\r\n${trailers.serialize()}\r\n`;
  }
}

/**
 * Reads the Content-Length that a program set, or -1 where there is none.
 *
 * @throws Http1UsageError `ERR_HTTP1_LENGTH_MISMATCH` when it is not one number.
 */
export function explicitLength(headers: HTTPHeaders): number {
  if ((headers.framing & CONTENT_LENGTH) === 0) return -1;
  const text = headers.get('content-length') ?? '';
  const length = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(length)) {
    throw new Http1UsageError('ERR_HTTP1_LENGTH_MISMATCH', `Content-Length must be one number, not ${text}`);
  }
  return length;
}
