import { type Clock, systemClock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type {
  LogName,
  NewRecord,
  NewRun,
  NewRunEnd,
  RunClaim,
  TopicSettings,
} from '../backplane/backplane.ts';
import type { Payload } from '../record.ts';
import type { Log } from './log.ts';
import type { ForgetEntry, LogEntry } from './log-entry.ts';
import type { Plans } from './plans.ts';
import { RunLogs, type WritePlan } from './run-logs.ts';
import type { RunState } from './run-state.ts';
import { type AppendPlan, TopicLogs } from './topic-logs.ts';

/** Limits of all logs of a backplane together. */
export interface StoreLimits {
  /** Most topics that have subscribers, members or history. */
  readonly maxTopics: number;
  /**
   * Most bytes of the histories of all topics, with the ids that are remembered for `dedupeMs`: about 250 bytes an id.
   * Beyond it, the oldest records and their ids go, of the topics used least recently first. A record that is larger by
   * itself is delivered, and not kept.
   */
  readonly maxHistoryBytes: number;
  /** Most runs that are going on or kept. Beyond it, ended runs go before `ttlMs`, that with the least time left first. */
  readonly maxRuns: number;
  /** Most bytes of the records, inputs and results of all runs. Beyond it, ended runs go before `ttlMs` as well. */
  readonly maxRunBytes: number;
}

/** A step takes 1 to 3 µs, and more if many records go. */
const STEPS_PER_TURN = 2000;
const MS_PER_TURN = 5;

/**
 * All topics and runs of a backplane that keeps them in this process. Planning changes no log, applying cannot fail, so
 * a journal can write the entries in between.
 */
export class LogStore {
  readonly topics: TopicLogs;
  readonly runs: RunLogs;
  /** A sweep that goes on. */
  #sweeping: Generator<void, void> | undefined;

  constructor(limits: StoreLimits, clock: Clock) {
    this.topics = new TopicLogs(limits, clock);
    this.runs = new RunLogs(limits, clock);
  }

  get topicCount(): number {
    return this.topics.size;
  }

  get runCount(): number {
    return this.runs.size;
  }

  /** Number of records of topics and runs. */
  get recordCount(): number {
    return this.topics.recordCount + this.runs.recordCount;
  }

  /** Bytes of topics and runs. */
  get bytes(): number {
    return this.topics.bytes + this.runs.bytes;
  }

  /** The log if it exists. A topic becomes the one used most recently. */
  find(name: LogName): Log | undefined {
    return name.kind === 'run' ? this.runs.find(name.name)?.log : this.topics.find(name.name);
  }

  /** Returns the log of a topic, which begins if there is none. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  openTopic(name: string): Log {
    return this.topics.open(name);
  }

  /** Forgets a topic that has no subscribers, members or history. */
  release(name: string): void {
    this.topics.release(name);
  }

  /** Sets the number of members of a topic that is open. */
  setMembers(name: string, members: number): void {
    this.topics.setMembers(name, members);
  }

  /**
   * Plans an append.
   *
   * @param plans - what is planned before it. Default: nothing.
   * @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`.
   */
  planAppend(name: string, record: NewRecord, settings: TopicSettings, plans?: Plans): AppendPlan {
    return this.topics.planAppend(name, record, settings, plans);
  }

  /** Plans a claim. @returns the run if the id is taken. @throws TopicsLimitError `ERR_RUN_LIMIT`. */
  planClaim(run: NewRun, plans?: Plans): WritePlan | RunState {
    return this.runs.planClaim(run, plans);
  }

  /** Plans a write to a run. @throws RunError, TopicsLimitError. */
  planWrite(id: string, token: number, payload: Payload, plans?: Plans): WritePlan {
    return this.runs.planWrite(id, token, payload, plans);
  }

  /** Plans the end of a run. Nothing else may be planned for the run. */
  planEnd(id: string, token: number, end: NewRunEnd, plans?: Plans): readonly LogEntry[] {
    return this.runs.planEnd(id, token, end, plans);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  run(id: string): RunState {
    return this.runs.get(id);
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  renew(id: string, token: number): void {
    this.runs.renew(id, token);
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  releaseRun(id: string, token: number): void {
    this.runs.release(id, token);
  }

  /** A run that goes on but has no valid lease. @param id - only that one. @param except - none with a plan. */
  expiredRun(id: string | undefined, except?: Plans): RunState | undefined {
    return this.runs.expired(id, except);
  }

  /** Starts the lease of the producer that a `claim` or `continue` has made the present one. */
  lease(run: RunState): RunClaim {
    return this.runs.lease(run);
  }

  /** The entries that make room for what is planned. */
  planRoom(plans?: Plans): readonly LogEntry[] {
    return [...this.topics.planRoom(plans)];
  }

  /** Keeps the logs of these plans, which are being written, until others, or none, are set. */
  hold(plans: Plans | undefined): void {
    this.topics.hold(plans);
    this.runs.hold(plans);
  }

  /** Applies entries that nothing has to write, and makes room. */
  commit(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.apply(entry);
    for (const entry of this.planRoom()) this.apply(entry);
  }

  /** Sweeps after a replay, and applies the limits. @returns the entries that make the same of the journal. */
  async fit(): Promise<readonly LogEntry[]> {
    const entries: LogEntry[] = [];
    for (const steps of [this.#expire(), this.topics.fit(entries), this.runs.fit(entries)]) {
      while (!takeSteps(steps)) await new Promise((resolve) => setImmediate(resolve));
    }
    return entries;
  }

  /** Sets what is called with the entry when a topic was forgotten that was not planned to be. */
  set onForgotten(callback: (entry: ForgetEntry) => unknown) {
    this.topics.onForgotten = callback;
  }

  /** Applies an entry and notifies the followers. Entries of a log that is gone are ignored. */
  apply(entry: LogEntry): void {
    switch (entry.type) {
      case 'begin':
        this.topics.begin(entry);
        break;
      case 'record':
        if (entry.log.kind === 'topic') this.topics.record(entry);
        else this.runs.record(entry);
        break;
      case 'ids':
        this.topics.ids(entry);
        break;
      case 'drop':
        this.topics.drop(entry);
        break;
      case 'forget':
        if (entry.log.kind === 'topic') this.topics.forget(entry.log.name);
        else this.runs.forget(entry.log.name);
        break;
      case 'delete':
        this.topics.delete(entry.topic);
        break;
      case 'claim':
        this.runs.claim(entry);
        break;
      case 'continue':
        this.runs.continue(entry);
        break;
      case 'cancel':
        this.runs.cancel(entry.id);
        break;
      case 'end':
        this.runs.end(entry);
        break;
      default:
        entry satisfies never;
    }
  }

  /** Makes the next record of each log begin a new epoch: records of the present ones may have been lost. */
  endEpochs(): void {
    this.topics.endEpochs();
    this.runs.endEpochs();
  }

  /**
   * Drops what is older than the settings of its topic, and forgets ended runs. For a call now and then: with many topics,
   * it goes on in later turns of the loop.
   */
  sweep(): void {
    if (this.#sweeping !== undefined) return;
    this.#sweeping = this.#expire();
    this.#sweepOn();
  }

  /** Ends what is followed with `closed`, and empties the store. */
  close(): void {
    for (const log of [...this.topics.clear(), ...this.runs.clear()]) {
      const { cursor, end } = log;
      if (end === undefined) log.notify((follower) => follower.ended({ kind: 'end', how: 'closed', cursor }));
    }
  }

  [INSPECT](): object {
    return inspection(this, ['topicCount', 'runCount', 'recordCount', 'bytes']);
  }

  *#expire(): Generator<void, void> {
    this.runs.forgetEnded();
    yield* this.topics.expire();
  }

  #sweepOn(): void {
    if (this.#sweeping === undefined || takeSteps(this.#sweeping)) this.#sweeping = undefined;
    else setImmediate(() => this.#sweepOn()).unref();
  }
}

/** Takes as many steps as one turn of the loop has time for. @returns whether all are taken. */
function takeSteps(steps: Generator<void, void>): boolean {
  const until = systemClock.now() + MS_PER_TURN;
  for (let left = STEPS_PER_TURN; left > 0 && systemClock.now() < until; left -= 1) {
    if (steps.next().done === true) return true;
  }
  return false;
}
