import type { BackplaneError } from '@landspout/topics';
import type { Route } from './command-queue.ts';
import type { Endpoint } from './endpoint.ts';
import { type ConnectionRules, LastingConnection } from './lasting-connection.ts';
import { linkClosed, unavailable } from './link-errors.ts';
import type { CommandConnections } from './two-connection-link.ts';

/** The connection for commands to one server, or to the primary behind sentinels. */
export class SingleConnection implements CommandConnections {
  readonly #connection: LastingConnection;

  constructor(endpoint: Endpoint, rules: ConnectionRules) {
    this.#connection = new LastingConnection({ endpoint, rules });
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  routeOf(): Route | BackplaneError {
    const connection = this.#connection.current;
    if (connection !== undefined) return { connection };
    if (this.#connection.isClosed) return linkClosed();
    return unavailable('Redis is not connected: the call was not sent', this.#connection.failure);
  }

  /** A single server does not redirect. */
  repair(): undefined {}

  close(cause: Error): Promise<void> {
    return this.#connection.close(cause);
  }
}
