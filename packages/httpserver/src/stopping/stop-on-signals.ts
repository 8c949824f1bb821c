import type { OptionNames } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';
import type { StopOptions, StopResult } from './stop-options.ts';

export interface StopOnSignalsOptions extends StopOptions {
  /** Default: SIGTERM, from supervisors and containers, and SIGINT, from a keyboard. */
  readonly signals?: readonly NodeJS.Signals[];
}

/** The names that `HTTPServer.stopOnSignals` knows. */
export const STOP_ON_SIGNALS_OPTIONS: OptionNames<StopOnSignalsOptions> = {
  graceMs: true,
  drainMs: true,
  signals: true,
};

/** A stop that waits for its signal. */
export interface SignalStop extends Disposable {
  /** Settles when a signal came and the server has stopped; never without one. Rejects as `stop` does. */
  readonly stopped: Promise<StopResult>;
  /** Takes the handlers of the signals away. */
  cancel(): void;
}

/**
 * Calls `stop` when the first of the signals comes. One that comes for the second time does to the process what it does
 * without us, so that who is in a hurry is not held up. Another one does not: a Ctrl-C is a SIGINT for every process of
 * a terminal, and then often a SIGTERM from their parent.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` for no signals.
 */
export function stopOnSignals(
  stop: () => Promise<StopResult>,
  signals: readonly NodeJS.Signals[],
): SignalStop {
  if (signals.length === 0)
    throw new StreamUsageError('ERR_STREAM_USAGE', 'stopOnSignals: a signal was expected');
  let settle!: (result: Promise<StopResult>) => void;
  const stopped = new Promise<StopResult>((resolve) => {
    settle = resolve;
  });
  let isStopping = false;
  const heard = (signal: NodeJS.Signals): void => {
    process.off(signal, heard);
    if (isStopping) return;
    isStopping = true;
    settle(stop());
  };
  const cancel = (): void => {
    for (const signal of signals) process.off(signal, heard);
  };
  for (const signal of signals) process.on(signal, heard);
  return { stopped, cancel, [Symbol.dispose]: cancel };
}
