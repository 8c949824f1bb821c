import { excerpt } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isToken } from '../fields/header-names.ts';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { HOST, TRANSFER_ENCODING } from '../grammar/framing-fields.ts';
import { BodyEncoder, explicitLength } from './body-encoder.ts';

/** Visible ASCII except `#`: CR or LF would start another line, SP would end the target, `#` would start a fragment. */
const TARGET_TEXT = /^[\x21\x22\x24-\x7e]+$/;

/** Methods for which `Content-Length: 0` is sent, because servers expect a body (RFC 9110 §8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Encodes the requests of one client connection, one after another: call `head`, then `dataPrefix` for each piece of
 * the body, then `end`. The methods work as in the ResponseEncoder.
 */
export class RequestEncoder {
  readonly #body = new BodyEncoder();
  #state: 'idle' | 'body' | 'failed' = 'idle';

  /**
   * Checks and encodes the head of one request.
   *
   * @param method - a token, such as `GET`.
   * @param target - visible ASCII without a fragment; other characters must be percent-encoded.
   * @param headers - must contain one Host and no Transfer-Encoding; Connection is sent unchanged.
   * @param bodyBytes - length of the body; 0 for no body (CONNECT must have none: RFC 9110 §9.3.6); -1 if the length is
   *   unknown: the body is then chunked, unless `headers` has a Content-Length.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if an argument is invalid, or `ERR_HTTP1_LENGTH_MISMATCH` if
   *   Content-Length differs from `bodyBytes`. The state does not change in these cases.
   */
  head(method: string, target: string, headers: HTTPHeaders, bodyBytes: number): string {
    this.#expect('idle', 'head');
    if (!isToken(method)) throw usage(`method must be a token, got ${excerpt(String(method))}`);
    if (!TARGET_TEXT.test(target))
      throw usage(`target must be visible ASCII without #, got ${excerpt(String(target))}`);
    if (!Number.isSafeInteger(bodyBytes) || bodyBytes < -1)
      throw usage(`bodyBytes must be -1 or more, got ${bodyBytes}`);
    if ((headers.framing & TRANSFER_ENCODING) !== 0)
      throw usage('headers must not contain Transfer-Encoding, which the encoder sets');
    if ((headers.framing & HOST) === 0 || headers.getList('host').length !== 1)
      throw usage('headers must contain exactly one Host');
    const explicit = explicitLength(headers);
    if (explicit >= 0 && bodyBytes >= 0 && explicit !== bodyBytes) {
      const detail = `Content-Length is ${explicit}, but the body has ${bodyBytes} bytes`;
      throw new Http1UsageError('ERR_HTTP1_LENGTH_MISMATCH', detail);
    }
    const length = explicit >= 0 ? explicit : bodyBytes;
    if (method === 'CONNECT' && length !== 0) throw usage('a CONNECT request must not have a body');
    let framing = '';
    if (length === -1) framing = 'Transfer-Encoding: chunked\r\n';
    else if (explicit < 0 && (length > 0 || EXPECTS_BODY.has(method)))
      framing = `Content-Length: ${length}\r\n`;
    if (length === -1) this.#body.startChunked();
    else this.#body.startSized(length);
    this.#state = 'body';
    return `${method} ${target} HTTP/1.1\r\n${headers.serialize()}${framing}\r\n`;
  }

  /** As in the ResponseEncoder. @throws Http1UsageError `ERR_HTTP1_BODY_LONG`; the connection must then be closed. */
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

  /** As in the ResponseEncoder. @throws Http1UsageError `ERR_HTTP1_BODY_SHORT`; the connection must then be closed. */
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
    if (this.#state !== state)
      throw usage(`${call}: the encoder is in state ${this.#state}, but must be in state ${state}`);
  }
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', detail);
}
