import { type Reactor, type ReadyHandler, runInRootContext } from '@landspout/ioloop/reactor';

/** A handshake that has something to do. */
export interface QueuedHandshake {
  /** Goes on with the handshake. Must not throw. */
  takeTurn(): void;
}

/**
 * How long the handshakes of one loop iteration may take in total. A full handshake takes 0.1 to 2 ms, so a few of them
 * fit, and a client whose connection is established waits no longer than this for its turn.
 */
const TURN_MS = 5;

/**
 * Limits the time that handshakes take in one loop iteration, so that many clients that connect at once do not delay
 * those that are connected. Handshakes that have to wait get their turns in order, in later iterations.
 *
 * All handshakes of a thread, of servers and clients, share one queue: {@link HandshakeQueue.of}. It is not limited
 * itself, because its entries are open handshakes, which servers limit.
 */
export class HandshakeQueue implements ReadyHandler {
  readonly #reactor: Pick<Reactor, 'readyLater'>;
  readonly #now: () => number;
  /** In order of arrival. */
  readonly #waiting = new Set<QueuedHandshake>();
  #spentMs = 0;
  #turnAsked = false;

  /** @param now - milliseconds on a clock that runs while code runs. Default: `performance.now`. */
  constructor(reactor: Pick<Reactor, 'readyLater'>, now: () => number = () => performance.now()) {
    this.#reactor = reactor;
    this.#now = now;
  }

  /** Returns the queue of the thread that `reactor` belongs to. */
  static of(reactor: Reactor): HandshakeQueue {
    let queue = queues.get(reactor);
    if (queue === undefined) {
      queue = new HandshakeQueue(reactor);
      queues.set(reactor, queue);
    }
    return queue;
  }

  /** Number of handshakes that wait for a later iteration. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /**
   * Lets `handshake` take a turn: now, if none waits and this iteration has time left; otherwise in a later one.
   *
   * @returns false if it has to wait. Until then, the descriptor should not be watched, and a second call changes
   *   nothing.
   */
  enter(handshake: QueuedHandshake): boolean {
    if (this.#waiting.size === 0 && this.#spentMs < TURN_MS) {
      this.#run(handshake);
      return true;
    }
    this.defer(handshake);
    return false;
  }

  /** Lets `handshake`, which has just had a turn, take another one in a later iteration. */
  defer(handshake: QueuedHandshake): void {
    this.#waiting.add(handshake);
    this.#askForTurn();
  }

  /** Removes a handshake that waits. */
  leave(handshake: QueuedHandshake): void {
    this.#waiting.delete(handshake);
  }

  /** Called by the reactor, once in an iteration that follows handshakes. */
  ready(): void {
    this.#turnAsked = false;
    this.#spentMs = 0;
    let isFirst = true;
    for (const handshake of this.#waiting) {
      if (this.#spentMs >= TURN_MS) break;
      this.#waiting.delete(handshake);
      // The reactor set the async context for the first one only.
      if (isFirst) this.#run(handshake);
      else runInRootContext(() => this.#run(handshake), undefined);
      isFirst = false;
    }
    if (this.#waiting.size > 0) this.#askForTurn();
  }

  #run(handshake: QueuedHandshake): void {
    const start = this.#now();
    try {
      handshake.takeTurn();
    } finally {
      this.#spentMs += this.#now() - start;
      this.#askForTurn();
    }
  }

  /** Also needed if none waits: the next iteration has its own time. */
  #askForTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#reactor.readyLater(this);
  }
}

/** One for each thread, because a thread has one reactor. */
const queues = new WeakMap<Reactor, HandshakeQueue>();
