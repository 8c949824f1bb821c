// The server's part of the opening handshake after a request was accepted, for WebSocketHandler and for Fetch handlers.
// Does not know what called it.

import { createHash } from 'node:crypto';
import type { HTTPHeaders, RequestHead, StopNotice } from '@landspout/http1';
import { HttpDateCache, ResponseEncoder } from '@landspout/http1/protocol';
import { isThenable } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { negotiateCompression, releaseAgreement } from '../compression/negotiation.ts';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import type { RandomBytes, WebSocketOptions, WebSocketSettings } from '../connection/websocket-options.ts';
import { acceptValue, CLOSE_CODES, type UpgradeOffer } from '../protocol/index.ts';

/** Shorter than the 60 s after which common proxies drop a silent connection. */
const PING_INTERVAL_MS = 30_000;

/** Turns pings on, unless the options say how often. Options that are invalid are left for their check. */
export function withPings(options: WebSocketOptions | undefined): WebSocketOptions | undefined {
  if (options === undefined) return { pingIntervalMs: PING_INTERVAL_MS };
  if (options === null || typeof options !== 'object' || isThenable(options)) return options;
  return options.pingIntervalMs === undefined ? { ...options, pingIntervalMs: PING_INTERVAL_MS } : options;
}

const MAX_RETRY_SECONDS = 10;

/** The Retry-After of a stopping server: from 1 to 10 s, so that clients do not all return at the same moment. */
export function retryAfterSeconds(randomBytes: RandomBytes): number {
  const [byte = 0] = randomBytes(1);
  return 1 + Math.floor((byte * MAX_RETRY_SECONDS) / 256);
}

/** An upgrade that was accepted. */
export interface AcceptedUpgrade {
  /** The head of the request. */
  readonly head: RequestHead;
  readonly offer: UpgradeOffer;
  /** The chosen subprotocol; undefined for none. */
  readonly protocol: string | undefined;
  readonly settings: WebSocketSettings;
  /** Called before `detach`. @returns headers for the 101, which are changed. */
  readonly takeHeaders: () => HTTPHeaders;
  /** Takes over the connection, as `HTTPServerExchange.detach` does. */
  readonly detach: (onStopping: (notice: StopNotice) => void) => IOStream;
}

/** What {@link switchProtocols} has opened. */
export interface SwitchedConnection {
  readonly connection: WebSocketConnection;
  /** The value of Sec-WebSocket-Extensions; empty if there are none. */
  readonly extensions: string;
}

/**
 * Takes over the connection of a request and sends the 101. If the server stops, the connection is closed with 1012, or
 * with 1001 if the service ends for good. The caller starts it.
 *
 * If this throws, nothing was sent, and the request can get another response, unless `detach` has returned.
 */
export function switchProtocols(upgrade: AcceptedUpgrade, delegate: WebSocketDelegate): SwitchedConnection {
  const { head: request, offer, protocol, settings, takeHeaders, detach } = upgrade;
  const deflate = negotiateCompression(offer.extensions, settings.compression);
  try {
    const agreed = { key: offer.key, protocol, extensions: deflate?.response };
    const head = encodeSwitch(takeHeaders(), agreed, settings.clock.wallTime());
    let connection: WebSocketConnection | undefined;
    const stream = detach(({ final }) =>
      connection?.close(final ? CLOSE_CODES.goingAway : CLOSE_CODES.serviceRestart),
    );
    stream.send(head);
    connection = new WebSocketConnection(stream, 'server', delegate, settings, deflate?.agreement, request);
    return { connection, extensions: deflate?.response ?? '' };
  } catch (error) {
    if (deflate !== undefined && settings.compression !== undefined)
      releaseAgreement(deflate.agreement, settings.compression);
    throw error;
  }
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

/** What the 101 tells the client. */
interface Agreed {
  /** The Sec-WebSocket-Key of the request. */
  readonly key: string;
  readonly protocol: string | undefined;
  readonly extensions: string | undefined;
}

const dates = new HttpDateCache();

/** Encodes a 101. @param headers - those of the handler, which are changed. */
function encodeSwitch(headers: HTTPHeaders, agreed: Agreed, nowMs: number): string {
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
