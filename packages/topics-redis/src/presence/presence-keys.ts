import { keysOf } from '../keys.ts';

/** The keys and the channel of the presence of one topic, all with its hash tag. */
export interface PresenceKeys {
  readonly channel: string;
  /** Of the log: it has the number of changes. */
  readonly meta: string;
  /** A hash: each member with the number of processes in which it is. */
  readonly members: string;
  /** A sorted set: the members that are in no process any more, by the time at which their leave is announced. */
  readonly leaving: string;
  /** A sorted set: the processes that have members here, by the time at which they have last seen to them. */
  readonly processes: string;
}

export function presenceKeysOf(prefix: string, topic: string): PresenceKeys {
  const { channel, meta } = keysOf(prefix, { kind: 'topic', name: topic });
  const [members, leaving, processes] = ['members', 'leaving', 'processes'].map((key) => `${channel}:${key}`);
  return { channel, meta, members, leaving, processes } as PresenceKeys;
}

/** The keys of the scripts about a topic, in their order. */
export function topicKeys({ meta, members, leaving, processes }: PresenceKeys): readonly string[] {
  return [meta, members, leaving, processes];
}

/** The keys of the scripts about a topic and a process. The last is a hash: the members that are in the process, and a mark. */
export function joinedKeys(keys: PresenceKeys, processId: string): readonly string[] {
  return [...topicKeys(keys), `${keys.channel}:in:${processId}`];
}

/** The keys of one process. */
export interface ProcessKeys {
  /** Exists while the process lives. */
  readonly lease: string;
  /** A set: the topics in which the process may have members. */
  readonly topics: string;
}

export function processKeysOf(prefix: string, processId: string): ProcessKeys {
  const lease = `${prefix}:{lease:${processId}}`;
  return { lease, topics: `${lease}:topics` };
}

/** A sorted set: the processes by the time at which to look at their lease. */
export function processIndexKey(prefix: string): string {
  return `${prefix}:{processes}`;
}
