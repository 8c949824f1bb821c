import type { Attachment, SubscribeOptions, SubscriptionSink } from '@landspout/topics';

/** What the door needs of a `Runs`. */
export interface RunsSource {
  /** A name with a way to read; whether there is such a run is found out by reading. */
  reader(id: string): {
    /** @throws an error with the code `ERR_RUN_NOT_FOUND`. */
    attach(sink: SubscriptionSink, options?: SubscribeOptions): Promise<Attachment>;
  };
  /**
   * Requests the end of a run.
   *
   * @returns `running`, or how it had ended before.
   * @throws an error with the code `ERR_RUN_NOT_FOUND`.
   */
  cancel(id: string): Promise<{ readonly how: string }>;
}
