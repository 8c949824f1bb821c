import { ClientConnection } from '@landspout/http1';
import { Deadline, type DeadlineEntry } from '@landspout/ioloop';
import type { IOStream } from '@landspout/iostream';
import type { ConnectionPool } from './connection-pool.ts';
import type { Origin } from './origin.ts';

/**
 * The right to one connection to one origin, and that connection once there is one. Whoever was given a slot
 * releases it, once, however things went.
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

  /** The connection that can be used; `undefined` where one has yet to be made. */
  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  /** Puts a fresh connection into the slot, in place of one that has ended. */
  adopt(stream: IOStream): ClientConnection {
    const pool = this.#pool;
    const connection = new ClientConnection(stream, {
      limits: pool.settings.limits,
      connectionEnded: () => {
        pool.streamClosed(stream);
        // The peer ended it, or sent what nobody asked for, while it waited for a request.
        if (this.#state === 'idle' && this.#connection === connection) pool.dropIdle(this);
      },
    });
    pool.streamOpened(stream);
    this.#connection = connection;
    return connection;
  }

  /** Lets go of a connection that turned out to be dead, so that another can be made. */
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

  /** For the pool: nobody uses the connection, and it keeps no process alive. */
  rest(): void {
    this.#state = 'idle';
    this.#connection?.stream.unref();
    this.#deadline.set(this.#pool.settings.idleTimeoutMs);
  }

  /** For the pool: somebody does. */
  wake(): void {
    this.#state = 'used';
    this.#deadline.clear();
    this.#connection?.stream.ref();
  }

  /** For the pool: the slot is used no more. */
  retire(): void {
    this.#state = 'gone';
    this.#deadline.close();
    this.#connection = undefined;
  }
}
