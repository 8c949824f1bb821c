import type { Clock } from '@landspout/ioloop';
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
import type { ClaimEntry, EndEntry, LogEntry, RecordEntry } from './log-entry.ts';
import type { Plans } from './plans.ts';
import { RunLogs } from './run-logs.ts';
import type { RunState } from './run-state.ts';
import { type AppendPlan, TopicLogs } from './topic-logs.ts';

/** Limits of all logs of a backplane together. */
export interface StoreLimits {
  /** Most topics that have subscribers, members or history. */
  readonly maxTopics: number;
  /** Most bytes of all histories. Logs of runs have limits of their own, and do not count. */
  readonly maxHistoryBytes: number;
  /** Most runs that are going on or kept. */
  readonly maxRuns: number;
}

/**
 * All topics and runs of a backplane that keeps them in this process. Planning changes no log, applying cannot fail, so
 * a journal can write the entries in between.
 */
export class LogStore {
  readonly topics: TopicLogs;
  readonly runs: RunLogs;

  constructor(limits: StoreLimits, clock: Clock) {
    this.topics = new TopicLogs(limits, clock);
    this.runs = new RunLogs(limits.maxRuns, clock);
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
  planClaim(run: NewRun, plans?: Plans): ClaimEntry | RunState {
    return this.runs.planClaim(run, plans);
  }

  /** Plans a write to a run. @throws RunError, TopicsLimitError. */
  planWrite(id: string, token: number, payload: Payload, plans?: Plans): RecordEntry {
    return this.runs.planWrite(id, token, payload, plans);
  }

  /** Plans the end of a run. Nothing else may be planned for the run. */
  planEnd(id: string, token: number, end: NewRunEnd): EndEntry {
    return this.runs.planEnd(id, token, end);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  run(id: string): RunState {
    return this.runs.get(id);
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  renew(id: string, token: number): void {
    this.runs.renew(id, token);
  }

  /** A run that goes on but has no valid lease. @param id - only that one. @param except - none with a plan. */
  expiredRun(id: string | undefined, except?: Plans): RunState | undefined {
    return this.runs.expired(id, except);
  }

  /** Starts the lease of the producer that a `claim` or `continue` has made the present one. */
  lease(run: RunState): RunClaim {
    return this.runs.lease(run);
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

  /** Drops what is older than the settings of its topic, and forgets ended runs. For a call now and then. */
  sweep(): void {
    this.topics.sweep();
    this.runs.forgetEnded();
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
}
