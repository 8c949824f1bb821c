import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { BackplaneError } from '@landspout/topics';
import { ExpiryIndex } from '../connection/expiry-index.ts';
import type { RedisLink } from '../connection/redis-link.ts';
import { keysOf } from '../keys.ts';
import { listOf, textOf } from '../logs/replies.ts';

/** How many runs of this process each search adds to the index, if they are not there. */
const ADDED_AT_ONCE = 100;
/** After how many searches a run that was not renewed meanwhile counts as lost. */
const SEARCHES_PER_LEASE = 20;
/** After how many searches a run that has ended is not listed any more: about a lease. */
const SEARCHES_AFTER_END = 3;
/** Most runs that have ended and are still listed; any process removes others when their lease is over. */
const MAX_ENDED = 10_000;
const REMOVED_AT_ONCE = 500;
/** How long a run that a search has found is hidden from others, in milliseconds. */
const HOLD_MS = 15_000;

/** A run as the index has it: of two runs that have one id, one after the other, each has an entry of its own. */
export interface IndexedRun {
  readonly id: string;
  readonly epoch: string;
}

/** A run that this process has claimed. */
export interface HeldRun extends IndexedRun {
  readonly token: number;
  readonly leaseMs: number;
}

/** What the index needs of the process. */
export interface IndexServices {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly quietLog: RateLimitedLog;
  readonly maxRuns: number;
}

/**
 * Where expired runs are looked for: all runs without an end. It may list others too, and the process that has a run adds
 * it again if it is lost.
 *
 * A run that has ended is listed for one more lease, because a failover of its node in a cluster may lose the end.
 */
export class RunIndex {
  readonly #services: IndexServices;
  readonly #index: ExpiryIndex;
  /** Each with the number of searches at its last renewal. */
  readonly #held = new Map<string, { readonly run: HeldRun; readonly renewedAt: number }>();
  /** Runs that this process has ended, each with the number of searches at that time; the oldest first. */
  readonly #ended = new Map<string, { readonly run: IndexedRun; readonly endedAt: number }>();
  #searches = 0;
  /** Where adding goes on. */
  #unadded: Iterator<string> | undefined;

  constructor(services: IndexServices) {
    this.#services = services;
    this.#index = new ExpiryIndex(services.link, `${services.prefix}:{runs}`);
  }

  /** Number of runs that this process has claimed, as far as it knows. */
  get held(): number {
    return this.#held.size;
  }

  /** Adds a run that is about to be claimed. @returns false if there are too many. @throws BackplaneError */
  add(run: IndexedRun, leaseMs: number): Promise<boolean> {
    return this.#index.add(entryOf(run), leaseMs, this.#services.maxRuns);
  }

  /** Notes that this process has claimed a run, or renewed its lease. */
  hold(run: HeldRun): void {
    this.#held.set(run.id, { run, renewedAt: this.#searches });
  }

  /** Notes that this process has lost a run, or given it up. */
  lost(id: string, token: number): void {
    if (this.#held.get(id)?.run.token === token) this.#held.delete(id);
  }

  /** Notes that this process has ended a run. */
  ended(run: IndexedRun, token: number): void {
    const leaseMs = this.#held.get(run.id)?.run.leaseMs ?? HOLD_MS;
    this.lost(run.id, token);
    if (this.#ended.size < MAX_ENDED) {
      this.#ended.set(entryOf(run), { run, endedAt: this.#searches });
    }
    this.expires(run, leaseMs);
  }

  /** Notes that a run has ended a while ago, or is not there. */
  gone(run: IndexedRun): void {
    this.#report(this.#index.remove(entryOf(run)));
  }

  /** Notes when the lease of a run expires. */
  expires(run: IndexedRun, leaseMs: number): void {
    this.#report(this.#index.move(entryOf(run), leaseMs));
  }

  /** Notes that the lease of a run was given up. It is found at its old time if that fails. */
  async released(run: IndexedRun): Promise<void> {
    try {
      await this.#index.put(entryOf(run), 0);
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Returns a run whose lease may have expired. Others do not get it for a while. @throws BackplaneError */
  async take(): Promise<IndexedRun | undefined> {
    const entry = await this.#index.take(HOLD_MS);
    return entry === undefined ? undefined : runOf(entry);
  }

  /**
   * Adds the next runs that this process has, if they are not there, and removes those that it has ended. Once for each
   * search.
   *
   * @throws BackplaneError
   */
  async refresh(): Promise<void> {
    this.#searches += 1;
    this.#removeEnded();
    const runs: HeldRun[] = [];
    for (let left = Math.min(ADDED_AT_ONCE, this.#held.size); left > 0; left -= 1) {
      const run = this.#nextHeld();
      if (run !== undefined) runs.push(run);
    }
    const [first] = runs;
    if (first !== undefined) await this.#index.addMissing(runs.map(entryOf), first.leaseMs);
  }

  [INSPECT](): object {
    return inspection(this, ['held']);
  }

  /** @returns undefined if the next one is lost: its producer has not renewed it. */
  #nextHeld(): HeldRun | undefined {
    this.#unadded ??= this.#held.keys();
    const { done, value: id } = this.#unadded.next();
    if (done === true) {
      this.#unadded = undefined;
      return undefined;
    }
    const held = this.#held.get(id);
    if (held === undefined || this.#searches - held.renewedAt <= SEARCHES_PER_LEASE) return held?.run;
    this.#held.delete(id);
    return undefined;
  }

  #removeEnded(): void {
    let left = REMOVED_AT_ONCE;
    for (const [entry, { run, endedAt }] of this.#ended) {
      if (left === 0 || this.#searches - endedAt < SEARCHES_AFTER_END) return;
      left -= 1;
      this.#ended.delete(entry);
      this.#report(this.#removeIfEnded(run));
    }
  }

  /** If Redis has lost the end, a search finds the run when its lease is over. */
  async #removeIfEnded(run: IndexedRun): Promise<void> {
    const { link, prefix } = this.#services;
    const { meta } = keysOf(prefix, { kind: 'run', name: run.id });
    const [epoch, end] = listOf(await link.send(meta, ['HMGET', meta, 'epoch', 'end']));
    if (textOf(epoch) !== run.epoch || end !== null) await this.#index.remove(entryOf(run));
  }

  /** What could not be written there is found out by the next search. */
  #report(call: Promise<void>): void {
    call.catch((error) => this.#warn(error));
  }

  #warn(error: unknown): void {
    if (error instanceof BackplaneError && error.code === 'ERR_TOPICS_CLOSED') return;
    this.#services.quietLog.warn(
      'run index',
      { error },
      'the index of the runs in Redis is behind; it is made up for',
    );
  }
}

/** An epoch has no dot. */
function entryOf({ id, epoch }: IndexedRun): string {
  return `${epoch}.${id}`;
}

function runOf(entry: string): IndexedRun {
  const dot = entry.indexOf('.');
  return { epoch: entry.slice(0, dot), id: entry.slice(dot + 1) };
}
