// What a client says on one connection of a TopicHandler, and what it gets in return.

import { isCancellation } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import type { Attachment, Runs, Topic } from '@landspout/topics';
import type { TopicAction } from '@landspout/web';
import { leaveFailed, publishId } from '@landspout/web/topics';
import { wheelOf } from '../connection/deadline-wheels.ts';
import type { SendOptions } from '../connection/send-policy.ts';
import type { WebSocketConnection } from '../connection/websocket-connection.ts';
import { CLOSE_CODES } from '../protocol/index.ts';
import { type AuthorizingHandler, areAllowed } from './authorization.ts';
import { type ClientFrame, parseClientFrame } from './client-frame.ts';
import { DoorSubscription, type SubscribingSession } from './door-subscription.ts';
import { OperationOrder } from './operation-order.ts';
import { RateLimit } from './rate-limit.ts';
import { errText, okText, posText } from './server-frame.ts';
import { sharedNames } from './shared-names.ts';
import { SubscriptionList } from './subscription-list.ts';
import { type PublicFault, publicFault, REFUSED } from './topic-door-errors.ts';
import type { TopicSettings } from './topic-options.ts';

/** What the session needs of its handler. */
export interface SessionHandler extends AuthorizingHandler {
  readonly topics: { readonly revocations: number };
  readonly runs?: Runs | undefined;
  topic(name: string): Topic;
  member(about: { readonly topic: string }): unknown;
  subject(): string | undefined;
}

/** What the connections of one class have in common. */
export interface SessionShare {
  readonly settings: TopicSettings;
  readonly totalPublishes: RateLimit;
}

/** Whatever the policy of the connection is: a client that missed a frame would not know it. */
const NEVER_DROPPED: SendOptions = { policy: 'close' };

/**
 * Most records that wait for a connection without room. Beyond that they are read from the history again, so that slow
 * clients do not keep in memory what the history has dropped.
 */
const MAX_WAITING_RECORDS = 64;

/**
 * Most characters of the frames that wait for `authorize` or the backplane, before no more are read: two of the largest
 * by default. A client could keep `maxPending` of them in memory otherwise.
 */
const MAX_PENDING_LENGTH = 4 * 1024 * 1024;

/** One connection: its subscriptions, and its operations in order. */
export class TopicSession implements SubscribingSession, DeadlineEntry {
  readonly connection: WebSocketConnection;
  readonly #handler: SessionHandler;
  readonly #share: SessionShare;
  readonly #subscriptions = new SubscriptionList();
  #order: OperationOrder | undefined = undefined;
  readonly #frames = new RateLimit();
  #publishes: RateLimit | undefined = undefined;
  /** Those that the connection had no room for. */
  #waiting: Set<DoorSubscription> | undefined = undefined;
  #reauthorization: Deadline | undefined = undefined;
  #isOver = false;
  /** The connection is being closed because of its frames; those that were received already are not carried out. */
  #isRefused = false;

  constructor(connection: WebSocketConnection, handler: SessionHandler, share: SessionShare) {
    this.connection = connection;
    this.#handler = handler;
    this.#share = share;
    connection.setCloseListener(this);
  }

  // ---- for the handler and the connection ----

  /** Called with each message. @returns a promise if the next one is to wait. */
  received(message: string | Uint8Array): Promise<void> | undefined {
    const { frames, clock, maxPending } = this.#share.settings;
    if (this.#isRefused) return undefined;
    if (this.#frames.take(frames, clock.now()) > 0) {
      this.#isRefused = true;
      this.connection.close(CLOSE_CODES.policyViolation, 'too many frames');
      return undefined;
    }
    const frame = parseClientFrame(message);
    if (frame.op === undefined) this.send(errText(frame.fault, frame.id, frame.kind, frame.name));
    else this.#accept(frame, message.length);
    // A client that does not read its replies is not read either.
    if (this.connection.isFull) return this.connection.whenDrained().catch(() => undefined);
    return this.#order?.whenBelow(maxPending, MAX_PENDING_LENGTH);
  }

  /** Called once, when the connection is closed. */
  connectionClosed(): void {
    this.#isOver = true;
    this.#reauthorization?.close();
    this.#waiting = undefined;
    for (const subscription of this.#subscriptions) this.#remove(subscription);
  }

  /** Called when `authorize` is to be asked again. */
  deadlinePassed(): Promise<void> {
    return this.#reauthorize();
  }

  // ---- for the subscriptions ----

  waitForRoom(subscription: DoorSubscription): void {
    if (this.#waiting === undefined) {
      this.#waiting = new Set();
      this.#drainLater();
    }
    this.#waiting.add(subscription);
  }

  send(text: string): void {
    // The promise is for back-pressure, which `received` takes care of; its rejection may be ignored.
    void this.connection.writeMessage(text, NEVER_DROPPED);
  }

  ended(subscription: DoorSubscription): void {
    this.#remove(subscription);
  }

  failed(error: unknown): void {
    leaveFailed(this.#handler.log, error);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ subscriptions: this.#subscriptions.size, isOver: this.#isOver }));
  }

  // ---- operations ----

  /** Operations on one topic or run are begun in the order of their frames; those on others do not wait. */
  #accept(frame: ClientFrame, length: number): void {
    const order = this.#order ?? new OperationOrder(() => this.#settled());
    this.#order = order;
    order.run(`${frame.kind} ${frame.name}`, length, () => this.#operate(frame));
    if (order.isEmpty) this.#settled();
  }

  /** An idle connection keeps no state of operations. */
  #settled(): void {
    this.#order = undefined;
  }

  /** @returns a promise that resolves when the next operation on the topic or run may begin. It does not reject. */
  #operate(frame: ClientFrame): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    switch (frame.op) {
      case 'sub':
        return this.#subscribe(frame);
      case 'unsub':
        return this.#unsubscribe(frame);
      case 'pub':
        return this.#allowed(frame, ['publish'], () => this.#publish(frame));
      default:
        return this.#allowed(frame, ['cancel'], () => this.#cancel(frame));
    }
  }

  #subscribe(frame: ClientFrame): Promise<void> | undefined {
    const { maxSubscriptions } = this.#share.settings;
    if (this.#subscriptions.find(frame.kind, frame.name) !== undefined) {
      const message = 'the connection is subscribed to it already';
      return this.#refuse(frame, { code: 'ERR_TOPICS_DUPLICATE', message });
    }
    if (this.#subscriptions.size >= maxSubscriptions) {
      const message = `at most ${maxSubscriptions} subscriptions are allowed`;
      return this.#refuse(frame, { code: 'ERR_TOPICS_TOO_MANY_SUBSCRIPTIONS', message });
    }
    // It takes its place before anything is waited for, so that no more than allowed are waiting.
    const name = sharedNames.of(frame.name);
    const subscription = new DoorSubscription(this, frame.kind, name, frame.presence);
    this.#subscriptions.add(subscription);
    const refused = (fault: PublicFault) => {
      this.#remove(subscription);
      return this.#refuse(frame, fault);
    };
    const { revocations } = this.#handler.topics;
    const attach = () => this.#attach(frame, subscription, revocations);
    return this.#allowed(frame, actionsOf(subscription), attach, refused);
  }

  /** @param revocations - the number of them before `authorize` was asked. */
  async #attach(frame: ClientFrame, subscription: DoorSubscription, revocations: number): Promise<void> {
    try {
      await this.#join(subscription);
      if (this.#isOver) return this.#remove(subscription);
      const attachment = await this.#attachment(frame, subscription);
      const isAllowed = await this.#isStillAllowed(subscription, revocations);
      if (this.#isOver || !isAllowed) {
        attachment.close();
        this.#remove(subscription);
        if (!isAllowed) this.#refuse(frame, REFUSED);
        return;
      }
      const { id, kind, name } = frame;
      this.send(okText(id, attachment.cursor));
      this.send(posText(kind, name, attachment.cursor));
      subscription.start(attachment);
      if (subscription.isAttached) this.#reauthorizeLater();
    } catch (error) {
      this.#remove(subscription);
      this.#refuse(frame, this.#faultOf(error));
    }
  }

  #attachment(frame: ClientFrame, subscription: DoorSubscription): Promise<Attachment> {
    const { kind, name, after, last } = frame;
    const { runs } = this.#handler;
    // A client that resumes has a cursor; how much it wanted at first does not matter then.
    const from = after !== undefined ? { after } : last !== undefined ? { last } : undefined;
    const options = { ...from, maxQueue: MAX_WAITING_RECORDS };
    if (kind === 'run') return (runs as Runs).reader(name).attach(subscription, options);
    const subject = this.#handler.subject();
    const presence = frame.presence ? { presence: true } : undefined;
    const whose = subject === undefined ? undefined : { subject };
    return this.#handler.topic(name).attach(subscription, { ...options, ...presence, ...whose });
  }

  /** Lets the member of the subscription be present, if there is one. */
  async #join(subscription: DoorSubscription): Promise<void> {
    if (subscription.kind === 'run') return;
    const member: unknown = await this.#handler.member({ topic: subscription.name });
    if (member === undefined || this.#isOver) return;
    const { member: name, meta } = (member ?? {}) as { readonly member?: unknown; readonly meta?: unknown };
    if (typeof name !== 'string')
      throw new TypeError(
        `member must return undefined or { member: text, meta }, got ${shownValue(member)}`,
      );
    const topic = this.#handler.topic(subscription.name);
    subscription.member = await topic.join(name, meta === undefined ? {} : { meta });
  }

  #unsubscribe(frame: ClientFrame): undefined {
    const subscription = this.#subscriptions.find(frame.kind, frame.name);
    if (subscription !== undefined) this.#remove(subscription);
    this.send(okText(frame.id));
  }

  /** The next operation does not wait until the record is published: records are ordered as the calls are. */
  #publish({ id, kind, name, data, ref }: ClientFrame): undefined {
    const fault = this.#tooFast();
    if (fault !== undefined) {
      this.send(errText(fault, id, kind, name));
      return;
    }
    const published = async (): Promise<void> => {
      try {
        const options = ref === undefined ? {} : { id: publishId(this.#handler.subject(), ref) };
        const cursor = await this.#handler.topic(name).publish(data, options);
        this.send(okText(id, cursor));
      } catch (error) {
        this.send(errText(this.#faultOf(error), id, kind, name));
      }
    };
    this.#order?.track(published());
  }

  #tooFast(): PublicFault | undefined {
    const { settings, totalPublishes } = this.#share;
    const now = settings.clock.now();
    this.#publishes ??= new RateLimit();
    const waitMs =
      this.#publishes.take(settings.publishes, now) || totalPublishes.take(settings.totalPublishes, now);
    if (waitMs === 0) return undefined;
    return {
      code: 'ERR_TOPICS_RATE_LIMIT',
      message: 'too many records are published; try again later',
      retryMs: Math.ceil(waitMs),
    };
  }

  async #cancel({ id, kind, name }: ClientFrame): Promise<void> {
    try {
      const { how } = await (this.#handler.runs as Runs).cancel(name);
      this.send(okText(id, undefined, how));
    } catch (error) {
      this.send(errText(this.#faultOf(error), id, kind, name));
    }
  }

  // ---- authorization ----

  /** Calls `then` if all actions are allowed, and `otherwise` if not; at once, unless `authorize` returns a promise. */
  #allowed(
    frame: ClientFrame,
    actions: readonly TopicAction[],
    then: () => Promise<void> | undefined,
    otherwise: (fault: PublicFault) => undefined = (fault) => this.#refuse(frame, fault),
  ): Promise<void> | undefined {
    if (frame.kind === 'run' && this.#handler.runs === undefined) return otherwise(REFUSED);
    const allowed = areAllowed(this.#handler, actions, frame.name);
    if (allowed === true) return then();
    if (allowed === false) return otherwise(REFUSED);
    return allowed.then((isAllowed) => {
      if (this.#isOver || !isAllowed) return otherwise(REFUSED);
      return then();
    });
  }

  /**
   * Asks again if something was revoked since `authorize` was asked: it may have decided before that. From now on, the
   * subscription itself would end.
   */
  #isStillAllowed(subscription: DoorSubscription, revocations: number): boolean | Promise<boolean> {
    if (subscription.kind === 'run' || this.#handler.topics.revocations === revocations) return true;
    return areAllowed(this.#handler, actionsOf(subscription), subscription.name);
  }

  #reauthorizeLater(): void {
    const { reauthorizeMs, clock } = this.#share.settings;
    if (reauthorizeMs === 0 || this.#reauthorization !== undefined || this.#isOver) return;
    this.#reauthorization = new Deadline(wheelOf(clock), this);
    this.#reauthorization.set(reauthorizeMs);
  }

  /** Asks for one subscription after the other, so that thousands of connections do not ask for all at once. */
  async #reauthorize(): Promise<void> {
    for (const subscription of this.#subscriptions) {
      if (!subscription.isAttached) continue;
      if (await areAllowed(this.#handler, actionsOf(subscription), subscription.name)) continue;
      if (!subscription.isAttached) continue;
      this.#subscriptions.delete(subscription);
      this.#waiting?.delete(subscription);
      subscription.revoke();
    }
    this.#reauthorization?.close();
    this.#reauthorization = undefined;
    if (this.#subscriptions.size > 0) this.#reauthorizeLater();
  }

  // ---- sending ----

  #drainLater(): void {
    this.connection.whenDrained().then(
      () => this.#drain(),
      () => undefined, // The connection has ended; `connectionClosed` does the rest.
    );
  }

  /** Each that waits sends what it held and what follows, until the connection is full; then it is the turn of the next. */
  #drain(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    for (const subscription of waiting) {
      if (this.connection.isFull) break;
      waiting.delete(subscription);
      subscription.drained();
    }
    if (waiting.size === 0) this.#waiting = undefined;
    else this.#drainLater();
  }

  #refuse({ id, kind, name }: ClientFrame, fault: PublicFault): undefined {
    this.send(errText(fault, id, kind, name));
  }

  #faultOf(error: unknown): PublicFault {
    const fault = publicFault(error);
    if (fault !== undefined) return fault;
    const { log } = this.#handler;
    if (this.#isOver && isCancellation(error)) log.debug({ error }, 'an operation ended with its connection');
    else log.error({ error }, 'an operation of a client on a topic or run failed');
    return { code: 'ERR_TOPICS_INTERNAL', message: 'the server has failed' };
  }

  #remove(subscription: DoorSubscription): void {
    this.#subscriptions.delete(subscription);
    this.#waiting?.delete(subscription);
    subscription.close();
  }
}

/** What a subscription needs to be allowed. */
function actionsOf({ kind, presence }: DoorSubscription): readonly TopicAction[] {
  if (kind === 'run') return READ;
  return presence ? SUBSCRIBE_WITH_PRESENCE : SUBSCRIBE;
}

const READ: readonly TopicAction[] = ['read'];
const SUBSCRIBE: readonly TopicAction[] = ['subscribe'];
const SUBSCRIBE_WITH_PRESENCE: readonly TopicAction[] = ['subscribe', 'presence'];
