import { encodeEvent, PreparedPiece } from '@landspout/http1/protocol';
import type { Clock, Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  Deadline,
  type DeadlineEntry,
  type RateLimitedLog,
  runInRootContext,
} from '@landspout/ioloop/reactor';
import { disown } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import type { CursorEvent, CursorSink } from './cursor-source.ts';
import type { EventEncoding } from './event-encoding.ts';
import type { StreamSettings } from './event-stream-options.ts';
import type { StreamSource, ValueSink } from './iterator-reader.ts';
import { wheelOf } from './keep-alive-wheel.ts';
import { OpenStreams, type StoppableStream } from './open-streams.ts';
import type { Reauthorization } from './reauthorization.ts';
import { stoppingRetry } from './retry-times.ts';
import { setStreamHeaders } from './stream-response.ts';

/** What a proxy must see often enough not to close the connection. */
const COMMENT = new PreparedPiece(':\n\n');

/** The request that is responded to. */
export interface StreamContext {
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  readonly log: Logger;
  readonly application: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly refusalLog: RateLimitedLog;
  };
  /** What writes the body, so that it can be stopped. */
  rendering: { readonly done: Promise<void>; stop(reason: Error): void } | undefined;
}

/** What a stream starts with. */
export interface StreamStart {
  readonly source: StreamSource;
  readonly encoding: EventEncoding;
  /** The first text. */
  readonly first: string;
  readonly settings: StreamSettings;
  /** Asks `authorize` again, if that is wanted. */
  readonly watch?: (() => Reauthorization) | undefined;
}

/**
 * Where a stream stands:
 *
 * - opening: its source is being opened; it has not started
 * - abandoned: as opening, but it is not to start
 * - open: it takes values
 * - full: the client must read first
 * - over: nothing more is sent
 */
type State = 'opening' | 'abandoned' | 'open' | 'full' | 'over';

/**
 * The body of one response: sends the values that its source delivers, and pauses the source while the client does not
 * read, so that such a client does not make the memory grow.
 *
 * A server may have very many streams that are mostly idle. An idle one is this object with its source, its deadline and
 * the promise {@link done}: no function waits for anything.
 */
export class EventStream implements CursorSink, DeadlineEntry, StoppableStream, ValueSink {
  /** Resolves when the stream has ended, also because the client is gone. Rejects with the error of the source. */
  readonly done: Promise<void>;
  readonly #context: StreamContext;
  readonly #resolve: (outcome: PromiseLike<void> | undefined) => void;
  #state: State = 'opening';
  // Set when the stream starts.
  #source: StreamSource | undefined = undefined;
  #encoding: EventEncoding | undefined = undefined;
  #random: (() => number) | undefined = undefined;
  #keepAliveMs = 0;
  #keepAlive: Deadline | undefined = undefined;
  #reauthorization: Reauthorization | undefined = undefined;

  constructor(context: StreamContext) {
    this.#context = context;
    let settle!: (outcome: PromiseLike<void>) => void;
    this.done = new Promise((resolve) => {
      settle = resolve;
    });
    this.#resolve = settle as (outcome: PromiseLike<void> | undefined) => void;
  }

  // ---- called by what opens the stream, once ----

  /** Sends the headers and the first text, and begins to take values. */
  start({ source, encoding, first, settings, watch }: StreamStart): void {
    const { request, response, application } = this.#context;
    this.#source = source;
    this.#encoding = encoding;
    this.#random = settings.random;
    if (this.#state !== 'opening' || response.ended) {
      this.completed();
      return;
    }
    this.#state = 'open';
    try {
      setStreamHeaders(response, settings.headers);
      if (request.method !== 'HEAD') response.append(first);
      void response.flush();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (request.method === 'HEAD') this.end();
    // Sending may have ended the stream, if the connection was reset.
    if (this.#isOver) return;
    this.#keepAliveMs = settings.keepAliveMs;
    if (settings.keepAliveMs > 0) {
      this.#keepAlive = new Deadline(wheelOf(application.clock, application.logger), this);
      this.#keepAlive.set(settings.keepAliveMs);
    }
    this.#reauthorization = watch?.();
    if (encoding.endsOnStopping) OpenStreams.of(response.exchange.stopping).add(this);
    if (this.#isStopping) this.serverStops();
    else this.#resume();
  }

  /** The stream need not start. */
  completed(): void {
    this.#close();
    this.#settle(undefined);
  }

  /** Opening has failed. */
  refused(error: unknown): void {
    this.#close();
    this.#reject(error);
  }

  // ---- called by the request ----

  /** Ends the stream without sending anything, because the client is gone or the response was replaced. */
  stop(): void {
    if (this.#state === 'opening') this.#state = 'abandoned';
    else if (this.#state === 'open' || this.#state === 'full') this.completed();
  }

  peerEnded(): void {
    this.stop();
  }

  serverStops(): void {
    if (this.#encoding?.isBetweenEvents === true) this.#sayFarewell();
  }

  /** Completes the response with `last`. */
  end(last = ''): void {
    if (this.#isOver) return;
    const { response } = this.#context;
    this.#close();
    try {
      if (response.gone === undefined) {
        response.append(last);
        response.end();
      }
      this.#settle(undefined);
    } catch (error) {
      this.#reject(error);
    }
  }

  // ---- called by the source ----

  /** Called by a log that pushes, in whatever async context: how the response ends must not depend on it. */
  deliver(event: CursorEvent): boolean {
    if (event.kind !== 'end') return this.take(event);
    this.take(event);
    runInRootContext(this.sourceEnded, this);
    return false;
  }

  /** Sends a value. @returns false if the client must read first; the source is resumed then. */
  take(value: unknown): boolean {
    const encoding = this.#encoding;
    if (this.#state !== 'open' || encoding === undefined) return false;
    let waiting: Promise<void> | undefined;
    try {
      const piece = encoding.encode(value);
      if (!isEmpty(piece)) waiting = this.#send(piece);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isOver) return false;
    if (this.#isStopping && encoding.isBetweenEvents) {
      runInRootContext(this.#sayFarewell, this);
      return false;
    }
    if (waiting === undefined) return true;
    this.#state = 'full';
    waiting.then(
      () => this.#drained(),
      (error: unknown) => this.#fail(error),
    );
    return false;
  }

  /** The source has no more values. */
  sourceEnded(): void {
    const failure = this.#encoding?.failure;
    if (failure === undefined || this.#isOver) {
      this.end();
      return;
    }
    const { response } = this.#context;
    this.#close();
    if (response.gone === undefined) response.abort(failure);
    this.#settle(undefined);
  }

  sourceFailed(error: unknown): void {
    this.#fail(error);
  }

  // ---- called by the wheel ----

  deadlinePassed(): void {
    // While the client does not read, comments would only be queued.
    if (this.#state === 'open' && this.#encoding?.isBetweenEvents === true) void this.#send(COMMENT);
    else if (!this.#isOver) this.#keepAlive?.set(this.#keepAliveMs);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ state: this.#state, done: undefined }));
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Whether the stream ends after the present event. */
  get #isStopping(): boolean {
    return this.#encoding?.endsOnStopping === true && this.#context.response.exchange.stopping.aborted;
  }

  #send(piece: string | Uint8Array | PreparedPiece): Promise<void> | undefined {
    this.#keepAlive?.set(this.#keepAliveMs);
    return this.#context.response.send(piece);
  }

  #drained(): void {
    if (this.#state !== 'full') return;
    this.#state = 'open';
    this.#resume();
  }

  #resume(): void {
    try {
      this.#source?.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  #sayFarewell(): void {
    try {
      this.end(encodeEvent({ retry: stoppingRetry(this.#random as () => number) }));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#close();
    // An error of the client's end is none of the program.
    if (this.#context.response.gone === undefined) this.#reject(errorOf(error));
    else this.#settle(undefined);
  }

  /** Nothing more is sent. */
  #close(): void {
    this.#state = 'over';
    this.#keepAlive?.close();
    this.#reauthorization?.close();
    if (this.#encoding?.endsOnStopping === true)
      OpenStreams.of(this.#context.response.exchange.stopping).remove(this);
    this.#source?.close();
  }

  #reject(error: unknown): void {
    // The application awaits it, unless another response has replaced the stream.
    disown(this.done);
    this.#settle(Promise.reject(error));
  }

  #settle(outcome: Promise<never> | undefined): void {
    if (this.#context.rendering === this) this.#context.rendering = undefined;
    this.#resolve(outcome);
  }
}

function isEmpty(piece: string | Uint8Array | PreparedPiece): boolean {
  return !(piece instanceof PreparedPiece) && piece.length === 0;
}
