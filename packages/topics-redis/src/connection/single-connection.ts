import type { BackplaneError } from '@landspout/topics';
import type { Refusal, Route } from './command-queue.ts';
import type { Endpoint } from './endpoint.ts';
import { type ConnectionRules, LastingConnection } from './lasting-connection.ts';
import { linkClosed, unavailable } from './link-errors.ts';
import type { CommandConnections } from './two-connection-link.ts';

/** The shortest time between two renewals of a connection to a replica, in milliseconds. */
const RENEWAL_PAUSE_MS = 2000;

/** The connection for commands to one server, or to the primary behind sentinels. */
export class SingleConnection implements CommandConnections {
  readonly #endpoint: Endpoint;
  readonly #connection: LastingConnection;
  readonly #rules: ConnectionRules;
  #renewedAt = Number.NEGATIVE_INFINITY;

  /** @param endpoint - is closed with it. */
  constructor(endpoint: Endpoint, rules: ConnectionRules) {
    this.#endpoint = endpoint;
    this.#rules = rules;
    this.#connection = new LastingConnection({ endpoint, rules });
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  routeOf({ operation }: { readonly operation: string }): Route | BackplaneError {
    const connection = this.#connection.current;
    if (connection !== undefined) return { connection };
    if (this.#connection.isClosed) return linkClosed();
    return unavailable(
      `Redis is not connected: ${operation} was not sent; try again when it is back`,
      this.#connection.failure,
    );
  }

  /** A single server does not redirect. If it has become a replica, its name may stand for another server now. */
  repair({ code }: Refusal): undefined {
    const now = this.#rules.clock.now();
    if (code !== 'READONLY' || now < this.#renewedAt + RENEWAL_PAUSE_MS) return;
    this.#renewedAt = now;
    this.#connection.renew(new Error('the server is a replica'));
  }

  /** Connects anew if another server is the one that is looked for. */
  recheck(): void {
    this.#connection.recheck();
  }

  async close(cause: Error): Promise<void> {
    await Promise.all([this.#connection.close(cause), this.#endpoint.close?.(cause)]);
  }
}
