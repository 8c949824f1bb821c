import { SLOT_COUNT } from './hash-slot.ts';
import type { RedisReply } from './redis-link.ts';
import { addressText, nodeAddress } from './server-options.ts';

/** Which node of a cluster serves which slots. */
export class ClusterTopology {
  /** The address of the primary of each slot; undefined if the slot is not served. */
  readonly #addresses: (string | undefined)[] = new Array(SLOT_COUNT).fill(undefined);

  /**
   * Reads the reply to CLUSTER SLOTS.
   *
   * @param repliedBy - the address of the node that has replied: its host stands for one that is unknown.
   * @throws Error if the node knows no slots, because it does not belong to the cluster any more.
   */
  static from(reply: RedisReply, repliedBy: string): ClusterTopology {
    const topology = new ClusterTopology();
    for (const range of reply as readonly RedisReply[]) {
      const [first, last, primary] = range as readonly [number, number, readonly RedisReply[]];
      const address = addressText(hostOr(String(primary[0] ?? ''), repliedBy), Number(primary[1]));
      for (let slot = first; slot <= last; slot += 1) topology.assign(slot, address);
    }
    if (topology.primaries().size === 0) throw new Error(`the node at ${repliedBy} knows no slots`);
    return topology;
  }

  addressOf(slot: number): string | undefined {
    return this.#addresses[slot];
  }

  assign(slot: number, address: string): void {
    this.#addresses[slot] = address;
  }

  /** The addresses of all primaries. */
  primaries(): Set<string> {
    const primaries = new Set(this.#addresses);
    primaries.delete(undefined);
    return primaries as Set<string>;
  }
}

/** Where a call has to be sent instead. */
export interface Redirection {
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  readonly address: string;
}

/**
 * Reads `MOVED 3999 127.0.0.1:6381` or `ASK 3999 127.0.0.1:6381`.
 *
 * @param repliedBy - the address of the node that has replied: its host stands for one that is unknown.
 * @returns undefined if the text is no redirection.
 */
export function redirectionIn(message: string, repliedBy: string): Redirection | undefined {
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message);
  if (match === null) return undefined;
  const [, kind, slot, target = '', port] = match;
  return {
    kind: kind === 'MOVED' ? 'moved' : 'ask',
    slot: Number(slot),
    address: addressText(hostOr(target, repliedBy), Number(port)),
  };
}

/** The host that a node has named: nothing if it does not know its own, `?` if it should have a name and has none. */
function hostOr(named: string, repliedBy: string): string {
  return named === '' || named === '?' ? nodeAddress(repliedBy).host : named;
}
