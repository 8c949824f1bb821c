import type { Origin } from './origin.ts';
import type { ConnectionUser, PooledConnection } from './pooled-connection.ts';

/** A request that wants a connection. The pool owns the properties; a request has no other use for them. */
export interface PoolRequest extends ConnectionUser {
  readonly origin: Origin;
  /** Position in the order of arrival; -1 while the request is not in the queue. */
  arrival: number;
  before: PoolRequest | undefined;
  after: PoolRequest | undefined;
  /** Whether it is idempotent, has no body and may be sent before the responses to others have arrived. */
  readonly mayPipeline: boolean;
  /**
   * Called when the request has a connection, which it must release.
   *
   * @param isShared - whether the connection is still used by other requests, so that this one must be pipelined.
   */
  useConnection(connection: PooledConnection, isShared: boolean): void;
  /** Called if all connections are in use: the request waits until useConnection is called. */
  queued(): void;
}

/** The connections and waiting requests of one origin. A lane exists only while it has any of these. */
export class Lane {
  readonly origin: Origin;
  /** All connections, including idle ones and those being opened. */
  readonly connections = new Set<PooledConnection>();
  /** The connection that was released last is at the end. */
  readonly idle: PooledConnection[] = [];
  /** The position in a {@link LaneQueue}; -1 if the lane is not in it. */
  queueIndex = -1;
  #first: PoolRequest | undefined = undefined;
  #last: PoolRequest | undefined = undefined;

  constructor(origin: Origin) {
    this.origin = origin;
  }

  /** The waiting request that arrived first. */
  get first(): PoolRequest | undefined {
    return this.#first;
  }

  /** Adds a request that arrived after all others. */
  add(request: PoolRequest): void {
    request.before = this.#last;
    if (this.#last === undefined) this.#first = request;
    else this.#last.after = request;
    this.#last = request;
  }

  remove(request: PoolRequest): void {
    const { before, after } = request;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    request.before = undefined;
    request.after = undefined;
  }
}

/**
 * Lanes in the order in which their first requests arrived: a binary heap. Each lane knows its position, so that
 * removing one takes logarithmic time even if thousands of origins wait.
 */
export class LaneQueue {
  readonly #heap: Lane[] = [];

  get first(): Lane | undefined {
    return this.#heap[0];
  }

  /** Adds a lane that has a waiting request. Does nothing if it is already in the queue. */
  add(lane: Lane): void {
    if (lane.queueIndex !== -1) return;
    this.#rise(this.#heap.push(lane) - 1, lane);
  }

  remove(lane: Lane): void {
    const index = lane.queueIndex;
    if (index === -1) return;
    lane.queueIndex = -1;
    const last = this.#heap.pop() as Lane;
    if (last !== lane) this.#place(index, last);
  }

  /** Called when the first request of a lane has changed. */
  changed(lane: Lane): void {
    if (lane.queueIndex !== -1) this.#place(lane.queueIndex, lane);
  }

  #place(index: number, lane: Lane): void {
    if (this.#rise(index, lane) === index) this.#sink(index, lane);
  }

  #rise(from: number, lane: Lane): number {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Lane;
      if (arrivalOf(parent) <= arrivalOf(lane)) break;
      this.#put(index, parent);
      index = parentIndex;
    }
    this.#put(index, lane);
    return index;
  }

  #sink(from: number, lane: Lane): void {
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.#heap[childIndex];
      if (child === undefined) break;
      const right = this.#heap[childIndex + 1];
      if (right !== undefined && arrivalOf(right) < arrivalOf(child)) {
        child = right;
        childIndex += 1;
      }
      if (arrivalOf(lane) <= arrivalOf(child)) break;
      this.#put(index, child);
      index = childIndex;
    }
    this.#put(index, lane);
  }

  #put(index: number, lane: Lane): void {
    this.#heap[index] = lane;
    lane.queueIndex = index;
  }
}

function arrivalOf(lane: Lane): number {
  return lane.first?.arrival ?? Number.POSITIVE_INFINITY;
}
