import { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts';
import { freePort, until } from './scratch.ts';

export interface RedisClusterOptions {
  /** After which silence a node counts as down, in milliseconds. Default: 2000. */
  readonly nodeTimeoutMs?: number;
  /** Whether a replica of the first node is started, which takes its place if it dies. Default: false. */
  readonly replica?: boolean;
  /** Whether the nodes accept commands while slots of another one are not served. Default: false, as in Redis. */
  readonly isPartlyUsable?: boolean;
  /** Password of each node. Default: none. */
  readonly password?: string;
  /** More lines of the configuration of each node. */
  readonly config?: readonly string[];
}

const SLOTS = 16_384;
const NODES = 3;

/** A cluster of three nodes, each with a third of the slots. */
export class RedisCluster {
  /** The nodes with slots, and the replica of the first one if there is any. */
  readonly nodes: readonly RedisServer[];
  readonly replica: RedisServer | undefined;

  /** Use {@link startCluster}. */
  constructor(nodes: readonly RedisServer[], replica: RedisServer | undefined) {
    this.nodes = nodes;
    this.replica = replica;
  }

  /** As the option `rootNodes` of `createCluster` expects it. */
  get rootNodes(): { readonly url: string }[] {
    return this.nodes.map(({ url }) => ({ url }));
  }

  /** Returns the slot of a key. */
  async slotOf(key: string): Promise<number> {
    return Number(await this.#running.command('CLUSTER', 'KEYSLOT', key));
  }

  /** Returns the node that has the slot of a key. */
  async nodeOf(key: string): Promise<RedisServer> {
    const slot = await this.slotOf(key);
    for (const server of this.#all) {
      if (!server.isRunning) continue;
      const own = await ownLine(server);
      const hasSlot = slotsIn(own).some(([first, last]) => slot >= first && slot <= last);
      if (own.includes('master') && hasSlot) return server;
    }
    throw new Error(`no node has the slot ${slot}`);
  }

  /**
   * Begins to move the slot of a key: from now on the old node redirects (ASK) what it does not have.
   *
   * @returns functions that move what the old node has, and that end the move (MOVED from now on).
   */
  async beginMove(key: string, to: RedisServer) {
    const slot = String(await this.slotOf(key));
    const from = await this.nodeOf(key);
    const [fromId, toId] = [await from.command('CLUSTER', 'MYID'), await to.command('CLUSTER', 'MYID')];
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    return {
      from,
      async moveKeys() {
        const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '1000'))
          .split('\n')
          .filter(Boolean);
        if (keys.length === 0) return;
        await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
      },
      end: async () => {
        for (const server of [to, from, ...this.nodes.filter((node) => node !== to && node !== from)]) {
          if (server.isRunning) await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
        }
      },
    };
  }

  /** Moves the slot of a key with all its keys. */
  async moveSlotOf(key: string, to: RedisServer): Promise<void> {
    const move = await this.beginMove(key, to);
    await move.moveKeys();
    await move.end();
  }

  /** Gives all slots of a node to another one, without their keys: the node has none afterwards. */
  async drain(from: RedisServer, to: RedisServer): Promise<void> {
    const ranges = slotsIn(await ownLine(from)).flatMap(([first, last]) => [String(first), String(last)]);
    for (const node of [from, ...this.nodes.filter((other) => other !== from)]) {
      await node.command('CLUSTER', 'DELSLOTSRANGE', ...ranges);
    }
    await to.command('CLUSTER', 'ADDSLOTSRANGE', ...ranges);
    await to.command('CLUSTER', 'BUMPEPOCH');
    await this.reached('ok');
  }

  /** Resolves when each node that runs says that the cluster is in this state. */
  async reached(state: 'ok' | 'fail'): Promise<void> {
    await until(`the cluster is in the state ${state}`, async () => {
      for (const server of this.#all) {
        if (!server.isRunning) continue;
        const info = await server.command('CLUSTER', 'INFO');
        if (!info.includes(`cluster_state:${state}`)) return false;
        // A cluster that is partly usable is so before its nodes know which of them has which slots.
        if (state === 'ok' && !info.includes(`cluster_slots_ok:${SLOTS}`)) return false;
      }
      return true;
    });
  }

  /** Resolves when the replica has taken the place of its primary, and all slots are served again. */
  async promoted(): Promise<void> {
    const { replica } = this;
    await until(
      'the replica is a primary',
      async () => (await replica?.command('ROLE'))?.startsWith('master') === true,
    );
    await this.reached('ok');
  }

  get #all(): readonly RedisServer[] {
    return this.replica === undefined ? this.nodes : [...this.nodes, this.replica];
  }

  get #running(): RedisServer {
    const running = this.#all.find((server) => server.isRunning);
    if (running === undefined) throw new Error('no node runs');
    return running;
  }
}

/** Returns the line of CLUSTER NODES about the node itself. */
async function ownLine(server: RedisServer): Promise<string> {
  const lines = (await server.command('CLUSTER', 'NODES')).split('\n');
  return lines.find((line) => line.includes('myself')) ?? '';
}

/** Returns the ranges of slots in a line of CLUSTER NODES. */
function slotsIn(line: string): [first: number, last: number][] {
  const ranges = line.split(' ').slice(8);
  return ranges.flatMap((range): [number, number][] => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range); // not a slot that is being moved, such as `[93-<-…]`
    return match === null ? [] : [[Number(match[1]), Number(match[2] ?? match[1])]];
  });
}

function nodeOptions(options: RedisClusterOptions, busPort: number): RedisServerOptions {
  const { nodeTimeoutMs = 2000, isPartlyUsable = false, password, config = [] } = options;
  const lines = [
    ...config,
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    `cluster-node-timeout ${nodeTimeoutMs}`,
    `cluster-require-full-coverage ${isPartlyUsable ? 'no' : 'yes'}`,
    'repl-diskless-sync-delay 0',
  ];
  if (password === undefined) return { config: lines };
  return { password, config: [...lines, `requirepass ${password}`, `masterauth ${password}`] };
}

/** Starts it; resolves when all slots are served. It ends as {@link startRedis} says. */
export async function startCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const start = () => startRedis(async () => nodeOptions(options, await freePort()));
  const nodes: RedisServer[] = [];
  for (let count = 0; count < NODES; count += 1) nodes.push(await start());
  const replica = options.replica ? await start() : undefined;
  const cluster = new RedisCluster(nodes, replica);
  await joinNodes(nodes, replica);
  await cluster.reached('ok');
  return cluster;
}

async function joinNodes(nodes: readonly RedisServer[], replica: RedisServer | undefined): Promise<void> {
  const [first, ...others] = replica === undefined ? nodes : [...nodes, replica];
  if (first === undefined) return;
  for (const [index, node] of nodes.entries()) {
    const from = Math.ceil((index * SLOTS) / NODES);
    const to = Math.ceil(((index + 1) * SLOTS) / NODES) - 1;
    await node.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const node of others) {
    const busPort = (await node.command('CONFIG', 'GET', 'cluster-port')).split('\n')[1] ?? '';
    await first.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port), busPort);
  }
  const all = [first, ...others];
  await until('all nodes know each other', async () => {
    for (const node of all) {
      const lines = (await node.command('CLUSTER', 'NODES')).split('\n');
      if (lines.length !== all.length || lines.some((line) => line.includes('handshake'))) return false;
    }
    return true;
  });
  if (replica === undefined) return;
  await replica.command('CLUSTER', 'REPLICATE', await first.command('CLUSTER', 'MYID'));
  await until('the replica is connected', async () => {
    return (await replica.command('INFO', 'replication')).includes('master_link_status:up');
  });
}
