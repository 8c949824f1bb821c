import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicEnd } from '../record.ts';
import { type RunLogs, RunReader } from './run-reader.ts';
import type { CancelOutcome, RunStatus } from './run-status.ts';

/** The end of a run whose producer returns a `Result`. */
export interface RunEnd<Result = unknown> extends TopicEnd {
  readonly result?: Result;
}

/** What a handle needs of its {@link Runs}. */
export interface HandleSource extends RunLogs {
  cancel(id: string): Promise<CancelOutcome>;
  info(id: string): Promise<RunStatus>;
}

/** A run that was started or joined. It can be read, as often as needed. */
export class RunHandle<Token = unknown, Result = unknown> extends RunReader<Token> {
  /** Whether the run existed already, so that the given producer was not called. */
  readonly joined: boolean;
  readonly #source: HandleSource;
  readonly #watch: () => Promise<TopicEnd>;
  #ended: Promise<RunEnd<Result>> | undefined;

  /** Made by `runs.start`. @param watch - waits for the end. */
  constructor(id: string, joined: boolean, source: HandleSource, watch: () => Promise<TopicEnd>) {
    super(id, source);
    this.joined = joined;
    this.#source = source;
    this.#watch = watch;
  }

  /**
   * Resolves to the end of the run, in whatever way and process it ends; its `how` is `closed` if the runs or the
   * backplane of this process were closed before. Also a failed run resolves. It rejects only if the run can no longer
   * be read, because its `ttlMs` is over or the backplane fails; a rejection that is ignored has no effect.
   */
  get ended(): Promise<RunEnd<Result>> {
    if (this.#ended === undefined) {
      this.#ended = this.#watch() as Promise<RunEnd<Result>>;
      this.#ended.catch(() => {});
    }
    return this.#ended;
  }

  /** Requests the end of the run; see `runs.cancel`. */
  cancel(): Promise<CancelOutcome> {
    return this.#source.cancel(this.id);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError. */
  info(): Promise<RunStatus> {
    return this.#source.info(this.id);
  }

  override [INSPECT](): object {
    return inspection(this, ['id', 'joined']);
  }
}
