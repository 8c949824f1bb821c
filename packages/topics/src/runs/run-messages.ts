// The messages on the diagnostics channels of runs; see run-channels.ts.

import type { StartMessage } from '@landspout/ioloop';
import type { RunEndHow } from '../record.ts';
import type { Runs } from './runs.ts';

/** One attempt at a run in this process. */
export interface RunRecord {
  readonly runs: Runs;
  readonly id: string;
  /** How often the run was continued after an interruption: 0 at first. */
  readonly attempt: number;
  /**
   * How the attempt has ended: `handedOver` if it was left to another process, `lost` if another process has the run or
   * the backplane has failed. Undefined until then.
   */
  readonly how: RunEndHow | 'handedOver' | 'lost' | undefined;
  /** What the producer of a failed run threw, or why the run was lost; undefined otherwise. */
  readonly error: Error | undefined;
  /** From the start to the end; 0 before that, and if no producer was called. */
  readonly durationMs: number;
}

/**
 * Published in the async context of the caller of `runs.start`; for the continuation of an interrupted run, outside of
 * all contexts. `runWithin` chooses the context in which the producer is called, and the listeners of its signal.
 */
export interface RunStartMessage extends RunEndMessage, StartMessage {}

export interface RunEndMessage {
  /**
   * The messages of one attempt have the same object, so it can be used as a key. An attempt without a producer has only
   * an end: for example if an interrupted run is found, and ends as interrupted.
   */
  readonly record: RunRecord;
}
