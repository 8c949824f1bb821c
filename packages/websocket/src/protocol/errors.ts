import { Buffer } from 'node:buffer';
import { CodedError } from '@landspout/ioloop/errors';

/** The ways in which a peer can violate the framing. Each has the close code to send and the rule that was broken. */
export const VIOLATIONS = {
  ERR_WEBSOCKET_RESERVED_BITS: {
    meaning: 'A reserved bit is set, although no extension was negotiated.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.2',
  },
  ERR_WEBSOCKET_RESERVED_OPCODE: {
    meaning: 'A frame has a reserved opcode.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.2',
  },
  ERR_WEBSOCKET_BAD_LENGTH: {
    meaning: 'The length of a frame is invalid, or not in its shortest encoding.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.2',
  },
  ERR_WEBSOCKET_UNMASKED_FRAME: {
    meaning: 'The client sent a frame that is not masked.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.1',
  },
  ERR_WEBSOCKET_MASKED_FRAME: {
    meaning: 'The server sent a masked frame.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.1',
  },
  ERR_WEBSOCKET_FRAGMENTED_CONTROL: {
    meaning: 'A control frame is fragmented.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.5',
  },
  ERR_WEBSOCKET_CONTROL_TOO_LONG: {
    meaning: 'The payload of a control frame has more than 125 bytes.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.5',
  },
  ERR_WEBSOCKET_STRAY_CONTINUATION: {
    meaning: 'A continuation frame has no message to continue.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.4',
  },
  ERR_WEBSOCKET_INTERRUPTED_MESSAGE: {
    meaning: 'A new message started before the previous one was complete.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.4',
  },
  ERR_WEBSOCKET_BAD_CLOSE_PAYLOAD: {
    meaning: 'The payload of a close frame is one byte long, but a close code needs two.',
    closeCode: 1002,
    rule: 'RFC 6455 §5.5.1',
  },
  ERR_WEBSOCKET_BAD_CLOSE_CODE: {
    meaning: 'A close frame has a code that must not be sent.',
    closeCode: 1002,
    rule: 'RFC 6455 §7.4',
  },
  ERR_WEBSOCKET_BAD_UTF8: {
    meaning: 'A text message or a close reason is not valid UTF-8.',
    closeCode: 1007,
    rule: 'RFC 6455 §8.1',
  },
  ERR_WEBSOCKET_BAD_DEFLATE: {
    meaning: 'The compressed data of a message is invalid or incomplete.',
    closeCode: 1007,
    rule: 'RFC 7692 §7.2.2',
  },
  ERR_WEBSOCKET_MESSAGE_TOO_BIG: {
    meaning: 'A message is larger than `maxMessageBytes`.',
    closeCode: 1009,
    rule: 'RFC 6455 §7.4.1',
  },
  // Not 1009, which would mean that a smaller message is accepted: here the number of frames is the problem, not the
  // size.
  ERR_WEBSOCKET_TOO_MANY_FRAGMENTS: {
    meaning: 'A message has more frames than `maxFragments` allows.',
    closeCode: 1008,
    rule: 'RFC 6455 §10.4',
  },
} as const satisfies Record<string, { meaning: string; closeCode: number; rule: string }>;

export type WebSocketProtocolErrorCode = keyof typeof VIOLATIONS;

/**
 * The peer sent invalid frames or exceeded a limit; the connection cannot continue.
 *
 * Match on {@link code}. The message is for humans, and its wording may change in any release.
 */
export class WebSocketProtocolError extends CodedError<WebSocketProtocolErrorCode> {
  override readonly name = 'WebSocketProtocolError';

  /** The code of the close frame to send to the peer before the connection is closed, for example 1002. */
  readonly closeCode: number;

  constructor(code: WebSocketProtocolErrorCode, detail: string, options?: ErrorOptions) {
    const { closeCode, rule } = VIOLATIONS[code];
    super(code, `${detail} (${rule})`, options);
    this.closeCode = closeCode;
  }
}

/** The ways in which a server's response to our upgrade request can be wrong, with the rule that each one breaks. */
export const HANDSHAKE_FAULTS = {
  ERR_WEBSOCKET_UPGRADE_REFUSED: {
    meaning: 'The server did not respond with 101; see `status`.',
    rule: 'RFC 6455 §4.1',
  },
  ERR_WEBSOCKET_BAD_UPGRADE: {
    meaning: 'The HTTP version, the Upgrade header or the Connection header of the 101 response is invalid.',
    rule: 'RFC 6455 §4.1',
  },
  ERR_WEBSOCKET_BAD_ACCEPT: {
    meaning: 'Sec-WebSocket-Accept does not match the key of the request.',
    rule: 'RFC 6455 §4.1',
  },
  ERR_WEBSOCKET_UNOFFERED_EXTENSION: {
    meaning: 'The server chose an extension that was not offered.',
    rule: 'RFC 6455 §9.1',
  },
  ERR_WEBSOCKET_BAD_EXTENSION: {
    meaning:
      'Sec-WebSocket-Extensions is malformed, or the parameters of permessage-deflate are invalid or not those offered.',
    rule: 'RFC 6455 §9.1 and RFC 7692 §7',
  },
  ERR_WEBSOCKET_UNOFFERED_PROTOCOL: {
    meaning: 'The server chose a subprotocol that was not offered.',
    rule: 'RFC 6455 §4.1',
  },
} as const satisfies Record<string, { meaning: string; rule: string }>;

export type WebSocketHandshakeErrorCode = keyof typeof HANDSHAKE_FAULTS;

/** Header fields of a response, such as `HTTPHeaders` of `@landspout/http1`. Names are in any case. */
export interface ResponseFields extends Iterable<readonly [string, string]> {
  /** The value of a field, with the values of repeated ones joined by commas; `undefined` if there is none. */
  get(name: string): string | undefined;
  getList(name: string): string[];
  has(name: string): boolean;
}

/** A response that is not a valid 101. */
export interface RefusedUpgrade {
  /** The URL that was requested, for messages: without user information and query. */
  readonly url: string;
  readonly headers: ResponseFields;
  /** The start of the body. */
  readonly body: Uint8Array;
}

/** The server refused the upgrade, or agreed to something that was not offered. */
export class WebSocketHandshakeError extends CodedError<WebSocketHandshakeErrorCode> {
  override readonly name = 'WebSocketHandshakeError';

  /** The status of the server's response. */
  readonly status: number;
  readonly #detail: string;
  readonly #response: RefusedUpgrade | undefined;

  constructor(
    code: WebSocketHandshakeErrorCode,
    status: number,
    detail: string,
    options?: ErrorOptions & { readonly response?: RefusedUpgrade },
  ) {
    const { response, ...others } = options ?? {};
    const url = response === undefined ? '' : `${response.url}: `;
    super(code, `${url}${detail} (${HANDSHAKE_FAULTS[code].rule})`, others);
    this.status = status;
    this.#detail = detail;
    this.#response = response;
  }

  /** The URL that was requested, without user information and query; `undefined` if it is not known. */
  get url(): string | undefined {
    return this.#response?.url;
  }

  /** The header fields of the response, such as Retry-After, WWW-Authenticate or Location. */
  get headers(): ResponseFields | undefined {
    return this.#response?.headers;
  }

  /** The body of the response as it was sent, at most its first 64 KiB; empty if it has none, or did not arrive. */
  get body(): Uint8Array {
    return this.#response?.body ?? NO_BODY;
  }

  /** The {@link body} as UTF-8; bytes that are not UTF-8 are replaced. */
  get text(): string {
    const { buffer, byteOffset, byteLength } = this.body;
    return Buffer.from(buffer, byteOffset, byteLength).toString();
  }

  /** Returns the same error with the response. @param more - is appended to the message. */
  of(response: RefusedUpgrade, more = ''): WebSocketHandshakeError {
    const { code, status, cause } = this;
    const options = cause === undefined ? { response } : { response, cause };
    return new WebSocketHandshakeError(code, status, this.#detail + more, options);
  }
}

const NO_BODY = new Uint8Array();

/** Mistakes that a caller of this package can make, with the rule that each one breaks. */
export const MISUSES = {
  ERR_WEBSOCKET_BAD_OPTION: {
    meaning: 'An option or argument is invalid; see the message.',
    rule: 'see the documentation of the option',
  },
  ERR_WEBSOCKET_BAD_URL: {
    meaning: 'The URL is not a valid WebSocket URL; nothing was sent.',
    rule: 'RFC 6455 §3',
  },
  ERR_WEBSOCKET_BUSY: {
    meaning: 'An earlier read is still waiting for a message.',
    rule: 'one read at a time',
  },
  ERR_WEBSOCKET_UNREAD_INPUT: {
    meaning: 'The decoder received more bytes before it had decoded the earlier ones.',
    rule: 'call next until it returns NEED_DATA before receiving more bytes',
  },
  ERR_WEBSOCKET_BAD_MASK: {
    meaning: 'The arguments for masking are invalid, or a client called `sendFrame`.',
    rule: 'RFC 6455 §5.3',
  },
  ERR_WEBSOCKET_UNSENDABLE_DATA: {
    meaning: 'The data, its length or the opcode cannot be sent in a frame.',
    rule: 'RFC 6455 §5.6',
  },
  ERR_WEBSOCKET_UNSENDABLE_CONTROL: {
    meaning: 'A control frame must not be fragmented or have more than 125 bytes.',
    rule: 'RFC 6455 §5.5',
  },
  ERR_WEBSOCKET_UNSENDABLE_CLOSE: {
    meaning: 'The close code must not be sent, or the reason is longer than 123 bytes.',
    rule: 'RFC 6455 §7.4',
  },
  ERR_WEBSOCKET_BAD_SUBPROTOCOL: {
    meaning: 'The subprotocols are invalid, or the chosen one was not offered.',
    rule: 'RFC 6455 §4.1',
  },
  ERR_WEBSOCKET_NOT_UPGRADABLE: {
    meaning:
      'The Request passed to `upgradeWebSocket` was not made by a FetchContainer, or its response was already started.',
    rule: 'upgrade the Request that the Fetch handler was called with, once',
  },
  ERR_WEBSOCKET_MISSING_PEER: {
    meaning: 'A subpath of this package needs a package that is not installed.',
    rule: 'install the optional peer dependency',
  },
} as const satisfies Record<string, { meaning: string; rule: string }>;

export type WebSocketUsageErrorCode = keyof typeof MISUSES;

/** The program made an invalid call. Nothing was sent, and no state has changed. */
export class WebSocketUsageError extends CodedError<WebSocketUsageErrorCode> {
  override readonly name = 'WebSocketUsageError';

  constructor(code: WebSocketUsageErrorCode, detail: string, options?: ErrorOptions) {
    super(code, `${detail} (${MISUSES[code].rule})`, options);
  }
}
