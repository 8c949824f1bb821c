import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import { TopicGapError } from '../errors.ts';
import type { TopicEnd, TopicEvent, TopicRecord } from '../record.ts';
import type { Attachment, SubscriptionSink } from './delivery.ts';
import type { SubscriptionPolicy } from './subscribe-options.ts';
import { waitingBytes } from './waiting-records.ts';

/** Events, and their bytes, that are kept for the reader; more wait in the delivery, where its policy applies. */
const MAX_BUFFERED = 16;
const MAX_BUFFERED_BYTES = 256 * 1024;

interface Waiter<Message> {
  readonly resolve: (result: IteratorResult<TopicEvent<Message>, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A subscription that is read with `for await`: records, gaps, changes of presence if asked for, and the end, after
 * which the loop ends. Leaving the loop closes the subscription.
 *
 * A reader that is slow delays no one: see `policy` of the options. If the signal is aborted, the subscription is
 * closed, and reading rejects with the reason.
 *
 * @example
 * for await (const event of await room.subscribe({ after: cursor })) {
 *   if (event.kind === 'record') console.log(event.data);
 * }
 */
export class Subscription<Message = unknown>
  implements AsyncIterableIterator<TopicEvent<Message>, undefined>, SubscriptionSink, AsyncDisposable
{
  #attachment: Attachment | undefined;
  #buffer: TopicEvent<Message>[] = [];
  #bufferedBytes = 0;
  readonly #waiters: Waiter<Message>[] = [];
  #cursor = '';
  #isDone = false;
  #failure: { readonly reason: unknown } | undefined;
  /** Whether events are buffered before they are asked for. Not if newer records replace those that were not read. */
  readonly #isEager: boolean;
  #forgetSignal = (): void => {};

  /** Made by `subscribe` of a topic or run. */
  constructor(policy: SubscriptionPolicy) {
    this.#isEager = policy === 'wait';
  }

  /** The position of the last event that was read; before the first, that where reading starts. */
  get cursor(): string {
    return this.#cursor;
  }

  /** How the log has ended, as far as it is known; undefined while it goes on. */
  get end(): TopicEnd | undefined {
    return this.#attachment?.end;
  }

  /** Begins to read. Called by `subscribe`. */
  start(attachment: Attachment, signal: AbortSignal | undefined): void {
    this.#attachment = attachment;
    this.#cursor = attachment.cursor;
    this.#forgetSignal = onAbort(signal, (reason) => this.#fail(reason));
    if (!this.#isDone && this.#isEager) attachment.resume();
  }

  /** Called by the feed. */
  deliver(event: TopicEvent): boolean {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#buffer.push(event as TopicEvent<Message>);
      if (event.kind === 'record') this.#bufferedBytes += waitingBytes(event);
    } else {
      waiter.resolve({ done: false, value: this.#read(event as TopicEvent<Message>) });
    }
    if (!this.#isEager) return this.#waiters.length > 0;
    return this.#buffer.length < MAX_BUFFERED && this.#bufferedBytes < MAX_BUFFERED_BYTES;
  }

  /** Reads the next event. Several calls may wait at once; they get events in order. */
  next(): Promise<IteratorResult<TopicEvent<Message>, undefined>> {
    if (!this.#isDone && this.#attachment?.end?.how === 'revoked') this.#dropUnread(this.#attachment);
    const event = this.#buffer.shift();
    if (event !== undefined) {
      const value = this.#read(event);
      if (this.#buffer.length === 0) {
        this.#bufferedBytes = 0;
        this.#attachment?.resume();
      }
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.reason);
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    const next = new Promise<IteratorResult<TopicEvent<Message>, undefined>>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
    if (!this.#isEager) this.#attachment?.resume();
    return next;
  }

  return(): Promise<IteratorResult<TopicEvent<Message>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /**
   * Only the records, for programs that need all of them.
   *
   * @throws TopicGapError `ERR_TOPICS_GAP` if records are missing; reading may go on after it with a new subscription.
   */
  async *records(): AsyncGenerator<TopicRecord<Message>, TopicEnd | undefined> {
    for await (const event of this) {
      if (event.kind === 'gap') throw new TopicGapError(event);
      if (event.kind === 'end') return event;
      if (event.kind === 'record') yield event;
    }
    return undefined;
  }

  /** Ends the subscription. What was not read is discarded, and reads that wait end. */
  close(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#buffer = [];
    this.#forgetSignal();
    this.#attachment?.close();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['cursor', 'end'], () => ({ buffered: this.#buffer.length }));
  }

  #read(event: TopicEvent<Message>): TopicEvent<Message> {
    if (event.kind !== 'presence') this.#cursor = event.cursor;
    if (event.kind === 'end') this.close();
    return event;
  }

  /** What was not read before a revocation is not read after it. */
  #dropUnread(attachment: Attachment): void {
    this.#buffer = this.#buffer.filter(({ kind }) => kind === 'end');
    if (this.#buffer.length === 0) attachment.resume();
  }

  #fail(reason: unknown): void {
    if (this.#isDone) return;
    this.#failure = { reason };
    const waiters = this.#waiters.splice(0);
    this.close();
    for (const waiter of waiters) waiter.reject(reason);
  }
}
