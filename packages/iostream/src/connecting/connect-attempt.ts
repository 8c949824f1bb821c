import { onAbort } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';

/** Is notified of the outcome of an attempt, once, after the call that started the attempt has returned. */
export interface ConnectObserver {
  /** Takes ownership of the transport. */
  connected(transport: Transport): void;
  /** Nothing is open any more. */
  failed(error: unknown): void;
}

/** A connection that is being established. The backends and the race between addresses implement it. */
export interface ConnectAttempt {
  /** Stops the attempt and closes what it has opened. The observer is not notified. */
  cancel(): void;
}

/**
 * Converts an attempt into a promise that `signal` can reject. `TCPClient` does without: a signal for every attempt
 * costs more than the rest of our part of a connect.
 *
 * @param start - throws if the attempt fails at once.
 * @throws the error of the attempt; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export function whenConnected(
  start: (observer: ConnectObserver) => ConnectAttempt,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const attempt = start({
      connected(transport) {
        stopListening();
        resolve(transport);
      },
      failed(error) {
        stopListening();
        reject(error);
      },
    });
    const stopListening = onAbort(signal, (reason) => {
      attempt.cancel();
      reject(reason);
    });
  });
}
