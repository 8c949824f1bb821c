import type { Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type RateLimitedLog, runInRootContext } from '@landspout/ioloop/reactor';
import type { Backplane, RunClaim } from '../backplane/backplane.ts';
import { BackplaneError, topicsChecks } from '../errors.ts';
import { NOT_CONTINUED } from './producer-end.ts';
import type { Run, RunProducer } from './run.ts';
import { statusOf } from './run-status.ts';
import type { RunTask } from './run-task.ts';
import type { InterruptedRun, OnInterrupted } from './runs-options.ts';

/** How many runs are taken in one turn of the loop: after a restart there may be thousands. */
const TAKEN_PER_TURN = 16;

/** What recovery needs of the process. */
export interface RecoveryHost {
  readonly backplane: Backplane;
  readonly logger: Logger;
  readonly quietLog: RateLimitedLog;
  /** Whether this process may take one more producer. */
  hasRoom(): boolean;
  /** Registers a task for a claim. */
  adopt(claim: RunClaim): RunTask;
  continued(): void;
}

/** Finds runs whose lease has expired, and continues or ends them. */
export class Recovery {
  readonly #host: RecoveryHost;
  readonly #onInterrupted: OnInterrupted | undefined;
  readonly #maxAttempts: number;
  #isSweeping = false;
  #isStopped = false;

  constructor(host: RecoveryHost, onInterrupted: OnInterrupted | undefined, maxAttempts: number) {
    this.#host = host;
    this.#onInterrupted = onInterrupted;
    this.#maxAttempts = maxAttempts;
  }

  /** Leaves expired runs to other processes from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Looks at one run before it is read. Errors are logged. @returns after its end is written, or its continuation has begun. */
  async recover(id: string): Promise<void> {
    if (!this.#mayClaim()) return;
    try {
      const claim = await this.#host.backplane.claimExpiredRun(id);
      if (claim !== undefined) await this.#take(claim);
    } catch (error) {
      this.#failed(error); // Reading may be possible although a claim is not.
    }
  }

  /** Looks at all runs. Errors are logged: the next sweep tries again. */
  async sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      for (let taken = 1; this.#mayClaim(); taken += 1) {
        const claim = await this.#host.backplane.claimExpiredRun();
        if (claim === undefined) return;
        await this.#take(claim);
        if (taken % TAKEN_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isSweeping = false;
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isSweeping: this.#isSweeping, isStopped: this.#isStopped }));
  }

  /** Without `onInterrupted`, a claim is only an end to write. */
  #mayClaim(): boolean {
    return !this.#isStopped && (this.#onInterrupted === undefined || this.#host.hasRoom());
  }

  #failed(error: unknown): void {
    if (error instanceof BackplaneError && error.code === 'ERR_TOPICS_CLOSED') return;
    this.#host.quietLog.warn('sweep', { error }, 'the search for interrupted runs failed');
  }

  async #take(claim: RunClaim): Promise<void> {
    const { attempt, cancelRequested } = claim.run;
    const task = this.#host.adopt(claim);
    if (cancelRequested) return task.end({ how: 'cancelled' }, 'it is cancelled');
    const onInterrupted = this.#onInterrupted;
    if (onInterrupted !== undefined && this.#isStopped) return task.handOver();
    if (onInterrupted === undefined || attempt > this.#maxAttempts) {
      return task.end({ how: 'interrupted' }, 'it is interrupted');
    }
    // In the root context: the continuation does not belong to the request or timer that found the run.
    let begun: Promise<void> | undefined;
    runInRootContext(() => {
      begun = task.begin((run: Run) => this.#continue(claim, onInterrupted, run));
    }, undefined);
    try {
      await begun;
    } catch (error) {
      this.#host.quietLog.warn('continue', { error }, 'an interrupted run could not be continued');
    }
  }

  /** The producer of a continuation: that of `onInterrupted`, if there is one. */
  async #continue(claim: RunClaim, onInterrupted: OnInterrupted, run: Run): Promise<unknown> {
    const { id, owner, input, attempt, startedAt, cursor, records } = statusOf(claim.run);
    const interrupted: InterruptedRun = { id, owner, input, attempt, startedAt, cursor, records };
    let producer: RunProducer | undefined;
    try {
      producer = await onInterrupted(interrupted);
      if (producer !== undefined) topicsChecks.callback('Runs', 'the result of onInterrupted', producer);
    } catch (error) {
      this.#host.logger.error(
        { error: errorOf(error), runId: id },
        'onInterrupted threw; the run is interrupted',
      );
      return NOT_CONTINUED;
    }
    if (producer === undefined || run.signal.aborted) return NOT_CONTINUED;
    this.#host.continued();
    return producer(run);
  }
}
