import type { Http1Limits, ResponseHead } from '@landspout/http1';
import { ClientConnection } from '@landspout/http1/client';
import { LIMIT_NAMES } from '@landspout/http1/protocol';
import { excerpt, type OptionNames } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { clientChecks } from '../request/usage.ts';
import { broken, HTTPProxyError, quotedText, unreachable } from './errors.ts';
import { checkNegotiation, type NegotiationOptions, withinLimits } from './negotiation.ts';
import { connectHeaders, requireAuthority } from './proxied-request.ts';
import type { ProxySettings } from './proxy-settings.ts';

export interface TunnelOptions extends NegotiationOptions {
  /**
   * Limits for the responses of the proxy. `maxBodyBytes` limits the page of a 407 that is read in order to use the
   * connection again; its default is 64 KiB, and a longer page costs a new connection. The others are those of http1: a
   * head of 64 KiB, 200 header fields, 20 interim responses.
   */
  readonly limits?: Partial<Http1Limits> | undefined;
  /** The value of Proxy-Authorization in the first request. Default: basic credentials, if the settings have any. */
  readonly authorization?: string | undefined;
  /**
   * Called with the head of a 407. Returns the value of Proxy-Authorization for another request, or `undefined` to give
   * up. Called at most twice, because a proxy may declare the first nonce stale.
   */
  readonly authorize?: ((head: ResponseHead) => string | undefined) | undefined;
  /**
   * Opens a new connection to the proxy, which is needed if the proxy closes the first one after a challenge. Default:
   * the call fails then.
   */
  readonly reconnect?: ((signal: AbortSignal) => Promise<IOStream>) | undefined;
}

const TUNNEL_OPTIONS: OptionNames<TunnelOptions> = {
  signal: true,
  timeoutMs: true,
  limits: true,
  authorization: true,
  authorize: true,
  reconnect: true,
};

const MAX_CHALLENGES = 2;
const MAX_REFUSAL_BYTES = 64 * 1024;
const AUTHENTICATION_REQUIRED = 407;

type Outcome =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'refused';
      readonly head: ResponseHead;
      readonly isReusable: boolean;
    };

/**
 * Opens a tunnel through an HTTP proxy with the method CONNECT (RFC 9110 §9.3.6).
 *
 * @param stream - a new connection to the proxy. It is closed if the call fails, or if another connection is used.
 * @param authority - `host:port` of the server.
 * @returns the stream of the tunnel, which first delivers the bytes that followed the response of the proxy. It is
 *   `stream`, unless `reconnect` was called.
 * @throws HTTPProxyError with the `proxyStatus` if the proxy refused; without a status if it broke HTTP/1.1, exceeded a
 *   limit, ended the connection or took too long. HTTPClientUsageError if an argument or what `authorize` returns is
 *   invalid; the reason of `signal`; whatever `authorize` throws. In each case, no connection stays open.
 */
export async function openTunnel(
  stream: IOStream,
  authority: string,
  settings: ProxySettings,
  options: TunnelOptions = {},
): Promise<IOStream> {
  const request = new TunnelRequest(stream, authority, settings, options);
  try {
    checkTunnelOptions('openTunnel', options);
    requireAuthority('openTunnel', authority);
    return await withinLimits(settings.name, stream.options.clock, options, (signal) => request.run(signal));
  } catch (error) {
    request.stream.close(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** @throws HTTPClientUsageError */
export function checkTunnelOptions(operation: string, options: TunnelOptions): void {
  clientChecks.options(operation, options, TUNNEL_OPTIONS);
  checkNegotiation(operation, options);
  const { limits, authorize, reconnect } = options;
  if (limits !== undefined) {
    clientChecks.options('limits', limits, LIMIT_NAMES);
    for (const [name, value] of Object.entries(limits)) clientChecks.wholeNumber('limits', name, value);
  }
  if (authorize !== undefined) clientChecks.callback(operation, 'authorize', authorize);
  if (reconnect !== undefined) clientChecks.callback(operation, 'reconnect', reconnect);
}

/** The requests for one tunnel: one, and one more for each challenge that is met. */
class TunnelRequest {
  /** The connection that is used now; those before it are closed. */
  stream: IOStream;
  readonly #authority: string;
  readonly #settings: ProxySettings;
  readonly #options: TunnelOptions;
  #challenges = 0;

  constructor(stream: IOStream, authority: string, settings: ProxySettings, options: TunnelOptions) {
    this.stream = stream;
    this.#authority = authority;
    this.#settings = settings;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<IOStream> {
    let authorization = this.#options.authorization ?? this.#settings.authorization;
    let connection = this.#openConnection();
    for (;;) {
      const outcome = await this.#ask(connection, authorization, signal);
      if (outcome.kind === 'open') return this.stream;
      const { head, isReusable } = outcome;
      const credentials = this.#responseTo(head);
      if (credentials === undefined) throw this.#refusal(head, authorization);
      authorization = credentials;
      if (isReusable) continue;
      this.stream = await this.#reconnect(head, signal);
      connection = this.#openConnection();
    }
  }

  get #mayAuthorize(): boolean {
    return this.#options.authorize !== undefined && this.#challenges < MAX_CHALLENGES;
  }

  /** Returns the credentials for another request; `undefined` if the refusal is final. */
  #responseTo(head: ResponseHead): string | undefined {
    if (head.status !== AUTHENTICATION_REQUIRED || !this.#mayAuthorize) return undefined;
    this.#challenges += 1;
    return this.#options.authorize?.(head);
  }

  #openConnection(): ClientConnection {
    return new ClientConnection(this.stream, {
      limits: { maxBodyBytes: MAX_REFUSAL_BYTES, ...this.#options.limits },
    });
  }

  async #reconnect(head: ResponseHead, signal: AbortSignal): Promise<IOStream> {
    const { name } = this.#settings;
    const { reconnect } = this.#options;
    if (reconnect === undefined) {
      const message = 'it closed the connection after it had requested credentials';
      throw new HTTPProxyError(name, message, { proxyStatus: head.status });
    }
    try {
      return await reconnect(signal);
    } catch (error) {
      throw error instanceof HTTPProxyError ? error : unreachable(name, error);
    }
  }

  /**
   * Sends one request and waits for the response. The body of a response is read only if another request may follow on
   * the connection; otherwise the connection is closed after the head.
   */
  async #ask(
    connection: ClientConnection,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const headers = connectHeaders(this.#settings, this.#authority, authorization);
    const request = { method: 'CONNECT', target: this.#authority, headers, bodyBytes: 0 };
    let stopListening: (() => void) | undefined;
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        let refusal: ResponseHead | undefined;
        const refuse = (head: ResponseHead): void =>
          resolve({ kind: 'refused', head, isReusable: connection.isIdle });
        connection.begin(request, {
          headersReceived: (head) => {
            if (Math.floor(head.status / 100) === 2) {
              connection.detach();
              resolve({ kind: 'open' });
              return;
            }
            refusal = head;
            if (head.status !== AUTHENTICATION_REQUIRED || !this.#mayAuthorize) connection.close();
          },
          dataReceived: () => {},
          finish: () => refuse(refusal as ResponseHead),
          // The proxy has refused, even if it does not complete its page or the page is too long.
          connectionClosed: (reason) => (refusal === undefined ? reject(reason) : refuse(refusal)),
        });
        stopListening = onAbort(signal, (reason) => {
          reject(reason);
          connection.abort(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
        });
      });
    } catch (error) {
      throw broken(this.#settings.name, `CONNECT ${this.#authority}`, error);
    } finally {
      stopListening?.();
    }
  }

  #refusal(head: ResponseHead, authorization: string | undefined): HTTPProxyError {
    const { name, headers } = this.#settings;
    const { status, reason } = head;
    const shown = `${status}${quotedText(reason)}`;
    const hadCredentials = authorization !== undefined || headers.has('Proxy-Authorization');
    // tinyproxy responds to wrong credentials with 401.
    const isAboutCredentials = status === AUTHENTICATION_REQUIRED || (hadCredentials && status === 401);
    if (!isAboutCredentials)
      return new HTTPProxyError(name, `it refused CONNECT ${this.#authority}: ${shown}`, {
        proxyStatus: status,
      });
    const offered = head.headers.get('Proxy-Authenticate') ?? '';
    const schemes = offered === '' ? '' : `; it offers ${excerpt(offered)}`;
    const what = hadCredentials ? 'it refused the credentials' : 'it requires a username and a password';
    return new HTTPProxyError(name, `${what} (${shown})${schemes}`, { proxyStatus: status });
  }
}
