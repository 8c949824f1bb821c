import type { Clock, ClockTimer } from '@landspout/ioloop';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { Endpoint } from './endpoint.ts';
import { Heartbeat } from './heartbeat.ts';
import type { OutageLog } from './outage-log.ts';
import { type Heard, ServerConnection } from './server-connection.ts';

/** What applies to each connection. */
export interface ConnectionRules {
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly clock: Clock;
  /** For warnings that may repeat. */
  readonly log: RateLimitedLog;
  /** For losses of connections. */
  readonly outages: OutageLog;
}

export interface LastingConnectionOptions {
  readonly endpoint: Endpoint;
  readonly rules: ConnectionRules;
  readonly heard?: Heard;
  /** Called with each connection before it counts as ready. A rejection ends it. */
  readonly prepare?: (connection: ServerConnection) => Promise<void>;
  /** Called when the connection is lost, and when there is one again. Not called for the end by {@link close}. */
  readonly lost?: () => void;
  readonly restored?: () => void;
  /** Called when an attempt to connect again has failed. */
  readonly failed?: () => void;
}

/** The shortest and the longest pause between two attempts, in milliseconds. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [50, 2000];

/** A connection that is made anew whenever it is lost, until it is closed. */
export class LastingConnection {
  readonly #options: LastingConnectionOptions;
  readonly #closing = new AbortController();
  /** All that are open, also those that are not ready yet, or retired. */
  readonly #connections = new Set<ServerConnection>();
  #current: ServerConnection | undefined;
  #attempts = 0;
  #pause: ClockTimer | undefined;
  /** The attempt to connect that goes on, or the last one. Never rejects. */
  #attempt: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(options: LastingConnectionOptions) {
    this.#options = options;
  }

  /** The connection, while there is one that is ready. */
  get current(): ServerConnection | undefined {
    return this.#current;
  }

  /** Why there is no connection. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Makes the first connection. @throws Error after one attempt. */
  async open(): Promise<void> {
    const attempt = this.#connect();
    this.#attempt = attempt.then(ignore, ignore);
    const connection = await attempt;
    if (this.isClosed) throw connection.ended ?? new Error('closed');
    this.#accept(connection);
  }

  /** Makes the first connection in the background, and goes on until there is one. */
  openLater(): void {
    this.#retry();
  }

  /** Resolves when there is a connection, or the attempt that goes on has failed. */
  settled(): Promise<void> {
    return this.#attempt;
  }

  /** Makes a connection anew, although there is one. Commands that wait for it get their replies. */
  renew(cause: Error): void {
    const connection = this.#current;
    if (connection === undefined) return;
    this.#lose(cause);
    connection.retire(cause);
  }

  /** Makes a connection anew if the one that there is goes to a server that is not looked for any more. */
  recheck(): void {
    const connection = this.#current;
    if (connection !== undefined && this.#isOutdated(connection)) this.renew(outdated(connection));
  }

  /** Ends the connection, and any attempt to make one. Resolves when there is none. */
  async close(cause: Error): Promise<void> {
    this.#stop();
    for (const connection of this.#connections) connection.end(cause);
    await this.#attempt;
  }

  /** Ends the connection when the commands that wait have their replies, and does not make one anew. */
  retire(cause: Error): void {
    this.#stop();
    for (const connection of this.#connections) connection.retire(cause);
  }

  #stop(): void {
    this.#closing.abort();
    this.#pause?.cancel();
    this.#current = undefined;
    this.#options.rules.outages.forget(this);
  }

  async #connect(): Promise<ServerConnection> {
    const { endpoint, rules, heard, prepare } = this.#options;
    const { signal } = this.#closing;
    const server = await endpoint.resolve(signal);
    const connection = await ServerConnection.connect({ ...rules, server, signal, heard });
    this.#connections.add(connection);
    const heartbeat = new Heartbeat(connection, rules);
    connection.onEnd((cause) => {
      heartbeat.stop();
      this.#connections.delete(connection);
      if (this.#current === connection) this.#lose(cause);
    });
    try {
      signal.throwIfAborted();
      await endpoint.check?.(connection);
      await prepare?.(connection);
      signal.throwIfAborted();
      if (this.#isOutdated(connection)) throw outdated(connection);
      return connection;
    } catch (error) {
      connection.end(error as Error);
      throw connection.ended ?? error;
    }
  }

  #isOutdated({ address }: ServerConnection): boolean {
    return this.#options.endpoint.isCurrent?.(address) === false;
  }

  #accept(connection: ServerConnection, restored?: () => void): void {
    if (this.isClosed) return;
    this.#current = connection;
    this.#attempts = 0;
    this.#failure = undefined;
    this.#options.rules.outages.restored(this, connection.address);
    restored?.();
    if (connection.ended !== undefined) this.#lose(connection.ended);
  }

  #lose(cause: Error): void {
    const address = this.#current?.address ?? '';
    this.#current = undefined;
    this.#failure = cause;
    if (this.isClosed) return;
    this.#options.rules.outages.lost(this, address, cause);
    this.#options.lost?.();
    this.#retryLater();
  }

  /** Pauses double from one attempt to the next. A random half of each keeps many processes from coming at once. */
  #retryLater(): void {
    const { clock } = this.#options.rules;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempts, LONGEST_PAUSE_MS);
    this.#attempts += 1;
    this.#pause = clock.setTimeout(() => this.#retry(), pauseMs * (0.5 + Math.random() / 2));
    this.#pause.unref();
  }

  #retry(): void {
    this.#attempt = this.#connect().then(
      (connection) => this.#accept(connection, this.#options.restored),
      (error: Error) => {
        if (this.isClosed) return;
        this.#failure = error;
        this.#options.rules.outages.failed(this, error);
        this.#options.failed?.();
        this.#retryLater();
      },
    );
  }
}

function outdated({ address }: ServerConnection): Error {
  return new Error(`the server at ${address} is not the primary any more`);
}

function ignore(): void {}
