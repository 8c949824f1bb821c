import type { Clock } from '@landspout/ioloop';
import {
  type Backplane,
  BackplaneError,
  type BackplaneStats,
  type Following,
  type FollowOptions,
  type LogFollower,
  type LogName,
  type MemoryBackplane,
  type NewRecord,
  type NewRun,
  type NewRunEnd,
  type Page,
  type PageSize,
  type PresenceSettings,
  type ReadFrom,
  type RunClaim,
  type RunInfo,
  type TopicEnd,
  type TopicMember,
  type TopicSettings,
} from '../../../src/index.ts';

/** How long after its death a node's members are noticed to be gone. */
const LEASE_MS = 15_000;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Followed {
  readonly follower: LogFollower;
  cursor: string;
  isOver: boolean;
  close: () => void;
}

interface Waiting {
  readonly reject: (error: Error) => void;
}

/**
 * One of several nodes over one store: each call takes a turn of the loop to the store, and another one back, and so
 * does each notification, in order. It stands for backplanes of several processes.
 */
export class RelayedBackplane implements Backplane {
  readonly name = 'relayed';
  readonly #store: MemoryBackplane;
  readonly #clock: Clock;
  readonly #inbox: (() => void)[] = [];
  readonly #followed = new Set<Followed>();
  readonly #waiting = new Set<Waiting>();
  /** The members of this node, by topic and name. */
  readonly #members = new Map<string, (() => Promise<void>)[]>();
  #state: 'open' | 'closed' | 'killed' = 'open';

  constructor(store: MemoryBackplane, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get revocations(): number {
    return this.#store.revocations;
  }

  append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    return this.#call(() => this.#store.append(topic, record, settings));
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Promise<Page> {
    return this.#call(() => this.#store.read(log, from, size));
  }

  async follow(log: LogName, follower: LogFollower, options: FollowOptions): Promise<Following> {
    const followed: Followed = { follower, cursor: '', isOver: false, close: () => {} };
    const following = await this.#call(() => {
      const started = this.#store.follow(log, this.#relayed(followed), options);
      followed.cursor = started.cursor;
      followed.close = started.close;
      this.#followed.add(followed);
      return started;
    });
    const close = (): void => {
      followed.isOver = true;
      this.#followed.delete(followed);
      following.close();
    };
    return { ...following, close };
  }

  compare(a: string, b: string): number {
    return this.#store.compare(a, b);
  }

  delete(topic: string): Promise<void> {
    return this.#call(() => this.#store.delete(topic));
  }

  revoke(topic: string, subject: string | undefined): Promise<void> {
    return this.#call(() => this.#store.revoke(topic, subject));
  }

  join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    return this.#call(async () => {
      await this.#store.join(topic, member, settings);
      const leave = () => this.#store.leave(topic, member.member, settings);
      const key = `${topic}\n${member.member}`;
      this.#members.set(key, [...(this.#members.get(key) ?? []), leave]);
    });
  }

  leave(topic: string, member: string, _settings: PresenceSettings): Promise<void> {
    return this.#call(async () => {
      const key = `${topic}\n${member}`;
      await this.#members.get(key)?.pop()?.();
    });
  }

  claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    return this.#call(() => this.#store.claimRun(run));
  }

  releaseRun(id: string, token: number): Promise<void> {
    return this.#call(() => this.#store.releaseRun(id, token));
  }

  renewRun(id: string, token: number): Promise<void> {
    return this.#call(() => this.#store.renewRun(id, token));
  }

  writeRun(id: string, token: number, payload: NewRecord['payload']): Promise<string> {
    return this.#call(() => this.#store.writeRun(id, token, payload));
  }

  endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    return this.#call(() => this.#store.endRun(id, token, end));
  }

  cancelRun(id: string): Promise<RunInfo> {
    return this.#call(() => this.#store.cancelRun(id));
  }

  runInfo(id: string): Promise<RunInfo> {
    return this.#call(() => this.#store.runInfo(id));
  }

  claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    return this.#call(() => this.#store.claimExpiredRun(id));
  }

  stats(): BackplaneStats {
    return this.#store.stats();
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    for (const { reject } of this.#waiting) reject(closedError());
    this.#waiting.clear();
    for (const leave of [...this.#members.values()].flat()) void leave();
    for (const followed of this.#followed) {
      followed.close();
      followed.follower.ended({ kind: 'end', how: 'closed', cursor: followed.cursor });
      followed.isOver = true;
    }
    this.#followed.clear();
  }

  /** Stops, as a process that is killed. The store notices it after a while. */
  kill(): void {
    if (this.#state !== 'open') return;
    this.#state = 'killed';
    for (const { close } of this.#followed) close();
    this.#clock.setTimeout(() => {
      for (const leave of [...this.#members.values()].flat()) void leave();
    }, LEASE_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call<Result>(call: () => Result | Promise<Result>): Promise<Result> {
    if (this.#state === 'closed') throw closedError();
    return await new Promise<Result>((resolve, reject) => {
      const waiting: Waiting = { reject };
      this.#waiting.add(waiting);
      const settle = (settled: () => void): void =>
        this.#post(() => {
          this.#waiting.delete(waiting);
          settled();
        });
      void (async () => {
        await turn();
        if (this.#state !== 'open') return;
        try {
          const result = await call();
          settle(() => resolve(result));
        } catch (error) {
          settle(() => reject(error));
        }
      })();
    });
  }

  #relayed(followed: Followed): LogFollower {
    const relay = (notify: (follower: LogFollower) => void): void =>
      this.#post(() => {
        if (!followed.isOver) notify(followed.follower);
      });
    return {
      record: (record) =>
        relay((follower) => {
          followed.cursor = record.cursor;
          follower.record(record);
        }),
      gap: (gap) => relay((follower) => follower.gap(gap)),
      ended: (end) =>
        relay((follower) => {
          this.#followed.delete(followed);
          follower.ended(end);
        }),
      revoked: (subject) => relay((follower) => follower.revoked?.(subject)),
      cancelRequested: () => relay((follower) => follower.cancelRequested?.()),
      presence: (change) => relay((follower) => follower.presence?.(change)),
    };
  }

  #post(message: () => void): void {
    if (this.#state !== 'open') return;
    this.#inbox.push(message);
    if (this.#inbox.length > 1) return;
    setImmediate(() => {
      for (const next of this.#inbox) if (this.#state === 'open') next();
      this.#inbox.length = 0;
    });
  }
}

function closedError(): BackplaneError {
  return new BackplaneError('ERR_TOPICS_CLOSED', 'the node is closed');
}
