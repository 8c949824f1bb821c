import type { ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type RateLimitedLog, runInRootContext } from '@landspout/ioloop/reactor';
import type { LogName } from '../backplane/backplane.ts';
import { BackplaneError, TopicsLimitError } from '../errors.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import type { LogStore } from '../logs/log-store.ts';
import { Plans } from '../logs/plans.ts';
import type { Compaction } from './compaction.ts';
import { MAX_ITEM_BYTES } from './frame.ts';
import type { SegmentChain } from './segment-chain.ts';

/** A batch ends after so many bytes or operations: its followers are notified without a pause. */
const MAX_BATCH_BYTES = 1024 * 1024;
const MAX_BATCH_OPERATIONS = 1000;

/** What a plan yields: entries to write, and what to do after they were applied. */
export interface PlannedOperation<Result> {
  readonly entries: readonly LogEntry[];
  readonly finish: () => Result;
}

/** A change of the logs that waits for its turn. */
export interface Operation<Result> {
  /** The log that it changes. Undefined if that is not known before it is planned. */
  readonly log: LogName | undefined;
  /** Whether it can be planned while others of the same log are planned but not applied. */
  readonly isChained: boolean;
  /** Most bytes that its entries take. */
  readonly bytes: number;
  /** @throws if the operation is not possible. Nothing is planned then. */
  plan(plans: Plans): PlannedOperation<Result>;
}

/** When a batch is written, and how much may wait. */
export interface CommitRules {
  /** Whether a batch is durable before it counts. */
  readonly isDurable: boolean;
  /** How long a batch waits for more, in milliseconds. */
  readonly delayMs: number;
  readonly maxPending: number;
  readonly maxPendingBytes: number;
}

interface Waiting {
  readonly operation: Operation<unknown>;
  readonly since: number;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Taken {
  readonly waiting: Waiting;
  readonly planned: PlannedOperation<unknown>;
}

/**
 * Writes changes to a journal and then applies them, in batches: while one is being written, the next one is collected.
 * The changes of one log keep their order.
 */
export class CommitQueue {
  readonly #store: LogStore;
  readonly #chain: SegmentChain;
  readonly #compaction: Compaction;
  readonly #rules: CommitRules;
  readonly #log: RateLimitedLog;
  /** What has happened to the logs and is not in the file: written before anything else, so that no replay is larger. */
  readonly #unwritten: LogEntry[];
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #taken = 0;
  #timer: ClockTimer | undefined;
  #isWorking = false;
  #onEmpty: (() => void) | undefined;

  constructor(
    store: LogStore,
    chain: SegmentChain,
    compaction: Compaction,
    rules: CommitRules,
    log: RateLimitedLog,
    unwritten: readonly LogEntry[],
  ) {
    this.#unwritten = [...unwritten];
    store.onForgotten = (entry) => this.#unwritten.push(entry);
    this.#store = store;
    this.#chain = chain;
    this.#compaction = compaction;
    this.#rules = rules;
    this.#log = log;
  }

  /** Number of operations that are not done. */
  get size(): number {
    return this.#waiting.length + this.#taken;
  }

  /** @throws BackplaneError `ERR_TOPICS_BUSY`, `ERR_TOPICS_JOURNAL_WRITE`; what the plan throws. */
  run<Result>(operation: Operation<Result>): Promise<Result> {
    const refusal = this.#refusal(operation.bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ operation, since: this.#chain.format.clock.now(), resolve, reject });
      this.#waitingBytes += operation.bytes;
      this.#schedule();
    });
  }

  /** Writes what waits, without delay. Afterwards, nothing changes the files until the next call of {@link run}. */
  async drain(): Promise<void> {
    if (this.size === 0 && !this.#isWorking) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      this.#schedule();
    });
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ waitingBytes: this.#waitingBytes }));
  }

  #refusal(bytes: number): Error | undefined {
    const { maxPending, maxPendingBytes } = this.#rules;
    if (bytes > MAX_ITEM_BYTES) {
      const problem = `an entry of the journal has at most ${MAX_ITEM_BYTES} bytes, and this one may have ${bytes}`;
      return new TopicsLimitError('ERR_TOPICS_RECORD_TOO_LARGE', problem);
    }
    const isFull = this.#waiting.length > 0 && this.#waitingBytes + bytes > maxPendingBytes;
    if (!isFull && this.size < maxPending) return undefined;
    return new BackplaneError(
      'ERR_TOPICS_BUSY',
      `maxPending (${maxPending}) calls or maxPendingBytes (${maxPendingBytes}) wait for the journal already; nothing was published`,
    );
  }

  #schedule(): void {
    const first = this.#waiting[0];
    if (this.#isWorking || first === undefined) return;
    const { clock } = this.#chain.format;
    const delayMs = this.#isUrgent() ? 0 : first.since + this.#rules.delayMs - clock.now();
    if (delayMs > 0) {
      if (this.#timer === undefined) runInRootContext(() => this.#wait(delayMs), undefined);
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#begin();
  }

  #wait(delayMs: number): void {
    this.#timer = this.#chain.format.clock.setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isWorking && this.#waiting.length > 0) this.#begin();
    }, delayMs);
  }

  /** Whether waiting for more makes no sense. */
  #isUrgent(): boolean {
    const isFull = this.#waiting.length >= MAX_BATCH_OPERATIONS || this.#waitingBytes >= MAX_BATCH_BYTES;
    return this.#rules.delayMs === 0 || isFull || this.#onEmpty !== undefined;
  }

  #begin(): void {
    this.#isWorking = true;
    // In a microtask, so that what is published in one go is one batch.
    runInRootContext(() => queueMicrotask(() => void this.#work()), undefined);
  }

  async #work(): Promise<void> {
    await this.#commit();
    await this.#compaction.keepUp();
    this.#isWorking = false;
    if (this.size === 0) {
      this.#onEmpty?.();
      this.#onEmpty = undefined;
    }
    this.#schedule();
  }

  async #commit(): Promise<void> {
    const plans = new Plans();
    this.#store.hold(plans);
    const unwritten = this.#unwritten.length;
    for (const entry of this.#unwritten) this.#chain.add(entry);
    const batch = this.#form(plans);
    const room = this.#store.planRoom(plans);
    for (const entry of room) this.#chain.add(entry);
    this.#taken = batch.length;
    let failure: BackplaneError | undefined;
    try {
      if (this.#chain.batchBytes > 0) await this.#write();
    } catch (error) {
      failure = this.#failure(error);
    }
    this.#taken = 0;
    if (failure === undefined) {
      this.#unwritten.splice(0, unwritten);
      // Room first, so that there is never more than the limits say.
      for (const entry of room) this.#store.apply(entry);
      for (const { waiting, planned } of batch) this.#apply(waiting, planned);
      this.#chain.markApplied();
    } else for (const { waiting } of batch) waiting.reject(failure);
    this.#store.hold(undefined);
  }

  async #write(): Promise<void> {
    try {
      if (this.#chain.isDoubtful) await this.#compaction.renew();
    } catch (error) {
      this.#chain.discard();
      throw error;
    }
    await this.#chain.commit(this.#rules.isDurable);
  }

  /** Plans as much as fits in a batch. What cannot be planned before the batch is applied waits for the next. */
  #form(plans: Plans): Taken[] {
    const batch: Taken[] = [];
    const left: Waiting[] = [];
    const behind = new Set<string>();
    let bytes = 0;
    for (const waiting of this.#waiting) {
      const { operation } = waiting;
      const isFull = batch.length >= MAX_BATCH_OPERATIONS || this.#chain.batchBytes >= MAX_BATCH_BYTES;
      const key = operation.log === undefined ? undefined : `${operation.log.kind} ${operation.log.name}`;
      const isBehind = key !== undefined && behind.has(key);
      const hasRoom = operation.log?.kind !== 'topic' || this.#store.topics.hasRoom(plans, operation.bytes);
      if (isFull || isBehind || !hasRoom || !this.#take(waiting, plans, batch)) {
        if (key !== undefined) behind.add(key);
        left.push(waiting);
      } else {
        bytes += operation.bytes;
      }
    }
    this.#waiting = left;
    this.#waitingBytes -= bytes;
    return batch;
  }

  /** @returns false if the operation has to wait for the next batch. */
  #take(waiting: Waiting, plans: Plans, batch: Taken[]): boolean {
    const { operation } = waiting;
    const before = operation.log === undefined ? undefined : plans.find(operation.log);
    if (before !== undefined && (before.isSealed || !operation.isChained)) return false;
    try {
      const planned = operation.plan(plans);
      if (operation.log !== undefined && !operation.isChained) plans.for(operation.log).isSealed = true;
      for (const entry of planned.entries) this.#chain.add(entry);
      batch.push({ waiting, planned });
    } catch (error) {
      // What is planned may make room when it is applied.
      if (error instanceof TopicsLimitError && batch.length > 0) return false;
      waiting.reject(error);
    }
    return true;
  }

  #apply({ resolve, reject }: Waiting, { entries, finish }: PlannedOperation<unknown>): void {
    try {
      for (const entry of entries) this.#store.apply(entry);
    } catch (error) {
      // A follower has thrown, against its contract. The entry is in the journal and in the log all the same.
      this.#log.warn('follower', { error }, 'a follower of a log threw');
    }
    try {
      resolve(finish() as never);
    } catch (error) {
      reject(error);
    }
  }

  #failure(cause: unknown): BackplaneError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#log.warn(
      'write',
      { error: cause },
      'the journal cannot be written; publishing is tried again each time',
    );
    return new BackplaneError(
      'ERR_TOPICS_JOURNAL_WRITE',
      `the journal could not be written (${reason}); nothing was published. Make room, or see the cause, and publish again`,
      { cause },
    );
  }
}
