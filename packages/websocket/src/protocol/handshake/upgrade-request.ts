// This room knows the opening handshake of both sides, as questions about header fields. It does not know HTTP messages,
// hashing or randomness.

import { isHandshakeKey } from './handshake-key.ts';
import { listHas, trimBlanks } from './header-list.ts';
import { parseSubprotocols } from './subprotocols.ts';

/** What the check needs of a request. `header` takes a lower-case name; repeated fields come joined by commas. */
export interface UpgradeRequest {
  readonly method: string;
  readonly version: string;
  readonly header: (name: string) => string | undefined;
}

/** What a client asked for. */
export interface UpgradeOffer {
  readonly ok: true;
  /** Answer it with `acceptValue`. */
  readonly key: string;
  /** Subprotocols in the client's order; empty when it offered none. */
  readonly protocols: readonly string[];
  /** The version of the protocol; there is one. */
  readonly version: 13;
}

/** The answer that a request which cannot be upgraded deserves. */
export interface UpgradeRefusal {
  readonly ok: false;
  readonly status: 400 | 405 | 426;
  /** For people: what was expected. */
  readonly reason: string;
  /** What the answer must carry. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Checks a request to speak WebSocket (RFC 6455 §4.2.1). Who may connect, and from which origin, is not its matter.
 *
 * Stricter than Tornado where the RFC is: HTTP/1.0, a key that is not 16 bytes of base64, and the drafts' versions
 * 7 and 8 are refused.
 */
export function checkUpgradeRequest(request: UpgradeRequest): UpgradeOffer | UpgradeRefusal {
  const { method, version, header } = request;
  if (method !== 'GET') return refuse(405, 'only GET can be upgraded', { Allow: 'GET' });
  if (version !== 'HTTP/1.1') return badRequest('an upgrade needs HTTP/1.1');
  if (trimBlanks(header('host') ?? '') === '') return badRequest('Host is missing');
  if (!listHas(header('upgrade'), 'websocket')) return badRequest('Upgrade must be websocket');
  if (!listHas(header('connection'), 'upgrade')) return badRequest('Connection must contain upgrade');
  const asked = header('sec-websocket-version');
  if (asked === undefined) return badRequest('Sec-WebSocket-Version is missing');
  // The key comes after the version: another version may have keys of another shape.
  if (trimBlanks(asked) !== '13') return refuse(426, 'only version 13 is spoken here', VERSION_NEEDED);
  const key = trimBlanks(header('sec-websocket-key') ?? '');
  if (!isHandshakeKey(key)) return badRequest('Sec-WebSocket-Key must be 16 bytes in base64');
  const protocols = parseSubprotocols(header('sec-websocket-protocol'));
  if (protocols === undefined) return badRequest('Sec-WebSocket-Protocol must be a list of different tokens');
  return { ok: true, key, protocols, version: 13 };
}

/** RFC 6455 §4.4 asks for the version; RFC 9110 §15.5.22 asks every 426 for Upgrade. */
const VERSION_NEEDED = { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket', Connection: 'Upgrade' };

function badRequest(reason: string): UpgradeRefusal {
  return refuse(400, reason, {});
}

function refuse(status: 400 | 405 | 426, reason: string, headers: Record<string, string>): UpgradeRefusal {
  return { ok: false, status, reason, headers };
}
