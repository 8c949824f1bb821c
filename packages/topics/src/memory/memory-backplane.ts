import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type {
  Backplane,
  BackplaneStats,
  Following,
  FollowOptions,
  LogFollower,
  LogName,
  NewRecord,
  NewRun,
  NewRunEnd,
  Page,
  PageSize,
  PresenceSettings,
  ReadFrom,
  RunClaim,
  RunInfo,
  TopicSettings,
} from '../backplane/backplane.ts';
import { cursorOf } from '../cursor.ts';
import { topicsChecks } from '../errors.ts';
import type { StoreLimits } from '../logs/log-store.ts';
import { RunState } from '../logs/run-state.ts';
import { requireStoreLimits, STORE_LIMIT_NAMES } from '../logs/store-limits.ts';
import type { Payload, TopicEnd, TopicMember } from '../record.ts';
import { LocalLogs } from './local-logs.ts';

export interface MemoryBackplaneOptions extends Partial<StoreLimits> {
  /** Default: the system's. */
  readonly clock?: Clock;
}

const MEMORY_OPTIONS: OptionNames<MemoryBackplaneOptions> = { ...STORE_LIMIT_NAMES, clock: true };

/**
 * Keeps topics and runs in the memory of this process; they are gone with it. The default.
 *
 * A record is delivered before its `publish` resolves. If `maxHistoryBytes` is reached, the oldest records of the topics
 * that were used least recently are dropped first.
 */
export class MemoryBackplane implements Backplane {
  readonly name = 'memory';
  readonly #logs: LocalLogs;

  /** @throws TopicsUsageError `ERR_TOPICS_USAGE` if an option is unknown or invalid. */
  constructor(options: MemoryBackplaneOptions = {}) {
    topicsChecks.options('MemoryBackplane', options, MEMORY_OPTIONS);
    const { clock = systemClock } = options;
    this.#logs = new LocalLogs(requireStoreLimits('MemoryBackplane', options), clock);
  }

  get revocations(): number {
    return this.#logs.revocations;
  }

  async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    this.#logs.requireOpen('publish');
    const { store } = this.#logs;
    const { entries, cursor } = store.planAppend(topic, record, settings);
    store.commit(entries ?? []);
    return cursor;
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Page {
    return this.#logs.read(log, from, size);
  }

  follow(log: LogName, follower: LogFollower, options: FollowOptions): Following {
    return this.#logs.follow(log, follower, options);
  }

  compare(a: string, b: string): number {
    return this.#logs.compare(a, b);
  }

  async delete(topic: string): Promise<void> {
    this.#logs.requireOpen('delete');
    this.#logs.store.apply({ type: 'delete', topic });
    this.#logs.deleted(topic);
  }

  async revoke(topic: string, subject: string | undefined): Promise<void> {
    this.#logs.requireOpen('revoke');
    this.#logs.revoke(topic, subject);
  }

  async join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    this.#logs.join(topic, member, settings);
  }

  async leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    this.#logs.leave(topic, member, settings);
  }

  async claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    this.#logs.requireOpen('claimRun');
    const { store } = this.#logs;
    const planned = store.planClaim(run);
    if (planned instanceof RunState) return { token: undefined, run: planned.info() };
    store.commit(planned.entries);
    return store.lease(store.run(run.id));
  }

  async renewRun(id: string, token: number): Promise<void> {
    this.#logs.requireOpen('renewRun');
    this.#logs.store.renew(id, token);
  }

  async releaseRun(id: string, token: number): Promise<void> {
    this.#logs.requireOpen('releaseRun');
    this.#logs.store.releaseRun(id, token);
  }

  async writeRun(id: string, token: number, payload: Payload): Promise<string> {
    this.#logs.requireOpen('writeRun');
    const { store } = this.#logs;
    const { entries, position } = store.planWrite(id, token, payload);
    const { epoch } = store.run(id).log;
    store.commit(entries);
    return cursorOf(epoch, position);
  }

  async endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    this.#logs.requireOpen('endRun');
    const { store } = this.#logs;
    const entries = store.planEnd(id, token, end);
    const { log } = store.run(id);
    store.commit(entries);
    return log.end as TopicEnd;
  }

  async cancelRun(id: string): Promise<RunInfo> {
    this.#logs.requireOpen('cancelRun');
    const { store } = this.#logs;
    const run = store.run(id);
    if (run.log.end === undefined && !run.cancelRequested) store.apply({ type: 'cancel', id });
    return run.info();
  }

  async runInfo(id: string): Promise<RunInfo> {
    this.#logs.requireOpen('runInfo');
    return this.#logs.store.run(id).info();
  }

  async claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    this.#logs.requireOpen('claimExpiredRun');
    const { store } = this.#logs;
    const run = store.expiredRun(id);
    if (run === undefined) return undefined;
    store.apply({ type: 'continue', id: run.claim.id, attempt: run.attempt + 1 });
    return store.lease(run);
  }

  stats(): BackplaneStats {
    return this.#logs.stats();
  }

  async close(): Promise<void> {
    this.#logs.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['name'], () => ({ ...this.stats() }));
  }
}
