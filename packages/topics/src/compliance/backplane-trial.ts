import assert from 'node:assert/strict';
import type {
  Backplane,
  LogName,
  NewRecord,
  NewRun,
  PageSize,
  PresenceSettings,
  ReadFrom,
  RunClaim,
  RunInfo,
  RunSettings,
  TopicSettings,
} from '../backplane/backplane.ts';
import type { TopicEnd, TopicGap, TopicRecord } from '../record.ts';
import type { BackplaneCapabilities, BackplaneCluster } from './capabilities.ts';
import { RecordingFollower } from './recording-follower.ts';

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** Limits that no case reaches unless it sets its own. */
export const SETTINGS: TopicSettings = {
  maxRecords: 100_000,
  maxBytes: 64 * MIB,
  maxAgeMs: 24 * 60 * MINUTE_MS,
  dedupeMs: 2 * MINUTE_MS,
  maxDedupeIds: 10_000,
};

export const RUN_SETTINGS: RunSettings = {
  maxRecords: 10_000,
  maxBytes: 16 * MIB,
  leaseMs: 15_000,
  ttlMs: 10 * MINUTE_MS,
  maxDurationMs: 60 * MINUTE_MS,
};

export const PRESENCE_SETTINGS: PresenceSettings = { maxMembers: 10_000, leaveDelayMs: 5_000 };

/** A page that takes in whatever a case appends. */
export const WHOLE: PageSize = { maxRecords: 100_000, maxBytes: 256 * MIB };

export const topicLog = (name: string): LogName => ({ kind: 'topic', name });
export const runLog = (name: string): LogName => ({ kind: 'run', name });

/** All pages of a log. */
export interface ReadLog {
  readonly records: readonly TopicRecord[];
  readonly data: readonly unknown[];
  readonly gaps: readonly TopicGap[];
  readonly cursor: string;
  readonly end: TopicEnd | undefined;
}

/** One case: a cluster, and shorthands for its nodes. */
export class Trial {
  readonly cluster: BackplaneCluster;
  readonly capabilities: Required<BackplaneCapabilities>;
  readonly #followers: RecordingFollower[] = [];

  constructor(cluster: BackplaneCluster, capabilities: Required<BackplaneCapabilities>) {
    this.cluster = cluster;
    this.capabilities = capabilities;
  }

  /** A node. If there are fewer, a lower one: cases that spread their work over nodes run on one node, too. */
  node(index = 0): Backplane {
    const { nodes } = this.cluster;
    return nodes[index % nodes.length] as Backplane;
  }

  /** Appends JSON, or bytes. */
  append(topic: string, data: unknown, options: AppendOptions = {}): Promise<string> {
    const { node, key, id, ...settings } = options;
    const payload = data instanceof Uint8Array ? data : JSON.stringify(data);
    const record: NewRecord = { payload, key, id };
    return this.node(node).append(topic, record, { ...SETTINGS, ...settings });
  }

  /** Appends one after the other. @returns the cursors. */
  async appendAll(topic: string, data: readonly unknown[], options: AppendOptions = {}): Promise<string[]> {
    const cursors: string[] = [];
    for (const each of data) cursors.push(await this.append(topic, each, options));
    return cursors;
  }

  /** Follows a topic (if only its name is given) or a run. */
  async follow(log: string | LogName, options: FollowingOptions = {}): Promise<RecordingFollower> {
    const { node, presence = false, follower = new RecordingFollower() } = options;
    this.#followers.push(follower);
    const name = typeof log === 'string' ? topicLog(log) : log;
    follower.started(await this.node(node).follow(name, follower, { presence }));
    return follower;
  }

  /** Follows on each node, at least twice on the first. */
  async followEverywhere(log: string | LogName, presence = false): Promise<RecordingFollower[]> {
    const followers = [await this.follow(log, { presence })];
    for (let node = 0; node < this.cluster.nodes.length; node += 1) {
      followers.push(await this.follow(log, { node, presence }));
    }
    return followers;
  }

  /** Reads page after page to the end. */
  async read(log: string | LogName, from: ReadFrom, options: ReadOptions = {}): Promise<ReadLog> {
    const name = typeof log === 'string' ? topicLog(log) : log;
    const { node, ...size } = options;
    const records: TopicRecord[] = [];
    const gaps: TopicGap[] = [];
    for (let next = from; ; ) {
      const page = await this.node(node).read(name, next, { ...WHOLE, ...size });
      records.push(...page.records);
      if (page.gap !== undefined) gaps.push(page.gap);
      const { cursor, end } = page;
      if (!page.more) return { records, data: records.map(({ data }) => data), gaps, cursor, end };
      next = { after: cursor };
    }
  }

  /** Claims a run that must be free. */
  async claim(id: string, run: Partial<Omit<NewRun, 'settings'>> & RunOptions = {}): Promise<RunClaim> {
    const claim = await this.tryClaim(id, run);
    assert.notEqual(claim.token, undefined, `run ${id} is taken`);
    return claim as RunClaim;
  }

  tryClaim(
    id: string,
    run: Partial<Omit<NewRun, 'settings'>> & RunOptions = {},
  ): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    const { node, owner = 'ada', input, settings } = run;
    return this.node(node).claimRun({ id, owner, input, settings: { ...RUN_SETTINGS, ...settings } });
  }

  join(topic: string, member: string, options: PresenceOptions = {}): Promise<void> {
    const { node, meta, ...settings } = options;
    const joining = meta === undefined ? { member } : { member, meta };
    return this.node(node).join(topic, joining, { ...PRESENCE_SETTINGS, ...settings });
  }

  leave(topic: string, member: string, options: PresenceOptions = {}): Promise<void> {
    const { node, meta: _, ...settings } = options;
    return this.node(node).leave(topic, member, { ...PRESENCE_SETTINGS, ...settings });
  }

  /**
   * Appends a record and waits until all followers have it: what was sent to them before has arrived then. A follower on
   * another node may be notified later than the append settles.
   */
  async barrier(topic: string, followers: readonly RecordingFollower[]): Promise<void> {
    const cursor = await this.append(topic, 'barrier');
    await until(() => followers.every(({ records }) => records.at(-1)?.cursor === cursor));
  }

  /** Waits until each follower has so many records. */
  async received(followers: readonly RecordingFollower[], count: number): Promise<void> {
    await until(() => followers.every(({ records }) => records.length >= count));
  }

  /** Fails if a follower was notified of something against the rules. */
  assertRules(): void {
    assert.deepEqual(
      this.#followers.flatMap(({ violations }) => violations),
      [],
    );
  }
}

export interface AppendOptions extends Partial<TopicSettings> {
  readonly node?: number;
  readonly key?: string;
  readonly id?: string;
}

export interface FollowingOptions {
  readonly node?: number;
  readonly presence?: boolean;
  readonly follower?: RecordingFollower;
}

export interface ReadOptions extends Partial<PageSize> {
  readonly node?: number;
}

export interface RunOptions {
  readonly node?: number;
  readonly settings?: Partial<RunSettings>;
}

export interface PresenceOptions extends Partial<PresenceSettings> {
  readonly node?: number;
  readonly meta?: unknown;
}

/** Waits until a condition is true. If it never becomes true, the test framework's timeout ends the wait. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; !(await isTrue()); turn += 1) {
    // What needs no I/O happens within a few turns of the loop.
    await new Promise<void>((resolve) => (turn < 20 ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }
}

/** Asserts that a call throws or rejects with an error of this class name and code. */
export async function assertFails(call: () => unknown, name: string, code: string): Promise<Error> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    assert.ok(error instanceof Error, `failed with ${String(error)}, which is no Error`);
    assert.deepEqual([error.name, (error as { code?: string }).code], [name, code], `failed with ${error}`);
    return error;
  }
  throw new assert.AssertionError({
    message: `${code} was expected, but the call returned ${String(result)}`,
  });
}

/** Numbers from 0 up to `count`. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
