import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
} from '@landspout/http1';

/** The second argument of a Fetch handler, known as the bindings of Hono's adapter for Node. */
export interface FetchEnvironment {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

export type FetchHandler = (
  request: Request,
  environment: FetchEnvironment,
) => Response | PromiseLike<Response>;

export interface FetchContainerOptions {
  readonly logger?: import('@landspout/ioloop').Logger;
}

export class FetchContainer implements HTTPServerConnectionDelegate {
  constructor(_fetch: FetchHandler, _options: FetchContainerOptions = {}) {}

  startRequest(_exchange: HTTPServerExchange): HTTPMessageDelegate {
    throw new Error('not implemented');
  }
}

/** Returns the exchange of a request that a FetchContainer has made, for another protocol that takes over its connection. */
export function exchangeOf(
  _request: Request,
): { readonly exchange: HTTPServerExchange; readonly head: RequestHead } | undefined {
  throw new Error('not implemented');
}
