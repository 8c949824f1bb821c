import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import {
  BackplaneError,
  type Following,
  type FollowOptions,
  type LogFollower,
  type LogName,
} from '@landspout/topics';
import type { FollowServices } from './follow-services.ts';
import { FollowedLog } from './followed-log.ts';

/** How many logs catch up at the same time after the connection was restored: each of them may read a page of 1 MiB. */
const RESTORED_AT_ONCE = 32;
/**
 * How often, and after which pauses in milliseconds, it is tried whether commands reach Redis again. Announcements come over
 * another connection, which may be back sooner. Of a cluster, a node may be away for longer.
 */
const [ATTEMPTS, PAUSE_MS] = [40, 50];

/** All logs that this process follows: each of them once, whatever the number of its followers. */
export class FollowedLogs {
  readonly #services: FollowServices;
  /** By channel. */
  readonly #logs = new Map<string, FollowedLog>();
  /** Number of times that the connection was lost. */
  #losses = 0;
  #isClosed = false;

  constructor(services: FollowServices) {
    this.#services = services;
  }

  get size(): number {
    return this.#logs.size;
  }

  /** Number of logs of one kind. */
  countOf(kind: LogName['kind']): number {
    let count = 0;
    for (const { name } of this.#logs.values()) if (name.kind === kind) count += 1;
    return count;
  }

  /** All of them. Logs that are added or removed meanwhile may be left out. */
  logs(): IterableIterator<FollowedLog> {
    return this.#logs.values();
  }

  find(channel: string): FollowedLog | undefined {
    return this.#logs.get(channel);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError. */
  async follow(
    name: LogName,
    channel: string,
    follower: LogFollower,
    options: FollowOptions,
  ): Promise<Following> {
    for (;;) {
      const known = this.#logs.get(channel);
      const log = known ?? this.#add(name, channel);
      const following = await log.hold(async () => {
        await log.open();
        // One that was followed before may not know yet what has happened before this call.
        if (known !== undefined) await Promise.all([log.refresh(), this.#services.revocations.refresh()]);
        return log.follow(follower, options);
      });
      if (this.#isClosed) {
        following?.close();
        throw new BackplaneError('ERR_TOPICS_CLOSED', 'follow: the backplane is closed');
      }
      // Otherwise the topic was deleted meanwhile: it begins anew.
      if (following !== undefined) return following;
    }
  }

  /** The connection is lost. */
  lost(): void {
    this.#losses += 1;
    for (const log of this.#logs.values()) log.lost();
  }

  /** The connection is back: all logs catch up. Never rejects. */
  async restored(): Promise<void> {
    const losses = this.#losses;
    for (const log of this.#logs.values()) log.missed();
    await this.#reachRedis(losses);
    const left = [...this.#logs.values()];
    const next = async (): Promise<void> => {
      for (let log = left.pop(); log !== undefined && losses === this.#losses; log = left.pop()) {
        // If it fails, a later check tries it again.
        await log.restored().catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: RESTORED_AT_ONCE }, next));
  }

  /** Resolves when a command reaches Redis, and in vain after some attempts. The revocations are known then, too. */
  async #reachRedis(losses: number): Promise<void> {
    const { clock, revocations } = this.#services;
    for (let attempt = 1; attempt <= ATTEMPTS && losses === this.#losses && !this.#isClosed; attempt += 1) {
      const isReached = await revocations.refresh().then(
        () => true,
        () => false,
      );
      if (isReached) return;
      await new Promise<void>((resolve) => {
        runInRootContext(() => clock.setTimeout(resolve, PAUSE_MS).unref(), undefined);
      });
    }
  }

  /** Ends all of them with `closed`. */
  close(): void {
    this.#isClosed = true;
    const error = closedBeforeNotified();
    for (const log of this.#logs.values()) log.close(error);
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #add(name: LogName, channel: string): FollowedLog {
    const log = new FollowedLog(name, this.#services, () => {
      this.#logs.delete(channel);
      this.#services.link.unsubscribe(channel);
    });
    this.#logs.set(channel, log);
    return log;
  }
}

/** The error of a call that was done when the backplane was closed, and whose effect the followers have not seen. */
export function closedBeforeNotified(): BackplaneError {
  return new BackplaneError(
    'ERR_TOPICS_OUTCOME_UNKNOWN',
    'the backplane was closed before its followers were notified',
  );
}
