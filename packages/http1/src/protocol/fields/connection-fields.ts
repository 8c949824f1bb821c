import type { HTTPHeaders } from './http-headers.ts';

/**
 * The fields of a response that belong to one connection and that the connection sets itself, in lower case. What an
 * application sets is not sent.
 *
 * They are those of RFC 9110 §7.6.1, which intermediaries remove, without two:
 *
 * - Connection and Transfer-Encoding: they decide where the response ends, and whether the connection stays open.
 * - Keep-Alive and Proxy-Connection: their values describe a connection that the application does not know.
 * - Upgrade is not in the list: a 426 must have it (RFC 9110 §15.5.22), and only the application knows the protocols.
 * - TE is not in the list: it is a field of requests, and has no effect in a response.
 */
export const CONNECTION_FIELDS: readonly string[] = Object.freeze([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
]);

const LENGTHS: ReadonlySet<number> = new Set(CONNECTION_FIELDS.map(({ length }) => length));

/** Whether a field, in any spelling, is one of {@link CONNECTION_FIELDS}. Most names need only a look at their length. */
export function isConnectionField(name: string): boolean {
  return LENGTHS.has(name.length) && CONNECTION_FIELDS.includes(name.toLowerCase());
}

/**
 * Whether a request asks for an upgrade: it has an Upgrade field that Connection lists (RFC 9110 §7.8). This is also the
 * rule of `http.Server`.
 */
export function asksForUpgrade(headers: HTTPHeaders): boolean {
  return headers.has('Upgrade') && /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(headers.get('Connection') ?? '');
}
