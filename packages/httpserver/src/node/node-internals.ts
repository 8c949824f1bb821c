// Frameworks such as Express replace the prototype of a request and a response by one of their own, which inherits from
// the classes of node:http. So requests and responses here are created by the constructors of node:http, which makes
// their internal state right for any version of Node, and the methods that differ are own properties.
//
// Node keeps some of that state under symbols. This file finds them in the running version; a symbol is undefined if
// that version has none.

import { IncomingMessage, OutgoingMessage } from 'node:http';

/** The header fields that were set, by name in lower case: a pair of name and value for each. */
export const OUT_HEADERS = findOutHeaders();
/** Whether a write returned false, and the event `drain` is due. */
export const NEED_DRAIN = symbolOf(new OutgoingMessage(), 'kNeedDrain');
/** The value of `writableFinished`. Older versions derive it from `finished` and `outputSize`. */
export const WRITABLE_FINISHED = symbolOf(new OutgoingMessage(), 'kWritableFinished');

const DETACH_SIGNAL = symbolOf(IncomingMessage.prototype, 'kDetachAbortSignal');

/** Removes the listener of `request.signal` from the socket, which outlives the request. */
export function detachSignal(request: IncomingMessage): void {
  if (DETACH_SIGNAL === undefined) return;
  const detach = (request as unknown as Readonly<Record<symbol, unknown>>)[DETACH_SIGNAL];
  if (typeof detach === 'function') detach.call(request);
}

/** Returns the state that Node keeps under symbols. */
export function symbolsOf(message: OutgoingMessage): Record<symbol, unknown> {
  return message as unknown as Record<symbol, unknown>;
}

function symbolOf(holder: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(holder).find((symbol) => symbol.description === description);
}

function findOutHeaders(): symbol | undefined {
  const message = new OutgoingMessage();
  message.setHeader('Probe', '1');
  const state = message as unknown as Readonly<Record<symbol, { readonly probe?: unknown } | null>>;
  return Object.getOwnPropertySymbols(message).find((symbol) => Array.isArray(state[symbol]?.probe));
}
