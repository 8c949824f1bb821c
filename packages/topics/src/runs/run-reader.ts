import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Attachment, SubscriptionSink } from '../subscription/delivery.ts';
import type { SubscribeOptions } from '../subscription/subscribe-options.ts';
import type { Subscription } from '../subscription/subscription.ts';

/** How readers get at the log of a run. */
export interface RunLogs {
  subscribe<Token>(id: string, options: SubscribeOptions): Promise<Subscription<Token>>;
  attach(id: string, sink: SubscriptionSink, options: SubscribeOptions): Promise<Attachment>;
}

/**
 * Reads a run, at any time and any number of times, in the form in which `eventStream` of `@landspout/web` takes topics
 * and runs. A name with a way to read: making one costs little and checks nothing.
 */
export class RunReader<Token = unknown> {
  readonly id: string;
  readonly #logs: RunLogs;

  /** Made by `runs.reader`. */
  constructor(id: string, logs: RunLogs) {
    this.id = id;
    this.#logs = logs;
  }

  /**
   * Reads the run: its records so far, those to come, and its end. Without `after` and `last` it reads from the start.
   *
   * @throws RunError `ERR_RUN_NOT_FOUND`; TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; BackplaneError; the
   *   reason of the signal.
   */
  subscribe(options: SubscribeOptions = {}): Promise<Subscription<Token>> {
    return this.#logs.subscribe(this.id, options);
  }

  /** Like {@link subscribe}, but the events are pushed to a sink. It gets the first one after `resume()`. */
  attach(sink: SubscriptionSink, options: SubscribeOptions = {}): Promise<Attachment> {
    return this.#logs.attach(this.id, sink, options);
  }

  [INSPECT](): object {
    return inspection(this, ['id']);
  }
}
