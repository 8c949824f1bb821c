import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HTTPMessageDelegate, HTTPServerConnectionDelegate, HTTPServerExchange } from '@landspout/http1';

/** A handler of node:http: an Express application, a Connect application or middleware, or a function. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

export interface NodeContainerOptions {
  /** Called with a request to upgrade, like the event `upgrade` of `http.Server`. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown;
}

export class NodeContainer implements HTTPServerConnectionDelegate {
  constructor(_handler: NodeHandler, _options: NodeContainerOptions = {}) {}

  startRequest(_exchange: HTTPServerExchange): HTTPMessageDelegate {
    throw new Error('not implemented');
  }
}
