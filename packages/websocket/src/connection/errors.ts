import { CodedError } from '@landspout/ioloop/errors';

/** Each way in which a connection can fail us that is neither bad bytes nor a mistake of the program. */
export const WEBSOCKET_ERRORS = {
  ERR_WEBSOCKET_CLOSED: {
    meaning: 'The connection is closing or closed, so nothing more can be sent on it.',
  },
  ERR_WEBSOCKET_QUEUE_FULL: {
    meaning: 'The peer reads too slowly, and what waits for it has reached the limit.',
  },
  ERR_WEBSOCKET_CONNECT_TIMEOUT: {
    meaning: 'Connecting and the opening handshake took longer than allowed.',
  },
  ERR_WEBSOCKET_PING_TIMEOUT: { meaning: 'Nothing came from the peer in the time that a ping may take.' },
  ERR_WEBSOCKET_CLOSE_TIMEOUT: {
    meaning: 'The closing handshake took longer than allowed; the connection was cut.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WebSocketErrorCode = keyof typeof WEBSOCKET_ERRORS;

/** The connection is closing or closed. What was written before the call may or may not have arrived. */
export class WebSocketClosedError extends CodedError<'ERR_WEBSOCKET_CLOSED'> {
  override readonly name = 'WebSocketClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_WEBSOCKET_CLOSED', message, options);
  }
}

/** The outbound queue is full. Nothing of the refused message was queued; see `whenQueueFull` for what follows. */
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
