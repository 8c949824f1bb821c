import { WebSocketUsageError } from '../errors.ts';
import { isToken, splitList } from './header-list.ts';

/** More than any client offers; the choice may compare each with each that the server knows. */
const MAX_SUBPROTOCOLS = 64;

/**
 * Reads Sec-WebSocket-Protocol of a request: subprotocols in the client's order of preference, compared exactly.
 *
 * @returns `undefined` when the header is malformed: a member is no token or comes twice (RFC 6455 §4.1), or there
 * are more than 64. Without a header, or with an empty one, an empty list.
 */
export function parseSubprotocols(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  const names = splitList(value);
  return areOfferable(names) ? names : undefined;
}

/**
 * Writes Sec-WebSocket-Protocol of a request.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_SUBPROTOCOL` for what {@link parseSubprotocols} would not read.
 */
export function formatSubprotocols(names: readonly string[]): string {
  if (areOfferable(names)) return names.join(', ');
  const detail = `subprotocols are up to ${MAX_SUBPROTOCOLS} different tokens`;
  throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_SUBPROTOCOL', detail);
}

function areOfferable(names: readonly string[]): boolean {
  if (names.length > MAX_SUBPROTOCOLS) return false;
  return names.every(isToken) && new Set(names).size === names.length;
}
