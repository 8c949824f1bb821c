import { type Clock, systemClock } from '../clock.ts';
import { requireDelay } from '../delay.ts';

export interface SleepOptions {
  /** Ends the sleep early. */
  readonly signal?: AbortSignal | undefined;
  /** Whose time passes; default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * Resolves when `ms` have passed. The process stays alive meanwhile.
 *
 * @param ms - 0 to 2,147,483,647 (about 24 days).
 * @param options.signal - rejects with the signal's reason, and leaves no timer and no listener behind.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for a delay out of range.
 *
 * @example
 * await sleep(100, { signal: request.signal });
 */
export async function sleep(ms: number, options: SleepOptions = {}): Promise<void> {
  const { signal, clock = systemClock } = options;
  requireDelay(ms, 'sleep');
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
    function stop(): void {
      timer.cancel();
      reject(signal?.reason);
    }
  });
}
