/**
 * Is notified of the events of one connection. If one of the first four callbacks throws or rejects, the error is
 * passed to {@link callbackFailed} and the connection is closed with 1011.
 */
export interface WebSocketDelegate {
  /**
   * Called with a complete message; the delegate owns the bytes. If it returns a promise, the next message is not read
   * until the promise settles. No message is delivered after our side has started to close, as in browsers.
   */
  messageReceived(message: string | Uint8Array): unknown;
  /** Called with the payload of a ping, after the pong was sent or queued. The delegate owns the bytes. */
  pingReceived(payload: Uint8Array): unknown;
  pongReceived(payload: Uint8Array): unknown;
  /**
   * The last call, made exactly once, after the connection is closed and its `closeCode`, `closeReason` and
   * `closeError` are final.
   */
  connectionClosed(): unknown;
  /** Called with the error of a callback. Must not throw. */
  callbackFailed(error: unknown): void;
}
