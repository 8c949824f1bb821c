import { shownValue } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from '../errors.ts';
import { isToken, splitList } from './header-list.ts';

/**
 * Maximum number of subprotocols, more than any client offers. Limited because a server may compare each of them with
 * each one that it supports.
 */
export const MAX_SUBPROTOCOLS = 64;

/**
 * Reads the Sec-WebSocket-Protocol header of a request: subprotocols in the client's order of preference. Names are
 * case-sensitive.
 *
 * @returns an empty list if the header is missing or empty. `undefined` if it is malformed: a member is not a token or
 *   occurs twice (RFC 6455 §4.1), or there are more than 64.
 */
export function parseSubprotocols(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  const names = splitList(value);
  return areOfferable(names) ? names : undefined;
}

/**
 * Returns the value of the Sec-WebSocket-Protocol header of a request.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_SUBPROTOCOL` for a list that {@link parseSubprotocols} would refuse.
 */
export function formatSubprotocols(names: readonly string[]): string {
  if (Array.isArray(names) && areOfferable(names)) return names.join(', ');
  const detail = `subprotocols must be an array of at most ${MAX_SUBPROTOCOLS} different tokens, got ${shownValue(names)}`;
  throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_SUBPROTOCOL', detail);
}

function areOfferable(names: readonly string[]): boolean {
  if (names.length > MAX_SUBPROTOCOLS) return false;
  return names.every(isToken) && new Set(names).size === names.length;
}
