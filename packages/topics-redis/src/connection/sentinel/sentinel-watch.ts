import { FixedEndpoint } from '../endpoint.ts';
import { type ConnectionRules, LastingConnection } from '../lasting-connection.ts';
import type { SentinelOptions } from '../redis-options.ts';
import { addressText, type NodeAddress, type ServerOptions, serverAt } from '../server-options.ts';
import { type Ask, withConnection } from '../short-connection.ts';

/** Called when a sentinel names another primary than before. */
export type Switched = (sentinel: NodeAddress, primary: NodeAddress) => void;

/** The channel on which a sentinel announces another primary: name, old host and port, new host and port. */
const CHANNEL = '+switch-master';

interface WatchedSentinel {
  readonly connection: LastingConnection;
  /** The primary that it has named last. Not compared with what others say, which may spell the same address otherwise. */
  named: string | undefined;
}

/**
 * Listens to sentinels, on a connection to each, since the one that leads a failover knows of it first. After each
 * connection the sentinel is asked too: it may have announced something before.
 */
export class SentinelWatch {
  readonly #options: SentinelOptions;
  readonly #rules: ConnectionRules;
  readonly #switched: Switched;
  readonly #closing = new AbortController();
  /** By the address of the sentinel. */
  readonly #watched = new Map<string, WatchedSentinel>();

  constructor(options: SentinelOptions, rules: ConnectionRules, switched: Switched) {
    this.#options = options;
    this.#rules = { ...rules, outages: rules.outages.about('a sentinel') };
    this.#switched = switched;
  }

  /** Listens to these sentinels from now on, and to no others. */
  watch(sentinels: readonly NodeAddress[]): void {
    if (this.#closing.signal.aborted) return;
    const wanted = new Map(
      sentinels.map((sentinel) => [addressText(sentinel.host, sentinel.port), sentinel]),
    );
    for (const [address, { connection }] of this.#watched) {
      if (wanted.has(address)) continue;
      this.#watched.delete(address);
      connection.retire(new Error(`the sentinel at ${address} is not known any more`));
    }
    for (const [address, sentinel] of wanted) {
      if (!this.#watched.has(address)) this.#watched.set(address, this.#begin(sentinel));
    }
  }

  /** Notes the reply of a sentinel that is listened to. */
  learn(sentinel: NodeAddress, primary: NodeAddress): void {
    const watched = this.#watched.get(addressText(sentinel.host, sentinel.port));
    if (watched === undefined) return;
    const named = addressText(primary.host, primary.port);
    if (watched.named === undefined) watched.named = named;
    else if (watched.named !== named) this.#switchedAt(sentinel, watched, primary);
  }

  async close(cause: Error): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#watched.values()].map(({ connection }) => connection.close(cause)));
  }

  #begin(sentinel: NodeAddress): WatchedSentinel {
    const { name, sentinelClientOptions = {}, nodeAddressMap } = this.#options;
    const server = serverAt(sentinel, sentinelClientOptions as ServerOptions, nodeAddressMap);
    const { signal } = this.#closing;
    const connection = new LastingConnection({
      endpoint: new FixedEndpoint(server),
      rules: this.#rules,
      heard: (message) => {
        const [of, , , host = '', port] = message.toString().split(' ');
        if (of === name) this.#switchedAt(sentinel, watched, { host, port: Number(port) });
      },
      // On a connection of its own: one that listens to a channel takes no other commands in version 2 of the protocol.
      prepare: async (listening) => {
        await listening.subscribe([CHANNEL]);
        const primary = await withConnection(server, this.#rules, signal, (ask, address) =>
          primaryOf(ask, name, address),
        );
        this.learn(sentinel, primary);
      },
    });
    const watched: WatchedSentinel = { connection, named: undefined };
    connection.openLater();
    return watched;
  }

  #switchedAt(sentinel: NodeAddress, watched: WatchedSentinel, primary: NodeAddress): void {
    watched.named = addressText(primary.host, primary.port);
    if (!watched.connection.isClosed) this.#switched(sentinel, primary);
  }
}

/** Asks a sentinel for the primary. @throws Error if it does not know it. */
export async function primaryOf(ask: Ask, name: string, sentinel: string): Promise<NodeAddress> {
  const reply = await ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
  if (!Array.isArray(reply)) throw new Error(`the sentinel at ${sentinel} knows no primary ${name}`);
  return { host: String(reply[0]), port: Number(reply[1]) };
}
