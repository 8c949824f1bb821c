import { type HTTPConnectionInfo, HTTPHeaders, type RequestHead } from '@landspout/http1';
import { type RequestOutcome, type RequestToken, remoteIpOf } from '@landspout/http1/server';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';

/**
 * One request and how it was answered. It is yours to keep, and holds the request's head and its connection for as
 * long as it is kept.
 *
 * Everything that begins with the peer (method, target, headers) is as it came: what writes it to a terminal or a
 * file must escape it, as `formatAccessRecord` does.
 */
export interface AccessRecord {
  /** `undefined`, as {@link target} and {@link version}, for what was refused before it was a head. */
  readonly method: string | undefined;
  /** The request target as sent, such as `/path?query`. */
  readonly target: string | undefined;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1' | undefined;
  /** Of the request. None for what was refused before it was a head. */
  readonly headers: HTTPHeaders;
  /** `under way` until the request has ended. */
  readonly outcome: RequestOutcome | 'under way';
  /** `undefined` when no head of an answer was written; for `detached` the new owner of the connection may have. */
  readonly status: number | undefined;
  /** Of the answer's body, without framing. What was written, that is: of a `cut` one not all has arrived. */
  readonly bytesSent: number;
  /** From the head's last byte to the answer's last write. 0 for what was refused before it was a head. */
  readonly durationMs: number;
  /** The client's address, `0.0.0.0` over a Unix socket. With trusted proxies, what they say of it. */
  readonly remoteIp: string;
  readonly protocol: 'http' | 'https';
  /** Why the answer is not complete, such as `ERR_HTTP_RESET`; `undefined` where it is. */
  readonly aborted: string | undefined;
  /** Why, where the outcome is `refused` or `cut`, or a delegate failed and the answer is a 500. */
  readonly error: Error | undefined;
  /** The connection as the request was told of it. */
  readonly connection: HTTPConnectionInfo;
  /** The connection itself, whatever proxies say: the same object for all of its requests. */
  readonly peer: HTTPConnectionInfo;
}

/** Made when a request begins that somebody wants to hear of, and filled in when it ends. */
export class RequestRecord implements AccessRecord, RequestToken {
  readonly head: RequestHead | undefined;
  readonly connection: HTTPConnectionInfo;
  readonly peer: HTTPConnectionInfo;
  outcome: AccessRecord['outcome'] = 'under way';
  bytesSent = 0;
  error: Error | undefined = undefined;
  readonly #beganAt: number;
  #endedAt: number;
  #status = 0;

  /** @param beganAt - of a clock that never goes backwards, in milliseconds. */
  constructor(
    head: RequestHead | undefined,
    connection: HTTPConnectionInfo,
    peer: HTTPConnectionInfo,
    beganAt: number,
  ) {
    this.head = head;
    this.connection = connection;
    this.peer = peer;
    this.#beganAt = beganAt;
    this.#endedAt = beganAt;
  }

  /** @param status - 0 for none. */
  end(
    outcome: RequestOutcome,
    status: number,
    bytesSent: number,
    error: Error | undefined,
    endedAt: number,
  ): void {
    this.outcome = outcome;
    this.bytesSent = bytesSent;
    this.error = error;
    this.#status = status;
    this.#endedAt = endedAt;
  }

  get method(): string | undefined {
    return this.head?.method;
  }

  get target(): string | undefined {
    return this.head?.target;
  }

  get version(): AccessRecord['version'] {
    return this.head?.version;
  }

  get headers(): HTTPHeaders {
    return this.head?.headers ?? new HTTPHeaders();
  }

  get status(): number | undefined {
    return this.#status === 0 ? undefined : this.#status;
  }

  get durationMs(): number {
    return this.#endedAt - this.#beganAt;
  }

  get remoteIp(): string {
    return remoteIpOf(this.connection.remoteAddress);
  }

  get protocol(): 'http' | 'https' {
    return this.connection.protocol;
  }

  get aborted(): string | undefined {
    if (this.outcome !== 'cut' || this.error === undefined) return undefined;
    const { code } = this.error as { code?: unknown };
    return typeof code === 'string' ? code : this.error.name;
  }

  [INSPECT](): object {
    return inspection(
      this,
      ['method', 'status', 'outcome', 'bytesSent', 'durationMs', 'remoteIp', 'aborted', 'error'],
      () => ({
        target: this.target === undefined ? undefined : inspectedText(this.target),
        headers: this.headers,
        head: undefined,
        connection: undefined,
        peer: undefined,
      }),
    );
  }
}
