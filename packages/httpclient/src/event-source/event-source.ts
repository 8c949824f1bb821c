// The event-source/ folder receives server-sent events, and connects again when the stream is lost. The decoder of the
// stream is in @landspout/http1. It does not send requests; the caller of EventSource provides the function that does.

import {
  EventStreamDecoder,
  EventStreamProtocolError,
  type ServerSentEvent,
} from '@landspout/http1/protocol';
import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspectedText, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import { HTTPClientError, type HTTPClientErrorCode } from '../errors.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import { EventStreamLimitError, EventStreamLostError } from './errors.ts';
import { EventConnection, type EventStreamResponse, type OpenEventStream } from './event-connection.ts';
import {
  type EventSourceOptions,
  type EventSourceSettings,
  encodedId,
  resolveEventSourceOptions,
} from './event-source-options.ts';
import { retryDelay } from './retry-delay.ts';

/** What an event source works with. */
export interface EventSourceTools {
  readonly open: OpenEventStream;
  readonly clock: Clock;
  /** Returns a number from 0 up to, but not including, 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** The states of an event source, named as in browsers. */
export type EventSourceState = 'connecting' | 'open' | 'closed';

interface OpenState {
  readonly kind: 'open';
  readonly connection: EventConnection;
  readonly decoder: EventStreamDecoder;
}

/** Where an event source stands. Only {@link EventSource.#enter} assigns it. */
type State =
  /** Waits for `delayMs` before it connects; the first time for 0 ms, after the first call of `next`. */
  | { readonly kind: 'waiting'; readonly delayMs: number }
  | { readonly kind: 'connecting'; readonly connection: EventConnection }
  | OpenState
  | { readonly kind: 'closed' };

/** Errors after which another attempt would fail too, or which the program caused. */
const FATAL: ReadonlySet<string> = new Set<HTTPClientErrorCode>([
  'ERR_HTTPCLIENT_STATUS',
  'ERR_HTTPCLIENT_STOPPED',
  'ERR_HTTPCLIENT_REDIRECT',
]);

/**
 * Receives server-sent events, and connects again when the stream is lost (WHATWG HTML §9.2).
 *
 * An async iterable for one consumer. It connects at the first call of `next`, and reads only while a call of `next` is
 * waiting, so that a slow program slows the server down. Leaving a `for await` loop closes the connection.
 *
 * If the stream ends, or the connection fails or cannot be made, the source waits and connects again, with the id of
 * the last delivered event in Last-Event-ID. It ends if the server responds with 204, and fails with
 * EventStreamRefusedError for any other response that is not an event stream.
 *
 * @example
 * for await (const { event, data } of client.eventSource('https://example.com/news')) console.log(event, data);
 */
export class EventSource implements AsyncIterableIterator<ServerSentEvent, undefined> {
  readonly #open: OpenEventStream;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #settings: EventSourceSettings;
  #state: State = { kind: 'waiting', delayMs: 0 };
  #isReading = false;
  #lastEventId: string;
  #retryMs: number;
  /** How many attempts in a row have received no byte of a stream. */
  #failures = 0;
  #url: string | undefined;
  /** Ends the pending wait for a reconnection. */
  #endWait: (() => void) | undefined;
  /** The abort reason that a call of `next` must still reject with. */
  #aborted: { readonly reason: unknown } | undefined;
  #stopListening: (() => void) | undefined;

  /** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is unknown or invalid. */
  constructor(tools: EventSourceTools, options: EventSourceOptions = {}) {
    this.#settings = resolveEventSourceOptions(options);
    this.#open = tools.open;
    this.#clock = tools.clock;
    this.#random = tools.random ?? Math.random;
    this.#lastEventId = this.#settings.lastEventId;
    this.#retryMs = this.#settings.retryMs;
  }

  get state(): EventSourceState {
    const { kind } = this.#state;
    return kind === 'waiting' ? 'connecting' : kind;
  }

  /**
   * The id of the last event that `next` has returned, or of the option. A program that stores it can resume later with
   * the option `lastEventId`.
   */
  get lastEventId(): string {
    return this.#state.kind === 'open' ? this.#state.decoder.lastEventId : this.#lastEventId;
  }

  /** The URL of the last stream that was opened, after redirects; `undefined` before the first one. */
  get url(): string | undefined {
    return this.#url;
  }

  /**
   * Waits for the next event, connecting as often as needed. After the end it resolves to `{ done: true }`.
   *
   * @throws EventStreamRefusedError if a response is not an event stream; EventStreamLimitError if the stream exceeds a
   *   limit; EventStreamLostError `ERR_HTTPCLIENT_EVENTS_RETRIES` after `maxRetries`; the reason of `signal`; the error
   *   of a callback; HTTPClientError if connecting again cannot help. In each case, the source is closed.
   *   HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if another call is pending; that call continues.
   */
  async next(): Promise<IteratorResult<ServerSentEvent, undefined>> {
    if (this.#isReading) {
      throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', 'next: another call is waiting for an event');
    }
    this.#isReading = true;
    try {
      if (!this.#isClosed) {
        this.#stopListening ??= onAbort(this.#settings.signal, (reason) => this.#abort(reason));
      }
      while (!this.#isClosed) {
        const event = await this.#step();
        // A callback may have closed the source while the event was decoded.
        if (event !== undefined && !this.#isClosed) return { done: false, value: event };
      }
      this.#throwIfAborted();
      return { done: true, value: undefined };
    } catch (error) {
      this.#throwIfAborted();
      this.close();
      throw error;
    } finally {
      this.#isReading = false;
    }
  }

  /** Closes the source; called when a `for await` loop is left. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  /** Ends the connection at once. A pending call of `next` resolves to `{ done: true }`. */
  close(): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#lastEventId = this.lastEventId;
    this.#enter({ kind: 'closed' });
    this.#stopListening?.();
    this.#endWait?.();
    if ('connection' in state) state.connection.close(new Error('the event source was closed'));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['state'], () => ({
      url: this.#url === undefined ? undefined : inspectedUrl(this.#url),
      lastEventId: inspectedText(this.lastEventId),
      failures: this.#failures,
    }));
  }

  /** Makes one state transition, or reads once. @returns `undefined` if there is no event yet. */
  async #step(): Promise<ServerSentEvent | undefined> {
    const state = this.#state;
    switch (state.kind) {
      case 'waiting':
        if (state.delayMs > 0) await this.#wait(state.delayMs);
        if (this.#state === state) this.#startConnecting();
        return undefined;
      case 'connecting':
        await this.#connect(state.connection);
        return undefined;
      case 'open': {
        const event = this.#decode(state.decoder);
        if (event === undefined && this.#state === state) await this.#read(state);
        return event;
      }
      case 'closed':
        return undefined;
    }
  }

  #startConnecting(): void {
    this.#enter({
      kind: 'connecting',
      connection: new EventConnection(this.#clock, this.#settings.idleTimeoutMs),
    });
  }

  async #connect(connection: EventConnection): Promise<void> {
    let response: EventStreamResponse | undefined;
    try {
      response = await connection.open(this.#open, encodedId(this.#lastEventId));
    } catch (error) {
      this.#lost(error);
      return;
    }
    if (this.#isClosed) return;
    if (response === undefined) {
      this.close();
      return;
    }
    const { status, headers, url } = response;
    this.#url = url;
    this.#enter({ kind: 'open', connection, decoder: this.#newDecoder() });
    this.#settings.onOpen?.({ status, headers, url });
  }

  async #read({ connection, decoder }: OpenState): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await connection.read();
    } catch (error) {
      this.#lost(error);
      return;
    }
    this.#failures = 0;
    decoder.receive(bytes);
  }

  #decode(decoder: EventStreamDecoder): ServerSentEvent | undefined {
    try {
      return decoder.next();
    } catch (error) {
      throw error instanceof EventStreamProtocolError ? EventStreamLimitError.from(error) : error;
    } finally {
      this.#retryMs = decoder.retryMs ?? this.#retryMs;
    }
  }

  /** Plans a new connection, if that may succeed. Otherwise, @throws the error. */
  #lost(error: unknown): void {
    if (this.#isClosed) return; // closing the connection caused the error
    if (!isCurable(error)) throw error;
    const { maxRetries, maxRetryMs } = this.#settings;
    if (this.#failures >= maxRetries) {
      const message = `the event stream was lost, and ${maxRetries} retries are allowed: ${error.message}`;
      throw new EventStreamLostError('ERR_HTTPCLIENT_EVENTS_RETRIES', message, { cause: error });
    }
    this.#failures += 1;
    const delayMs = retryDelay(this.#failures, this.#retryMs, maxRetryMs, this.#random());
    const state = this.#state;
    this.#lastEventId = this.lastEventId;
    this.#enter({ kind: 'waiting', delayMs });
    if ('connection' in state) state.connection.close(error);
    this.#settings.onReconnect?.(error, delayMs);
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#endWait = undefined;
        resolve();
      };
      const timer: ClockTimer = this.#clock.setTimeout(end, delayMs);
      this.#endWait = end;
    });
  }

  get #isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  #abort(reason: unknown): void {
    if (this.#isClosed) return;
    this.#aborted = { reason };
    this.close();
  }

  #throwIfAborted(): void {
    const aborted = this.#aborted;
    this.#aborted = undefined;
    if (aborted !== undefined) throw aborted.reason;
  }

  #newDecoder(): EventStreamDecoder {
    const { maxLineBytes, maxEventBytes, onComment } = this.#settings;
    // The standard starts each stream with an empty id. Browsers keep the id instead, so that an event without one does
    // not make the next reconnection start from the beginning; so do we.
    return new EventStreamDecoder({ maxLineBytes, maxEventBytes, lastEventId: this.#lastEventId, onComment });
  }

  #enter(state: State): void {
    this.#state = state;
  }
}

/** Whether a new connection may succeed. Errors that are not about the connection come from the program's own code. */
function isCurable(error: unknown): error is Error {
  if (error instanceof EventStreamLostError) return true;
  return error instanceof HTTPClientError && !FATAL.has(error.code);
}
