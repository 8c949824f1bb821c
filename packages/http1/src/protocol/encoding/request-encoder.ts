import { excerpt } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isToken } from '../fields/header-names.ts';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { HOST, TRANSFER_ENCODING } from '../grammar/framing-fields.ts';
import { BodyEncoder, explicitLength } from './body-encoder.ts';

/** Visible ASCII: no CR or LF that would start another line, no SP that would end the target, and no fragment. */
const TARGET_TEXT = /^[\x21\x22\x24-\x7e]+$/;

/** Methods whose empty body is announced, as servers expect one (RFC 9110 §8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Turns the requests of one client connection into bytes, one after the other: `head`, body pieces, `end`. Works
 * like the ResponseEncoder.
 */
export class RequestEncoder {
  readonly #body = new BodyEncoder();
  #state: 'idle' | 'body' | 'failed' = 'idle';

  /**
   * Builds the head of one request. Everything in it is checked before anything is returned.
   *
   * @param method - a token, such as `GET`.
   * @param target - visible ASCII without a fragment; whoever has other characters encodes them first.
   * @param headers - must have Host, and no Transfer-Encoding; Connection goes out as it is.
   * @param bodyBytes - length of the body; 0 for none, as always with CONNECT (RFC 9110 §9.3.6); -1 where it is not known, which makes it chunked unless
   *   `headers` has a Content-Length.
   * @throws Http1UsageError `ERR_HTTP1_USAGE`, or `ERR_HTTP1_LENGTH_MISMATCH` when Content-Length is not
   *   `bodyBytes`. Nothing was begun then.
   */
  head(method: string, target: string, headers: HTTPHeaders, bodyBytes: number): string {
    this.#expect('idle', 'head');
    if (!isToken(method)) throw usage(`a method must be a token, not ${excerpt(String(method))}`);
    if (!TARGET_TEXT.test(target))
      throw usage(`a target must be visible ASCII without #, not ${excerpt(String(target))}`);
    if (!Number.isSafeInteger(bodyBytes) || bodyBytes < -1) throw usage(`bodyBytes cannot be ${bodyBytes}`);
    if ((headers.framing & TRANSFER_ENCODING) !== 0) throw usage('Transfer-Encoding is set by the encoder');
    if ((headers.framing & HOST) === 0 || headers.getList('host').length !== 1)
      throw usage('one Host field is needed');
    const explicit = explicitLength(headers);
    if (explicit >= 0 && bodyBytes >= 0 && explicit !== bodyBytes) {
      const detail = `Content-Length is ${explicit}, but the body has ${bodyBytes} bytes`;
      throw new Http1UsageError('ERR_HTTP1_LENGTH_MISMATCH', detail);
    }
    const length = explicit >= 0 ? explicit : bodyBytes;
    if (method === 'CONNECT' && length !== 0) throw usage('a CONNECT has no content');
    let framing = '';
    if (length === -1) framing = 'Transfer-Encoding: chunked\r\n';
    else if (explicit < 0 && (length > 0 || EXPECTS_BODY.has(method)))
      framing = `Content-Length: ${length}\r\n`;
    if (length === -1) this.#body.startChunked();
    else this.#body.startSized(length);
    this.#state = 'body';
    return `${method} ${target} HTTP/1.1\r\n${headers.serialize()}${framing}\r\n`;
  }

  /** As in the ResponseEncoder. @throws Http1UsageError `ERR_HTTP1_BODY_LONG`; the connection must be closed. */
  dataPrefix(byteLength: number): string {
    this.#expect('body', 'dataPrefix');
    try {
      return this.#body.prefix(byteLength);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  get dataSuffix(): string {
    return this.#body.suffix;
  }

  /** As in the ResponseEncoder. @throws Http1UsageError `ERR_HTTP1_BODY_SHORT`; the connection must be closed. */
  end(trailers?: HTTPHeaders): string {
    this.#expect('body', 'end');
    try {
      const wire = this.#body.end(trailers);
      this.#state = 'idle';
      return wire;
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  get state(): 'idle' | 'body' | 'failed' {
    return this.#state;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ state: this.#state }));
  }

  #expect(state: 'idle' | 'body', call: string): void {
    if (this.#state !== state) throw usage(`${call}: the encoder is ${this.#state}, not ${state}`);
  }
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', detail);
}
