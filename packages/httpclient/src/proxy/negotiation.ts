import type { Clock } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { clientChecks } from '../request/usage.ts';
import { HTTPProxyError } from './errors.ts';

export interface NegotiationOptions {
  /** Aborts the negotiation. The connection to the proxy is closed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Limit for the whole negotiation, measured by the clock of the stream; 0 means no limit. Default: 20 s. A proxy
   * responds after it has connected to the server, so this includes the time that the proxy needs for that.
   */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 20_000;

/**
 * Runs a negotiation with a proxy until it is complete, the caller aborts it or it has taken too long.
 *
 * @param negotiate - must stop soon after its signal aborts. The caller closes the connection if the promise rejects.
 * @throws the reason of `signal`; HTTPProxyError after `timeoutMs`; whatever `negotiate` throws.
 */
export async function withinLimits<T>(
  proxy: string,
  clock: Clock,
  options: NegotiationOptions,
  negotiate: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const stopListening = onAbort(signal, (reason) => controller.abort(reason));
  const expire = (): void =>
    controller.abort(new HTTPProxyError(proxy, `it did not open a connection within ${timeoutMs} ms`));
  const timer = timeoutMs === 0 ? undefined : clock.setTimeout(expire, timeoutMs);
  try {
    const result = await negotiate(controller.signal);
    // The abort may have come after the last byte, and before this line.
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    // What fails after the abort fails because of it.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    timer?.cancel();
    stopListening();
  }
}

/** @throws HTTPClientUsageError */
export function checkNegotiation(operation: string, options: NegotiationOptions): void {
  clientChecks.signal(operation, options.signal);
  if (options.timeoutMs !== undefined) clientChecks.durationMs(operation, 'timeoutMs', options.timeoutMs);
}
