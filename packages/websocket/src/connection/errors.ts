import { CodedError } from '@landspout/ioloop/errors';

/** The ways in which a connection can fail, other than invalid bytes from the peer and mistakes in the program. */
export const WEBSOCKET_ERRORS = {
  ERR_WEBSOCKET_CLOSED: {
    meaning: 'The connection is not open yet, or is closing or closed, so nothing can be sent on it.',
  },
  ERR_WEBSOCKET_QUEUE_FULL: {
    meaning:
      'The peer reads too slowly: `maxQueuedBytes` are queued. `whenQueueFull` decides what happens then.',
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
 * The outbound queue is full. No part of the message was queued; `whenQueueFull` decides what happens to the
 * connection.
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
