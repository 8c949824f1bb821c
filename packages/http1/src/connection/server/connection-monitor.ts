import type { HTTPConnectionInfo, RequestHead } from '../../delegate.ts';

/**
 * How a request ended:
 *
 * - `answered`: its answer was written to the end, by the delegate, or as a 500 in place of one that failed;
 * - `refused`: the connection has answered it with a 4xx, in place of the delegate;
 * - `detached`: the delegate took the connection over, as for WebSockets;
 * - `cut`: the connection ended, or was ended, before the answer was complete.
 */
export type RequestOutcome = 'answered' | 'refused' | 'detached' | 'cut';

/** What a monitor wants to keep for a request from its begin to its end. Means nothing to who keeps it. */
export type RequestToken = object;

/**
 * Hears what befalls the connections of a server. The seam between a connection and what counts, logs and publishes.
 *
 * All of it is called synchronously, in the middle of the work: no method throws, and none calls back into the
 * connection. Numbers are passed as arguments, so that a request which nobody wants to hear of creates no object.
 */
export interface ConnectionMonitor {
  connectionBegan(connection: HTTPConnectionInfo): void;

  /**
   * The connection has ended, or HTTP has ended on it.
   *
   * @param how - why the stream is closed, or `detached`.
   * @param error - of the stream, where it did not end in order.
   */
  connectionEnded(connection: HTTPConnectionInfo, how: string, error: Error | undefined): void;

  /**
   * A head has come, and no delegate has seen it yet.
   *
   * @param connection - as the request is told of it.
   * @param peer - the connection itself: the object of {@link connectionBegan}.
   * @returns what {@link requestEnded} wants back, or `undefined` when nobody wants to hear of this request.
   */
  requestBegan(
    head: RequestHead,
    connection: HTTPConnectionInfo,
    peer: HTTPConnectionInfo,
  ): RequestToken | undefined;

  /**
   * Exactly once for each {@link requestBegan}, when the last of the answer was written, or none of it will be.
   *
   * @param status - of the final answer; 0 when no head of one was written.
   * @param bodyBytesSent - of the answer's body, without framing: what was written, whether or not it has arrived.
   * @param reason - why, where the outcome is `refused` or `cut`, and for a 500 in place of a delegate that failed.
   */
  requestEnded(
    token: RequestToken | undefined,
    outcome: RequestOutcome,
    status: number,
    bodyBytesSent: number,
    reason: Error | undefined,
  ): void;

  /** What came was refused before it was a head: no {@link requestBegan} goes before, and no end comes behind. */
  headRefused(peer: HTTPConnectionInfo, status: number, bodyBytesSent: number, reason: Error): void;
}
