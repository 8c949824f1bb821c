/**
 * Handlers of node:http, `(request, response)`, such as Express applications and Connect middleware: served by an
 * HTTPServer (`NodeContainer`), and the reverse, an Application as such a handler (`toNodeHandler`).
 *
 * @packageDocumentation
 */

export { CALLING_ERRORS, type CallingErrorCode, HTTPDetachError } from '../calling/errors.ts';
export {
  NodeContainer,
  type NodeContainerOptions,
  type NodeHandler,
  type NodeUpgradeHandler,
} from './node-container.ts';
export { type NodeRequestListener, type ToNodeHandlerOptions, toNodeHandler } from './to-node-handler.ts';

// For the packages above.

export { IncomingBody } from '../bodies/incoming-body.ts';
export { createNodeExchange, type NodeMessages } from './node-exchange.ts';
export { closeNodeSocket } from './node-socket.ts';
export { setResponseHeaders } from './outer-node-response.ts';
