// The pool/ folder decides which requests may share a connection, and how many connections there may be. It does not
// send anything on them.

import type { IOLoop } from '@landspout/ioloop';
import { DeadlineWheel } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { HTTPClientLimitError, HTTPStreamClosedError } from '../errors.ts';
import { Lane, LaneQueue, type PoolRequest } from './lane-queue.ts';
import type { Origin } from './origin.ts';
import { type ConnectionOwner, type ConnectionSettings, PooledConnection } from './pooled-connection.ts';

export interface PoolSettings extends ConnectionSettings {
  readonly maxConnections: number;
  readonly maxConnectionsPerOrigin: number;
  readonly maxQueued: number;
}

/** Counts of a pool since its creation. */
export interface PoolCounts {
  opened: number;
  sent: number;
  reused: number;
  responses: number;
  failures: number;
}

/**
 * Assigns connections to requests. The number of connections is limited, in total and per origin. If none is free,
 * requests wait in a queue of limited length. Requests get connections in order of arrival, but a request whose origin
 * has no free connection does not delay requests to other origins. If only the total limit prevents a new connection,
 * an idle connection of another origin is closed.
 */
export class ConnectionPool implements ConnectionOwner {
  readonly settings: PoolSettings;
  readonly wheel: DeadlineWheel;
  readonly counts: PoolCounts = { opened: 0, sent: 0, reused: 0, responses: 0, failures: 0 };
  readonly #loop: IOLoop;
  readonly #lanes = new Map<string, Lane>();
  /** The lanes with waiting requests, except those whose connections are all in use and cannot become more. */
  readonly #queue = new LaneQueue();
  /** All idle connections: the one that has been idle longest is first. */
  #firstIdle: PooledConnection | undefined = undefined;
  #lastIdle: PooledConnection | undefined = undefined;
  #idleCount = 0;
  readonly #connections = new Set<PooledConnection>();
  readonly #streams = new Set<IOStream>();
  #queuedCount = 0;
  #arrivals = 0;
  #closed: Error | undefined = undefined;
  /** Whether `#serve` is already running further up the call stack. If so, that call continues the work. */
  #serving = false;

  constructor(settings: PoolSettings, loop: IOLoop) {
    this.settings = settings;
    this.#loop = loop;
    const tickMs = Math.max(10, Math.min(250, settings.idleTimeoutMs / 8));
    this.wheel = new DeadlineWheel(loop.clock, loop.logger, tickMs);
  }

  /** The number of requests that wait for a connection. */
  get queuedCount(): number {
    return this.#queuedCount;
  }

  /** The number of open connections that are idle. */
  get idleCount(): number {
    return this.#idleCount;
  }

  /** The number of connections, including idle ones and those being opened. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  get originCount(): number {
    return this.#lanes.size;
  }

  /** The reason with which the pool was closed. */
  get closeReason(): Error | undefined {
    return this.#closed;
  }

  now(): number {
    return this.#loop.clock.now();
  }

  /**
   * Gives a request a connection, now or when it is its turn.
   *
   * @throws HTTPClientLimitError `ERR_HTTPCLIENT_QUEUE_FULL`; HTTPStreamClosedError if the pool is closed. The request
   *   is not called then.
   */
  enter(request: PoolRequest): void {
    if (this.#closed !== undefined)
      throw new HTTPStreamClosedError('ERR_HTTPCLIENT_STOPPED', 'the client is closed');
    const lane = this.#laneOf(request.origin);
    if (lane.first === undefined) {
      // A request that finds a free connection never enters the queue: the requests that wait belong to other origins,
      // and could not use this connection. If only the total limit allows a new connection, they go first.
      const idle = lane.idle.at(-1);
      if (idle !== undefined) {
        this.#assign(this.#wake(idle), request);
        return;
      }
      if (this.#queue.first === undefined && this.#canOpen(lane)) {
        this.#assign(this.#open(lane), request);
        return;
      }
      if (this.#pipeline(lane, request)) return;
    }
    if (this.#queuedCount >= this.settings.maxQueued) {
      this.#forgetIfEmpty(lane);
      throw new HTTPClientLimitError(
        'ERR_HTTPCLIENT_QUEUE_FULL',
        `the queue is full: ${this.settings.maxQueued} requests are waiting for a connection`,
      );
    }
    request.arrival = this.#arrivals;
    this.#arrivals += 1;
    this.#queuedCount += 1;
    lane.add(request);
    this.#requeue(lane);
    request.queued();
  }

  /** Takes a request out of the queue, for example because it was aborted. */
  leave(request: PoolRequest): void {
    const lane = this.#lanes.get(request.origin.key);
    if (lane === undefined || request.arrival === -1) return;
    request.arrival = -1;
    this.#queuedCount -= 1;
    lane.remove(request);
    this.#requeue(lane);
    this.#forgetIfEmpty(lane);
  }

  /** Takes back a connection that a request has released. Keeps it if it can be used for another request. */
  takeBack(connection: PooledConnection): void {
    const lane = this.#lanes.get(connection.origin.key) as Lane;
    if (this.#closed !== undefined || !connection.isReusable) {
      connection.http?.close();
      this.#discard(connection);
      return;
    }
    const waiting = lane.first;
    // The request that waits longest for this origin gets the connection, unless another one has waited even longer for
    // any connection.
    const oldest = this.#queue.first?.first;
    if (waiting !== undefined && (oldest === undefined || waiting.arrival <= oldest.arrival)) {
      this.leave(waiting);
      // The next request sets a deadline only if it has one.
      connection.limitUse(0);
      this.#assign(connection, waiting);
    } else if (this.settings.idleTimeoutMs > 0) {
      lane.idle.push(connection);
      this.#linkIdle(connection);
      this.#requeue(lane);
      connection.rest();
      if (this.#queuedCount > 0) this.#serve();
    } else {
      connection.http?.close();
      this.#discard(connection);
    }
  }

  /** A pipelined connection has room again: the request that waits longest for this origin may use it. */
  partlyReleased(connection: PooledConnection): void {
    const waiting = this.#lanes.get(connection.origin.key)?.first;
    if (waiting?.mayPipeline !== true || !connection.canPipeline) return;
    this.leave(waiting);
    this.#share(connection, waiting);
  }

  /** Discards an idle connection that has ended, or was idle for too long. */
  dropIdle(connection: PooledConnection): void {
    this.#removeIdle(connection);
    connection.http?.close();
    this.#discard(connection);
  }

  /** Called by connections: the stream is open until {@link streamClosed} is called. */
  streamOpened(stream: IOStream): void {
    this.counts.opened += 1;
    this.#streams.add(stream);
  }

  streamClosed(stream: IOStream): void {
    this.#streams.delete(stream);
  }

  /** Stops all requests, waiting or not, and closes all connections. Resolves when all of them are closed. */
  async close(reason: Error): Promise<void> {
    this.#closed ??= reason;
    for (const lane of [...this.#lanes.values()]) {
      for (let { first } = lane; first !== undefined; first = lane.first) {
        this.leave(first);
        first.stop(reason);
      }
    }
    for (const connection of [...this.#connections]) {
      if (connection.isIdle) this.dropIdle(connection);
      else connection.stop(reason);
    }
    await Promise.all([...this.#streams].map((stream) => stream.waitClosed()));
  }

  #laneOf(origin: Origin): Lane {
    let lane = this.#lanes.get(origin.key);
    if (lane === undefined) {
      lane = new Lane(origin);
      this.#lanes.set(origin.key, lane);
    }
    return lane;
  }

  /** Puts a lane into the queue if a request waits that could get a connection; otherwise takes it out. */
  #requeue(lane: Lane): void {
    const mayBeServed = lane.idle.length > 0 || lane.connections.size < this.settings.maxConnectionsPerOrigin;
    if (lane.first === undefined || !mayBeServed) this.#queue.remove(lane);
    else if (lane.queueIndex === -1) this.#queue.add(lane);
    else this.#queue.changed(lane);
  }

  #forgetIfEmpty(lane: Lane): void {
    if (lane.connections.size === 0 && lane.first === undefined) this.#lanes.delete(lane.origin.key);
  }

  #assign(connection: PooledConnection, request: PoolRequest): void {
    this.counts.sent += 1;
    if (connection.http !== undefined) this.counts.reused += 1;
    connection.assign(request);
    request.useConnection(connection, false);
  }

  /** Gives a request a connection that others use, if pipelining is allowed. @returns false if there is none. */
  #pipeline(lane: Lane, request: PoolRequest): boolean {
    if (this.settings.pipelining < 2 || !request.mayPipeline) return false;
    for (const connection of lane.connections) {
      if (!connection.canPipeline) continue;
      this.#share(connection, request);
      return true;
    }
    return false;
  }

  #share(connection: PooledConnection, request: PoolRequest): void {
    this.counts.sent += 1;
    this.counts.reused += 1;
    connection.share(request);
    request.useConnection(connection, true);
  }

  /** Assigns connections until no waiting request can get one. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (let lane = this.#queue.first; lane !== undefined; lane = this.#queue.first) {
        const idle = lane.idle.at(-1);
        if (idle === undefined && !this.#canOpen(lane)) break;
        const request = lane.first as PoolRequest;
        this.leave(request);
        this.#assign(idle === undefined ? this.#open(lane) : this.#wake(idle), request);
      }
    } finally {
      this.#serving = false;
    }
  }

  #canOpen(lane: Lane): boolean {
    const { maxConnections, maxConnectionsPerOrigin } = this.settings;
    if (lane.connections.size >= maxConnectionsPerOrigin) return false;
    return this.#connections.size < maxConnections || this.#firstIdle !== undefined;
  }

  #open(lane: Lane): PooledConnection {
    if (!this.#lanes.has(lane.origin.key)) this.#lanes.set(lane.origin.key, lane);
    const connection = new PooledConnection(this, lane.origin);
    lane.connections.add(connection);
    this.#connections.add(connection);
    this.#requeue(lane);
    const oldest = this.#firstIdle;
    if (this.#connections.size > this.settings.maxConnections && oldest !== undefined) this.dropIdle(oldest);
    return connection;
  }

  /** Takes the most recently used connection: the server is least likely to be closing it, and others can expire. */
  #wake(connection: PooledConnection): PooledConnection {
    this.#removeIdle(connection);
    connection.wake();
    return connection;
  }

  #linkIdle(connection: PooledConnection): void {
    connection.idleBefore = this.#lastIdle;
    if (this.#lastIdle === undefined) this.#firstIdle = connection;
    else this.#lastIdle.idleAfter = connection;
    this.#lastIdle = connection;
    this.#idleCount += 1;
  }

  #removeIdle(connection: PooledConnection): void {
    const { idleBefore, idleAfter } = connection;
    if (idleBefore === undefined) this.#firstIdle = idleAfter;
    else idleBefore.idleAfter = idleAfter;
    if (idleAfter === undefined) this.#lastIdle = idleBefore;
    else idleAfter.idleBefore = idleBefore;
    connection.idleBefore = undefined;
    connection.idleAfter = undefined;
    this.#idleCount -= 1;
    const lane = this.#lanes.get(connection.origin.key) as Lane;
    const { idle } = lane;
    if (idle.at(-1) === connection) idle.pop();
    else idle.splice(idle.indexOf(connection), 1);
    if (lane.first !== undefined) this.#requeue(lane);
  }

  #discard(connection: PooledConnection): void {
    connection.retire();
    this.#connections.delete(connection);
    const lane = this.#lanes.get(connection.origin.key) as Lane;
    lane.connections.delete(connection);
    this.#requeue(lane);
    this.#forgetIfEmpty(lane);
    if (this.#queuedCount > 0) this.#serve();
  }
}
