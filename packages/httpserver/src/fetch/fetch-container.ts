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
import { isNodeApplication } from '../container-remedy.ts';
import { closeNodeSocket } from '../node/node-socket.ts';
import { BackgroundWork } from './background-work.ts';
import { FetchMessage, type FetchService } from './fetch-message.ts';
import { FetchRequest, type RequestExchange } from './fetch-request.ts';

/** The second argument of a Fetch handler, known as the bindings of Hono's adapter for Node. */
export interface FetchEnvironment {
  /** Has what middleware of node:http in front of the container has added, such as `user` or `session`. */
  readonly incoming: IncomingMessage;
  /**
   * Headers that are set on it are added to the Response of the handler. Those of the Response win, except that
   * `Set-Cookie` and `Vary` have the values of both.
   */
  readonly outgoing: ServerResponse;
}

/** Handles one request. */
export type FetchHandler = (
  request: Request,
  environment: FetchEnvironment,
) => Response | PromiseLike<Response>;

export interface FetchContainerOptions {
  /**
   * Called with an error that the handler threw or rejected with, or with that of a response that is impossible to write, if
   * no part of a response was sent. What it returns is the response, and the error is not logged. Not called for an
   * error that has a response: see {@link FetchContainer}. Default: the response is a 500, and the error is logged.
   */
  readonly onError?: ((error: unknown, request: Request) => Response | PromiseLike<Response>) | undefined;
  /**
   * Whether a client that ends its side of the connection before its response is complete still gets it. If false, it is
   * treated as one that has left, as by `http.Server`: the signal of the request aborts, and the connection is reset.
   * Most clients that end their side have left; while the handler sends nothing, the two cannot be told apart. Default:
   * false.
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
 * If the handler throws, rejects or returns something impossible to send, the response is a 500 without details and the
 * error is logged; see `onError`. If the head of the response was already sent, the connection is reset.
 *
 * A Response that the handler throws is sent, as is that of an error with a method `getResponse`, such as the
 * HTTPException of Hono: these are not logged.
 */
export class FetchContainer implements HTTPServerConnectionDelegate {
  readonly #service: ContainerService;

  /** @throws HTTPUsageError `ERR_HTTP_USAGE` if an argument or option is invalid. */
  constructor(fetch: FetchHandler, options: FetchContainerOptions = {}) {
    checks.callback('FetchContainer', 'fetch', fetch);
    if (isNodeApplication(fetch)) {
      const expected = 'fetch: a Fetch handler (for an Express or Connect application, use NodeContainer)';
      throw checks.wrong('FetchContainer', expected, fetch);
    }
    checks.options('FetchContainer', options, CONTAINER_OPTIONS);
    const { onError, halfOpen = false, logger } = options;
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

  /**
   * Counts work that continues after its response, like `request.waitUntil`, until it settles. A rejection is logged.
   * Only a server of `serve` waits for it when it is closed; after stopping any other server, await {@link settled}.
   *
   * @throws HTTPUsageError `ERR_HTTP_USAGE` if it is not a promise, or 100,000 are pending.
   */
  waitUntil(promise: PromiseLike<unknown>): void {
    this.#service.work.add(promise);
  }

  /** The number of promises of `waitUntil` that have not settled. */
  get pending(): number {
    return this.#service.work.pending;
  }

  /** Resolves when no promise of `waitUntil` is pending. */
  settled(): Promise<void> {
    return this.#service.work.settled();
  }

  [INSPECT](): object {
    return inspection(this, ['pending']);
  }
}

/**
 * Returns the exchange and the head of a request that a FetchContainer has called its handler with, for another protocol
 * that takes over the connection (`exchange.detach`) and for interim responses:
 * `exchangeOf(request)?.exchange.writeInterim(103, headers)`. After `detach`, the Response of the handler is ignored.
 *
 * A clone of the request has the same exchange, and while `serve` replaces the globals (`overrideGlobalObjects`), so have
 * `new Request(request)` and `new Request(url, request)`, which `app.mount` of Hono calls; the head is that of the original.
 * Otherwise such a copy has no exchange: pass the original on, in Hono by
 * `app.mount(path, handler, { replaceRequest: false })`.
 *
 * @returns undefined for any other request.
 */
export function exchangeOf(request: Request): RequestExchange | undefined {
  return FetchRequest.exchangeOf(request);
}

class ContainerService implements FetchService {
  readonly onError: FetchService['onError'];
  readonly halfOpen: boolean;
  readonly #fetch: FetchHandler;
  readonly #logger: Logger | undefined;
  readonly work = new BackgroundWork(() => this.logger);

  constructor(fetch: FetchHandler, { onError, halfOpen = false, logger }: FetchContainerOptions) {
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
