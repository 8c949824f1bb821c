// The responses to upgrade requests: the 101, and refusals, which result in the application's error pages.

import { createHash } from 'node:crypto';
import type { HTTPHeaders } from '@landspout/http1';
import { HttpDateCache, ResponseEncoder } from '@landspout/http1/protocol';
import { isThenable } from '@landspout/ioloop/reactor';
import { HTTPError } from '@landspout/web';
import type { RandomBytes, WebSocketOptions } from '../connection/websocket-options.ts';
import { acceptValue } from '../protocol/index.ts';

/** Shorter than the 60 s after which common proxies drop a silent connection. */
const PING_INTERVAL_MS = 30_000;

/** Turns pings on, unless the options say how often. Options that are invalid are left for their check. */
export function withPings(options: WebSocketOptions | undefined): WebSocketOptions | undefined {
  if (options === undefined) return { pingIntervalMs: PING_INTERVAL_MS };
  if (options === null || typeof options !== 'object' || isThenable(options)) return options;
  return options.pingIntervalMs === undefined ? { ...options, pingIntervalMs: PING_INTERVAL_MS } : options;
}

/** Headers that describe a body, which a 101 does not have, or that only the handshake may set. */
const NOT_OF_UPGRADES = [
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Transfer-Encoding',
  'ETag',
  'Sec-WebSocket-Extensions',
  'Sec-WebSocket-Protocol',
];

/** Makes an error that results in an error page, as for any other request. @param reason - for the client. */
export function refusal(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): HTTPError {
  const detail = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  return new HTTPError(status, undefined, { detail, headers });
}

const MAX_RETRY_SECONDS = 10;

/** Tells a client of a stopping server when to try again: after 1 to 10 s, so that clients do not all return at once. */
export function refusalOfStopping(randomBytes: RandomBytes): HTTPError {
  const [byte = 0] = randomBytes(1);
  const seconds = 1 + Math.floor((byte * MAX_RETRY_SECONDS) / 256);
  return refusal(503, 'the server is stopping', { 'Retry-After': String(seconds) });
}

/** What the 101 tells the client. */
interface Agreed {
  /** The Sec-WebSocket-Key of the request. */
  readonly key: string;
  readonly protocol: string | undefined;
  readonly extensions: string | undefined;
}

const dates = new HttpDateCache();

/** Encodes a 101. @param headers - those of the handler, which are changed. */
export function encodeSwitch(headers: HTTPHeaders, agreed: Agreed, nowMs: number): string {
  const { key, protocol, extensions } = agreed;
  for (const name of NOT_OF_UPGRADES) headers.delete(name);
  const sha1Base64 = (text: string) => createHash('sha1').update(text).digest('base64');
  headers.set('Upgrade', 'websocket').set('Connection', 'Upgrade');
  headers.set('Sec-WebSocket-Accept', acceptValue(key, sha1Base64));
  if (extensions !== undefined) headers.set('Sec-WebSocket-Extensions', extensions);
  if (protocol !== undefined) headers.set('Sec-WebSocket-Protocol', protocol);
  const encoder = new ResponseEncoder();
  encoder.begin('GET', 'HTTP/1.1', true);
  return encoder.head(101, '', headers, dates.at(nowMs), -1, false);
}
