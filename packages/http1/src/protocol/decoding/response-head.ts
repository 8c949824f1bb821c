import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { type HTTPHeaders, headersOf } from '../fields/http-headers.ts';
import { OPTION_UPGRADE, UPGRADE } from '../grammar/framing-fields.ts';

/** The valid head of one response. Nothing in it is borrowed. */
export class DecodedResponseHead {
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly status: number;
  readonly reason: string;
  /** The length of the body in bytes; -1 if it is chunked; -2 if it ends with the connection. */
  readonly bodyLength: number;
  /** Whether the connection can carry another request after this response. */
  readonly keepAlive: boolean;
  readonly #text: string;
  readonly #fieldsStart: number;
  readonly #seen: number;
  #headers: HTTPHeaders | undefined = undefined;

  /** @internal */
  constructor(
    text: string,
    minor: number,
    status: number,
    reason: string,
    fieldsStart: number,
    seen: number,
    bodyLength: number,
    keepAlive: boolean,
  ) {
    this.version = minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    this.status = status;
    this.reason = reason;
    this.bodyLength = bodyLength;
    this.keepAlive = keepAlive;
    this.#text = text;
    this.#fieldsStart = fieldsStart;
    this.#seen = seen;
  }

  get headers(): HTTPHeaders {
    this.#headers ??= headersOf(this.#text, this.#fieldsStart, this.#seen);
    return this.#headers;
  }

  /** The protocol to which a 101 switches if Connection lists `upgrade`, else ''. */
  get upgrade(): string {
    const wanted = UPGRADE | OPTION_UPGRADE;
    if (this.status !== 101 || (this.#seen & wanted) !== wanted) return '';
    return this.headers.get('upgrade') ?? '';
  }

  [INSPECT](): object {
    return inspection(this, ['status'], () => ({
      reason: inspectedText(this.reason),
      headers: this.headers,
    }));
  }
}
