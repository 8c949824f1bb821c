import { CodedError } from '@landspout/ioloop/errors';

/** The reasons for which a client's request is not upgraded to WebSocket. */
export const UPGRADE_ERRORS = {
  ERR_WEBSOCKET_BAD_REQUEST: {
    meaning: 'The request of the client is no valid upgrade to WebSocket; see `status`.',
  },
  ERR_WEBSOCKET_ORIGIN_REFUSED: {
    meaning: 'Pages of the origin that the client sent may not open a WebSocket here; see `allowedOrigins`.',
  },
  ERR_WEBSOCKET_STOPPING: {
    meaning: 'The server is stopping; the client should try again after the time in Retry-After.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WebSocketUpgradeErrorCode = keyof typeof UPGRADE_ERRORS;

/** The response to a request that is not upgraded. */
export interface UpgradeRefusalResponse {
  /** 400 to 599. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A request is not upgraded, because of the client or because the server is stopping. Nothing was sent: the Fetch
 * handler should respond with {@link getResponse}. Hono does that by itself if the error leaves its handler.
 */
export class WebSocketUpgradeError extends CodedError<WebSocketUpgradeErrorCode> {
  override readonly name = 'WebSocketUpgradeError';

  /** 400, 403, 405, 426 or 503. */
  readonly status: number;
  /** Headers that the response must have, such as Sec-WebSocket-Version or Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  /** @param message - what was expected and what came; it is sent to the client. */
  constructor(code: WebSocketUpgradeErrorCode, message: string, response: UpgradeRefusalResponse) {
    super(code, message);
    this.status = response.status;
    this.headers = response.headers ?? {};
  }

  /** Creates the response for the client: the status, the headers, and the message as plain text. */
  getResponse(): Response {
    return new Response(`${this.message.charAt(0).toUpperCase()}${this.message.slice(1)}.\n`, {
      status: this.status,
      headers: { 'Content-Type': 'text/plain;charset=UTF-8', ...this.headers },
    });
  }
}
