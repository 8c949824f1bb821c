import type { ApplicationSettings } from '../application/settings.ts';
import { WebUsageError } from '../errors.ts';
import type { TopicAuthorization } from '../event-stream/authorization.ts';
import type { HandlerContext, RouteUse } from '../handler/lifecycle.ts';
import { RequestHandler } from '../handler/request-handler.ts';
import type { RunsSource, TopicMembership, TopicSource, TopicsSource } from './door-handler.ts';
import { TopicDoor } from './topic-door.ts';

/**
 * Serves topics and runs over HTTP, without WebSockets: event streams and long polls, publishing, and cancelling runs;
 * see {@link TopicDoor}. For WebSockets too, use the `TopicHandler` of `@landspout/websocket`.
 *
 * If the setting `xsrfCookies` is true, POST and DELETE need the token in the header `X-XSRFToken`.
 *
 * @example
 * const topics = new Topics();
 * class Live extends TopicRequestHandler {
 *   override readonly topics = topics;
 *   override authorize({ action, topic }: TopicAuthorization) {
 *     return topic.startsWith('public/') && action !== 'publish';
 *   }
 * }
 * new Application([['/live', Live]]);
 */
export abstract class TopicRequestHandler<
  Pattern extends string = string,
  Settings extends object = ApplicationSettings,
> extends RequestHandler<Pattern, Settings> {
  /** Has the limits, which all classes that do not override it share. */
  static readonly topicDoor: TopicDoor = new TopicDoor();

  static override routeProblem({ handlerClass }: RouteUse): string | undefined {
    const { authorize } = handlerClass.prototype as Partial<TopicRequestHandler>;
    if (typeof authorize === 'function') return undefined;
    return `${handlerClass.name} has no method authorize, which decides what a client may do; define it`;
  }

  abstract readonly topics: TopicsSource;

  /** Default: none; every run is then a 404. */
  declare readonly runs?: RunsSource | undefined;

  /** @throws WebUsageError `ERR_WEB_USAGE` if the class has no method `authorize`. */
  constructor(context: HandlerContext) {
    super(context);
    if (typeof this.authorize === 'function') return;
    const problem = 'has no method authorize, which decides what a client may do';
    throw new WebUsageError('ERR_WEB_USAGE', `${new.target.name} ${problem}`);
  }

  /**
   * Decides whether the client may do something with a topic or run. Only `true`, or a promise of `true`, allows it;
   * otherwise the response is a 404. If it throws or rejects, that is logged, and the client is refused.
   */
  abstract authorize(question: TopicAuthorization<this>): boolean | PromiseLike<boolean>;

  /**
   * Returns who the client is, such as the id of the user: whose event stream `topics.revoke(topic, subject)` ends, and
   * whose records are published, because those of different subjects may have the same `ref`. Default: none.
   */
  subject?(): string | undefined;

  /**
   * Returns the member that is present in a topic while an event stream is open or a long poll is responded to; the
   * `leaveDelayMs` of the topics is for the time between two polls. Called for each request that was allowed to
   * subscribe. Default: none.
   */
  member?(about: {
    readonly topic: string;
  }): TopicMembership | undefined | PromiseLike<TopicMembership | undefined>;

  /** Returns a topic by the name that a client has sent, for example with a schema. Default: that of {@link topics}. */
  topic?(name: string): TopicSource;

  /**
   * Whether pages of an origin may use topics and runs; asked for requests that have the header `Origin`. Requests from
   * pages of other origins get a 403, because they could publish in the name of their visitor. Default: pages of the
   * application itself.
   */
  checkOrigin(origin: string): boolean {
    return this.request.isOwnOrigin(origin);
  }

  /**
   * By what publishes are counted for the rate limit, such as the id of the user; undefined to limit only all clients
   * together. Default: the address of the client; of an IPv6 address, its /64 prefix.
   */
  publishKey?(): string | undefined;

  override get(): Promise<void> {
    return this.#door.get(this);
  }

  override post(): Promise<void> {
    return this.#door.post(this);
  }

  override delete(): Promise<void> {
    return this.#door.delete(this);
  }

  get #door(): TopicDoor {
    return (this.constructor as typeof TopicRequestHandler).topicDoor;
  }
}
