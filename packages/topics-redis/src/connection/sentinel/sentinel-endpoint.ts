import type { Endpoint } from '../endpoint.ts';
import type { ConnectionRules } from '../lasting-connection.ts';
import { reasonOf } from '../link-errors.ts';
import type { RedisReply } from '../redis-link.ts';
import type { SentinelOptions } from '../redis-options.ts';
import type { ServerConnection } from '../server-connection.ts';
import { addressOf, addressText, type NodeAddress, type ServerOptions, serverAt } from '../server-options.ts';
import { type Ask, withConnection } from '../short-connection.ts';
import { WireCommand } from '../wire-command.ts';
import { primaryOf, SentinelWatch } from './sentinel-watch.ts';

/**
 * The primary that sentinels name, as the guidelines for Sentinel clients describe: the first sentinel that replies is
 * asked first from then on, and the server must say itself that it is a primary. All sentinels that are known are watched:
 * without that, a connection to the old primary would be noticed to be one after 8 to 11 seconds, when the sentinels make
 * it a replica.
 *
 * The client of `createSentinel` is not used: it repeats a command whose reply was lost, so that a record would be appended
 * twice, and does not say when its channels are subscribed again.
 */
export class SentinelEndpoint implements Endpoint {
  readonly #options: SentinelOptions;
  readonly #rules: ConnectionRules;
  /** The sentinels, the one that has replied last first. */
  #sentinels: readonly NodeAddress[];
  readonly #watch: SentinelWatch;
  /** The address of the primary that was named last, as connections have it. */
  #named: string | undefined;
  /** How often a sentinel has named another primary. */
  #switches = 0;

  /** @param changed - called when a sentinel has named another primary. */
  constructor(options: SentinelOptions, rules: ConnectionRules, changed: () => void) {
    this.#options = options;
    this.#rules = rules;
    this.#sentinels = options.sentinelRootNodes;
    this.#watch = new SentinelWatch(options, rules, (sentinel, primary) => {
      this.#switches += 1;
      this.#sentinels = [sentinel, ...this.#sentinels.filter((other) => !isSame(other, sentinel))];
      this.#named = addressOf(this.#primaryAt(primary));
      changed();
    });
  }

  /** Asks again if a sentinel names another primary meanwhile: the one that was asked may not know it yet. */
  async resolve(signal: AbortSignal): Promise<ServerOptions> {
    for (;;) {
      const switches = this.#switches;
      const server = await this.#askSentinels(signal);
      if (switches === this.#switches) return server;
    }
  }

  async check(connection: ServerConnection): Promise<void> {
    const reply = await connection.send(new WireCommand(['ROLE']));
    const role = String((reply as readonly RedisReply[])[0]);
    if (role !== 'master') {
      throw new Error(
        `the server at ${connection.address}, which the sentinels name, is no primary (${role})`,
      );
    }
  }

  isCurrent(address: string): boolean {
    return address === this.#named;
  }

  close(cause: Error): Promise<void> {
    return this.#watch.close(cause);
  }

  async #askSentinels(signal: AbortSignal): Promise<ServerOptions> {
    const { name } = this.#options;
    const failures: Error[] = [];
    for (const sentinel of this.#sentinels) {
      signal.throwIfAborted();
      try {
        return await this.#askSentinel(sentinel, signal);
      } catch (error) {
        failures.push(error as Error);
      }
    }
    const reasons = failures.map(reasonOf).join('; ');
    throw new AggregateError(failures, `no sentinel knows the primary ${name}: ${reasons}`);
  }

  async #askSentinel(sentinel: NodeAddress, signal: AbortSignal): Promise<ServerOptions> {
    const { name, sentinelClientOptions = {}, nodeAddressMap } = this.#options;
    const server = serverAt(sentinel, sentinelClientOptions as ServerOptions, nodeAddressMap);
    const switches = this.#switches;
    return withConnection(server, this.#rules, signal, async (ask, address) => {
      const named = await primaryOf(ask, name, address);
      const primary = this.#primaryAt(named);
      const others = await this.#others(ask, sentinel);
      if (switches !== this.#switches) return primary;
      this.#named = addressOf(primary);
      this.#sentinels = [sentinel, ...others];
      this.#watch.watch(this.#sentinels);
      this.#watch.learn(sentinel, named);
      return primary;
    });
  }

  #primaryAt(primary: NodeAddress): ServerOptions {
    const { nodeClientOptions = {}, nodeAddressMap } = this.#options;
    return serverAt(primary, nodeClientOptions as ServerOptions, nodeAddressMap);
  }

  /** Returns the other sentinels: those that the program has named, and those that this one knows. */
  async #others(ask: Ask, sentinel: NodeAddress): Promise<NodeAddress[]> {
    const reply = (await ask('SENTINEL', 'SENTINELS', this.#options.name)) as readonly RedisReply[];
    const others = new Map<string, NodeAddress>();
    for (const node of [...this.#options.sentinelRootNodes, ...reply.map(addressIn)]) {
      others.set(addressText(node.host, node.port), node);
    }
    others.delete(addressText(sentinel.host, sentinel.port));
    return [...others.values()];
  }
}

function isSame(one: NodeAddress, other: NodeAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

/** Returns the address in a list of fields and values. */
function addressIn(entry: RedisReply): NodeAddress {
  const words = (entry as readonly RedisReply[]).map(String);
  const after = (field: string) => words[words.indexOf(field) + 1] ?? '';
  return { host: after('ip'), port: Number(after('port')) };
}
