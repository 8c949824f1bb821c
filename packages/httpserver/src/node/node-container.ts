import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type HTTPConnectionInfo,
  HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  HTTPUsageError,
  type RequestHead,
} from '@landspout/http1';
import { asksForUpgrade } from '@landspout/http1/protocol';
import { IOLoop, isCancellation, type Logger } from '@landspout/ioloop';
import { ArgumentChecks, excerpt, type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { acceptLogger, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { HIGH_WATER_BYTES, IncomingBody } from '../bodies/incoming-body.ts';
import { type MessageConstructors, messageConstructorsFor } from './message-prototypes.ts';
import { isPeerEnded, NodeExchange } from './node-exchange.ts';
import { closeNodeSocket } from './node-socket.ts';
import { upgradedSocket } from './upgraded-socket.ts';

/** A handler of node:http: an Express application, a Connect application or middleware, or a function. */
export type NodeHandler = {
  // Declared as a method, so that middleware whose types name the request of Express is accepted too.
  handle(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): unknown;
}['handle'];

/** Takes over the connection of a request to upgrade. */
export type NodeUpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

export interface NodeContainerOptions {
  /**
   * Called with a request to upgrade, like a listener of the event `upgrade` of `http.Server`, for example
   * `(request, socket, head) => wss.handleUpgrade(request, socket, head, ...)` with the package ws. `head` is empty:
   * `socket` delivers all bytes after the request. When the server stops, `socket.end()` is called. Default: the handler
   * is called, as with any other request.
   */
  readonly onUpgrade?: NodeUpgradeHandler;
  /**
   * Whether a client that ends its side of the connection still gets its response. If false, it is treated as one that
   * has left, as by `http.Server`: the request emits `aborted`, the response `close`, and the connection is reset. Most
   * clients that end their side have left; while the handler sends nothing, the two cannot be told apart. A response
   * whose `end` was called is still sent. Default: false.
   */
  readonly halfOpen?: boolean;
  /** Receives the errors of the handler. Default: the logger of the event loop. */
  readonly logger?: Logger;
}

const NODE_CONTAINER_OPTIONS: OptionNames<NodeContainerOptions> = {
  onUpgrade: true,
  halfOpen: true,
  logger: true,
};

const checks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/** The header fields of a response that describe its content, which an error page replaces. */
const CONTENT_FIELDS = [
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
];

const NO_BYTES = Buffer.alloc(0);

/**
 * Serves a handler of node:http, such as an Express application: calls it with a request and a response that are made
 * by the classes of node:http, over the exchange of any server of this stack.
 *
 * The handler is called when the headers are received, or, if a body of at most 64 KiB is announced, when it is
 * received. If it throws or rejects, the client gets a 500, or the connection is reset if the response has begun; one
 * record is logged. If it calls `next()`, the client gets a 404; `next(error)` is a response with the `status` or
 * `statusCode` of the error if that is from 400 to 599, else a 500, and is logged if the status is 500 or more. A
 * handler that returns may respond later.
 *
 * The body is asked for (`100 Continue`) when it is read. What was not read of it when the response is complete is
 * discarded. A client that ends its side of the connection has left, unless `halfOpen` is set. CONNECT is refused with
 * 501.
 *
 * What middleware of node:http in front of the container has added to its request, such as `user` or `session`, is
 * copied to the request of the handler.
 *
 * @example
 * const app = express();
 * const server = new HTTPServer(new NodeContainer(app));
 * await server.listen({ port: 8888 });
 */
export class NodeContainer implements HTTPServerConnectionDelegate {
  readonly #service: NodeService;

  /** @throws HTTPUsageError if the handler is no function or an option is invalid. */
  constructor(handler: NodeHandler, options: NodeContainerOptions = {}) {
    checks.options('NodeContainer', options, NODE_CONTAINER_OPTIONS);
    const { onUpgrade, halfOpen = false, logger = IOLoop.current().logger } = options;
    if (onUpgrade !== undefined) checks.callback('NodeContainer', 'onUpgrade', onUpgrade);
    checks.boolean('NodeContainer', 'halfOpen', halfOpen);
    checks.withMethods(
      'NodeContainer',
      'logger: an object with the methods debug, info, warn and error',
      logger,
      'debug',
      'error',
    );
    this.#service = {
      handler: requireHandler(handler),
      constructors: messageConstructorsFor(handler),
      onUpgrade,
      halfOpen,
      logger: acceptLogger(logger),
    };
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new NodeMessage(this.#service, exchange);
  }

  onClose(connection: HTTPConnectionInfo): void {
    closeNodeSocket(connection);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      handler: this.#service.handler.name || '(anonymous)',
      upgrades: this.#service.onUpgrade !== undefined,
    }));
  }
}

/** What all requests of a container share. */
interface NodeService {
  readonly handler: NodeHandler;
  readonly constructors: MessageConstructors;
  readonly onUpgrade: NodeUpgradeHandler | undefined;
  readonly halfOpen: boolean;
  readonly logger: Logger;
}

/** Receives one request, and calls the handler. */
class NodeMessage implements HTTPMessageDelegate {
  collectsBody = false;
  readonly #service: NodeService;
  readonly #exchange: HTTPServerExchange;
  #messages: NodeExchange | undefined;
  #body: IncomingBody | undefined;

  constructor(service: NodeService, exchange: HTTPServerExchange) {
    this.#service = service;
    this.#exchange = exchange;
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    if (head.method === 'CONNECT') return refuseConnect(this.#exchange);
    const { constructors, onUpgrade } = this.#service;
    const messages = new NodeExchange(this.#exchange, head, constructors);
    if (onUpgrade !== undefined && asksForUpgrade(head.headers)) return this.#upgrade(messages, onUpgrade);
    this.#messages = messages;
    messages.reporter = this;
    const { bodyLength, expectsContinue } = messages.fields;
    if (bodyLength === 0) {
      messages.setBody(undefined);
      this.#call(messages);
      return;
    }
    const body = new IncomingBody();
    this.#body = body;
    this.collectsBody = bodyLength > 0 && bodyLength <= HIGH_WATER_BYTES && !expectsContinue;
    if (this.collectsBody) return;
    messages.setBody(body);
    this.#call(messages);
    return expectsContinue ? body.wanted() : undefined;
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    const waiting = this.#body?.push(chunk);
    // Nothing reads a body that is being collected, so nothing may wait for that.
    return this.collectsBody ? undefined : waiting;
  }

  finish(trailers?: HTTPHeaders): void {
    const body = this.#body;
    body?.end(trailers);
    if (!this.collectsBody) return;
    this.collectsBody = false;
    const messages = this.#messages as NodeExchange;
    messages.setBody(body);
    this.#call(messages);
  }

  connectionClosed(reason: Error): void {
    const messages = this.#messages;
    const isReading = isPeerEnded(reason) && !this.#exchange.isCut;
    if (isReading && messages !== undefined && !this.#service.halfOpen && !messages.response.writableEnded) {
      // Calls this method again.
      this.#exchange.abort(reason);
      return;
    }
    messages?.connectionClosed(reason);
    if (this.#exchange.isCut) this.#body?.fail(reason);
  }

  #call(messages: NodeExchange): void {
    try {
      const { request, response } = messages;
      const result = this.#service.handler(request, response, (error) => this.#next(messages, error));
      if (isThenable(result)) reportRejection(result, (error) => this.#failed(messages, error));
    } catch (error) {
      this.#failed(messages, error);
    }
  }

  /** The handler has responded a second time. */
  lateWrite(): void {
    const error = new HTTPUsageError('write: the handler has ended the response before, so this is not sent');
    this.#report(error);
  }

  #report(error: unknown): void {
    const {
      originalUrl,
      url = '/',
      method,
    } = (this.#messages?.request ?? {}) as Partial<IncomingMessage> & {
      readonly originalUrl?: string;
    };
    const peer = this.#exchange.connection.remoteAddress;
    this.#service.logger.error(
      { error, method, target: excerpt(originalUrl ?? url), peer },
      'handling a request failed',
    );
  }

  /** The handler threw. */
  #failed(messages: NodeExchange, error: unknown): void {
    this.#fail(messages, error instanceof HTTPInputError ? error.status : 500, error);
  }

  /** No handler is left, or an error was passed on. */
  #next(messages: NodeExchange, error: unknown): void {
    const { request, response } = messages;
    if (error !== undefined && error !== null && error !== 'route' && error !== 'router') {
      this.#fail(messages, statusOf(error), error);
    } else if (!response.headersSent && this.#exchange.fail?.(404) !== true) {
      respond(messages, 404, `Cannot ${request.method} ${pathOf(request)}\n`);
    }
  }

  #fail(messages: NodeExchange, status: number, error: unknown): void {
    const { response, closeReason } = messages;
    if (closeReason !== undefined && (isCancellation(error, closeReason) || isOfStream(error))) {
      this.#service.logger.debug({ error }, 'a handler gave up because its client left');
      return;
    }
    const isOpen = closeReason === undefined && !response.writableEnded && !response.headersSent;
    if (isOpen && this.#exchange.fail?.(status, error) === true) return;
    if (status >= 500) this.#report(error);
    if (closeReason !== undefined || response.writableEnded) return;
    if (response.headersSent) this.#exchange.abort(error instanceof Error ? error : undefined);
    else respond(messages, status, undefined, error);
  }

  #upgrade({ request }: NodeExchange, onUpgrade: NodeUpgradeHandler): void {
    const socket = upgradedSocket(this.#exchange);
    Object.assign(request, { socket, client: socket, upgrade: true, complete: true });
    const failed = (error: unknown): void => {
      this.#service.logger.error({ error }, 'handling an upgrade failed');
      socket.destroy();
    };
    try {
      reportRejection(onUpgrade(request, socket, NO_BYTES), failed);
    } catch (error) {
      failed(error);
    }
  }
}

function requireHandler(handler: NodeHandler): NodeHandler {
  if (typeof handler === 'function') return handler;
  const { callback } = (handler ?? {}) as { readonly callback?: unknown };
  const remedy = typeof callback === 'function' ? '; for an application of Koa, pass app.callback()' : '';
  throw new HTTPUsageError(
    `NodeContainer: a function (request, response, next) was expected, not ${shownValue(handler)}${remedy}`,
  );
}

function refuseConnect(exchange: HTTPServerExchange): void {
  const headers = new HTTPHeaders()
    .set('Content-Type', 'text/plain; charset=utf-8')
    .set('Connection', 'close');
  exchange.writeHead(501, '', headers, 'CONNECT is not supported\n', true);
}

/**
 * Responds as the last handler of Connect and Express does, without details of the error. The header fields that
 * middleware has set, such as those of CORS, are kept.
 */
function respond({ response, exchange }: NodeExchange, status: number, text?: string, error?: unknown): void {
  try {
    for (const name of CONTENT_FIELDS) response.removeHeader(name);
    response.statusCode = status;
    response.statusMessage = '';
    for (const [name, value] of Object.entries(headersOf(error))) setValid(response, name, value);
    response.setHeader('Content-Security-Policy', "default-src 'none'");
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(text ?? `${STATUS_CODES[status] ?? status}\n`);
  } catch (cause) {
    exchange.abort(cause instanceof Error ? cause : undefined);
  }
}

/** Sets a header field of an error, which must not prevent the response, so that an invalid one is left out. */
function setValid(response: ServerResponse, name: string, value: string): void {
  try {
    response.setHeader(name, value);
  } catch {
    // It has characters that must not be sent.
  }
}

/** The status for an error that was passed to `next`. */
function statusOf(error: unknown): number {
  const { status, statusCode } = error as { readonly status?: unknown; readonly statusCode?: unknown };
  for (const code of [status, statusCode]) {
    if (Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599) return code as number;
  }
  return 500;
}

/** The header fields that an error has for its response, as the errors of http-errors do. */
function headersOf(error: unknown): Readonly<Record<string, string>> {
  const { headers } = (error ?? {}) as { readonly headers?: unknown };
  return typeof headers === 'object' && headers !== null ? (headers as Record<string, string>) : {};
}

/** Whether an error only says that a stream was closed, as the errors of `pipeline` do. */
function isOfStream(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ERR_STREAM_DESTROYED';
}

function pathOf(request: IncomingMessage): string {
  const { originalUrl = request.url } = request as { readonly originalUrl?: string };
  return (originalUrl ?? '/').split('?', 1)[0] as string;
}
