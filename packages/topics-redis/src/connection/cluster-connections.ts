import type { BackplaneError } from '@landspout/topics';
import type { Call } from './call.ts';
import { ClusterTopology, redirectionIn } from './cluster-topology.ts';
import type { Refusal, Route } from './command-queue.ts';
import { FixedEndpoint } from './endpoint.ts';
import { SLOT_COUNT, slotOf } from './hash-slot.ts';
import { type ConnectionRules, LastingConnection } from './lasting-connection.ts';
import { linkClosed, reasonOf, unavailable } from './link-errors.ts';
import type { ClusterOptions } from './redis-options.ts';
import { addressOf, nodeAddress, type ServerOptions, serverAt } from './server-options.ts';
import { askWithin, withConnection } from './short-connection.ts';
import type { CommandConnections } from './two-connection-link.ts';

/** The shortest time between two questions for the topology, in milliseconds: many calls notice a change at once. */
const REFRESH_PAUSE_MS = 100;
/** The shortest and the longest wait for a slot whose keys are being moved, in milliseconds. */
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [10, 200];

/**
 * The connections for commands to a cluster: one to each primary.
 *
 * The client of `createCluster` is not used: it cannot be made to give up a connection that is half-open, and does not say
 * when its channels are subscribed again.
 */
export class ClusterConnections implements CommandConnections {
  readonly #options: ClusterOptions;
  readonly #rules: ConnectionRules;
  readonly #closing = new AbortController();
  /** The connection to each primary, by its address. */
  readonly #nodes = new Map<string, LastingConnection>();
  readonly #changed: () => void;
  /** End what waits. */
  readonly #pauses = new Set<() => void>();
  #topology = new ClusterTopology();
  #refreshing: Promise<void> | undefined;
  #needsRefresh = false;
  /** The node that knows the topology best. */
  #preferred: string | undefined;

  /** @param changed - called when the primaries may be others. */
  constructor(options: ClusterOptions, rules: ConnectionRules, changed: () => void) {
    this.#options = options;
    this.#rules = rules;
    this.#changed = changed;
  }

  /** The addresses of the primaries, as the cluster gives them. */
  get primaries(): ReadonlySet<string> {
    return this.#topology.primaries();
  }

  /** Returns the options for the connection to a node. */
  serverAt(address: string): ServerOptions {
    const { defaults = {}, nodeAddressMap } = this.#options;
    return serverAt(nodeAddress(address), defaults as ServerOptions, nodeAddressMap);
  }

  /** Finds the nodes, and connects to them. One that can be reached is enough. */
  async open(): Promise<void> {
    this.#apply(await this.#askRootNodes());
    const nodes = [...this.#nodes.values()];
    await Promise.all(nodes.map((node) => node.settled()));
    if (nodes.some((node) => node.current !== undefined)) return;
    throw nodes[0]?.failure ?? new Error('no node of the cluster can be reached');
  }

  routeOf(call: Call): Route | BackplaneError {
    if (this.#closing.signal.aborted) return linkClosed();
    const slot = slotOf(call.tag);
    const asked = call.redirectedTo;
    call.redirectedTo = undefined;
    const address = asked ?? this.#topology.addressOf(slot);
    if (address === undefined) {
      this.#refresh();
      return unavailable(
        `no node of the cluster serves the slot ${slot}, ${call.operation} was not sent; try again, or repair the cluster`,
      );
    }
    const node = this.#nodes.get(address);
    if (node?.current !== undefined) return { connection: node.current, isAsking: asked !== undefined };
    return unavailable(
      `Redis at ${address} is not connected: ${call.operation} was not sent; try again when it is back`,
      node?.failure,
    );
  }

  repair({ call, code, message, connection }: Refusal): Promise<void> | undefined {
    if (code === 'CLUSTERDOWN') this.#refresh();
    if (code === 'TRYAGAIN')
      return this.#pause(Math.min(FIRST_WAIT_MS * 2 ** call.attempts, LONGEST_WAIT_MS));
    const redirection = redirectionIn(message, connection.address);
    if (redirection === undefined) return undefined;
    const { kind, slot, address } = redirection;
    if (kind === 'ask') {
      call.redirectedTo = address;
    } else if (slot < SLOT_COUNT) {
      this.#topology.assign(slot, address);
      this.#refresh(address);
    }
    return this.#nodeAt(address).settled();
  }

  async close(cause: Error): Promise<void> {
    this.#closing.abort();
    for (const end of this.#pauses) end();
    await Promise.all([...this.#nodes.values()].map((node) => node.close(cause)));
    await this.#refreshing;
  }

  #nodeAt(address: string): LastingConnection {
    const known = this.#nodes.get(address);
    if (known !== undefined) return known;
    const node = new LastingConnection({
      endpoint: new FixedEndpoint(this.serverAt(address)),
      rules: this.#rules,
      lost: () => this.#refresh(),
      failed: () => this.#refresh(),
    });
    this.#nodes.set(address, node);
    node.openLater();
    return node;
  }

  #apply(topology: ClusterTopology): void {
    this.#topology = topology;
    const primaries = topology.primaries();
    for (const address of primaries) this.#nodeAt(address);
    for (const [address, node] of this.#nodes) {
      if (primaries.has(address)) continue;
      this.#nodes.delete(address);
      node.retire(new Error(`the node at ${address} serves no slots any more`));
    }
    this.#changed();
  }

  /** Asks for the topology in the background. @param preferred - the node that is asked first. */
  #refresh(preferred?: string): void {
    if (this.#closing.signal.aborted) return;
    this.#needsRefresh = true;
    this.#preferred = preferred ?? this.#preferred;
    this.#refreshing ??= this.#refreshWhileNeeded();
  }

  async #refreshWhileNeeded(): Promise<void> {
    while (this.#needsRefresh && !this.#closing.signal.aborted) {
      this.#needsRefresh = false;
      try {
        const topology = (await this.#askNodes()) ?? (await this.#askRootNodes());
        if (!this.#closing.signal.aborted) this.#apply(topology);
      } catch (error) {
        this.#rules.log.warn('topology', { error }, 'the topology of the cluster of Redis is not known');
      }
      await this.#pause(REFRESH_PAUSE_MS);
    }
    this.#refreshing = undefined;
  }

  /** Asks the nodes that are connected. @returns undefined if none of them replies. */
  async #askNodes(): Promise<ClusterTopology | undefined> {
    const preferred = this.#preferred;
    this.#preferred = undefined;
    const addresses = shuffled([...this.#nodes.keys()]);
    if (preferred !== undefined) addresses.unshift(preferred);
    for (const address of addresses) {
      const connection = this.#nodes.get(address)?.current;
      if (connection === undefined) continue;
      try {
        const { signal } = this.#closing;
        const reply = await askWithin(connection, this.#rules, signal, ['CLUSTER', 'SLOTS']);
        return ClusterTopology.from(reply, connection.address);
      } catch {
        // The next one is asked.
      }
    }
    return undefined;
  }

  async #askRootNodes(): Promise<ClusterTopology> {
    const { rootNodes, defaults = {} } = this.#options;
    const { signal } = this.#closing;
    const failures: Error[] = [];
    for (const root of shuffled(rootNodes)) {
      const socket = { ...defaults.socket, ...root.socket };
      const server = { ...defaults, ...root, socket } as ServerOptions;
      try {
        return await withConnection(server, this.#rules, signal, async (ask, address) =>
          ClusterTopology.from(await ask('CLUSTER', 'SLOTS'), address),
        );
      } catch (error) {
        signal.throwIfAborted();
        failures.push(new Error(`${addressOf(server)}: ${reasonOf(error)}`, { cause: error }));
      }
    }
    const reasons = failures.map(reasonOf).join('; ');
    throw new AggregateError(failures, `no node of the cluster has told its slots: ${reasons}`);
  }

  /** Resolves after a time, or when this is closed. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing.signal.aborted) {
        resolve();
        return;
      }
      const end = () => {
        timer.cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const timer = this.#rules.clock.setTimeout(end, delayMs);
      timer.unref();
      this.#pauses.add(end);
    });
  }
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
