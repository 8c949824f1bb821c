import { AsyncResource } from 'node:async_hooks';
import { type ClockTimer, isCancellation, type Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { NewRunEnd, RunClaim } from '../backplane/backplane.ts';
import { BackplaneError, RunError } from '../errors.ts';
import type { Payload, RunEndHow, TopicEnd } from '../record.ts';
import { endOfFailure, endOfResult, type ProducerEnd } from './producer-end.ts';
import { Run, type RunProducer } from './run.ts';
import { RunAttempt } from './run-channels.ts';
import { publicErrorOf, RunFailure } from './run-failure.ts';
import { type LeaseHost, lostLease, RunLease } from './run-lease.ts';
import { RunWatch } from './run-watch.ts';
import { RunWrites } from './run-writes.ts';

/** Limits that are those of the process; others are the run's, and come with its claim. */
export interface TaskLimits {
  readonly cancelGraceMs: number;
  readonly maxRecordBytes: number;
}

const ELSEWHERE = 'it was ended or continued elsewhere';

/** What tasks need of the process. */
export interface TaskHost extends LeaseHost {
  /** The `Runs` of the task, for messages about it. */
  readonly runs: object;
  readonly logger: Logger;
  /** A record was written. */
  wrote(): void;
  /** The task has nothing left to do. @param how - undefined if the lease was lost. */
  taskOver(task: RunTask, how: RunEndHow | 'handedOver' | undefined): void;
}

/**
 *     running ──cancel──▶ cancelling ──producer settled, or cancelGraceMs──▶ ending ──written──▶ over
 *        └───────────── producer settled, or interrupted ──────────────────────▲
 *     and from each: lease lost ──▶ over
 */
type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'cancelling'; readonly grace: ClockTimer }
  | { readonly kind: 'ending'; readonly end: NewRunEnd; isWriting: boolean }
  | { readonly kind: 'over' };

/** One run that this process has claimed: from the claim to the end, or until it is lost to another process. */
export class RunTask {
  readonly id: string;
  readonly watch: RunWatch;
  readonly #host: TaskHost;
  readonly #limits: TaskLimits;
  readonly #claim: RunClaim;
  readonly #lease: RunLease;
  readonly #writes: RunWrites;
  readonly #abort = new AbortController();
  #state: State = { kind: 'running' };
  #cursor: string;
  #durationTimer: ClockTimer | undefined;
  /** The context of the producer, in which the listeners of its signal run. */
  #context: AsyncResource | undefined;
  #hasReportedLateWrite = false;
  /** For the diagnostics channels, if they have subscribers. */
  #attempt: RunAttempt | undefined;
  /** What the producer threw, or why the run was lost. */
  #failure: Error | undefined;

  constructor(host: TaskHost, limits: TaskLimits, claim: RunClaim) {
    const { id, cursor } = claim.run;
    this.#host = host;
    this.#limits = limits;
    this.#claim = claim;
    this.id = id;
    this.#cursor = cursor;
    this.#lease = new RunLease(host, claim.settings.leaseMs, id, claim.token, (error) =>
      this.#leaseLost(error),
    );
    this.#writes = new RunWrites({
      id,
      maxRecordBytes: limits.maxRecordBytes,
      send: (payload) => this.#send(payload),
      wroteLate: () => this.#wroteLate(),
    });
    // Not while the backplane notifies its followers, because the listeners of the signal may do anything.
    this.watch = new RunWatch({
      cancelRequested: () => queueMicrotask(() => this.cancel('the run is cancelled')),
      ended: (end) => queueMicrotask(() => this.#ended(end)),
    });
  }

  get state(): State['kind'] {
    return this.#state.kind;
  }

  /** The cursor of the last record written; before it, that where this task began. */
  get cursor(): string {
    return this.#cursor;
  }

  /**
   * Follows the run and calls the producer, in the present async context.
   *
   * @throws BackplaneError if the run cannot be followed; it is ended as interrupted.
   */
  async begin(producer: RunProducer): Promise<void> {
    try {
      await this.watch.follow(this.#host.backplane, this.id);
    } catch (error) {
      await this.end({ how: 'interrupted' }, 'it could not be followed');
      throw error;
    }
    // It may have been cancelled, or interrupted, meanwhile.
    if (this.#state.kind === 'cancelling') await this.end({ how: 'cancelled' }, 'it is cancelled');
    if (this.#state.kind !== 'running') return;
    this.#attempt = this.#newAttempt();
    const context = this.#attempt?.started() ?? new AsyncResource('LandspoutRun');
    this.#context = context;
    // A subscriber may have closed the runs.
    if (this.#state.kind !== 'running') return;
    const { maxDurationMs } = this.#claim.settings;
    this.#durationTimer = this.#later(maxDurationMs, () => void this.#tookTooLong());
    void this.#checkCancellation();
    context.runInAsyncScope(() => void this.#produce(producer));
  }

  /** Aborts the producer. The run ends as cancelled when the producer settles, or after `cancelGraceMs`. */
  cancel(reason: string): void {
    if (this.#state.kind !== 'running') return;
    const grace = this.#later(this.#limits.cancelGraceMs, () => void this.end({ how: 'cancelled' }, reason));
    this.#state = { kind: 'cancelling', grace };
    this.#abortWith(new DOMException(reason, 'AbortError'));
  }

  /** Aborts the producer and ends the run: as interrupted, or as cancelled if that is requested already. */
  async interrupt(): Promise<void> {
    const reason = 'the process stops';
    const how = this.#state.kind === 'cancelling' ? 'cancelled' : 'interrupted';
    const ending = this.end({ how }, reason);
    this.#abortWith(new DOMException(reason, 'AbortError'));
    await ending;
  }

  /**
   * Aborts the producer and gives up the lease, so that another process can continue the run at once. A run that is
   * cancelled already ends.
   */
  async handOver(): Promise<void> {
    if (this.#state.kind !== 'running') return this.interrupt();
    const reason = 'the process stops, and another one continues the run';
    this.#stopTimers();
    this.#writes.stop(reason);
    this.#state = { kind: 'over' };
    this.#abortWith(new DOMException(reason, 'AbortError'));
    await this.#writes.waitIdle();
    try {
      await this.#host.backplane.releaseRun(this.id, this.#claim.token);
    } catch (error) {
      // The lease expires in any case.
      this.#host.quietLog.warn(
        'release',
        { error, runId: this.id },
        'the lease of a run could not be given up',
      );
    }
    this.#taskOver('handedOver');
  }

  /**
   * Ends the run unless it is ending already. Further writes are refused.
   *
   * @returns after the first attempt to write the end; {@link renew} makes further ones.
   */
  async end(end: NewRunEnd, refusal: string): Promise<void> {
    if (this.#state.kind === 'ending' || this.#state.kind === 'over') return;
    this.#stopTimers();
    this.#writes.stop(refusal);
    this.#state = { kind: 'ending', end, isWriting: false };
    await this.#writeEnd();
  }

  /** Renews the lease, and tries again to write an end that could not be written. */
  renew(): void {
    if (this.#state.kind === 'over') return;
    this.#lease.renew();
    void this.#writeEnd();
  }

  /** Aborts the producer, because another process has the run or the backplane is closed. */
  lost(error: Error): void {
    if (this.#state.kind === 'over') return;
    this.#failure = error;
    this.#over(undefined, ELSEWHERE);
    this.#abortWith(error);
    if (!(error instanceof RunError)) return;
    const details = { error, runId: this.id };
    this.#host.logger.warn(details, 'the lease of a run is lost; its producer is aborted');
  }

  [INSPECT](): object {
    return inspection(this, ['id', 'state', 'cursor']);
  }

  async #produce(producer: RunProducer): Promise<void> {
    const { end, error } = await this.#outcome(producer);
    const isCancelled = this.#state.kind === 'cancelling';
    this.#failure = error;
    try {
      if (error !== undefined) this.#logFailure(error);
    } finally {
      await this.end(isCancelled ? { how: 'cancelled' } : end, 'its producer has settled');
    }
  }

  async #outcome(producer: RunProducer): Promise<ProducerEnd> {
    try {
      const result: unknown = await producer(this.#newRun());
      this.#writes.producerSettled();
      await this.#writes.waitIdle();
      const failure = this.#writes.unobservedFailure();
      return failure === undefined
        ? endOfResult(result, this.#limits.maxRecordBytes)
        : endOfFailure(failure.error);
    } catch (error) {
      this.#writes.producerSettled();
      return endOfFailure(error);
    }
  }

  /** What an aborted producer throws because it was aborted is no failure. */
  #logFailure(failure: Error): void {
    const { aborted, reason } = this.#abort.signal;
    if (aborted && (isCancellation(failure, reason) || failure instanceof RunError)) return;
    const details = { error: failure, runId: this.id };
    if (failure instanceof RunFailure)
      this.#host.logger.warn(details, 'a run failed as its producer decided');
    else this.#host.logger.error(details, 'the producer of a run failed');
  }

  #newRun(): Run {
    const task = this;
    const { id, owner, input, attempt } = this.#claim.run;
    return new Run(
      { id, owner, input: input === undefined ? undefined : JSON.parse(input), attempt },
      {
        signal: this.#abort.signal,
        get cursor() {
          return task.cursor;
        },
        write: (data) => this.#writes.write(data),
      },
    );
  }

  async #send(payload: Payload): Promise<string> {
    try {
      const cursor = await this.#host.backplane.writeRun(this.id, this.#claim.token, payload);
      this.#cursor = cursor;
      this.#host.wrote();
      return cursor;
    } catch (error) {
      if (error instanceof RunError) this.lost(error);
      throw error;
    }
  }

  /** The cancellation may have been requested before the run was followed. */
  async #checkCancellation(): Promise<void> {
    try {
      const { cancelRequested } = await this.#host.backplane.runInfo(this.id);
      if (cancelRequested) this.cancel('the run is cancelled');
    } catch {
      // The next renewal finds out what is wrong.
    }
  }

  async #tookTooLong(): Promise<void> {
    const reason = `the run took longer than maxDurationMs (${this.#claim.settings.maxDurationMs})`;
    this.cancel(reason);
    this.#host.logger.warn({ runId: this.id }, `${reason}; it is cancelled`);
    try {
      // If this process ends before the run does, another one finds the mark and ends the run as cancelled.
      await this.#host.backplane.cancelRun(this.id);
    } catch {
      // This process cancels it in any case.
    }
  }

  #wroteLate(): void {
    if (this.#hasReportedLateWrite) return;
    this.#hasReportedLateWrite = true;
    const details = { runId: this.id };
    this.#host.logger.warn(
      details,
      'the producer of a run wrote to it after it had settled; the record is lost',
    );
  }

  async #writeEnd(): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'ending' || state.isWriting) return;
    state.isWriting = true;
    try {
      await this.#host.backplane.endRun(this.id, this.#claim.token, state.end);
      this.#over(state.end.how, 'it has ended');
    } catch (error) {
      state.isWriting = false;
      await this.#endNotWritten(state.end, error);
    }
  }

  async #endNotWritten(end: NewRunEnd, error: unknown): Promise<void> {
    // It may be there although the reply was lost.
    if (this.watch.end?.how === end.how) return this.#over(end.how, 'it has ended');
    if (error instanceof RunError) return this.lost(lostLease(this.id, ELSEWHERE, error));
    const details = { error: errorOf(error), runId: this.id };
    if (error instanceof BackplaneError) {
      if (error.code === 'ERR_TOPICS_CLOSED') return this.lost(error);
      this.#host.quietLog.warn('end', details, 'the end of a run could not be written; it is tried again');
      return;
    }
    this.#host.logger.error(details, 'the backplane does not take the end of a run');
    if (this.#state.kind !== 'ending') return;
    if (end.how !== 'finished') return this.lost(errorOf(error));
    // Perhaps it does not take the result.
    const failed: NewRunEnd = { how: 'failed', error: publicErrorOf(error) };
    this.#state = { kind: 'ending', end: failed, isWriting: false };
    await this.#writeEnd();
  }

  #leaseLost(error: Error): void {
    const state = this.#state;
    // The backplane refuses to renew what has ended; the outcome of writing the end says whether this task did that.
    if (state.kind === 'ending' && state.isWriting && error.cause instanceof RunError) return;
    this.lost(error);
  }

  /** Called also for the end that this task has written. */
  #ended(end: TopicEnd): void {
    if (this.#state.kind === 'ending' && end.how !== 'closed') {
      if (!this.#state.isWriting) this.#over(this.#state.end.how, 'it has ended');
      return;
    }
    const closed = 'the backplane or the runs were closed';
    this.lost(
      end.how === 'closed'
        ? new BackplaneError('ERR_TOPICS_CLOSED', closed)
        : lostLease(this.id, `it ended elsewhere as ${end.how}`, undefined),
    );
  }

  #over(how: RunEndHow | undefined, refusal: string): void {
    if (this.#state.kind === 'over') return;
    this.#stopTimers();
    this.#writes.stop(refusal);
    this.#state = { kind: 'over' };
    this.#taskOver(how);
  }

  /** @param how - undefined if the lease was lost. */
  #taskOver(how: RunEndHow | 'handedOver' | undefined): void {
    this.#host.taskOver(this, how);
    // Without a producer, there was no start. With one, there was no subscriber at the start.
    const attempt = this.#context === undefined ? this.#newAttempt() : this.#attempt;
    attempt?.ended(how ?? 'lost', how === undefined || how === 'failed' ? this.#failure : undefined);
  }

  #newAttempt(): RunAttempt | undefined {
    const { runs, clock } = this.#host;
    return RunAttempt.of(runs, this.id, this.#claim.run.attempt, clock);
  }

  #stopTimers(): void {
    this.#durationTimer?.cancel();
    if (this.#state.kind === 'cancelling') this.#state.grace.cancel();
  }

  /** Does nothing if the signal is aborted already. */
  #abortWith(reason: Error): void {
    if (this.#context === undefined) this.#abort.abort(reason);
    else this.#context.runInAsyncScope(() => this.#abort.abort(reason));
  }

  #later(delayMs: number, callback: () => void): ClockTimer {
    let timer!: ClockTimer;
    runInRootContext(() => {
      timer = this.#host.clock.setTimeout(callback, delayMs);
      timer.unref();
    }, undefined);
    return timer;
  }
}
