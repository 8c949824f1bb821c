import type { ServerConnection } from './server-connection.ts';
import type { ServerOptions } from './server-options.ts';

/** Where a connection goes to. */
export interface Endpoint {
  /** Finds the server, before each connection. @param signal - ends the search. */
  resolve(signal: AbortSignal): Promise<ServerOptions>;
  /** Checks that the server is the one that was looked for. @throws Error if it is not. */
  check?(connection: ServerConnection): Promise<void>;
}

/** One server that the program has named. */
export class FixedEndpoint implements Endpoint {
  readonly #server: ServerOptions;

  constructor(server: ServerOptions) {
    this.#server = server;
  }

  async resolve(): Promise<ServerOptions> {
    return this.#server;
  }
}
