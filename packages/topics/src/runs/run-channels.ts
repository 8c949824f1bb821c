import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { publishStart } from '@landspout/ioloop/reactor';
import type { RunEndHow } from '../record.ts';

/**
 * The events that runs publish on `node:diagnostics_channel`, for tracing a program without changing it. If there are no
 * subscribers, an event costs a few checks.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.topics.run.start` | a producer is about to be called | `RunStartMessage` |
 * | `landspout.topics.run.end` | the run is over for this process | `RunEndMessage` |
 *
 * The shapes of the messages are in run-messages.ts, which this file does not import: they refer to the `Runs`. Messages
 * are published synchronously. An error thrown by a subscriber does not reach the run: Node throws it on the
 * next tick as an uncaught exception.
 */
const runStart = channel('landspout.topics.run.start');
const runEnd = channel('landspout.topics.run.end');

type AttemptEnd = RunEndHow | 'handedOver' | 'lost';

/** The `RunRecord` of one attempt, which is completed at its end. */
export class RunAttempt {
  readonly runs: object;
  readonly id: string;
  readonly attempt: number;
  how: AttemptEnd | undefined = undefined;
  error: Error | undefined = undefined;
  durationMs = 0;
  readonly #clock: Clock;
  readonly #startedAt: number;

  private constructor(runs: object, id: string, attempt: number, clock: Clock) {
    this.runs = runs;
    this.id = id;
    this.attempt = attempt;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Creates a record if there are subscribers. */
  static of(runs: object, id: string, attempt: number, clock: Clock): RunAttempt | undefined {
    if (!runStart.hasSubscribers && !runEnd.hasSubscribers) return undefined;
    return new RunAttempt(runs, id, attempt, clock);
  }

  /** @returns the async context of the producer; undefined if no subscriber asked for one. */
  started(): AsyncResource | undefined {
    return publishStart(runStart, (runWithin) => ({ record: this, runWithin }));
  }

  ended(how: AttemptEnd, error: Error | undefined): void {
    this.how = how;
    this.error = error;
    this.durationMs = this.#clock.now() - this.#startedAt;
    if (runEnd.hasSubscribers) runEnd.publish({ record: this });
  }

  [INSPECT](): object {
    return inspection(this, ['id', 'attempt', 'how', 'error', 'durationMs'], () => ({ runs: undefined }));
  }
}
