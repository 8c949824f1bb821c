import { onAbort } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import type { Clock } from '../clock.ts';
import { checkWaitValues, clockAmong } from '../locks/wait-options.ts';
import type { OptionNames } from '../option-names.ts';

export interface SleepOptions {
  /** Ends the sleep early. */
  readonly signal?: AbortSignal | undefined;
  /** The clock that measures the time. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

const SLEEP_OPTIONS: OptionNames<SleepOptions> = { signal: true, clock: true };

/**
 * Resolves after `ms`. The process stays alive until then.
 *
 * `sleep(0)` first lets all other work that is due run, like `gen.moment` in Tornado.
 *
 * @param ms - 0 to 2,147,483,647 (about 24 days).
 * @param options.signal - rejects with the signal's reason, and leaves no timer and no listener behind.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `ms` is out of range or an option is invalid.
 *
 * @example
 * await sleep(100, { signal: request.signal });
 */
export async function sleep(ms: number, options: SleepOptions = {}): Promise<void> {
  loopChecks.durationMs('sleep', 'ms', ms);
  loopChecks.options('sleep', options, SLEEP_OPTIONS);
  const clock = clockAmong('sleep', options);
  const { signal } = options;
  checkWaitValues('sleep', { signal });
  await new Promise<void>((resolve, reject) => {
    let stopListening: (() => void) | undefined;
    const timer = clock.setTimeout(() => {
      stopListening?.();
      resolve();
    }, ms);
    if (signal === undefined) return;
    stopListening = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}
