// The opening handshake for both sides, in terms of headers. Does not know HTTP messages, hashing or randomness.

import { parseExtensions } from './extensions.ts';
import { isHandshakeKey } from './handshake-key.ts';
import { listHas, trimBlanks } from './header-list.ts';
import { parseSubprotocols } from './subprotocols.ts';

/**
 * The parts of a request that the check needs. `header` is called with a lower-case name, and joins the values of
 * repeated headers with commas.
 */
export interface UpgradeRequest {
  readonly method: string;
  readonly version: string;
  readonly header: (name: string) => string | undefined;
}

/** The contents of a valid upgrade request. */
export interface UpgradeOffer {
  readonly ok: true;
  /** The Sec-WebSocket-Key. Pass it to `acceptValue` for the response. */
  readonly key: string;
  /** The subprotocols in the client's order of preference; empty if it offered none. */
  readonly protocols: readonly string[];
  /** The Sec-WebSocket-Extensions header, which is well-formed. Pass it to `negotiateDeflate`. */
  readonly extensions: string | undefined;
  /** The version of the protocol. There is only this one. */
  readonly version: 13;
}

/** The response to a request that cannot be upgraded. */
export interface UpgradeRefusal {
  readonly ok: false;
  readonly status: 400 | 405 | 426;
  /** What was expected, as text for humans. */
  readonly reason: string;
  /** Headers that the response must have. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Checks a request to upgrade to WebSocket (RFC 6455 §4.2.1). Who may connect, and from which origin, is checked
 * elsewhere.
 *
 * Like the RFC, and unlike Tornado, it refuses HTTP/1.0, keys that are not 16 bytes in base64, and versions 7 and 8 of
 * the drafts. A malformed Sec-WebSocket-Extensions header is refused even if no extension is supported, as RFC 6455 §9.1
 * requires and Tornado does not; extensions and parameters that are unknown or invalid are only declined.
 */
export function checkUpgradeRequest(request: UpgradeRequest): UpgradeOffer | UpgradeRefusal {
  const { method, version, header } = request;
  if (method !== 'GET') return refuse(405, 'only GET can be upgraded', { Allow: 'GET' });
  if (version !== 'HTTP/1.1') return badRequest('an upgrade requires HTTP/1.1');
  if (trimBlanks(header('host') ?? '') === '') return badRequest('Host is missing');
  if (!listHas(header('upgrade'), 'websocket')) return badRequest('Upgrade must be websocket');
  if (!listHas(header('connection'), 'upgrade')) return badRequest('Connection must contain upgrade');
  const asked = header('sec-websocket-version');
  if (asked === undefined) return badRequest('Sec-WebSocket-Version is missing');
  // The version is checked before the key: in other versions, the key may have another format.
  if (trimBlanks(asked) !== '13')
    return refuse(426, 'only WebSocket version 13 is supported', VERSION_NEEDED);
  const key = trimBlanks(header('sec-websocket-key') ?? '');
  if (!isHandshakeKey(key)) return badRequest('Sec-WebSocket-Key must be 16 bytes in base64');
  const protocols = parseSubprotocols(header('sec-websocket-protocol'));
  if (protocols === undefined) return badRequest('Sec-WebSocket-Protocol must be a list of different tokens');
  const extensions = header('sec-websocket-extensions');
  if (extensions !== undefined && parseExtensions(extensions) === undefined) {
    return badRequest('Sec-WebSocket-Extensions must be a list of extensions with parameters');
  }
  return { ok: true, key, protocols, extensions, version: 13 };
}

/** RFC 6455 §4.4 requires the version; RFC 9110 §15.5.22 requires Upgrade in every 426. */
const VERSION_NEEDED = { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket', Connection: 'Upgrade' };

function badRequest(reason: string): UpgradeRefusal {
  return refuse(400, reason, {});
}

function refuse(status: 400 | 405 | 426, reason: string, headers: Record<string, string>): UpgradeRefusal {
  return { ok: false, status, reason, headers };
}
