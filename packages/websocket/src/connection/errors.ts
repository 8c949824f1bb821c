import { CodedError, shownValue } from '@landspout/ioloop/errors';
import { CLOSE_CODES, isValidCloseCode, WebSocketUsageError } from '../protocol/index.ts';

/** The ways in which a connection can fail, other than invalid bytes from the peer and mistakes in the program. */
export const WEBSOCKET_ERRORS = {
  ERR_WEBSOCKET_CLOSED: {
    meaning: 'The connection is not open yet, or is closing or closed, so nothing can be sent on it.',
  },
  ERR_WEBSOCKET_QUEUE_FULL: {
    meaning:
      'The peer reads too slowly: `maxQueuedBytes` are queued. `sendPolicy` decides what happens then.',
  },
  ERR_WEBSOCKET_CONNECT_TIMEOUT: {
    meaning: 'Connecting and the opening handshake together took longer than allowed.',
  },
  ERR_WEBSOCKET_PING_TIMEOUT: {
    meaning:
      'Nothing was received from the peer within `pingTimeoutMs` after a ping; the connection was closed.',
  },
  ERR_WEBSOCKET_CLOSE_TIMEOUT: {
    meaning: 'The closing handshake took longer than `closeTimeoutMs`; the connection was reset.',
  },
  ERR_WEBSOCKET_BAD_MESSAGE: {
    meaning: 'A message is not JSON or does not fit its schema; see `issues`.',
  },
  ERR_WEBSOCKET_NOT_RECONNECTED: {
    meaning:
      'The connection of a ReconnectingWebSocket was closed, and by its code or `shouldReconnect` it is not replaced; see `closeCode`.',
  },
  ERR_WEBSOCKET_ATTEMPTS: {
    meaning:
      '`maxAttempts` attempts of a ReconnectingWebSocket in a row have failed; the `cause` is why the last one failed.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WebSocketErrorCode = keyof typeof WEBSOCKET_ERRORS;

/** The connection is not open. Messages written before it closed may or may not have reached the peer. */
export class WebSocketClosedError extends CodedError<'ERR_WEBSOCKET_CLOSED'> {
  override readonly name = 'WebSocketClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_WEBSOCKET_CLOSED', message, options);
  }
}

/**
 * The outbound queue is full. No part of the message was queued; `sendPolicy` decides what happens to the connection.
 */
export class WebSocketLimitError extends CodedError<'ERR_WEBSOCKET_QUEUE_FULL'> {
  override readonly name = 'WebSocketLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_WEBSOCKET_QUEUE_FULL', message, options);
  }
}

/** A deadline passed. The connection is closed, or about to be. */
export class WebSocketTimeoutError extends CodedError<
  'ERR_WEBSOCKET_CONNECT_TIMEOUT' | 'ERR_WEBSOCKET_PING_TIMEOUT' | 'ERR_WEBSOCKET_CLOSE_TIMEOUT'
> {
  override readonly name = 'WebSocketTimeoutError';
}

export interface WebSocketReconnectErrorOptions extends ErrorOptions {
  readonly closeCode?: number | undefined;
  readonly closeReason?: string;
}

/** A `ReconnectingWebSocket` has lost its connection, and does not connect again. */
export class WebSocketReconnectError extends CodedError<
  'ERR_WEBSOCKET_NOT_RECONNECTED' | 'ERR_WEBSOCKET_ATTEMPTS'
> {
  override readonly name = 'WebSocketReconnectError';

  /** The code with which the last connection was closed, 1005 or 1006; `undefined` if none was opened. */
  readonly closeCode: number | undefined;
  /** The reason in the server's close frame; empty if there is none. */
  readonly closeReason: string;

  constructor(
    code: WebSocketReconnectError['code'],
    message: string,
    { closeCode, closeReason = '', ...options }: WebSocketReconnectErrorOptions = {},
  ) {
    super(code, message, options);
    this.closeCode = closeCode;
    this.closeReason = closeReason;
  }
}

export interface WebSocketMessageErrorOptions extends ErrorOptions {
  /** The code with which a handler closes the connection. Default: 1007. */
  readonly closeCode?: number;
  /** The reason that goes with it, which the peer sees. It is clipped to 123 bytes of UTF-8. Default: none. */
  readonly closeReason?: string;
  /** The fields that do not fit. Default: none. */
  readonly issues?: readonly MessageIssue[];
}

/** A part of a message that does not fit a schema. */
export interface MessageIssue {
  /** The path of the field, such as `['items', 0, 'price']`; empty for the whole message. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const MAX_REASON_BYTES = 123;

/**
 * A message of the peer does not have the expected content. Thrown by `parseMessage`; a handler may throw it too. If it
 * leaves a callback of a `WebSocketHandler`, the connection is closed with {@link closeCode} and {@link closeReason}
 * instead of 1011, and it is logged at level `debug` only, because any peer can cause it.
 */
export class WebSocketMessageError extends CodedError<'ERR_WEBSOCKET_BAD_MESSAGE'> {
  override readonly name = 'WebSocketMessageError';

  readonly closeCode: number;
  readonly closeReason: string;
  /** The fields that do not fit, at most 100; empty if the message is not JSON. */
  readonly issues: readonly MessageIssue[];

  /** @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE` if a close frame must not have the code. */
  constructor(message: string, options: WebSocketMessageErrorOptions = {}) {
    super('ERR_WEBSOCKET_BAD_MESSAGE', message, options);
    const { closeCode = CLOSE_CODES.invalidPayload, closeReason = '', issues = [] } = options;
    if (!isValidCloseCode(closeCode)) {
      const problem = `WebSocketMessageError: closeCode must be a code that may be sent, got ${shownValue(closeCode)}`;
      throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_CLOSE', problem);
    }
    this.closeCode = closeCode;
    this.closeReason = clip(closeReason);
    this.issues = issues;
  }
}

/** Shortens a reason so that it fits into a close frame, without cutting a character. */
function clip(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
  return reason.slice(0, read);
}
