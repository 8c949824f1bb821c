import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogName, NewRecord, TopicSettings } from '../backplane/backplane.ts';
import { cursorOf, newEpoch } from '../cursor.ts';
import { TopicsLimitError } from '../errors.ts';
import { type TopicEnd, TopicRecord } from '../record.ts';
import { DedupeIds } from './dedupe.ts';
import { Log, type PastEpoch } from './log.ts';
import type { BeginEntry, IdsEntry, RecordEntry } from './log-entry.ts';
import { type Planned, Plans } from './plans.ts';

/** The log of a topic, and what its publishers have determined. */
export interface TopicState {
  log: Log;
  settings: TopicSettings | undefined;
  ids: DedupeIds | undefined;
  /** Number of members, followers apart: such a topic is in use. */
  members: number;
  /** Since when it has had no subscribers, members or history, by the monotonic clock; undefined while it has any. */
  unusedSince: number | undefined;
}

/**
 * How long a topic without subscribers, members and history is kept, so that the cursor of a client that polls or
 * connects again stays valid.
 */
const LINGER_MS = 60_000;

/** The outcome of a plan: entries to apply in order, and the cursor that results; or a cursor that was there before. */
export type AppendPlan =
  | { readonly entries: readonly (BeginEntry | RecordEntry)[]; readonly cursor: string }
  | { readonly entries: undefined; readonly cursor: string };

/** The limits of {@link TopicLogs}. */
export interface TopicLimits {
  readonly maxTopics: number;
  readonly maxHistoryBytes: number;
}

/** The logs of all topics. */
export class TopicLogs {
  readonly #limits: TopicLimits;
  readonly #clock: Clock;
  /** The topic that was used least recently is the first. */
  readonly #topics = new Map<string, TopicState>();
  /** Plans that are being written: their topics must not be forgotten. */
  #inFlight: Plans | undefined;
  /** Number of topics that are kept although they are not in use. */
  #unused = 0;
  #bytes = 0;
  #records = 0;

  constructor(limits: TopicLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Number of topics with subscribers, members or history. */
  get size(): number {
    return this.#topics.size - this.#unused;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get recordCount(): number {
    return this.#records;
  }

  /** Keeps the topics of these plans until others, or none, are set. */
  hold(plans: Plans | undefined): void {
    this.#inFlight = plans;
  }

  /** The names, that of the topic used least recently first. */
  names(): string[] {
    return [...this.#topics.keys()];
  }

  /** The state of a topic. It does not count as used. */
  peek(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  find(name: string): Log | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return undefined;
    this.#use(name, topic);
    if (topic.settings !== undefined) this.#trim(topic, topic.settings);
    return topic.log;
  }

  /** Returns the log of a topic, which begins if there is none. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  open(name: string): Log {
    const known = this.find(name);
    if (known !== undefined) return known;
    this.#requireRoom(0);
    const planned = this.#inFlight?.find({ kind: 'topic', name })?.begun;
    return this.#add(name, new Log({ kind: 'topic', name }, planned?.epoch ?? newEpoch())).log;
  }

  /** Notes that a topic may have no subscribers, members or history any more: a later sweep forgets it. */
  release(name: string): void {
    const topic = this.#topics.get(name);
    if (topic?.unusedSince !== undefined) return;
    if (topic === undefined || !isEmpty(topic) || !this.#isIdle(name, topic)) return;
    topic.unusedSince = this.#clock.now();
    this.#unused += 1;
  }

  setMembers(name: string, members: number): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    topic.members = members;
    if (members === 0) this.release(name);
  }

  planAppend(
    name: string,
    record: NewRecord,
    settings: TopicSettings,
    plans: Plans = new Plans(),
  ): AppendPlan {
    const topic = this.#topics.get(name);
    const logName: LogName = { kind: 'topic', name };
    const { payload, key, id } = record;
    if (id !== undefined) {
      const known = topic?.ids?.cursorOf(id, this.#clock.now(), settings.dedupeMs);
      const cursor = plans.find(logName)?.ids?.get(id) ?? known;
      if (cursor !== undefined) return { entries: undefined, cursor };
    }
    if (topic === undefined && plans.find(logName) === undefined) {
      this.#requireRoom(plans.newTopics);
      plans.newTopics += 1;
    }
    if (topic !== undefined) this.#use(name, topic);
    const planned = plans.for(logName);
    const begin = this.#planBegin(name, topic, settings, planned);
    const epoch = begin?.epoch ?? planned.begun?.epoch ?? (topic as TopicState).log.epoch;
    const position = (topic?.log.lastPosition ?? 0) + planned.records + 1;
    const time = this.#clock.wallTime();
    const entry: RecordEntry = { type: 'record', log: logName, position, time, key, id, payload };
    const cursor = cursorOf(epoch, position);
    planned.records += 1;
    if (id !== undefined) {
      planned.ids ??= new Map();
      planned.ids.set(id, cursor);
    }
    return { entries: begin === undefined ? [entry] : [begin, entry], cursor };
  }

  begin({ topic: name, epoch, position, past, isEpochOver, settings }: BeginEntry): void {
    const topic = this.#topics.get(name);
    if (topic?.log.epoch === epoch) {
      topic.settings = settings;
      return;
    }
    if (topic !== undefined && isContinued(topic.log, past)) {
      topic.settings = settings;
      topic.log.beginEpoch(epoch);
      return;
    }
    // The log was forgotten before this one began.
    if (topic !== undefined) this.#drop(name, topic);
    const log = new Log({ kind: 'topic', name }, epoch, { position, pastEpochs: past, isEpochOver });
    this.#add(name, log).settings = settings;
  }

  record({ log: { name }, position, time, key, id, payload }: RecordEntry): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const { log } = topic;
    const ahead = position - log.lastPosition - 1;
    if (ahead < 0) return;
    // The records in between were dropped, and so were all before them.
    if (ahead > 0) this.#changed(topic, () => log.skipTo(position - 1));
    const record = new TopicRecord(log.cursorAt(position), time, key, payload);
    this.#changed(topic, () => log.add(record, this.#clock.now()));
    this.#use(name, topic);
    if (topic.settings !== undefined) {
      if (id !== undefined) this.#remember(topic, topic.settings, id, record.cursor, this.#clock.now());
      this.#trim(topic, topic.settings);
    }
    if (this.#bytes > this.#limits.maxHistoryBytes) this.#dropLeastUsed();
    log.notify((follower) => follower.record(record));
  }

  ids({ topic: name, ids }: IdsEntry): void {
    const topic = this.#topics.get(name);
    if (topic?.settings === undefined) return;
    for (const { id, cursor, at } of ids) this.#remember(topic, topic.settings, id, cursor, at);
  }

  delete(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#drop(name, topic);
    const end: TopicEnd = { kind: 'end', how: 'deleted', cursor: topic.log.cursor };
    topic.log.notify((follower) => follower.ended(end));
  }

  /** Makes the next record of each topic begin a new epoch. */
  endEpochs(): void {
    for (const { log } of this.#topics.values()) log.endEpoch();
  }

  /** Drops what is older than the settings of its topic, and topics that have been unused for a minute. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [name, topic] of this.#topics) {
      const { settings, ids } = topic;
      if (settings !== undefined) {
        this.#trim(topic, settings);
        ids?.expire(now, settings.dedupeMs);
        if (ids?.size === 0) topic.ids = undefined;
      }
      this.release(name);
      if (topic.unusedSince !== undefined && now - topic.unusedSince >= LINGER_MS) this.#drop(name, topic);
    }
  }

  /** Forgets all. @returns the logs. */
  clear(): readonly Log[] {
    const logs = [...this.#topics.values()].map(({ log }) => log);
    this.#topics.clear();
    this.#unused = 0;
    this.#bytes = 0;
    this.#records = 0;
    return logs;
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'recordCount', 'bytes']);
  }

  /** The entry with which a log begins, if it has to before the next record. */
  #planBegin(
    name: string,
    topic: TopicState | undefined,
    settings: TopicSettings,
    planned: Planned,
  ): BeginEntry | undefined {
    const present = planned.begun?.settings ?? topic?.settings;
    const isOver = planned.begun === undefined && topic?.log.isEpochOver === true;
    if (present !== undefined && !isOver && isSame(present, settings)) return undefined;
    const log = topic?.log;
    planned.begun = {
      type: 'begin',
      topic: name,
      // A follower may have opened the log already: then it has an epoch.
      epoch: planned.begun?.epoch ?? (log === undefined || isOver ? newEpoch() : log.epoch),
      position: (log?.lastPosition ?? 0) + planned.records,
      past: planned.begun?.past ?? (isOver ? log?.epochsSoFar() : log?.pastEpochs) ?? [],
      isEpochOver: false,
      settings,
    };
    return planned.begun;
  }

  #use(name: string, topic: TopicState): void {
    this.#keep(topic);
    this.#topics.delete(name);
    this.#topics.set(name, topic);
  }

  #keep(topic: TopicState): void {
    if (topic.unusedSince === undefined) return;
    topic.unusedSince = undefined;
    this.#unused -= 1;
  }

  /** Whether a topic may be forgotten. */
  #isIdle(name: string, { log, members }: TopicState): boolean {
    return (
      log.followerCount === 0 && members === 0 && this.#inFlight?.find({ kind: 'topic', name }) === undefined
    );
  }

  /** Checks that one more topic can be added. @param planned - how many others will be added before it. */
  #requireRoom(planned: number): void {
    const { maxTopics } = this.#limits;
    let missing = this.#topics.size + planned + 1 - maxTopics;
    if (missing <= 0) return;
    for (const [name, topic] of this.#topics) {
      if (this.#isIdle(name, topic)) missing -= 1;
      if (missing === 0) return;
    }
    throw new TopicsLimitError(
      'ERR_TOPICS_TOO_MANY_TOPICS',
      `all of maxTopics (${maxTopics}) topics have subscribers or members; raise maxTopics`,
    );
  }

  /** Adds a topic, and forgets those with the oldest use that have only history if there are too many. */
  #add(name: string, log: Log): TopicState {
    if (this.#topics.size >= this.#limits.maxTopics) {
      for (const [other, topic] of this.#topics) {
        if (!this.#isIdle(other, topic)) continue;
        this.#drop(other, topic);
        if (this.#topics.size < this.#limits.maxTopics) break;
      }
    }
    const topic: TopicState = {
      log,
      settings: undefined,
      ids: undefined,
      members: 0,
      unusedSince: undefined,
    };
    this.#topics.set(name, topic);
    return topic;
  }

  #drop(name: string, topic: TopicState): void {
    const { log } = topic;
    this.#keep(topic);
    this.#topics.delete(name);
    this.#bytes -= log.bytes;
    this.#records -= log.length;
  }

  /** Keeps the totals while a log changes. */
  #changed({ log }: TopicState, change: () => void): void {
    const { bytes, length } = log;
    change();
    this.#bytes += log.bytes - bytes;
    this.#records += log.length - length;
  }

  #remember(topic: TopicState, settings: TopicSettings, id: string, cursor: string, at: number): void {
    topic.ids ??= new DedupeIds();
    topic.ids.add(id, cursor, at, settings);
  }

  #trim(topic: TopicState, settings: TopicSettings): void {
    const records = topic.log.length;
    this.#bytes -= topic.log.trim(settings, this.#clock.now());
    this.#records -= records - topic.log.length;
  }

  /** Drops the oldest records of the topics used least recently until the total is within its limit. */
  #dropLeastUsed(): void {
    for (const [name, topic] of this.#topics) {
      while (topic.log.length > 0) {
        if (this.#bytes <= this.#limits.maxHistoryBytes) return;
        this.#bytes -= topic.log.dropOldest();
        this.#records -= 1;
      }
      this.release(name);
      if (this.#bytes <= this.#limits.maxHistoryBytes) return;
      // It moves to the end, so that the next search does not pass all of them again.
      this.#topics.delete(name);
      this.#topics.set(name, topic);
    }
  }
}

/** Whether an epoch with these before it is of the same log: no two logs have an epoch in common. */
function isContinued(log: Log, past: readonly PastEpoch[]): boolean {
  const own = new Set([log.epoch, ...log.pastEpochs.map(({ epoch }) => epoch)]);
  return past.some(({ epoch }) => own.has(epoch));
}

function isEmpty({ log, ids }: TopicState): boolean {
  return log.length === 0 && (ids === undefined || ids.size === 0);
}

function isSame(a: TopicSettings, b: TopicSettings): boolean {
  if (a === b) return true;
  return (
    a.maxRecords === b.maxRecords &&
    a.maxBytes === b.maxBytes &&
    a.maxAgeMs === b.maxAgeMs &&
    a.dedupeMs === b.dedupeMs &&
    a.maxDedupeIds === b.maxDedupeIds
  );
}
