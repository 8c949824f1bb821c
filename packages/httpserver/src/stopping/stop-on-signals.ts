import type { OptionNames } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';
import { STOP_OPTIONS, type StopOptions, type StopResult } from './stop-options.ts';

export interface StopOnSignalsOptions extends StopOptions {
  /** The signals to stop on. Default: SIGTERM, sent by service managers and containers, and SIGINT, sent by Ctrl-C. */
  readonly signals?: readonly NodeJS.Signals[];
}

/** The option names of `HTTPServer.stopOnSignals`. */
export const STOP_ON_SIGNALS_OPTIONS: OptionNames<StopOnSignalsOptions> = {
  ...STOP_OPTIONS,
  signals: true,
};

/** A stop that starts when a signal arrives. */
export interface SignalStop extends Disposable {
  /** Resolves when a signal has arrived and the server has stopped; rejects if `stop` rejects. */
  readonly stopped: Promise<StopResult>;
  /** Removes the signal handlers. */
  cancel(): void;
}

/**
 * Calls `stop` when the first of `signals` arrives. If the same signal arrives again, it has its default effect, which
 * ends the process immediately. A different signal is ignored while stopping: Ctrl-C sends SIGINT to every process of a
 * terminal, often followed by SIGTERM from their parent.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if `signals` is empty.
 */
export function stopOnSignals(
  stop: () => Promise<StopResult>,
  signals: readonly NodeJS.Signals[],
): SignalStop {
  if (signals.length === 0)
    throw new StreamUsageError('ERR_STREAM_USAGE', 'stopOnSignals: signals must not be empty');
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
