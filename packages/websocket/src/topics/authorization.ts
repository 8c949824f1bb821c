/** What a client wants to do with a topic or run. */
export type TopicAction = 'subscribe' | 'publish' | 'presence' | 'read' | 'cancel';

/** The question that `authorize` decides. */
export interface TopicAuthorization<Handler = unknown> {
  /** `subscribe`, `publish` and `presence` are about a topic, `read` and `cancel` about a run. */
  readonly action: TopicAction;
  /** The name of the topic, or the id of the run. */
  readonly topic: string;
  /** The handler of the connection. */
  readonly handler: Handler;
}
