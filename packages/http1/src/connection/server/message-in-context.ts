import type { AsyncResource } from 'node:async_hooks';
import { runInContextOf } from '@landspout/ioloop/reactor';
import type {
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  RequestRefusal,
} from '../../delegate.ts';
import type { HTTPHeaders } from '../../protocol/index.ts';

/** Starts a request in an async context, in which all methods of its delegate are then called. */
export function startInContext(
  context: AsyncResource,
  delegate: HTTPServerConnectionDelegate,
  exchange: HTTPServerExchange,
): HTTPMessageDelegate {
  const inner = runInContextOf(context, () => delegate.startRequest(exchange), undefined);
  return new MessageInContext(context, inner);
}

/** Calls a delegate in an async context. */
class MessageInContext implements HTTPMessageDelegate {
  /** Undefined if the delegate has no such method. */
  readonly refused?: (refusal: RequestRefusal) => void;
  readonly #context: AsyncResource;
  readonly #inner: HTTPMessageDelegate;

  constructor(context: AsyncResource, inner: HTTPMessageDelegate) {
    this.#context = context;
    this.#inner = inner;
    if (inner.refused !== undefined) this.refused = (refusal) => this.#call(() => inner.refused?.(refusal));
  }

  get collectsBody(): boolean {
    return this.#inner.collectsBody === true;
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    return this.#call(() => this.#inner.headersReceived(head));
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    return this.#call(() => this.#inner.dataReceived(chunk));
  }

  finish(trailers?: HTTPHeaders): void | PromiseLike<void> {
    return this.#call(() => this.#inner.finish(trailers));
  }

  connectionClosed(reason: Error): unknown {
    return this.#call(() => this.#inner.connectionClosed(reason));
  }

  #call<Result>(method: () => Result): Result {
    return runInContextOf(this.#context, method, undefined);
  }
}
