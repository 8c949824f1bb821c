import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { BodyEncoder } from './body-encoder.ts';
import { EncodedRequestHead, RequestFields } from './request-head.ts';

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
    return this.start(new EncodedRequestHead(method, target, new RequestFields(headers), bodyBytes));
  }

  /** Starts a request whose head is already encoded. @returns the text of the head. */
  start(head: EncodedRequestHead): string {
    this.#expect('idle', 'start');
    if (head.bodyLength === -1) this.#body.startChunked();
    else this.#body.startSized(head.bodyLength);
    this.#state = 'body';
    return head.text;
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
