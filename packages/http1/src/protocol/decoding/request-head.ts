import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { type HTTPHeaders, headersOf } from '../fields/http-headers.ts';
import {
  EXPECT_CONTINUE,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  PRECONDITION,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../grammar/framing-fields.ts';

/**
 * The valid head of one request, and what it says about framing and the connection. Nothing in it is borrowed.
 *
 * One latin1 string contains the whole head; fields are sliced from it when they are first used.
 */
export class DecodedRequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  /** The length of the body in bytes; -1 if it is chunked; 0 if the head has no framing field. */
  readonly bodyLength: number;
  /** `uri-host [ ":" port ]` from a target in absolute or authority form, else from Host; '' if there is none. */
  readonly host: string;
  readonly #text: string;
  readonly #fieldsStart: number;
  readonly #seen: number;
  #headers: HTTPHeaders | undefined = undefined;

  /** @internal */
  constructor(
    text: string,
    method: string,
    target: string,
    minor: number,
    fieldsStart: number,
    seen: number,
    contentLength: number,
    host: string,
  ) {
    this.method = method;
    this.target = target;
    this.version = minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    this.bodyLength = (seen & TRANSFER_ENCODING) !== 0 ? -1 : Math.max(contentLength, 0);
    this.host = host;
    this.#text = text;
    this.#fieldsStart = fieldsStart;
    this.#seen = seen;
  }

  get headers(): HTTPHeaders {
    this.#headers ??= headersOf(this.#text, this.#fieldsStart, this.#seen);
    return this.#headers;
  }

  /**
   * Whether the client allows another request on this connection (RFC 9112 §9.3): in HTTP/1.1 unless Connection lists
   * `close`, in HTTP/1.0 only if it lists `keep-alive`.
   */
  get keepAlive(): boolean {
    if ((this.#seen & OPTION_CLOSE) !== 0) return false;
    return this.version === 'HTTP/1.1' || (this.#seen & OPTION_KEEP_ALIVE) !== 0;
  }

  /**
   * Whether the client waits for `100 Continue` before it sends the body. Ignores the case of the value. Always false
   * for HTTP/1.0 and for requests without a body (RFC 9110 §10.1.1).
   */
  get expectContinue(): boolean {
    return (this.#seen & EXPECT_CONTINUE) !== 0 && this.version === 'HTTP/1.1' && this.bodyLength !== 0;
  }

  /** Whether If-Match, If-None-Match, If-Modified-Since or If-Unmodified-Since is present (RFC 9110 §13.1). */
  get hasPrecondition(): boolean {
    return (this.#seen & PRECONDITION) !== 0;
  }

  /** The Upgrade field if Connection lists `upgrade`, else ''. Always '' for HTTP/1.0 (RFC 9110 §7.8). */
  get upgrade(): string {
    const wanted = UPGRADE | OPTION_UPGRADE;
    if ((this.#seen & wanted) !== wanted || this.version === 'HTTP/1.0') return '';
    return this.headers.get('upgrade') ?? '';
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      target: inspectedText(this.target),
      headers: this.headers,
      host: undefined,
    }));
  }
}
