import type { Clock, ClockTimer } from '@landspout/ioloop';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { Endpoint } from './endpoint.ts';
import { Heartbeat } from './heartbeat.ts';
import { type Heard, ServerConnection } from './server-connection.ts';

/** What applies to each connection. */
export interface ConnectionRules {
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly clock: Clock;
  readonly log: RateLimitedLog;
}

export interface LastingConnectionOptions {
  readonly endpoint: Endpoint;
  readonly rules: ConnectionRules;
  readonly heard?: Heard;
  /** Called with each connection before it counts as ready. A rejection ends it. */
  readonly prepare?: (connection: ServerConnection) => Promise<void>;
  /** Called when the connection is lost, and when there is one again. */
  readonly lost?: (cause: Error) => void;
  readonly restored?: () => void;
}

/** The longest pause between two attempts, and that before the first, in milliseconds. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [50, 2000];

/** A connection that is made anew whenever it is lost, until it is closed. */
export class LastingConnection {
  readonly #options: LastingConnectionOptions;
  readonly #closing = new AbortController();
  #current: ServerConnection | undefined;
  #heartbeat: Heartbeat | undefined;
  #attempts = 0;
  #pause: ClockTimer | undefined;
  /** The attempt to connect that goes on. */
  #attempt: Promise<unknown> = Promise.resolve();
  #lastFailure: Error | undefined;

  constructor(options: LastingConnectionOptions) {
    this.#options = options;
  }

  /** The connection, while there is one that is ready. */
  get current(): ServerConnection | undefined {
    return this.#current;
  }

  /** Why there is no connection. */
  get failure(): Error | undefined {
    return this.#lastFailure;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Makes the first connection. @throws Error after one attempt. */
  async open(): Promise<void> {
    this.#accept(await this.#connect(), true);
  }

  /** Makes the first connection in the background, and goes on until there is one. */
  openLater(): void {
    this.#retry();
  }

  /** Ends the connection, and any attempt to make one. */
  async close(cause: Error): Promise<void> {
    this.#closing.abort();
    this.#pause?.cancel();
    this.#current?.end(cause);
    await this.#attempt.catch(() => {});
  }

  #connect(): Promise<ServerConnection> {
    const attempt = this.#connectOnce();
    this.#attempt = attempt;
    return attempt;
  }

  async #connectOnce(): Promise<ServerConnection> {
    const { endpoint, rules, heard, prepare } = this.#options;
    const { signal } = this.#closing;
    const server = await endpoint.resolve(signal);
    const connection = await ServerConnection.connect({ ...rules, server, signal, heard });
    const abort = () => connection.end(new Error('the attempt to connect was ended'));
    signal.addEventListener('abort', abort);
    try {
      signal.throwIfAborted();
      await endpoint.check?.(connection);
      await prepare?.(connection);
      return connection;
    } catch (error) {
      connection.end(error as Error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** @param isFirst - then nothing was lost before. */
  #accept(connection: ServerConnection, isFirst: boolean): void {
    if (this.isClosed) {
      connection.end(new Error('closed'));
      return;
    }
    this.#current = connection;
    this.#attempts = 0;
    this.#heartbeat = new Heartbeat(connection, this.#options.rules);
    if (!isFirst) this.#options.restored?.();
    connection.onEnd((cause) => this.#lose(cause)); // at once if it has ended meanwhile
  }

  #lose(cause: Error): void {
    const address = this.#current?.address;
    this.#heartbeat?.stop();
    this.#current = undefined;
    this.#lastFailure = cause;
    if (this.isClosed) return;
    this.#options.rules.log.warn('lost', { address, error: cause }, 'the connection to Redis is lost');
    this.#options.lost?.(cause);
    this.#retryLater();
  }

  /** Pauses double from one attempt to the next. A random half of each keeps many processes from coming at once. */
  #retryLater(): void {
    const { clock } = this.#options.rules;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempts, LONGEST_PAUSE_MS);
    this.#attempts += 1;
    this.#pause = clock.setTimeout(() => this.#retry(), pauseMs * (0.5 + Math.random() / 2));
  }

  #retry(): void {
    this.#connect().then(
      (connection) => this.#accept(connection, false),
      (error: Error) => {
        if (this.isClosed) return;
        this.#lastFailure = error;
        this.#options.rules.log.warn('reconnect', { error }, 'Redis cannot be reached');
        this.#retryLater();
      },
    );
  }
}
