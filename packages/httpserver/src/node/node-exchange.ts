import { IncomingMessage, type ServerResponse } from 'node:http';
import type { HTTPServerExchange, RequestHead } from '@landspout/http1';
import type { IncomingBody } from '../bodies/incoming-body.ts';
import { nodeMessagesOf } from '../calling/node-messages.ts';
import { originHead } from '../origin-head.ts';
import { PLAIN_MESSAGES } from './message-prototypes.ts';
import { NodeRequest } from './node-request.ts';
import { NodeResponse } from './node-response.ts';
import { closeNodeSocket, type NodeSocket, nodeSocketOf, type SocketUser } from './node-socket.ts';
import { RawFields } from './raw-fields.ts';
import { type ResponseOwner, ResponseWriter } from './response-writer.ts';

/** What routers set for themselves. A mounted application has its own, from the head of its request. */
const OF_ROUTERS = new Set<string | symbol>(['baseUrl', 'originalUrl', 'params', 'route', 'next', 'res']);
/** How Node names the symbols under which it keeps state. */
const STATE_OF_NODE = /^k[A-Z]/;

/** The request and response of node:http for one exchange. */
export interface NodeMessages {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /**
   * To be called by the delegate of the request when its `connectionClosed` is called: the request emits `aborted` and
   * the response `close`, unless the client can still read the response.
   */
  connectionClosed(reason: Error): void;
}

/**
 * Creates the request and response of node:http for an exchange, whose response must not have been started. When the
 * handler has ended the response, the exchange is finished, and the rest of the body is discarded.
 *
 * @internal
 * @param body - what the delegate of the request fills; undefined if the request has no body. It has one reader: nothing
 *   else may take from it after `request` was read.
 */
export function createNodeExchange(
  exchange: HTTPServerExchange,
  head: RequestHead,
  body?: IncomingBody,
): NodeMessages {
  const messages = new NodeExchange(exchange, head);
  messages.setBody(body);
  // The delegate of the request is that of the connection, and nothing else may close the socket.
  messages.closesSocket = true;
  return messages;
}

/** Connects the request, the response and the socket of node:http with one exchange. */
export class NodeExchange implements NodeMessages, SocketUser, ResponseOwner {
  readonly exchange: HTTPServerExchange;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly fields: RawFields;
  /**
   * Whether the socket closes if the exchange is cut. If false, `onClose` of the delegate closes it, because a mounted
   * delegate is also notified if its response is replaced, after which the connection serves further requests.
   */
  closesSocket = false;
  readonly #socket: NodeSocket;
  readonly #writer: ResponseWriter;
  /** Called if the handler writes to a response that it has ended, which is an uncaught error with node:http. */
  reporter: { lateWrite(): void } | undefined = undefined;
  #body: IncomingBody | undefined;
  #closeReason: Error | undefined;

  constructor(exchange: HTTPServerExchange, received: RequestHead, constructors = PLAIN_MESSAGES) {
    const head = originHead(received);
    this.exchange = exchange;
    const socket = nodeSocketOf(exchange.connection);
    this.#socket = socket;
    this.fields = new RawFields(head.headers);
    this.#writer = new ResponseWriter(exchange, this, socket);
    this.request = new NodeRequest(head, this.fields.raw, socket, constructors.request);
    const behind = nodeMessagesOf(exchange);
    if (behind !== undefined) copyAdded(behind.request, this.request);
    this.response = new NodeResponse(this.request, this.#writer, constructors.response);
    this.#writer.attach(this.response);
    socket.begin(this);
  }

  setBody(body: IncomingBody | undefined): void {
    this.#body = body;
    NodeRequest.setBody(this.request, body, this.#socket);
  }

  connectionClosed(reason: Error): void {
    if (isPeerEnded(reason) && !this.exchange.isCut) return;
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#writer.markCut();
    // Later, because an error that a listener throws is the program's, and must not end in the connection.
    process.nextTick(closeMessages, this);
  }

  /** Why the connection ended before the response was complete. */
  get closeReason(): Error | undefined {
    return this.#closeReason;
  }

  /** Emits the events of a connection that has ended, in the order of Node. */
  close(): void {
    const { request, response } = this;
    const reason = this.#closeReason as Error;
    const socket = this.#socket;
    socket.release(this);
    if (!this.closesSocket && !socket.closesWithRequest && !socket.destroyed) {
      // Node destroys the socket of an aborted request, and what the handler does to it must not end the connection.
      const closed = socket.closedCopy();
      Object.assign(request, { socket: closed });
      Object.assign(response, { socket: closed });
    }
    NodeRequest.connectionClosed(request, reason);
    this.#writer.connectionClosed(reason);
    if (this.closesSocket || socket.closesWithRequest) socket.connectionEnded();
  }

  /**
   * The response is complete, and was not written through `response`: the objects end as if it had been, with the
   * events `finish` and `close` in the next ticks.
   */
  respondedElsewhere(status: number): void {
    this.#writer.respondedElsewhere(status);
  }

  /**
   * Something else has taken over the connection: the request, the response and the socket emit `close` in the next
   * ticks, unless the response was ended.
   */
  handedOver(): void {
    if (this.response.finished || this.response.destroyed) return;
    this.#writer.markCut();
    process.nextTick(closeHandedOver, this);
  }

  /** Emits the events after {@link handedOver}. */
  closeHandedOver(): void {
    NodeRequest.responseCompleted(this.request);
    this.#writer.handedOver();
    closeNodeSocket(this.exchange.connection);
  }

  // ---- for the response ----

  responseCompleted(): void {
    NodeRequest.responseCompleted(this.request);
    this.#socket.release(this);
  }

  responseClosed(): void {
    this.#socket.responseClosed();
  }

  wroteAfterEnd(): void {
    if (this.#closeReason === undefined) this.reporter?.lateWrite();
  }

  continueWanted(): void {
    this.#body?.want();
  }

  // ---- for the socket ----

  abort(error: Error | undefined): void {
    this.exchange.abort(error);
  }

  timedOut(): boolean {
    const { request, response } = this;
    const isRequestHandled = !request.complete && request.emit('timeout', this.#socket);
    return response.emit('timeout', this.#socket) || isRequestHandled;
  }
}

/**
 * Copies what middleware has added to a request, such as `user` or `session`, to a new request for the same message: the
 * own properties that a request of node:http does not have. Accessors stay accessors.
 */
function copyAdded(from: IncomingMessage, to: IncomingMessage): void {
  for (const key of Reflect.ownKeys(from)) {
    if (OF_ROUTERS.has(key) || Object.hasOwn(to, key) || key in IncomingMessage.prototype) continue;
    if (typeof key === 'symbol' && STATE_OF_NODE.test(key.description ?? '')) continue;
    Object.defineProperty(to, key, Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor);
  }
}

/** Whether the client has ended its side of the connection. It may still read, unless the exchange is cut. */
export function isPeerEnded(reason: Error): boolean {
  return (reason as { readonly code?: unknown }).code === 'ERR_HTTP_PEER_ENDED';
}

function closeHandedOver(exchange: NodeExchange): void {
  exchange.closeHandedOver();
}

function closeMessages(exchange: NodeExchange): void {
  exchange.close();
}
