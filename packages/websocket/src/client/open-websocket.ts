import type { AbsoluteUrl } from '@landspout/http1/protocol';
import {
  authenticationOf,
  checkTls,
  type HTTPRequest,
  openConnection,
  type RequestAuthentication,
} from '@landspout/httpclient/connecting';
import { pickOptions } from '@landspout/ioloop/errors';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { CompressionSettings } from '../compression/compression-options.ts';
import { reserveOffer, settleOffer } from '../compression/negotiation.ts';
import { WebSocketTimeoutError } from '../connection/errors.ts';
import {
  resolveWebSocketOptions,
  WEBSOCKET_OPTIONS,
  type WebSocketSettings,
} from '../connection/websocket-options.ts';
import {
  type DeflateAgreement,
  deflateOffer,
  handshakeKey,
  type UpgradeAgreement,
} from '../protocol/index.ts';
import {
  type ConnectRequest,
  connectRequest,
  ownError,
  refusing,
  type WebSocketOpenOptions,
} from './connect-request.ts';
import { checkHandshake, type HandshakeResponse, sendUpgradeRequest } from './opening-handshake.ts';

/** A stream after the opening handshake. */
export interface OpenWebSocket {
  readonly stream: IOStream;
  readonly settings: WebSocketSettings;
  /** The subprotocol that the server chose. */
  readonly protocol: string | undefined;
  /** What the server has agreed to for compression. */
  readonly deflate: DeflateAgreement | undefined;
  /** The Sec-WebSocket-Extensions header of the response; empty if there is none. */
  readonly extensions: string;
  /** The URL for messages: without user information and query. */
  readonly name: string;
}

/** A WebSocket that was checked, and can be opened. */
export class WebSocketOpener {
  readonly request: ConnectRequest;
  readonly settings: WebSocketSettings;
  readonly #operation: string;
  readonly #authentication: RequestAuthentication | undefined;

  /** @throws WebSocketUsageError if the URL or an option is invalid. */
  constructor(operation: string, url: string | URL | HTTPRequest, options: WebSocketOpenOptions) {
    this.#operation = operation;
    this.request = connectRequest(operation, url, options);
    this.settings = resolveWebSocketOptions(pickOptions(this.request.options, WEBSOCKET_OPTIONS));
    const { target, options: merged } = this.request;
    const { tls } = merged;
    if (tls !== undefined) refusing(operation, () => checkTls(operation, tls));
    const { origin } = new URL(httpUrl(target).href);
    this.#authentication = refusing(operation, () =>
      authenticationOf(merged, { origin, method: 'GET', target: target.target }),
    );
  }

  /** Connects and performs the opening handshake. @throws as `websocketConnect`; no connection stays open. */
  async open(): Promise<OpenWebSocket> {
    const { connectTimeoutMs, options, target, name } = this.request;
    const { signal } = options;
    const { settings } = this;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const stopListening = onAbort(signal, (reason) => controller.abort(reason));
    const expire = (): void => {
      const detail = `connecting to ${target.authority} took longer than ${connectTimeoutMs} ms`;
      controller.abort(new WebSocketTimeoutError('ERR_WEBSOCKET_CONNECT_TIMEOUT', detail));
    };
    const timer = connectTimeoutMs === 0 ? undefined : settings.clock.setTimeout(expire, connectTimeoutMs);
    const offered = settings.compression === undefined ? undefined : reserveOffer(settings.compression);
    try {
      const { stream, agreement, extensions } = await this.#handshake(offered, controller.signal);
      const { protocol, deflate } = agreement;
      return { stream, settings, protocol, deflate, extensions, name };
    } catch (error) {
      if (offered !== undefined) settleOffer(offered, undefined);
      throw withCallerStack(error);
    } finally {
      timer?.cancel();
      stopListening();
    }
  }

  async #handshake(
    offered: CompressionSettings | undefined,
    signal: AbortSignal,
  ): Promise<{ stream: IOStream; agreement: UpgradeAgreement; extensions: string }> {
    for (;;) {
      const stream = await this.#connect(signal);
      const key = handshakeKey(this.settings.randomBytes(16));
      const response = await this.#ask(stream, key, offered, signal);
      if (response.stream === undefined && this.#authentication?.isChallenged(response.head)) continue;
      const agreement = checkHandshake(response, key, offered, this.request);
      const extensions = response.head.headers.get('Sec-WebSocket-Extensions') ?? '';
      return { stream: response.stream as IOStream, agreement, extensions };
    }
  }

  async #connect(signal: AbortSignal): Promise<IOStream> {
    const { target, options } = this.request;
    const { tls, family, localAddress, socketPath, proxy, resolver } = options;
    const route = { tls, family, localAddress, socketPath, proxy };
    try {
      return await openConnection(this.#operation, httpUrl(target), { ...route, resolver, signal });
    } catch (error) {
      throw ownError(this.#operation, error);
    }
  }

  #ask(
    stream: IOStream,
    key: string,
    offered: CompressionSettings | undefined,
    signal: AbortSignal,
  ): Promise<HandshakeResponse> {
    const { target, headers: shared } = this.request;
    const headers = shared.copy().set('Sec-WebSocket-Key', key);
    if (offered !== undefined) headers.set('Sec-WebSocket-Extensions', deflateOffer(offered));
    const authorization = this.#authentication?.authorize();
    if (authorization !== undefined && !headers.has('Authorization'))
      headers.set('Authorization', authorization);
    return sendUpgradeRequest(stream, target.target, headers, { clock: this.settings.clock, signal });
  }
}

/** The URL as that of an HTTP request: proxies and TLS are chosen by its scheme. */
function httpUrl(target: AbsoluteUrl): AbsoluteUrl {
  const scheme = target.scheme === 'wss' ? 'https' : 'http';
  return { ...target, scheme, href: target.href.replace(/^wss?/, scheme) };
}
