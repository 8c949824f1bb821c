import type { AsyncResource } from 'node:async_hooks';
import { type HTTPConnectionInfo, HTTPHeaders, type RequestHead } from '@landspout/http1';
import { type RequestOutcome, type RequestToken, remoteIpOf } from '@landspout/http1/server';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';

/**
 * One request and its response. The caller may keep the record, which also keeps the request head and its connection in
 * memory.
 *
 * Values from the peer (method, target, headers) are not escaped: escape them before writing them to a terminal or a
 * file, as `formatAccessRecord` does.
 */
export interface AccessRecord {
  /**
   * The head of the request, as the connection received it; `undefined` if the request was refused before its headers
   * could be decoded. The same object is in the messages of `@landspout/web` about the request, so it can be used as a
   * key.
   */
  readonly head: RequestHead | undefined;
  /**
   * `undefined` if the request was refused before its headers could be decoded. {@link target} and {@link version} are
   * then also `undefined`.
   */
  readonly method: string | undefined;
  /** The request target as sent, such as `/path?query`. */
  readonly target: string | undefined;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1' | undefined;
  /** The request's header fields. Empty if the request was refused before its headers could be decoded. */
  readonly headers: HTTPHeaders;
  /** `under way` until the request has ended. */
  readonly outcome: RequestOutcome | 'under way';
  /**
   * `undefined` if no response headers were written. With the outcome `detached`, the new owner of the connection may
   * have written response headers itself.
   */
  readonly status: number | undefined;
  /**
   * Bytes of the response body that were written, without framing. If the outcome is `cut`, the peer did not receive
   * all of them.
   */
  readonly bytesSent: number;
  /**
   * Time from the last byte of the request's headers to the last write of the response. 0 if the request was refused
   * before its headers could be decoded.
   */
  readonly durationMs: number;
  /** The client's address; `0.0.0.0` over a Unix socket. Behind trusted proxies, the address that they report. */
  readonly remoteIp: string;
  readonly protocol: 'http' | 'https';
  /**
   * The code of the error that cut the response off, such as `ERR_HTTP_RESET`; `undefined` unless the outcome is `cut`.
   */
  readonly aborted: string | undefined;
  /** The cause if the outcome is `refused` or `cut`, or if the delegate failed and the response is a 500. */
  readonly error: Error | undefined;
  /** The connection as the request describes it, with the client's address if a trusted proxy reports it. */
  readonly connection: HTTPConnectionInfo;
  /** The actual connection, without information from proxies. The same object for all requests on the connection. */
  readonly peer: HTTPConnectionInfo;
}

/** Created at the start of a request if there is an access log or a subscriber; completed at the end of the request. */
export class RequestRecord implements AccessRecord, RequestToken {
  readonly head: RequestHead | undefined;
  readonly connection: HTTPConnectionInfo;
  readonly peer: HTTPConnectionInfo;
  outcome: AccessRecord['outcome'] = 'under way';
  bytesSent = 0;
  error: Error | undefined = undefined;
  /** Undefined after the end, so that a record that is kept does not keep the context. */
  context: AsyncResource | undefined = undefined;
  readonly #beganAt: number;
  #endedAt: number;
  #status = 0;

  /** @param beganAt - in milliseconds, from a monotonic clock. */
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

  /** @param status - 0 if there is none. */
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
    this.context = undefined;
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
        context: undefined,
        connection: undefined,
        peer: undefined,
      }),
    );
  }
}
