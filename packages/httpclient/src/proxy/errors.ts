import { excerpt } from '@landspout/ioloop/errors';
import { type FetchFailure, HTTPClientError, type HTTPClientErrorOptions } from '../errors.ts';

export interface HTTPProxyErrorOptions extends HTTPClientErrorOptions {
  /** The status with which an HTTP proxy refused. */
  readonly proxyStatus?: number | undefined;
  /** The code with which a SOCKS5 proxy refused. */
  readonly reply?: number | undefined;
}

/**
 * No connection to the server could be made through a proxy. The connection to the proxy is closed.
 *
 * The message names the proxy, but never contains credentials.
 */
export class HTTPProxyError extends HTTPClientError<'ERR_HTTPCLIENT_PROXY'> {
  override readonly name = 'HTTPProxyError';

  /** The proxy, as `host:port`. */
  readonly proxy: string;
  /** The status with which an HTTP proxy refused; 407 if it requires other credentials. */
  readonly proxyStatus: number | undefined;
  /** The code with which a SOCKS5 proxy refused (RFC 1928 §6). */
  readonly reply: number | undefined;
  readonly #detail: string;

  /** @param proxy - the `host:port` of the proxy, which is put in front of the message. */
  constructor(proxy: string, detail: string, options: HTTPProxyErrorOptions = {}) {
    super('ERR_HTTPCLIENT_PROXY', `proxy ${proxy}: ${detail}`, options);
    this.proxy = proxy;
    this.proxyStatus = options.proxyStatus;
    this.reply = options.reply;
    this.#detail = detail;
  }

  /** Returns the same error with the facts about the request that failed. */
  of(failure: FetchFailure): HTTPProxyError {
    const { cause, proxyStatus, reply } = this;
    return new HTTPProxyError(this.proxy, this.#detail, { cause, proxyStatus, reply, failure });
  }
}

/** Creates the error for a proxy to which no connection could be made. */
export function unreachable(proxy: string, cause: unknown): HTTPProxyError {
  return new HTTPProxyError(proxy, `cannot connect: ${messageOf(cause)}`, {
    cause,
  });
}

/** Creates the error for a proxy that broke its protocol or ended the connection. Keeps an HTTPProxyError as it is. */
export function broken(proxy: string, during: string, cause: unknown): HTTPProxyError {
  if (cause instanceof HTTPProxyError) return cause;
  return new HTTPProxyError(proxy, `${during} failed: ${messageOf(cause)}`, {
    cause,
  });
}

/** The reason phrase or another text of a proxy for a message; empty if there is none. */
export function quotedText(text: string): string {
  return text === '' ? '' : ` ${excerpt(text)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
