import type { Http1Limits } from '@landspout/http1';
import { ClientConnection } from '@landspout/http1/client';
import { Deadline, type DeadlineEntry, type DeadlineWheel } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { Origin } from './origin.ts';

export interface ConnectionSettings {
  readonly idleTimeoutMs: number;
  /** 0 for no limit. */
  readonly maxConnectionAgeMs: number;
  /** How many requests may be under way on one connection; 1 for no pipelining. */
  readonly pipelining: number;
  readonly limits: Partial<Http1Limits>;
}

/** The pool, as its connections see it. */
export interface ConnectionOwner {
  readonly settings: ConnectionSettings;
  readonly wheel: DeadlineWheel;
  now(): number;
  /** Called when the last request on a connection has released it. */
  takeBack(connection: PooledConnection): void;
  /** Called when a request has released a connection, and others that were pipelined still use it. */
  partlyReleased(connection: PooledConnection): void;
  /** Called when an idle connection has ended, or was idle for too long. */
  dropIdle(connection: PooledConnection): void;
  streamOpened(stream: IOStream): void;
  streamClosed(stream: IOStream): void;
}

/** The request that uses a connection. */
export interface ConnectionUser {
  readonly mayPipeline: boolean;
  /** Called when the deadline that was set with {@link PooledConnection.limitUse} has passed. */
  deadlinePassed(): void;
  /** Ends the request with a reason, in any phase. */
  stop(reason: unknown): void;
}

/**
 * The right to use one connection to one origin, and that connection after it was opened. The request that got it from
 * the pool must release it exactly once, even if it fails.
 */
export class PooledConnection implements DeadlineEntry {
  readonly origin: Origin;
  readonly #pool: ConnectionOwner;
  readonly #deadline: Deadline;
  /** The request that uses this connection. If others were pipelined, it is the one that came first. */
  #user: ConnectionUser | undefined = undefined;
  /** The requests that were pipelined. */
  #others: ConnectionUser[] | undefined = undefined;
  /** The next and previous idle connection of the pool, in the order in which they became idle. */
  idleBefore: PooledConnection | undefined = undefined;
  idleAfter: PooledConnection | undefined = undefined;
  /** The number of requests that were sent on the current connection. */
  requests = 0;
  #http: ClientConnection | undefined = undefined;
  #openedAt = 0;
  #state: 'used' | 'idle' | 'gone' = 'used';

  constructor(pool: ConnectionOwner, origin: Origin) {
    this.#pool = pool;
    this.origin = origin;
    this.#deadline = new Deadline(pool.wheel, this);
  }

  /** The connection; `undefined` if it has to be opened. */
  get http(): ClientConnection | undefined {
    return this.#http;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Whether the connection may carry another request now. */
  get isReusable(): boolean {
    const { maxConnectionAgeMs } = this.#pool.settings;
    if (this.#http?.isIdle !== true) return false;
    return maxConnectionAgeMs === 0 || this.#pool.now() - this.#openedAt < maxConnectionAgeMs;
  }

  /**
   * Whether a request may be pipelined. Not before the connection has carried a complete exchange: the server may close
   * it after the first (RFC 9112 §9.3.2).
   */
  get canPipeline(): boolean {
    const count = this.#user === undefined ? 0 : 1 + (this.#others?.length ?? 0);
    if (count === 0 || count >= this.#pool.settings.pipelining || this.requests <= count) return false;
    return this.#user?.mayPipeline === true && this.#http?.canPipeline === true;
  }

  /** Called by the pool: a request uses the connection now. */
  assign(user: ConnectionUser): void {
    this.#user = user;
  }

  /** Called by the pool: one more request uses the connection. */
  share(user: ConnectionUser): void {
    this.#others ??= [];
    this.#others.push(user);
  }

  /** Ends all requests on the connection. */
  stop(reason: unknown): void {
    for (let user = this.#user; user !== undefined; user = this.#user) {
      user.stop(reason);
      // It should have released the connection.
      if (this.#user === user) return;
    }
  }

  /** Puts a new connection into place. It may replace a connection that has ended. */
  adopt(stream: IOStream): ClientConnection {
    const pool = this.#pool;
    const http = new ClientConnection(stream, {
      limits: pool.settings.limits,
      connectionEnded: () => {
        pool.streamClosed(stream);
        // The server ended the connection, or sent data without a request, while the connection was idle.
        if (this.#state === 'idle' && this.#http === http) pool.dropIdle(this);
      },
    });
    pool.streamOpened(stream);
    this.requests = 0;
    this.#openedAt = pool.now();
    this.#http = http;
    return http;
  }

  /** Closes a connection that has ended, so that another one can be opened. */
  forget(): void {
    this.#http?.close();
    this.#http = undefined;
  }

  /** Called by a request that has ended. The last one returns the connection to the pool, which closes or keeps it. */
  release(user: ConnectionUser): void {
    if (this.#state !== 'used') return;
    const others = this.#others;
    if (user !== this.#user) {
      const at = others?.indexOf(user) ?? -1;
      if (at === -1) return;
      others?.splice(at, 1);
    } else {
      this.#user = others?.shift();
    }
    if (this.#user === undefined) this.#pool.takeBack(this);
    else this.#pool.partlyReleased(this);
  }

  /** Sets the deadline of the current request; 0 for none. Must not be used with pipelining. */
  limitUse(delayMs: number): void {
    if (delayMs === 0) this.#deadline.clear();
    else this.#deadline.set(delayMs);
  }

  deadlinePassed(): void {
    if (this.#state === 'idle') this.#pool.dropIdle(this);
    else this.#user?.deadlinePassed();
  }

  /** Called by the pool: the connection is idle, and does not keep the process alive. */
  rest(): void {
    this.#state = 'idle';
    this.#http?.stream.unref();
    this.#deadline.set(this.#pool.settings.idleTimeoutMs);
  }

  /** Called by the pool: the connection is in use again. */
  wake(): void {
    this.#state = 'used';
    this.#deadline.clear();
    this.#http?.stream.ref();
  }

  /** Called by the pool: the connection is no longer used. */
  retire(): void {
    this.#state = 'gone';
    this.#deadline.close();
    this.#http = undefined;
  }
}
