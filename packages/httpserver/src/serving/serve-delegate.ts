import type {
  HTTPConnectionInfo,
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  RequestRefusal,
} from '@landspout/http1';
import { asksForUpgrade } from '@landspout/http1/protocol';

/** What a {@link ServeDelegate} passes requests to. */
export interface ServeHandlers {
  /** Receives every request that is not passed to `upgrades`. */
  readonly requests: HTTPServerConnectionDelegate;
  /** Receives requests to upgrade, while {@link wantsUpgrades} returns true. */
  readonly upgrades: HTTPServerConnectionDelegate;
  wantsUpgrades(): boolean;
  serverStopped(): void;
}

/** Passes requests to the Fetch handler, and requests to upgrade to the listeners of `upgrade` if there are any. */
export class ServeDelegate implements HTTPServerConnectionDelegate {
  readonly #handlers: ServeHandlers;

  constructor(handlers: ServeHandlers) {
    this.#handlers = handlers;
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    const { requests } = this.#handlers;
    if (!this.#handlers.wantsUpgrades()) return requests.startRequest(exchange);
    return new UpgradeChoice(exchange, this.#handlers);
  }

  onClose(connection: HTTPConnectionInfo): unknown {
    const { requests, upgrades } = this.#handlers;
    upgrades.onClose?.(connection);
    return requests.onClose?.(connection);
  }

  serverStopped(): void {
    const { requests, upgrades } = this.#handlers;
    requests.serverStopped?.();
    upgrades.serverStopped?.();
    this.#handlers.serverStopped();
  }
}

/** Chooses the delegate of one request when its headers are known. */
class UpgradeChoice implements HTTPMessageDelegate {
  readonly #exchange: HTTPServerExchange;
  readonly #handlers: ServeHandlers;
  #chosen: HTTPMessageDelegate | undefined;

  constructor(exchange: HTTPServerExchange, handlers: ServeHandlers) {
    this.#exchange = exchange;
    this.#handlers = handlers;
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    const { requests, upgrades } = this.#handlers;
    this.#chosen = (asksForUpgrade(head.headers) ? upgrades : requests).startRequest(this.#exchange);
    return this.#chosen.headersReceived(head);
  }

  get collectsBody(): boolean {
    return this.#chosen?.collectsBody === true;
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    return this.#chosen?.dataReceived(chunk);
  }

  finish(trailers?: HTTPHeaders): void | PromiseLike<void> {
    return this.#chosen?.finish(trailers);
  }

  refused(refusal: RequestRefusal): void {
    this.#chosen?.refused?.(refusal);
  }

  connectionClosed(reason: Error): unknown {
    return this.#chosen?.connectionClosed(reason);
  }
}
