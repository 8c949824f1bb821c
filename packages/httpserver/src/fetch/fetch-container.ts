import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type HTTPConnectionInfo,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  HTTPUsageError,
} from '@landspout/http1';
import { IOLoop, type Logger } from '@landspout/ioloop';
import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { closeNodeSocket } from '../node/node-socket.ts';
import { FetchMessage, type FetchService } from './fetch-message.ts';
import { FetchRequest, type RequestExchange } from './fetch-request.ts';
import { RealRequest } from './real-request.ts';

/** The second argument of a Fetch handler, known as the bindings of Hono's adapter for Node. */
export interface FetchEnvironment {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** Handles one request. */
export type FetchHandler = (
  request: Request,
  environment: FetchEnvironment,
) => Response | PromiseLike<Response>;

export interface FetchContainerOptions {
  /**
   * Called with an error that the handler threw or rejected with, or with that of a response that cannot be written, if
   * no part of a response was sent. What it returns is the response, and the error is not logged. Default: the response
   * is a 500, and the error is logged.
   */
  readonly onError?: ((error: unknown, request: Request) => Response | PromiseLike<Response>) | undefined;
  /**
   * Whether a client that ends its side of the connection still gets its response. If false, it is treated as one that
   * has left, as by `http.Server`: the signal of the request aborts, and the connection is reset. Most clients that end
   * their side have left; while the handler sends nothing, the two cannot be told apart. Default: true.
   */
  readonly halfOpen?: boolean | undefined;
  /** For errors of the handler. Default: the logger of the current loop. */
  readonly logger?: Logger | undefined;
}

const CONTAINER_OPTIONS: OptionNames<FetchContainerOptions> = { onError: true, halfOpen: true, logger: true };

const checks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/**
 * Calls a Fetch handler, `(Request) => Response`, such as that of a Hono or h3 application, with each request of an
 * HTTPServer, or below a path of an Application.
 *
 * The request that the handler gets is an object that inherits from `Request.prototype`, and computes its properties
 * when they are read. It is accepted by `fetch` and by `new Request` on Node 20 and 22. Later versions accept only native
 * requests there: the handler then gets a native Request, which takes longer to create, unless the globals are replaced
 * (`overrideGlobalObjects` of `serve`). It also has the properties of srvx: `ip`, `waitUntil` and `runtime`.
 *
 * Its signal aborts when the connection ends before the response is complete. For interim responses and protocols that
 * take over the connection, see {@link exchangeOf}.
 *
 * If the handler throws, rejects or returns something that cannot be sent, the response is a 500 without details and the
 * error is logged; see `onError`. If the head of the response was already sent, the connection is reset.
 */
export class FetchContainer implements HTTPServerConnectionDelegate {
  readonly #service: ContainerService;

  /** @throws HTTPUsageError `ERR_HTTP_USAGE` if an argument or option is invalid. */
  constructor(fetch: FetchHandler, options: FetchContainerOptions = {}) {
    checks.callback('FetchContainer', 'fetch', fetch);
    checks.options('FetchContainer', options, CONTAINER_OPTIONS);
    const { onError, halfOpen = true, logger } = options;
    if (onError !== undefined) checks.callback('FetchContainer', 'onError', onError);
    checks.boolean('FetchContainer', 'halfOpen', halfOpen);
    if (logger !== undefined) checks.withMethods('FetchContainer', 'logger: a Logger', logger, 'error');
    this.#service = new ContainerService(fetch, { onError, halfOpen, logger });
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new FetchMessage(this.#service, exchange);
  }

  /** The objects of `node:http` learn that their connection has ended. */
  onClose(connection: HTTPConnectionInfo): void {
    closeNodeSocket(connection);
  }

  /** Resolves when no promise that was passed to `request.waitUntil` is pending. */
  settled(): Promise<void> {
    return this.#service.settled();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ pending: this.#service.pending }));
  }
}

/**
 * Returns the exchange and the head of a request that a FetchContainer has called its handler with, for another protocol
 * that takes over the connection (`exchange.detach`) and for interim responses:
 * `exchangeOf(request)?.exchange.writeInterim(103, headers)`. After `detach`, the Response of the handler is ignored.
 *
 * @returns undefined for any other request, such as a copy.
 */
export function exchangeOf(request: Request): RequestExchange | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  return FetchRequest.exchangeOf(RealRequest.originOf(request) ?? request);
}

class ContainerService implements FetchService {
  readonly onError: FetchService['onError'];
  readonly halfOpen: boolean;
  readonly #fetch: FetchHandler;
  readonly #logger: Logger | undefined;
  /** The number of promises of `waitUntil` that are pending. */
  pending = 0;
  #waiting: (() => void)[] = [];

  constructor(fetch: FetchHandler, { onError, halfOpen = true, logger }: FetchContainerOptions) {
    this.#fetch = fetch;
    this.halfOpen = halfOpen;
    this.onError = onError;
    this.#logger = logger;
  }

  get logger(): Logger {
    return this.#logger ?? IOLoop.current().logger;
  }

  handle(request: Request, own: FetchRequest): unknown {
    return this.#fetch.call(undefined, request, new Environment(own));
  }

  track(promise: PromiseLike<unknown>): void {
    this.pending += 1;
    Promise.resolve(promise)
      .catch((error: unknown) => this.logger.error({ error }, 'a promise of waitUntil rejected'))
      .finally(() => {
        this.pending -= 1;
        if (this.pending > 0) return;
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting) resolve();
      });
  }

  settled(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

class Environment implements FetchEnvironment {
  readonly #request: FetchRequest;

  constructor(request: FetchRequest) {
    this.#request = request;
  }

  get incoming(): IncomingMessage {
    return FetchRequest.nodeOf(this.#request).request;
  }

  get outgoing(): ServerResponse {
    return FetchRequest.nodeOf(this.#request).response;
  }
}
