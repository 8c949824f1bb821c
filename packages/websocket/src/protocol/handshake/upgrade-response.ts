import { WebSocketHandshakeError, type WebSocketHandshakeErrorCode } from '../errors.ts';
import { listHas, trimBlanks } from './header-list.ts';
import { checkDeflateResponse, type DeflateAgreement, type DeflateSettings } from './permessage-deflate.ts';

/**
 * The parts of a response that the check needs. `header` is called with a lower-case name, and joins the values of
 * repeated headers with commas.
 */
export interface UpgradeResponse {
  /** For example `HTTP/1.1`. */
  readonly version: string;
  readonly status: number;
  readonly header: (name: string) => string | undefined;
}

/** What our request sent and offered. */
export interface UpgradeExpectation {
  /** `acceptValue` of the key that was sent. */
  readonly accept: string;
  /** The subprotocols that were offered; empty if none. */
  readonly protocols: readonly string[];
  /** The settings that were passed to `deflateOffer`. Default: permessage-deflate was not offered. */
  readonly deflate?: DeflateSettings | undefined;
}

/** What both sides have agreed on. */
export interface UpgradeAgreement {
  /** The subprotocol that the server chose; undefined if it chose none of those offered. */
  readonly protocol: string | undefined;
  /** How messages are compressed; undefined if they are not. */
  readonly deflate: DeflateAgreement | undefined;
}

/**
 * Checks a server's response to our upgrade request (RFC 6455 §4.1). The only extension that can have been offered is
 * permessage-deflate; see `checkDeflateResponse`.
 *
 * @throws WebSocketHandshakeError with the server's status; the connection must be closed without a close frame.
 */
export function checkUpgradeResponse(response: UpgradeResponse, sent: UpgradeExpectation): UpgradeAgreement {
  const { version, status, header } = response;
  const fail = (code: WebSocketHandshakeErrorCode, detail: string): never => {
    throw new WebSocketHandshakeError(code, status, detail);
  };
  if (status !== 101)
    fail('ERR_WEBSOCKET_UPGRADE_REFUSED', `the server must respond with 101, got ${status}`);
  if (version !== 'HTTP/1.1') fail('ERR_WEBSOCKET_BAD_UPGRADE', `a 101 must be HTTP/1.1, got ${version}`);
  if (trimBlanks(header('upgrade') ?? '').toLowerCase() !== 'websocket') {
    fail('ERR_WEBSOCKET_BAD_UPGRADE', 'Upgrade must be websocket');
  }
  if (!listHas(header('connection'), 'upgrade')) {
    fail('ERR_WEBSOCKET_BAD_UPGRADE', 'Connection must contain upgrade');
  }
  if (trimBlanks(header('sec-websocket-accept') ?? '') !== sent.accept) {
    fail('ERR_WEBSOCKET_BAD_ACCEPT', 'Sec-WebSocket-Accept does not match the key of the request');
  }
  const deflate = checkDeflateResponse(header('sec-websocket-extensions'), sent.deflate);
  const chosen = header('sec-websocket-protocol');
  if (chosen === undefined) return { protocol: undefined, deflate };
  const protocol = trimBlanks(chosen);
  if (!sent.protocols.includes(protocol)) {
    fail('ERR_WEBSOCKET_UNOFFERED_PROTOCOL', 'the server chose a subprotocol that was not offered');
  }
  return { protocol, deflate };
}
