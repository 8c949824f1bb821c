import type { Attachment, SubscribeOptions, SubscriptionSink } from '@landspout/topics';
import type { Present } from './door-subscription.ts';

/** What the door needs of a `Topics`. */
export interface TopicsSource {
  topic(name: string): TopicSource;
}

/** What the door needs of a `Topic`. */
export interface TopicSource {
  attach(sink: SubscriptionSink, options?: SubscribeOptions): Promise<Attachment>;
  publish(data: unknown, options?: { readonly id?: string }): Promise<string>;
  join(member: string, options?: { readonly meta?: unknown }): Promise<Present>;
}

/** What the door needs of a `Runs`. */
export interface RunsSource {
  /** @throws an error with the code `ERR_RUN_NOT_FOUND`. */
  attach(id: string, sink: SubscriptionSink, options?: SubscribeOptions): Promise<Attachment>;
  /** Requests the end of a run. @throws an error with the code `ERR_RUN_NOT_FOUND`. */
  cancel(id: string): Promise<RunCancellation>;
}

/** How a run had ended before it was cancelled; `end` is undefined if it had not. */
export interface RunCancellation {
  readonly end?: { readonly how: string } | undefined;
}
