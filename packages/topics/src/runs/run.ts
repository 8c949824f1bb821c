import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** What a {@link Run} passes on. */
export interface RunWriter {
  readonly signal: AbortSignal;
  readonly cursor: string;
  write(data: unknown): Promise<string>;
}

/** What a producer returns or rejects with ends its run. @returns a JSON value or nothing, or a promise of it. */
export type RunProducer<Token = unknown, Result = unknown> = (
  run: Run<Token>,
) => Result | PromiseLike<Result>;

/** What a producer gets: the way to write to its run. */
export class Run<Token = unknown> {
  readonly id: string;
  readonly owner: string;
  /** What was passed to `start`, as JSON keeps it; undefined if nothing was. */
  readonly input: unknown;
  /** How often the run was continued after an interruption: 0 at first. */
  readonly attempt: number;
  readonly #writer: RunWriter;

  constructor(
    { id, owner, input, attempt }: Pick<Run, 'id' | 'owner' | 'input' | 'attempt'>,
    writer: RunWriter,
  ) {
    this.id = id;
    this.owner = owner;
    this.input = input;
    this.attempt = attempt;
    this.#writer = writer;
  }

  /**
   * Aborted if the producer should stop: with an `AbortError` if the run is cancelled, took longer than `maxDurationMs`,
   * or the process stops; with `ERR_RUN_LEASE_LOST` if the run was ended or continued elsewhere. Its listeners run in
   * the async context of `start`.
   */
  get signal(): AbortSignal {
    return this.#writer.signal;
  }

  /** The cursor of the last record that is written; before the first one, that where the producer began. */
  get cursor(): string {
    return this.#writer.cursor;
  }

  /**
   * Appends a record to the run. Records are in the order of the calls, awaited or not.
   *
   * Await each write: that is how a slow backplane slows down the producer. At most 1,000 writes, or 4 MiB, may be
   * pending. A write that fails and is not awaited fails the run. After a cancellation, writing is possible until the
   * producer settles or the time for that is over.
   *
   * @param data - a JSON value, or bytes, which are copied. At most `maxRecordBytes`.
   * @returns the cursor of the record, after it is as durable as the backplane promises.
   * @throws TopicsUsageError `ERR_TOPICS_USAGE` if the data is not JSON.
   * @throws TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`; `ERR_RUN_LIMIT` if the log would exceed `maxRecords` or
   *   `maxBytes`. Nothing was written. The run fails unless the producer catches it.
   * @throws RunError `ERR_RUN_LEASE_LOST` if the run is over for this producer.
   * @throws BackplaneError `ERR_TOPICS_BUSY` if too many writes are pending; others if the backplane fails.
   */
  write(data: Token | Uint8Array): Promise<string> {
    return this.#writer.write(data);
  }

  [INSPECT](): object {
    return inspection(this, ['id', 'owner', 'attempt', 'cursor'], () => ({ isAborted: this.signal.aborted }));
  }
}
