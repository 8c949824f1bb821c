// The WebSocket door of topics and runs: which handler, limits and decisions a connection has. What is said on it is in
// topic-session.ts.

import type { Runs, Topic, Topics } from '@landspout/topics';
import type { ApplicationSettings, HTTPServerRequest, RouteUse, TopicAuthorization } from '@landspout/web';
import { TopicDoor, type TopicMembership } from '@landspout/web/topics';
import type { WebSocketOptions } from '../connection/websocket-options.ts';
import { refusal } from '../handler/upgrade-refusal.ts';
import { connectionOf, WebSocketHandler } from '../handler/websocket-handler.ts';
import { WebSocketUsageError } from '../protocol/index.ts';
import { topicClassProblem, topicHandlerProblem } from './class-check.ts';
import { RateLimit } from './rate-limit.ts';
import { sharedTopicSettings, type TopicOptions } from './topic-options.ts';
import { type SessionShare, TopicSession } from './topic-session.ts';

/** The subprotocol of topics and runs. */
const SUBPROTOCOL = 'landspout.topics.v1';

/**
 * A frame that publishes a record of the default `maxRecordBytes` (1 MiB), with room for escapes and for what is around
 * the data.
 */
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;

/**
 * Lets clients subscribe and publish to topics, and read and cancel runs, over WebSocket with the subprotocol
 * `landspout.topics.v1`. A client that comes back with its cursor gets what it missed.
 *
 * Every operation is decided by {@link authorize}: a cursor says where to read, and gives no permission. A refusal, a
 * run that does not exist and one that has expired look alike.
 *
 * A subscriber that reads slowly delays no other: its records wait in the history of the topic, not in memory of its
 * own. If the history no longer has them, it is notified of the gap. The frame of a record is encoded once for all
 * subscribers of the process. A connection has one subscription of each topic; another one is refused with
 * `ERR_TOPICS_DUPLICATE`.
 *
 * A request that is no upgrade is served too, for clients without WebSocket: event stream, long poll, publishing by POST
 * and cancelling by DELETE at the same URL, by {@link TopicDoor} of `@landspout/web/topics`.
 *
 * The hooks of `WebSocketHandler` can be used; `onMessage` is taken, unless the override passes the messages of this
 * subprotocol on. See {@link TopicOptions} for the limits.
 *
 * @example
 * const topics = new Topics();
 * class Live extends TopicHandler {
 *   override readonly topics = topics;
 *   override authorize({ action, topic }: TopicAuthorization) {
 *     return action === 'subscribe' && topic.startsWith('public:');
 *   }
 * }
 * const server = await new Application([['/live', Live]]).listen({ port: 8888 });
 */
export abstract class TopicHandler<
  Pattern extends string = string,
  Settings extends object = ApplicationSettings,
> extends WebSocketHandler<Pattern, Settings> {
  static override readonly subprotocols: readonly string[] = [SUBPROTOCOL];

  /** Serves clients without WebSocket, and has the limits for them. Default: shared by all classes, with its defaults. */
  static readonly topicDoor: TopicDoor = new TopicDoor();

  static override routeProblem(use: RouteUse): string | undefined {
    return WebSocketHandler.routeProblem(use) ?? topicClassProblem(use.handlerClass, TopicHandler);
  }

  /** The topics that clients can be let into. */
  abstract readonly topics: Topics;

  /** The runs that clients can be let read and cancel. Default: none; clients are refused. */
  declare readonly runs?: Runs | undefined;

  #share: SessionShare | undefined = undefined;
  #session: TopicSession | undefined = undefined;

  /** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if the class has no `authorize` or no `topics`. */
  constructor(...given: ConstructorParameters<typeof WebSocketHandler>) {
    super(...given);
    const handlerClass = this.constructor as typeof TopicHandler;
    if (checkedClasses.has(handlerClass)) return;
    requireNoProblem(topicClassProblem(handlerClass, TopicHandler));
    checkedClasses.add(handlerClass);
  }

  // ---- for a subclass to define ----

  /**
   * Decides whether a client may do something. Only `true`, or a promise of `true`, allows it; if it throws or rejects,
   * that is logged, and the client is refused. It is asked for each frame, also when a client resumes, and for each
   * subscription again after `reauthorizeMs` of {@link topicOptions}. A subscription with presence needs `subscribe` and
   * `presence`.
   */
  abstract authorize(question: TopicAuthorization<this>): boolean | PromiseLike<boolean>;

  /**
   * Returns the member that is present in a topic while this connection is subscribed to it, or while an event stream is
   * open or a long poll is responded to at the same URL. Called for each subscription to a topic that was allowed.
   * Default: none.
   */
  member(_about: {
    readonly topic: string;
  }): TopicMembership | undefined | PromiseLike<TopicMembership | undefined> {
    return undefined;
  }

  /**
   * Returns who the client is, such as the id of a user: whose subscriptions `topics.revoke(topic, subject)` ends, and
   * whose records are published, because those of different subjects may have the same `ref`. Default: none.
   */
  subject(): string | undefined {
    return undefined;
  }

  /**
   * Returns the topic with a name that the client has sent. Override it to give it a schema for what clients publish:
   * `return this.topics.topic(name, { schema })`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a topic with a schema accepts only messages of its type
  topic(name: string): Topic<any> {
    return this.topics.topic(name);
  }

  /** Returns the limits of this connection. Called once, when it opens. */
  topicOptions(): TopicOptions {
    return {};
  }

  /**
   * The limits, pings and timeouts of the WebSocket. `maxMessageBytes` is 2 MiB by default; the other defaults are those
   * of `WebSocketHandler`. `highWaterBytes` is how much is sent ahead to a client; `sendPolicy` has no effect.
   */
  override connectionOptions(): WebSocketOptions {
    return { maxMessageBytes: MAX_MESSAGE_BYTES };
  }

  // ---- the connection ----

  /** Upgrades the connection, or responds with an event stream or to a long poll. Do not override it. */
  override get(): void | PromiseLike<void> {
    if (isUpgrade(this.request)) this.#upgrade();
    else return this.#overHttp.get(this);
  }

  override selectSubprotocol(offered: readonly string[]): string {
    if (offered.includes(SUBPROTOCOL)) return SUBPROTOCOL;
    throw refusal(400, `the subprotocol ${SUBPROTOCOL} is required`);
  }

  override onMessage(message: string | Uint8Array): unknown {
    return this.#openSession()?.received(message);
  }

  /** Publishes to a topic over HTTP. Do not override it. */
  override post(): Promise<void> {
    return this.#overHttp.post(this);
  }

  /** Cancels a run over HTTP. Do not override it. */
  override delete(): Promise<void> {
    return this.#overHttp.delete(this);
  }

  #upgrade(): void {
    // Before the upgrade, so that what is invalid becomes a 500.
    requireNoProblem(topicHandlerProblem(this));
    this.#share = shareOf(this.constructor, this.topicOptions());
    super.get();
    this.#openSession();
  }

  /** There is none if the server is stopping, so that the upgrade was refused. Messages may come before `get` returns. */
  #openSession(): TopicSession | undefined {
    const connection = connectionOf(this);
    if (this.#session === undefined && connection !== undefined && this.#share !== undefined)
      this.#session = new TopicSession(connection, this, this.#share);
    return this.#session;
  }

  get #overHttp(): TopicDoor {
    requireNoProblem(topicHandlerProblem(this));
    return (this.constructor as typeof TopicHandler).topicDoor;
  }
}

/** Classes that were found to have what they need. */
const checkedClasses = new WeakSet<object>();

function requireNoProblem(problem: string | undefined): void {
  if (problem === undefined) return;
  throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', `TopicHandler: ${problem}`);
}

function isUpgrade({ headers }: HTTPServerRequest): boolean {
  return /\bwebsocket\b/i.test(headers.get('Upgrade') ?? '');
}

const shares = new WeakMap<object, SessionShare>();

/** Returns what the connections of a class share. The total rate is that of the class, whatever the other options are. */
function shareOf(handlerClass: object, options: TopicOptions): SessionShare {
  const settings = sharedTopicSettings(handlerClass, options);
  let share = shares.get(handlerClass);
  if (share?.settings === settings) return share;
  share = { settings, totalPublishes: share?.totalPublishes ?? new RateLimit() };
  shares.set(handlerClass, share);
  return share;
}
