import type { ServerConnection } from './server-connection.ts';
import type { ServerOptions } from './server-options.ts';

/** Where a connection goes to. */
export interface Endpoint {
  /** Finds the server, before each connection. @param signal - ends the search. */
  resolve(signal: AbortSignal): Promise<ServerOptions>;
  /** Checks that the server is the one that was looked for. @throws Error if it is not. */
  check?(connection: ServerConnection): Promise<void>;
  /** Whether the server with this address is still the one that is looked for. Default: it is. */
  isCurrent?(address: string): boolean;
  /** Ends what it does in the background. */
  close?(cause: Error): Promise<void>;
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

/** Any of several nodes, another one each time. */
export class AnyNodeEndpoint implements Endpoint {
  readonly #addresses: () => ReadonlySet<string>;
  readonly #serverAt: (address: string) => ServerOptions;
  #chosen: string | undefined;

  /** @param addresses - returns those of the present nodes. */
  constructor(addresses: () => ReadonlySet<string>, serverAt: (address: string) => ServerOptions) {
    this.#addresses = addresses;
    this.#serverAt = serverAt;
  }

  /** Whether the node that was chosen last is one of the present nodes. */
  get isPresent(): boolean {
    return this.#chosen === undefined || this.#addresses().has(this.#chosen);
  }

  async resolve(): Promise<ServerOptions> {
    const all = [...this.#addresses()];
    const others = all.filter((address) => address !== this.#chosen);
    const choices = others.length > 0 ? others : all;
    const chosen = choices[Math.floor(Math.random() * choices.length)];
    if (chosen === undefined) throw new Error('no node of the cluster is known');
    this.#chosen = chosen;
    return this.#serverAt(chosen);
  }
}
