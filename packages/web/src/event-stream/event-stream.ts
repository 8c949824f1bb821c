import type { Clock, Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Deadline, onAbort } from '@landspout/ioloop/reactor';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import type { EventFeed } from './event-feed.ts';
import { wheelOf } from './keep-alive-wheel.ts';

/** What a proxy must see often enough not to close the connection. */
const COMMENT = ':\n\n';

/** What an {@link EventStream} works with. */
export interface EventStreamTools {
  readonly response: HTTPServerResponse;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0: no comments. */
  readonly keepAliveMs: number;
  /** Returns what is sent before the stream ends because the server stops. */
  readonly farewell: () => string;
}

/**
 * Where a stream stands: it waits for the next value of its feed, or for the client to read what was sent, or nothing
 * more is sent.
 */
type State = 'reading' | 'blocked' | 'over';

/**
 * Sends the values of a feed as the body of one response. The next value is requested only when the client has read
 * enough of the earlier ones, so that a client that does not read does not make the memory grow.
 *
 * Callbacks rather than a loop, because the end of the client or of the server must be noticed while the feed waits, and
 * a race of promises for each event would cost more than sending the event.
 */
export class EventStream {
  /** Resolves when the stream has ended, also because the client is gone. Rejects with the error of the feed. */
  readonly done: Promise<void>;
  readonly #response: HTTPServerResponse;
  readonly #feed: EventFeed;
  readonly #farewell: () => string;
  readonly #keepAliveMs: number;
  readonly #keepAlive: Deadline | undefined;
  #state: State = 'reading';
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #stopListening: () => void = () => {};
  /** The server stops, and the stream must end after the present event. */
  #isStopping = false;

  constructor(feed: EventFeed, tools: EventStreamTools) {
    this.#feed = feed;
    this.#response = tools.response;
    this.#farewell = tools.farewell;
    this.#keepAliveMs = tools.keepAliveMs;
    if (tools.keepAliveMs > 0)
      this.#keepAlive = new Deadline(wheelOf(tools.clock, tools.logger), {
        deadlinePassed: () => this.#sendComment(),
      });
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Sends the headers and `first`, and begins to read the feed. */
  start(first: string): void {
    try {
      this.#response.append(first);
      void this.#response.flush();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#keepAlive?.set(this.#keepAliveMs);
    if (this.#feed.endsOnStopping)
      this.#stopListening = onAbort(this.#response.exchange.stopping, () => this.#stopForServer());
    if (this.#state === 'reading') this.#pull();
  }

  /** Ends the stream without sending anything, because the client is gone or the response was replaced. */
  stop(): void {
    if (this.#state === 'over') return;
    this.#close();
    this.#resolve();
  }

  /** Completes the response with `last`. */
  end(last = ''): void {
    if (this.#state === 'over') return;
    this.#close();
    try {
      if (this.#response.gone === undefined) {
        this.#response.append(last);
        this.#response.end();
      }
      this.#resolve();
    } catch (error) {
      this.#reject(error);
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ state: this.#state, done: undefined }));
  }

  #pull(): void {
    this.#state = 'reading';
    try {
      Promise.resolve(this.#feed.values.next()).then(this.#received, this.#failed);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #received = (result: IteratorResult<unknown>): void => {
    if (this.#state === 'over') return;
    if (result.done === true) {
      this.#ended();
      return;
    }
    let waiting: Promise<void> | undefined;
    try {
      const piece = this.#feed.encode(result.value);
      if (piece.length > 0) waiting = this.#send(piece);
    } catch (error) {
      this.#fail(error);
      return;
    }
    // Sending may have ended the stream, if the connection was reset.
    if ((this.#state as State) === 'over') return;
    if (this.#isStopping && this.#feed.isBetweenEvents) {
      this.end(this.#farewell());
    } else if (waiting === undefined) {
      this.#pull();
    } else {
      this.#state = 'blocked';
      waiting.then(this.#unblocked, this.#failed);
    }
  };

  readonly #failed = (error: unknown): void => this.#fail(error);

  readonly #unblocked = (): void => {
    if (this.#state === 'blocked') this.#pull();
  };

  #send(piece: string | Uint8Array): Promise<void> | undefined {
    this.#keepAlive?.set(this.#keepAliveMs);
    return this.#response.send(piece);
  }

  /** The feed has no more values. */
  #ended(): void {
    const { failure } = this.#feed;
    if (failure === undefined) {
      this.end();
      return;
    }
    this.#close();
    if (this.#response.gone === undefined) this.#response.abort(failure);
    this.#resolve();
  }

  #fail(error: unknown): void {
    if (this.#state === 'over') return;
    this.#close();
    // An error of the client's end is none of the program.
    if (this.#response.gone === undefined) this.#reject(errorOf(error));
    else this.#resolve();
  }

  #stopForServer(): void {
    this.#isStopping = true;
    if (this.#feed.isBetweenEvents) this.end(this.#farewell());
  }

  #sendComment(): void {
    if (this.#state === 'over') return;
    // While the client does not read, comments would only be queued.
    if (this.#state === 'reading' && this.#feed.isBetweenEvents) void this.#send(COMMENT);
    else this.#keepAlive?.set(this.#keepAliveMs);
  }

  #close(): void {
    this.#state = 'over';
    this.#keepAlive?.close();
    this.#stopListening();
    this.#feed.close();
  }
}
