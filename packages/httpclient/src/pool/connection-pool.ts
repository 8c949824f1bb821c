// The pool/ folder decides which requests may share a connection, and how many connections there may be. It does not
// send anything on them.

import type { Http1Limits } from '@landspout/http1';
import { ClientConnection } from '@landspout/http1/client';
import type { IOLoop } from '@landspout/ioloop';
import { Deadline, type DeadlineEntry, DeadlineWheel, onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { HTTPClientLimitError, HTTPStreamClosedError } from '../errors.ts';
import type { Origin } from './origin.ts';

export interface PoolSettings {
  readonly maxConnections: number;
  readonly maxConnectionsPerOrigin: number;
  readonly maxQueued: number;
  readonly idleTimeoutMs: number;
  readonly limits: Partial<Http1Limits>;
}

/** The slots and waiting requests of one origin. A lane exists only while it has any of these. */
interface Lane {
  readonly origin: Origin;
  /** The number of slots, including idle slots. */
  slots: number;
  /** The slot that was released last is at the end. */
  readonly idle: PoolSlot[];
  /** In order of arrival. */
  readonly waiting: Set<Waiter>;
}

interface Waiter {
  readonly arrival: number;
  readonly resolve: (slot: PoolSlot) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Assigns slots to requests. A slot is the right to use one connection to one origin, and has an idle connection if one
 * is available. The number of slots is limited, in total and per origin. If none is free, requests wait in a queue of
 * limited length. Requests get slots in order of arrival, but a request whose origin has no free slot does not delay
 * requests to other origins. If only the total limit prevents a new connection, an idle connection of another origin is
 * closed.
 */
export class ConnectionPool {
  readonly settings: PoolSettings;
  readonly wheel: DeadlineWheel;
  readonly #lanes = new Map<string, Lane>();
  readonly #lanesWaiting = new Set<Lane>();
  /** All idle slots; the slot that has been idle longest is first. */
  readonly #idle = new Set<PoolSlot>();
  readonly #streams = new Set<IOStream>();
  #slots = 0;
  #queued = 0;
  #arrivals = 0;
  #closed = false;
  /** Whether `#serve` is already running further up the call stack. If so, that call continues the work. */
  #serving = false;

  constructor(settings: PoolSettings, loop: IOLoop) {
    this.settings = settings;
    const tickMs = Math.max(10, Math.min(250, settings.idleTimeoutMs / 8));
    this.wheel = new DeadlineWheel(loop.clock, loop.logger, tickMs);
  }

  /** The number of requests that wait for a slot. */
  get queuedCount(): number {
    return this.#queued;
  }

  /** The number of open connections that are idle. */
  get idleCount(): number {
    return this.#idle.size;
  }

  /** The number of slots, including the slots of idle connections. */
  get slotCount(): number {
    return this.#slots;
  }

  /**
   * Resolves to a slot when one is free.
   *
   * @throws HTTPClientLimitError `ERR_HTTPCLIENT_QUEUE_FULL`; the reason of `signal`; the error passed to
   *   {@link close}.
   */
  acquire(origin: Origin, signal: AbortSignal): Promise<PoolSlot> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closed) throw new HTTPStreamClosedError('ERR_HTTPCLIENT_STOPPED', 'the client is closed');
      const lane = this.#laneOf(origin);
      if (this.#queued >= this.settings.maxQueued && !this.#canServe(lane)) {
        this.#forgetIfEmpty(lane);
        throw new HTTPClientLimitError(
          'ERR_HTTPCLIENT_QUEUE_FULL',
          `the queue is full: ${this.settings.maxQueued} requests are waiting for a connection`,
        );
      }
      const waiter: Waiter = {
        arrival: this.#arrivals,
        resolve(slot) {
          stopListening();
          resolve(slot);
        },
        reject(error) {
          stopListening();
          reject(error);
        },
      };
      const stopListening = onAbort(signal, (reason) => {
        this.#leaveQueue(lane, waiter);
        waiter.reject(reason);
      });
      this.#arrivals += 1;
      this.#queued += 1;
      lane.waiting.add(waiter);
      this.#lanesWaiting.add(lane);
      this.#serve();
    });
  }

  /** Takes back a slot that is no longer used. Keeps its connection if that can be used for another request. */
  takeBack(slot: PoolSlot): void {
    if (slot.connection?.isIdle === true && !this.#closed && this.settings.idleTimeoutMs > 0) {
      this.#lanes.get(slot.origin.key)?.idle.push(slot);
      this.#idle.add(slot);
      slot.rest();
      this.#serve();
    } else {
      slot.connection?.close();
      this.#discard(slot);
    }
  }

  /** Discards an idle slot whose connection has ended, or was idle for too long. */
  dropIdle(slot: PoolSlot): void {
    this.#removeIdle(slot);
    slot.connection?.close();
    this.#discard(slot);
  }

  /** Called by slots: the stream is open until {@link streamClosed} is called. */
  streamOpened(stream: IOStream): void {
    this.#streams.add(stream);
  }

  streamClosed(stream: IOStream): void {
    this.#streams.delete(stream);
  }

  /** Closes idle connections, and rejects waiting and later requests. Resolves when all connections are closed. */
  async close(reason: Error): Promise<void> {
    this.#closed = true;
    for (const lane of [...this.#lanesWaiting]) {
      for (const waiter of [...lane.waiting]) {
        this.#leaveQueue(lane, waiter);
        waiter.reject(reason);
      }
    }
    for (const slot of [...this.#idle]) this.dropIdle(slot);
    await Promise.all([...this.#streams].map((stream) => stream.waitClosed()));
  }

  #laneOf(origin: Origin): Lane {
    let lane = this.#lanes.get(origin.key);
    if (lane === undefined) {
      lane = { origin, slots: 0, idle: [], waiting: new Set() };
      this.#lanes.set(origin.key, lane);
    }
    return lane;
  }

  #forgetIfEmpty(lane: Lane): void {
    if (lane.slots === 0 && lane.waiting.size === 0) this.#lanes.delete(lane.origin.key);
  }

  #leaveQueue(lane: Lane, waiter: Waiter): void {
    lane.waiting.delete(waiter);
    this.#queued -= 1;
    if (lane.waiting.size === 0) this.#lanesWaiting.delete(lane);
    this.#forgetIfEmpty(lane);
  }

  /** Assigns slots until no waiting request can get one. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    let lane = this.#nextLane();
    while (lane !== undefined) {
      const [waiter] = lane.waiting;
      if (waiter === undefined) break;
      const slot = this.#takeSlot(lane);
      this.#leaveQueue(lane, waiter);
      waiter.resolve(slot);
      lane = this.#nextLane();
    }
    this.#serving = false;
  }

  /** Returns the lane of the request that arrived first, among the requests that can get a slot. */
  #nextLane(): Lane | undefined {
    let best: Lane | undefined;
    let bestArrival = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanesWaiting) {
      const [first] = lane.waiting;
      if (first === undefined || first.arrival >= bestArrival || !this.#canServe(lane)) continue;
      best = lane;
      bestArrival = first.arrival;
    }
    return best;
  }

  #canServe(lane: Lane): boolean {
    if (lane.idle.length > 0) return true;
    const { maxConnections, maxConnectionsPerOrigin } = this.settings;
    return lane.slots < maxConnectionsPerOrigin && (this.#slots < maxConnections || this.#idle.size > 0);
  }

  #takeSlot(lane: Lane): PoolSlot {
    // Takes the most recently used slot: the server is least likely to be closing that connection, and the others can
    // reach their idle timeout.
    const rested = lane.idle.at(-1);
    if (rested !== undefined) {
      this.#removeIdle(rested);
      rested.wake();
      return rested;
    }
    lane.slots += 1;
    this.#slots += 1;
    const [oldest] = this.#idle;
    if (this.#slots > this.settings.maxConnections && oldest !== undefined) this.dropIdle(oldest);
    return new PoolSlot(this, lane.origin);
  }

  #removeIdle(slot: PoolSlot): void {
    this.#idle.delete(slot);
    const idle = this.#lanes.get(slot.origin.key)?.idle;
    const at = idle?.indexOf(slot) ?? -1;
    if (at >= 0) idle?.splice(at, 1);
  }

  #discard(slot: PoolSlot): void {
    slot.retire();
    this.#slots -= 1;
    const lane = this.#lanes.get(slot.origin.key);
    if (lane === undefined) return;
    lane.slots -= 1;
    this.#forgetIfEmpty(lane);
    this.#serve();
  }
}

/**
 * The right to use one connection to one origin, and that connection after it was opened. The caller must release its
 * slot exactly once, even if the request fails.
 */
export class PoolSlot implements DeadlineEntry {
  readonly origin: Origin;
  readonly #pool: ConnectionPool;
  readonly #deadline: Deadline;
  #connection: ClientConnection | undefined;
  #state: 'used' | 'idle' | 'gone' = 'used';

  constructor(pool: ConnectionPool, origin: Origin) {
    this.#pool = pool;
    this.origin = origin;
    this.#deadline = new Deadline(pool.wheel, this);
  }

  /** The connection to use; `undefined` if it has to be opened. */
  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  /** Puts a new connection into the slot. It may replace a connection that has ended. */
  adopt(stream: IOStream): ClientConnection {
    const pool = this.#pool;
    const connection = new ClientConnection(stream, {
      limits: pool.settings.limits,
      connectionEnded: () => {
        pool.streamClosed(stream);
        // The server ended the connection, or sent data without a request, while the connection was idle.
        if (this.#state === 'idle' && this.#connection === connection) pool.dropIdle(this);
      },
    });
    pool.streamOpened(stream);
    this.#connection = connection;
    return connection;
  }

  /** Closes a connection that has ended, so that another one can be opened. */
  forget(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  release(): void {
    if (this.#state === 'used') this.#pool.takeBack(this);
  }

  deadlinePassed(): void {
    this.#pool.dropIdle(this);
  }

  /** Called by the pool: the connection is idle, and does not keep the process alive. */
  rest(): void {
    this.#state = 'idle';
    this.#connection?.stream.unref();
    this.#deadline.set(this.#pool.settings.idleTimeoutMs);
  }

  /** Called by the pool: the connection is in use again. */
  wake(): void {
    this.#state = 'used';
    this.#deadline.clear();
    this.#connection?.stream.ref();
  }

  /** Called by the pool: the slot is no longer used. */
  retire(): void {
    this.#state = 'gone';
    this.#deadline.close();
    this.#connection = undefined;
  }
}
