import type { RunInfo } from '../backplane/backplane.ts';
import type { TopicEnd } from '../record.ts';

/** What is known of a run. */
export interface RunStatus extends Omit<RunInfo, 'input'> {
  /** What was passed to `start`; undefined if nothing was. */
  readonly input: unknown;
}

/** What a cancellation found. */
export interface CancelOutcome {
  /** `running` if the run is not over yet: it ends as cancelled soon. Otherwise how it has ended. */
  readonly how: 'running' | TopicEnd['how'];
  /** Undefined while the run goes on. */
  readonly end: TopicEnd | undefined;
}

/** Counts of the runs of one process, since it began unless stated otherwise. */
export interface RunsStats {
  /** Runs with a producer here, or whose end is being written: at present. */
  readonly running: number;
  /** Subscriptions to runs: at present. */
  readonly subscriptions: number;
  readonly started: number;
  readonly joined: number;
  /** Interrupted runs that were continued here. */
  readonly continued: number;
  /** Runs that ended here, by how. */
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly interrupted: number;
  /** Runs that were left to other processes when this one was drained or closed. */
  readonly handedOver: number;
  /** Runs that this process lost to another one, or to a failing backplane. */
  readonly lost: number;
  /** Records written. */
  readonly records: number;
}

export function statusOf(info: RunInfo): RunStatus {
  const input: unknown = info.input === undefined ? undefined : JSON.parse(info.input);
  return { ...info, input };
}

export function cancelOutcomeOf({ end }: RunInfo): CancelOutcome {
  return { how: end?.how ?? 'running', end };
}
