import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { BackplaneError } from '@landspout/topics';
import { ExpiryIndex } from '../connection/expiry-index.ts';
import type { RedisLink } from '../connection/redis-link.ts';

/** How many runs of this process each search adds to the index, if they are not there. */
const ADDED_AT_ONCE = 100;
/** How long a run that a search has found is hidden from others, in milliseconds. */
const HOLD_MS = 15_000;

/** A run as the index has it: of two runs that have one id, one after the other, each has an entry of its own. */
export interface IndexedRun {
  readonly id: string;
  readonly epoch: string;
}

/** A run that this process has claimed. */
interface HeldRun extends IndexedRun {
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
 */
export class RunIndex {
  readonly #index: ExpiryIndex;
  readonly #quietLog: RateLimitedLog;
  readonly #maxRuns: number;
  readonly #held = new Map<string, HeldRun>();
  /** Where adding goes on. */
  #unadded: Iterator<HeldRun> | undefined;

  constructor({ link, prefix, quietLog, maxRuns }: IndexServices) {
    this.#index = new ExpiryIndex(link, `${prefix}:{runs}`);
    this.#quietLog = quietLog;
    this.#maxRuns = maxRuns;
  }

  /** Number of runs that this process has claimed. */
  get held(): number {
    return this.#held.size;
  }

  /** Adds a run that is about to be claimed. @returns false if there are too many. @throws BackplaneError */
  add(run: IndexedRun, leaseMs: number): Promise<boolean> {
    return this.#index.add(entryOf(run), leaseMs, this.#maxRuns);
  }

  /** Notes that this process has claimed a run. */
  claimed(run: HeldRun): void {
    this.#held.set(run.id, run);
  }

  /** Notes that this process has lost a run, or given it up. */
  lost(id: string, token: number): void {
    if (this.#held.get(id)?.token === token) this.#held.delete(id);
  }

  /** Notes that a run has ended, or is not there. */
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

  /** Adds the next runs that this process has, if they are not there. @throws BackplaneError */
  async addHeld(): Promise<void> {
    const runs: HeldRun[] = [];
    while (runs.length < Math.min(ADDED_AT_ONCE, this.#held.size)) {
      this.#unadded ??= this.#held.values();
      const { done, value } = this.#unadded.next();
      if (done === true) this.#unadded = undefined;
      else runs.push(value);
    }
    const [first] = runs;
    if (first !== undefined) await this.#index.addMissing(runs.map(entryOf), first.leaseMs);
  }

  [INSPECT](): object {
    return inspection(this, ['held']);
  }

  /** What could not be written there is found out by the next search. */
  #report(call: Promise<void>): void {
    call.catch((error) => this.#warn(error));
  }

  #warn(error: unknown): void {
    if (error instanceof BackplaneError && error.code === 'ERR_TOPICS_CLOSED') return;
    this.#quietLog.warn(
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
