import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  type LogName,
  type NewRecord,
  type NewRun,
  type NewRunEnd,
  recordBytes,
  type TopicSettings,
} from '../backplane/backplane.ts';
import { cursorOf, newEpoch } from '../cursor.ts';
import { RunError, TopicsLimitError } from '../errors.ts';
import { type Payload, type TopicEnd, TopicRecord } from '../record.ts';
import { DedupeIds } from './dedupe.ts';
import { Log } from './log.ts';
import type { BeginEntry, ClaimEntry, EndEntry, LogEntry, RecordEntry } from './log-entry.ts';
import { RunState } from './run-state.ts';

/** Limits of all logs of a backplane together. */
export interface StoreLimits {
  /** Most topics that have subscribers, members or history. */
  readonly maxTopics: number;
  /** Most bytes of all histories. Logs of runs have limits of their own, and do not count. */
  readonly maxHistoryBytes: number;
  /** Most runs that are going on or kept. */
  readonly maxRuns: number;
}

/** The log of a topic, and what its publishers have determined. */
interface TopicState {
  readonly log: Log;
  settings: TopicSettings | undefined;
  ids: DedupeIds | undefined;
  /** Number of members, followers apart: such a topic is in use. */
  members: number;
}

/** What was planned for one log but is not applied yet: the next plan goes on from there. */
export class Planned {
  records = 0;
  bytes = 0;
  readonly ids = new Map<string, string>();
  begun: BeginEntry | undefined;
}

/** The outcome of a plan: entries to apply in order, and the cursor that results; or a cursor that was there before. */
export type AppendPlan =
  | { readonly entries: readonly (BeginEntry | RecordEntry)[]; readonly cursor: string }
  | { readonly entries: undefined; readonly cursor: string };

/**
 * All topics and runs of a backplane that keeps them in this process. Planning changes nothing, applying cannot fail,
 * so a journal can write the entry in between.
 */
export class LogStore {
  readonly #limits: StoreLimits;
  readonly #clock: Clock;
  /** The topic that was used least recently is the first. */
  readonly #topics = new Map<string, TopicState>();
  readonly #runs = new Map<string, RunState>();
  #topicBytes = 0;
  #runBytes = 0;
  #records = 0;

  constructor(limits: StoreLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  get runCount(): number {
    return this.#runs.size;
  }

  /** Number of records of topics and runs. */
  get recordCount(): number {
    return this.#records;
  }

  /** Bytes of topics and runs. */
  get bytes(): number {
    return this.#topicBytes + this.#runBytes;
  }

  topics(): IterableIterator<Log> {
    return mapped(this.#topics.values(), ({ log }) => log);
  }

  runs(): IterableIterator<RunState> {
    return this.#runs.values();
  }

  /** The log if it exists. A topic becomes the one used most recently. */
  find(name: LogName): Log | undefined {
    if (name.kind === 'run') return this.#keptRun(name.name)?.log;
    const topic = this.#topics.get(name.name);
    if (topic === undefined) return undefined;
    this.#use(name.name, topic);
    if (topic.settings !== undefined) this.#trim(topic, topic.settings);
    return topic.log;
  }

  settingsOf(topic: string): TopicSettings | undefined {
    return this.#topics.get(topic)?.settings;
  }

  /** Returns the log of a topic, which begins if there is none. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  openTopic(name: string): Log {
    const known = this.find({ kind: 'topic', name });
    if (known !== undefined) return known;
    this.#requireRoom();
    this.#makeRoom();
    return this.#addTopic(name, newEpoch(), 0).log;
  }

  /** Forgets a topic that has no subscribers, members or history. */
  release(name: string): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined && isUnused(topic)) this.#topics.delete(name);
  }

  /** Sets the number of members of a topic that is open. */
  setMembers(name: string, members: number): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    topic.members = members;
    if (members === 0) this.release(name);
  }

  /** Plans an append. @param planned - what is planned before it for the same topic. */
  planAppend(
    name: string,
    record: NewRecord,
    settings: TopicSettings,
    planned: Planned = new Planned(),
  ): AppendPlan {
    const topic = this.#topics.get(name);
    if (record.id !== undefined) {
      const now = this.#clock.now();
      const cursor = planned.ids.get(record.id) ?? topic?.ids?.cursorOf(record.id, now, settings.dedupeMs);
      if (cursor !== undefined) return { entries: undefined, cursor };
    }
    const entries: (BeginEntry | RecordEntry)[] = [];
    let epoch = planned.begun?.epoch ?? topic?.log.epoch;
    const position = (topic?.log.lastPosition ?? 0) + planned.records + 1;
    const known = planned.begun?.settings ?? topic?.settings;
    if (known === undefined || !areSame(known, settings)) {
      // The log may have been opened by a follower already: then it has an epoch.
      if (topic === undefined && planned.begun === undefined) this.#requireRoom();
      epoch ??= newEpoch();
      planned.begun = { type: 'begin', topic: name, epoch, position: position - 1, settings };
      entries.push(planned.begun);
    }
    const { payload, key, id } = record;
    const log: LogName = { kind: 'topic', name };
    entries.push({ type: 'record', log, position, time: this.#clock.wallTime(), key, id, payload });
    const cursor = cursorOf(epoch as string, position);
    planned.records += 1;
    if (id !== undefined) planned.ids.set(id, cursor);
    return { entries, cursor };
  }

  /** Plans a claim. @returns the run if the id is taken. @throws TopicsLimitError `ERR_RUN_LIMIT`. */
  planClaim({ id, owner, input, settings }: NewRun): ClaimEntry | RunState {
    const known = this.#keptRun(id);
    if (known !== undefined) return known;
    if (this.#runs.size >= this.#limits.maxRuns) this.forgetRuns();
    if (this.#runs.size >= this.#limits.maxRuns) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `${this.#limits.maxRuns} runs exist already; raise maxRuns or shorten ttlMs`,
      );
    }
    return { type: 'claim', id, epoch: newEpoch(), owner, input, settings, time: this.#clock.wallTime() };
  }

  /** Plans a write to a run. @throws RunError, TopicsLimitError. */
  planWrite(id: string, token: number, payload: Payload, planned: Planned = new Planned()): RecordEntry {
    const { log, claim } = this.#held(id, token);
    const { maxRecords, maxBytes } = claim.settings;
    const bytes = recordBytes(payload, undefined);
    if (log.length + planned.records >= maxRecords || log.bytes + planned.bytes + bytes > maxBytes) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `run ${id}: its log is limited to ${maxRecords} records and ${maxBytes} bytes`,
      );
    }
    const position = log.lastPosition + planned.records + 1;
    planned.records += 1;
    planned.bytes += bytes;
    const time = this.#clock.wallTime();
    return { type: 'record', log: log.name, position, time, key: undefined, id: undefined, payload };
  }

  /** Plans the end of a run. Nothing else may be planned for the run. */
  planEnd(id: string, token: number, { how, result, error }: NewRunEnd): EndEntry {
    const { log } = this.#held(id, token);
    return {
      type: 'end',
      id,
      position: log.lastPosition + 1,
      time: this.#clock.wallTime(),
      how,
      result,
      error,
    };
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  run(id: string): RunState {
    const run = this.#keptRun(id);
    if (run === undefined) throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${id}`);
    return run;
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  renew(id: string, token: number): void {
    const run = this.#held(id, token);
    run.leaseUntil = this.#clock.now() + run.claim.settings.leaseMs;
  }

  /** A run that goes on but has no valid lease. @param id - only that one. */
  expiredRun(id: string | undefined): RunState | undefined {
    const now = this.#clock.now();
    const isExpired = (run: RunState) => run.log.end === undefined && run.leaseUntil <= now;
    if (id !== undefined) {
      const run = this.#runs.get(id);
      return run !== undefined && isExpired(run) ? run : undefined;
    }
    for (const run of this.#runs.values()) if (isExpired(run)) return run;
    return undefined;
  }

  /** Starts the lease of the producer that a `claim` or `continue` has made the present one. @returns its token. */
  lease(run: RunState): number {
    run.leaseUntil = this.#clock.now() + run.claim.settings.leaseMs;
    return run.token;
  }

  /** Applies an entry and notifies the followers. Entries of a run that is gone are ignored. */
  apply(entry: LogEntry): void {
    switch (entry.type) {
      case 'begin':
        this.#begin(entry);
        break;
      case 'record':
        this.#record(entry);
        break;
      case 'delete':
        this.#delete(entry.topic);
        break;
      case 'claim':
        this.#runs.set(entry.id, new RunState(entry, new Log({ kind: 'run', name: entry.id }, entry.epoch)));
        break;
      case 'continue':
        this.#withRun(entry.id, (run) => {
          run.attempt = entry.attempt;
        });
        break;
      case 'cancel':
        this.#withRun(entry.id, (run) => {
          run.cancelRequested = true;
          run.log.notify((follower) => follower.cancelRequested?.());
        });
        break;
      case 'end':
        this.#withRun(entry.id, (run) => this.#end(run, entry));
        break;
      case 'forget':
        this.#forget(entry.id);
        break;
      default:
        entry satisfies never;
    }
  }

  /** Drops what is older than the settings of its topic, and forgets ended runs. For a call now and then. */
  sweep(): void {
    for (const [name, topic] of this.#topics) {
      const { settings, ids } = topic;
      if (settings === undefined) continue;
      this.#trim(topic, settings);
      ids?.expire(this.#clock.now(), settings.dedupeMs);
      if (ids?.size === 0) topic.ids = undefined;
      this.release(name);
    }
    this.forgetRuns();
  }

  forgetRuns(): void {
    const now = this.#clock.now();
    for (const run of this.#runs.values()) if (run.forgetAt <= now) this.#forget(run.claim.id);
  }

  /** Ends what is followed with `closed`, and empties the store. */
  close(): void {
    const logs = [...this.topics(), ...mapped(this.#runs.values(), ({ log }) => log)];
    this.#topics.clear();
    this.#runs.clear();
    this.#topicBytes = 0;
    this.#runBytes = 0;
    this.#records = 0;
    for (const log of logs) {
      const end: TopicEnd = { kind: 'end', how: 'closed', cursor: log.cursor };
      if (log.end === undefined) log.notify((follower) => follower.ended(end));
    }
  }

  [INSPECT](): object {
    return inspection(this, ['topicCount', 'runCount', 'recordCount', 'bytes']);
  }

  #use(name: string, topic: TopicState): void {
    this.#topics.delete(name);
    this.#topics.set(name, topic);
  }

  /** Forgets the topic with the oldest use that has only history, if there are too many. */
  #makeRoom(): void {
    if (this.#topics.size < this.#limits.maxTopics) return;
    for (const [name, topic] of this.#topics) {
      if (isInUse(topic)) continue;
      this.#dropTopic(name, topic);
      return;
    }
  }

  /** @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS` if another topic cannot begin. */
  #requireRoom(): void {
    const { maxTopics } = this.#limits;
    if (this.#topics.size < maxTopics) return;
    for (const topic of this.#topics.values()) if (!isInUse(topic)) return;
    throw new TopicsLimitError(
      'ERR_TOPICS_TOO_MANY_TOPICS',
      `all of maxTopics (${maxTopics}) topics have subscribers or members; raise maxTopics`,
    );
  }

  #addTopic(name: string, epoch: string, position: number): TopicState {
    const log = new Log({ kind: 'topic', name }, epoch, position);
    const topic: TopicState = { log, settings: undefined, ids: undefined, members: 0 };
    this.#topics.set(name, topic);
    return topic;
  }

  #dropTopic(name: string, topic: TopicState): void {
    this.#topics.delete(name);
    this.#topicBytes -= topic.log.bytes;
    this.#records -= topic.log.length;
  }

  #begin({ topic: name, epoch, position, settings }: BeginEntry): void {
    let topic = this.#topics.get(name);
    if (topic !== undefined && topic.log.epoch !== epoch && position < topic.log.lastPosition) {
      // The topic had been forgotten before this entry was planned, which is no entry of its own.
      this.#dropTopic(name, topic);
      topic = undefined;
    }
    if (topic === undefined) {
      this.#makeRoom();
      topic = this.#addTopic(name, epoch, position);
    }
    topic.settings = settings;
    if (topic.log.epoch === epoch) return;
    topic.log.skipTo(position);
    topic.log.beginEpoch(epoch);
  }

  #record(entry: RecordEntry): void {
    const { log: name, position, time, key, id, payload } = entry;
    const topic = name.kind === 'topic' ? this.#topics.get(name.name) : undefined;
    const log = topic?.log ?? (name.kind === 'run' ? this.#runs.get(name.name)?.log : undefined);
    if (log === undefined) return;
    const now = this.#clock.now();
    // A log that was rewritten begins with its oldest record kept.
    log.skipTo(position - 1);
    const record = new TopicRecord(log.cursorAfter(), time, key, payload);
    const bytes = log.bytes;
    log.add(record, now);
    this.#records += 1;
    if (topic === undefined) this.#runBytes += log.bytes - bytes;
    else this.#added(topic, name.name, log.bytes - bytes, id, record.cursor, now);
    log.notify((follower) => follower.record(record));
  }

  #added(
    topic: TopicState,
    name: string,
    bytes: number,
    id: string | undefined,
    cursor: string,
    now: number,
  ): void {
    this.#topicBytes += bytes;
    this.#use(name, topic);
    const { settings } = topic;
    if (settings === undefined) return;
    if (id !== undefined) {
      topic.ids ??= new DedupeIds();
      topic.ids.add(id, cursor, now, settings);
    }
    this.#trim(topic, settings);
    if (this.#topicBytes > this.#limits.maxHistoryBytes) this.#dropLeastUsed();
  }

  #trim(topic: TopicState, settings: TopicSettings): void {
    const records = topic.log.length;
    this.#topicBytes -= topic.log.trim(settings, this.#clock.now());
    this.#records -= records - topic.log.length;
  }

  /** Drops the oldest records of the topics used least recently until the total is within its limit. */
  #dropLeastUsed(): void {
    for (const [name, topic] of this.#topics) {
      while (topic.log.length > 0) {
        if (this.#topicBytes <= this.#limits.maxHistoryBytes) return;
        this.#topicBytes -= topic.log.dropOldest();
        this.#records -= 1;
      }
      this.release(name);
    }
  }

  #delete(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#dropTopic(name, topic);
    const end: TopicEnd = { kind: 'end', how: 'deleted', cursor: topic.log.cursor };
    topic.log.notify((follower) => follower.ended(end));
  }

  /** The run, unless its `ttlMs` has passed. */
  #keptRun(id: string): RunState | undefined {
    const run = this.#runs.get(id);
    if (run === undefined || run.forgetAt > this.#clock.now()) return run;
    this.#forget(id);
    return undefined;
  }

  #withRun(id: string, change: (run: RunState) => void): void {
    const run = this.#runs.get(id);
    if (run !== undefined) change(run);
  }

  /** @throws RunError unless the token is that of the present producer. */
  #held(id: string, token: number): RunState {
    const run = this.#runs.get(id);
    if (run !== undefined && run.token === token && run.log.end === undefined) return run;
    throw new RunError('ERR_RUN_LEASE_LOST', `the run ${id} was ended or continued elsewhere`);
  }

  #end(run: RunState, { how, result, error }: EndEntry): void {
    const parsed: unknown = result === undefined ? undefined : JSON.parse(result);
    const end = run.log.finish({
      kind: 'end',
      how,
      ...(result === undefined ? {} : { result: parsed }),
      ...(error === undefined ? {} : { error }),
    });
    run.leaseUntil = Number.NEGATIVE_INFINITY;
    run.forgetAt = this.#clock.now() + run.claim.settings.ttlMs;
    run.log.notify((follower) => follower.ended(end));
  }

  #forget(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#runs.delete(id);
    this.#runBytes -= run.log.bytes;
    this.#records -= run.log.length;
  }
}

function isInUse({ log, members }: TopicState): boolean {
  return log.followerCount > 0 || members > 0;
}

function isUnused(topic: TopicState): boolean {
  return !isInUse(topic) && topic.log.length === 0 && (topic.ids === undefined || topic.ids.size === 0);
}

/** Settings change when a program is started with others. They are one object for all appends of a process. */
function areSame(a: TopicSettings, b: TopicSettings): boolean {
  return (
    a === b ||
    (a.maxRecords === b.maxRecords &&
      a.maxBytes === b.maxBytes &&
      a.maxAgeMs === b.maxAgeMs &&
      a.dedupeMs === b.dedupeMs &&
      a.maxDedupeIds === b.maxDedupeIds)
  );
}

function* mapped<From, To>(items: Iterable<From>, change: (item: From) => To): IterableIterator<To> {
  for (const item of items) yield change(item);
}
