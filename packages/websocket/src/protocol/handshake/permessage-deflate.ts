// Negotiates permessage-deflate (RFC 7692 §5 and §7) for both sides, in terms of headers. Does not compress.

import { shownText } from '@landspout/ioloop/errors';
import { WebSocketHandshakeError, type WebSocketHandshakeErrorCode } from '../errors.ts';
import { webSocketChecks } from '../limits.ts';
import { type Extension, parseExtensions } from './extensions.ts';

/** What one side wants. The window sizes are base-2 logarithms of bytes. */
export interface DeflateSettings {
  /**
   * Whether both sides may keep their LZ77 window from one message to the next. It compresses better, but each
   * connection then holds the state of zlib. `false` forbids it to both sides; a server may ignore that for its own
   * messages.
   */
  readonly contextTakeover: boolean;
  /** Maximum window of the messages that this side sends: from 9 to 15. The peer may ask for a smaller one. */
  readonly maxWindowBits: number;
  /**
   * Maximum window of the messages that the peer sends, and therefore of the memory for decompressing them: from 9 to
   * 15. If the peer cannot be limited to it, compression is not negotiated.
   */
  readonly peerMaxWindowBits: number;
}

/** What both sides have agreed on, seen from this side. */
export interface DeflateAgreement {
  /** The window to compress with: from 9 to 15. */
  readonly sendWindowBits: number;
  /** The window to decompress with: from 9 to 15. The peer may use a smaller one. */
  readonly receiveWindowBits: number;
  /** Whether this side may keep its window between messages. If not, compress every message on its own. */
  readonly sendTakeover: boolean;
  /** Whether the peer may keep its window. If not, nothing has to be kept between two messages. */
  readonly receiveTakeover: boolean;
}

/** An offer that a server accepts. */
export interface AcceptedDeflate {
  readonly agreement: DeflateAgreement;
  /** The value of the Sec-WebSocket-Extensions header of the response. */
  readonly response: string;
}

const EXTENSION_NAME = 'permessage-deflate';

/** The window that a side may use if nothing limits it. */
const MAX_WINDOW_BITS = 15;

/**
 * The smallest window of a raw deflate stream that zlib can write: it uses 9 without notice if 8 is requested, and the
 * peer could then not decompress the messages.
 */
const MIN_WINDOW_BITS = 9;

/**
 * Checks settings that come from the program. Neither {@link negotiateDeflate} nor {@link deflateOffer} repeats it.
 *
 * @param operation - what the message of the error starts with.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if a setting is out of range.
 */
export function checkDeflateSettings(operation: string, settings: DeflateSettings): void {
  const { contextTakeover, maxWindowBits, peerMaxWindowBits } = settings;
  webSocketChecks.boolean(operation, 'contextTakeover', contextTakeover);
  webSocketChecks.wholeNumber(operation, 'maxWindowBits', maxWindowBits, MIN_WINDOW_BITS, MAX_WINDOW_BITS);
  webSocketChecks.wholeNumber(
    operation,
    'peerMaxWindowBits',
    peerMaxWindowBits,
    MIN_WINDOW_BITS,
    MAX_WINDOW_BITS,
  );
}

// ---- the server ----

/**
 * Chooses the first offer that the server can accept. All others are declined, as are other extensions: the connection
 * is then upgraded without compression. Never throws, whatever the client sent.
 *
 * An offer is declined (RFC 7692 §7) if a parameter is unknown, repeated or has an invalid value, if a window has 8
 * bits, or if `peerMaxWindowBits` is less than 15 and the client does not say that its window can be limited.
 *
 * @param header - the Sec-WebSocket-Extensions header of the request. If it is malformed, all offers are declined;
 *   `checkUpgradeRequest` refuses such a request before.
 * @returns the agreement and the response, or `undefined` if there is no acceptable offer.
 */
export function negotiateDeflate(
  header: string | undefined,
  settings: DeflateSettings,
): AcceptedDeflate | undefined {
  if (header === undefined) return undefined;
  for (const extension of parseExtensions(header) ?? []) {
    const accepted = extension.name === EXTENSION_NAME ? acceptOffer(extension, settings) : undefined;
    if (accepted !== undefined) return accepted;
  }
  return undefined;
}

function acceptOffer(extension: Extension, settings: DeflateSettings): AcceptedDeflate | undefined {
  const offer = readParameters(extension);
  if (typeof offer === 'string') return undefined;
  const { serverWindow, clientWindow } = offer;
  // RFC 7692 allows 8. We cannot compress with such a window, so the parameter of the server must be declined. That of
  // the client could be accepted, since any larger window decompresses it. It is declined too, so that every window
  // that is agreed on is one that zlib can write, whichever side it is for. The connection is then not compressed.
  if (isTooSmall(serverWindow) || isTooSmall(clientWindow)) return undefined;
  // RFC 7692 §7.1.2.2: a response must not limit the window of a client that did not offer the parameter.
  if (clientWindow === undefined && settings.peerMaxWindowBits < MAX_WINDOW_BITS) return undefined;

  const agreement: DeflateAgreement = {
    sendWindowBits: Math.min(settings.maxWindowBits, bitsOf(serverWindow)),
    receiveWindowBits: Math.min(settings.peerMaxWindowBits, bitsOf(clientWindow)),
    sendTakeover: settings.contextTakeover && offer.serverTakeover,
    receiveTakeover: settings.contextTakeover && offer.clientTakeover,
  };
  const { sendWindowBits, receiveWindowBits } = agreement;
  let response = EXTENSION_NAME;
  // Both may be included although the client did not offer them (RFC 7692 §7.1.1.1 and §7.1.1.2).
  if (!agreement.sendTakeover) response += '; server_no_context_takeover';
  if (!agreement.receiveTakeover) response += '; client_no_context_takeover';
  // Required if offered (RFC 7692 §7.1.2.1). It may also be included unasked, but nothing depends on it: without it, the
  // client can decompress every window, and some clients fail on a parameter that they did not offer.
  if (serverWindow !== undefined) response += `; server_max_window_bits=${sendWindowBits}`;
  // Never without a value, which it has only in an offer (RFC 7692 §7.1.2.2). With a window of 15 and no value in the
  // offer there is nothing to say.
  if (typeof clientWindow === 'number' || receiveWindowBits < MAX_WINDOW_BITS) {
    response += `; client_max_window_bits=${receiveWindowBits}`;
  }
  return { agreement, response };
}

// ---- the client ----

/**
 * Returns the value of the Sec-WebSocket-Extensions header of a request: one offer. It always says that the server may
 * limit our window, because some servers accept nothing else.
 */
export function deflateOffer(settings: DeflateSettings): string {
  const { contextTakeover, maxWindowBits, peerMaxWindowBits } = settings;
  let offer = EXTENSION_NAME;
  if (!contextTakeover) offer += '; server_no_context_takeover; client_no_context_takeover';
  if (peerMaxWindowBits < MAX_WINDOW_BITS) offer += `; server_max_window_bits=${peerMaxWindowBits}`;
  offer += '; client_max_window_bits';
  return maxWindowBits < MAX_WINDOW_BITS ? `${offer}=${maxWindowBits}` : offer;
}

/**
 * Checks what a server chose.
 *
 * @param header - the Sec-WebSocket-Extensions header of the response.
 * @param offered - the settings of {@link deflateOffer}; `undefined` if nothing was offered.
 * @returns the agreement; `undefined` if the server chose no extension. It may have `receiveTakeover` although
 *   `contextTakeover` is false.
 * @throws WebSocketHandshakeError, with status 101: `ERR_WEBSOCKET_UNOFFERED_EXTENSION` if the server chose an extension
 *   that was not offered; `ERR_WEBSOCKET_BAD_EXTENSION` if the header is malformed, a parameter is unknown, repeated or
 *   has an invalid value (RFC 7692 §7), or the parameters are not what was offered. `client_max_window_bits=8` is valid,
 *   but zlib cannot comply with it. The connection must be closed.
 */
export function checkDeflateResponse(
  header: string | undefined,
  offered: DeflateSettings | undefined,
): DeflateAgreement | undefined {
  if (header === undefined) return undefined;
  const extensions = parseExtensions(header) ?? fail('the header is malformed');
  for (const { name } of extensions) {
    if (offered !== undefined && name === EXTENSION_NAME) continue;
    fail(`${shownText(name)} was not offered`, 'ERR_WEBSOCKET_UNOFFERED_EXTENSION');
  }
  const [chosen, ...others] = extensions;
  if (chosen === undefined || offered === undefined) return undefined;
  if (others.length > 0) fail('the server accepted more than one offer of permessage-deflate');
  return checkParameters(chosen, offered);
}

function checkParameters(chosen: Extension, offered: DeflateSettings): DeflateAgreement {
  const { contextTakeover, maxWindowBits, peerMaxWindowBits } = offered;
  const response = readParameters(chosen);
  if (typeof response === 'string') return fail(response);
  const { serverTakeover, clientTakeover, serverWindow, clientWindow } = response;
  // RFC 7692 §7.1.2.1: a server accepts it by including it.
  if (bitsOf(serverWindow) > peerMaxWindowBits) {
    fail(`server_max_window_bits must be at most ${peerMaxWindowBits}, got ${serverWindow ?? 'none'}`);
  }
  // A missing one does not limit us, but one without a value is only for offers (RFC 7692 §7.1.2.2).
  const isUsable =
    clientWindow === undefined || (!isTooSmall(clientWindow) && bitsOf(clientWindow) <= maxWindowBits);
  if (clientWindow === 'any' || !isUsable) {
    fail(`client_max_window_bits must be from ${MIN_WINDOW_BITS} to ${maxWindowBits}, got ${clientWindow}`);
  }
  return {
    sendWindowBits: Math.min(maxWindowBits, bitsOf(clientWindow)),
    // What was compressed with a window of 8 bits can be decompressed with any larger one.
    receiveWindowBits: Math.max(MIN_WINDOW_BITS, bitsOf(serverWindow)),
    sendTakeover: contextTakeover && clientTakeover,
    // RFC 7692 §7.1.1.1: a server accepts server_no_context_takeover by including it. A server that leaves it out, such as
    // Tornado's, which reads no parameter without a value, keeps its window: its messages can be decompressed with ours.
    receiveTakeover: serverTakeover,
  };
}

// ---- the parameters, which both sides read ----

/** The parameters of one offer or response. */
interface DeflateParameters {
  /** Whether the server may keep its window between messages, that is, `server_no_context_takeover` is missing. */
  serverTakeover: boolean;
  clientTakeover: boolean;
  /** From 8 to 15; `undefined` if the parameter is missing. */
  serverWindow: number | undefined;
  /** From 8 to 15; `any` if the parameter has no value, which means that the client can be limited. */
  clientWindow: number | 'any' | undefined;
}

/** Reads the parameters. @returns what is wrong with them, if anything is. */
function readParameters(extension: Extension): DeflateParameters | string {
  const found: DeflateParameters = {
    serverTakeover: true,
    clientTakeover: true,
    serverWindow: undefined,
    clientWindow: undefined,
  };
  const names = new Set<string>();
  for (const { name, value } of extension.parameters) {
    if (names.has(name)) return `the parameter ${shownText(name)} is repeated`;
    names.add(name);
    switch (name) {
      case 'server_no_context_takeover':
      case 'client_no_context_takeover':
        if (value !== undefined) return `${name} must have no value, got ${shownText(value)}`;
        found[name === 'server_no_context_takeover' ? 'serverTakeover' : 'clientTakeover'] = false;
        break;
      case 'server_max_window_bits':
        if (!isWindow(value)) return badWindow(name, value);
        found.serverWindow = Number(value);
        break;
      case 'client_max_window_bits':
        if (value !== undefined && !isWindow(value)) return badWindow(name, value);
        found.clientWindow = value === undefined ? 'any' : Number(value);
        break;
      default:
        return `the parameter ${shownText(name)} is unknown`;
    }
  }
  return found;
}

/** RFC 7692 §7.1.2: a decimal number from 8 to 15 without leading zeros. */
function isWindow(value: string | undefined): boolean {
  return value !== undefined && /^(?:[89]|1[0-5])$/.test(value);
}

function badWindow(name: string, value: string | undefined): string {
  const shown = value === undefined ? 'no value' : shownText(value);
  return `${name} must be a number from 8 to ${MAX_WINDOW_BITS}, got ${shown}`;
}

function isTooSmall(window: number | 'any' | undefined): boolean {
  return bitsOf(window) < MIN_WINDOW_BITS;
}

function bitsOf(window: number | 'any' | undefined): number {
  return typeof window === 'number' ? window : MAX_WINDOW_BITS;
}

function fail(detail: string, code: WebSocketHandshakeErrorCode = 'ERR_WEBSOCKET_BAD_EXTENSION'): never {
  throw new WebSocketHandshakeError(code, 101, `Sec-WebSocket-Extensions: ${detail}`);
}
