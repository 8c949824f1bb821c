import type { AsyncResource } from 'node:async_hooks';
import type { HTTPConnectionInfo, RequestHead } from '../../delegate.ts';

/**
 * How a request ended:
 *
 * - `completed`: the response was completed, by the delegate or as a 500 for a delegate that failed;
 * - `refused`: the connection responded with a 4xx in place of the delegate;
 * - `detached`: the delegate took over the connection, for example for a WebSocket;
 * - `cut`: the connection ended, or was closed by the server, before the response was complete.
 */
export type RequestOutcome = 'completed' | 'refused' | 'detached' | 'cut';

/**
 * An object that a monitor keeps for a request until its end. The connection stores it, and does not use its content.
 */
export interface RequestToken {
  /**
   * The async context in which the delegate of the request is called; undefined for the context of the event loop. Read
   * once, after `requestBegan`.
   */
  readonly context: AsyncResource | undefined;
}

/**
 * Observes the lifecycle of a server's connections and requests: implementations count, log and publish.
 *
 * All methods are called synchronously, while the connection is working: they must not throw, and must not call the
 * connection. Numbers are passed as arguments, so that a request that is not observed allocates no object.
 */
export interface ConnectionMonitor {
  connectionBegan(connection: HTTPConnectionInfo): void;

  /**
   * Called when the connection was closed or detached from HTTP.
   *
   * @param how - the `closeReason` of the stream, or `detached`.
   * @param error - the error of the stream; undefined after an orderly close.
   */
  connectionEnded(connection: HTTPConnectionInfo, how: string, error: Error | undefined): void;

  /**
   * Called when a request head was received, before the delegate is called.
   *
   * @param connection - the connection as the request describes it, for example with the address from a proxy header.
   * @param peer - the connection itself: the object passed to {@link connectionBegan}.
   * @returns a token that is passed to {@link requestEnded}; `undefined` if the request is not observed.
   */
  requestBegan(
    head: RequestHead,
    connection: HTTPConnectionInfo,
    peer: HTTPConnectionInfo,
  ): RequestToken | undefined;

  /**
   * Called exactly once for each call of {@link requestBegan}: when the response is complete, or will not be completed.
   *
   * @param status - status of the final response; 0 if its headers were not written.
   * @param bodyBytesSent - bytes of the response body that were written, without framing. The peer may not have
   *   received all of them.
   * @param reason - why the outcome is `refused` or `cut`, or the error of a delegate that failed, so that the response
   *   was a 500.
   */
  requestEnded(
    token: RequestToken | undefined,
    outcome: RequestOutcome,
    status: number,
    bodyBytesSent: number,
    reason: Error | undefined,
  ): void;

  /** Called instead of {@link requestBegan} and {@link requestEnded} if an incomplete or invalid head was refused. */
  headRefused(peer: HTTPConnectionInfo, status: number, bodyBytesSent: number, reason: Error): void;
}
