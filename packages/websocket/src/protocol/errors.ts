import { CodedError } from '@landspout/ioloop/errors';

/** Violations of the framing by the peer: the close code to send, and the rule that was broken. */
export const VIOLATIONS = {
  ERR_WEBSOCKET_RESERVED_BITS: { closeCode: 1002, rule: 'RFC 6455 §5.2' },
  ERR_WEBSOCKET_RESERVED_OPCODE: { closeCode: 1002, rule: 'RFC 6455 §5.2' },
  ERR_WEBSOCKET_BAD_LENGTH: { closeCode: 1002, rule: 'RFC 6455 §5.2' },
  ERR_WEBSOCKET_UNMASKED_FRAME: { closeCode: 1002, rule: 'RFC 6455 §5.1' },
  ERR_WEBSOCKET_MASKED_FRAME: { closeCode: 1002, rule: 'RFC 6455 §5.1' },
  ERR_WEBSOCKET_FRAGMENTED_CONTROL: { closeCode: 1002, rule: 'RFC 6455 §5.5' },
  ERR_WEBSOCKET_CONTROL_TOO_LONG: { closeCode: 1002, rule: 'RFC 6455 §5.5' },
  ERR_WEBSOCKET_STRAY_CONTINUATION: { closeCode: 1002, rule: 'RFC 6455 §5.4' },
  ERR_WEBSOCKET_INTERRUPTED_MESSAGE: { closeCode: 1002, rule: 'RFC 6455 §5.4' },
  ERR_WEBSOCKET_BAD_CLOSE_PAYLOAD: { closeCode: 1002, rule: 'RFC 6455 §5.5.1' },
  ERR_WEBSOCKET_BAD_CLOSE_CODE: { closeCode: 1002, rule: 'RFC 6455 §7.4' },
  ERR_WEBSOCKET_BAD_UTF8: { closeCode: 1007, rule: 'RFC 6455 §8.1' },
  ERR_WEBSOCKET_MESSAGE_TOO_BIG: { closeCode: 1009, rule: 'RFC 6455 §7.4.1' },
  // Not 1009, which means that a smaller message would be accepted: few bytes in very many frames break a policy.
  ERR_WEBSOCKET_TOO_MANY_FRAGMENTS: { closeCode: 1008, rule: 'RFC 6455 §10.4' },
} as const satisfies Record<string, { closeCode: number; rule: string }>;

export type WebSocketProtocolErrorCode = keyof typeof VIOLATIONS;

/**
 * The peer sent invalid frames or exceeded a limit; the connection cannot continue.
 *
 * Match on {@link code}. The message is for people, and its wording may change in any release.
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

/** Faults in a server's response to our upgrade request: the rule that was broken. */
export const HANDSHAKE_FAULTS = {
  ERR_WEBSOCKET_UPGRADE_REFUSED: { rule: 'RFC 6455 §4.1' },
  ERR_WEBSOCKET_BAD_UPGRADE: { rule: 'RFC 6455 §4.1' },
  ERR_WEBSOCKET_BAD_ACCEPT: { rule: 'RFC 6455 §4.1' },
  ERR_WEBSOCKET_UNOFFERED_EXTENSION: { rule: 'RFC 6455 §9.1' },
  ERR_WEBSOCKET_UNOFFERED_PROTOCOL: { rule: 'RFC 6455 §4.1' },
} as const satisfies Record<string, { rule: string }>;

export type WebSocketHandshakeErrorCode = keyof typeof HANDSHAKE_FAULTS;

/** The server refused the upgrade, or agreed to something that was not offered. */
export class WebSocketHandshakeError extends CodedError<WebSocketHandshakeErrorCode> {
  override readonly name = 'WebSocketHandshakeError';

  /** The status of the server's response. */
  readonly status: number;

  constructor(code: WebSocketHandshakeErrorCode, status: number, detail: string, options?: ErrorOptions) {
    super(code, `${detail} (${HANDSHAKE_FAULTS[code].rule})`, options);
    this.status = status;
  }
}

/** Mistakes that a caller of this package can make: the rule behind the refusal. */
export const MISUSES = {
  ERR_WEBSOCKET_BAD_OPTION: { rule: 'see the documentation of the option' },
  ERR_WEBSOCKET_BAD_URL: { rule: 'RFC 6455 §3' },
  ERR_WEBSOCKET_BUSY: { rule: 'one read at a time' },
  ERR_WEBSOCKET_UNREAD_INPUT: { rule: 'call next until it returns NEED_DATA before receiving more bytes' },
  ERR_WEBSOCKET_BAD_MASK: { rule: 'RFC 6455 §5.3' },
  ERR_WEBSOCKET_UNSENDABLE_DATA: { rule: 'RFC 6455 §5.6' },
  ERR_WEBSOCKET_UNSENDABLE_CONTROL: { rule: 'RFC 6455 §5.5' },
  ERR_WEBSOCKET_UNSENDABLE_CLOSE: { rule: 'RFC 6455 §7.4' },
  ERR_WEBSOCKET_BAD_SUBPROTOCOL: { rule: 'RFC 6455 §4.1' },
} as const satisfies Record<string, { rule: string }>;

export type WebSocketUsageErrorCode = keyof typeof MISUSES;

/** The program called the API in a way that is invalid. Nothing was sent, and no state has changed. */
export class WebSocketUsageError extends CodedError<WebSocketUsageErrorCode> {
  override readonly name = 'WebSocketUsageError';

  constructor(code: WebSocketUsageErrorCode, detail: string, options?: ErrorOptions) {
    super(code, `${detail} (${MISUSES[code].rule})`, options);
  }
}
