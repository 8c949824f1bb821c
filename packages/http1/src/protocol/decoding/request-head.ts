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
 * The start of one request, checked, with what it says about framing and the connection. Nothing in it is lent.
 *
 * One latin1 string holds all of it; fields are cut out of that string when they are asked for.
 */
export class DecodedRequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  /** Bytes of the body: a number, or -1 where it is chunked. A request without either field has none (0). */
  readonly bodyLength: number;
  /** `uri-host [ ":" port ]` of a target in absolute or authority form, else of the Host field; '' where there is none. */
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
   * Whether the peer is ready for another request on this connection (RFC 9112 §9.3): always with HTTP/1.1 unless
   * Connection lists `close`, with HTTP/1.0 only when it lists `keep-alive`.
   */
  get keepAlive(): boolean {
    if ((this.#seen & OPTION_CLOSE) !== 0) return false;
    return this.version === 'HTTP/1.1' || (this.#seen & OPTION_KEEP_ALIVE) !== 0;
  }

  /**
   * Whether the peer waits for `100 Continue` before it sends a body. Any case counts; never from HTTP/1.0, nor
   * without a body (RFC 9110 §10.1.1).
   */
  get expectContinue(): boolean {
    return (this.#seen & EXPECT_CONTINUE) !== 0 && this.version === 'HTTP/1.1' && this.bodyLength !== 0;
  }

  /** Whether If-Match, If-None-Match, If-Modified-Since or If-Unmodified-Since came (RFC 9110 §13.1). */
  get hasPrecondition(): boolean {
    return (this.#seen & PRECONDITION) !== 0;
  }

  /** The Upgrade field where Connection lists `upgrade`, else ''. HTTP/1.0 cannot upgrade (RFC 9110 §7.8). */
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
