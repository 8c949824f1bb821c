import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';

export interface ToNodeHandlerOptions {
  readonly maxBodyBytes?: number;
}

export interface NodeRequestListener {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /** For the event `upgrade` of `http.Server`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export function toNodeHandler(
  _delegate: HTTPServerConnectionDelegate,
  _options: ToNodeHandlerOptions = {},
): NodeRequestListener {
  throw new Error('not implemented');
}
