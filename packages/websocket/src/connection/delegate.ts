/**
 * Hears of one connection. A throw or rejection of the first four is given to {@link callbackFailed}, and the
 * connection is closed with 1011.
 */
export interface WebSocketDelegate {
  /**
   * A whole message; bytes are yours. The next one is not read until a returned promise settles. None comes once we
   * have begun to close, as in browsers.
   */
  messageReceived(message: string | Uint8Array): unknown;
  /** A ping, which has been answered. The bytes are yours. */
  pingReceived(payload: Uint8Array): unknown;
  pongReceived(payload: Uint8Array): unknown;
  /** The last call, exactly once: the connection is gone, and its `closeCode`, `closeReason` and `closeError` stand. */
  connectionClosed(): unknown;
  /** Must not throw. */
  callbackFailed(error: unknown): void;
}
