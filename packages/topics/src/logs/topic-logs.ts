import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type LogName, type NewRecord, recordBytes, type TopicSettings } from '../backplane/backplane.ts';
import { cursorOf, newEpoch } from '../cursor.ts';
import { TopicsLimitError } from '../errors.ts';
import { type TopicEnd, TopicRecord } from '../record.ts';
import { DedupeIds, idBytes } from './dedupe.ts';
import { Log } from './log.ts';
import type { BeginEntry, DropEntry, ForgetEntry, IdsEntry, LogEntry, RecordEntry } from './log-entry.ts';
import { type Planned, Plans } from './plans.ts';
import { TopicOrder } from './topic-order.ts';
import { isSame, TopicState } from './topic-state.ts';

/** The outcome of a plan: entries to apply in order, and the cursor that results; or a cursor that was there before. */
export type AppendPlan =
  | { readonly entries: readonly LogEntry[]; readonly cursor: string }
  | { readonly entries: undefined; readonly cursor: string };

/** The limits of {@link TopicLogs}. */
export interface TopicLimits {
  readonly maxTopics: number;
  readonly maxHistoryBytes: number;
}

/**
 * The logs of all topics.
 *
 * What goes for want of room goes by entries of its own (`drop`, `forget`), which are planned: applying an entry never
 * drops anything of another topic, so a replay needs no limits and makes the same logs.
 */
export class TopicLogs {
  readonly #limits: TopicLimits;
  readonly #clock: Clock;
  readonly #topics = new Map<string, TopicState>();
  readonly #order = new TopicOrder();
  /** Plans that are being written: their topics must not be forgotten. */
  #inFlight: Plans | undefined;
  #bytes = 0;
  #records = 0;
  /** Called with the entry when a topic was forgotten that was not planned to be, for one that is followed. */
  onForgotten: ((entry: ForgetEntry) => unknown) | undefined;

  constructor(limits: TopicLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Number of topics with subscribers, members or history. */
  get size(): number {
    return this.#topics.size - this.#order.unusedCount;
  }

  /** Bytes of all records and ids. */
  get bytes(): number {
    return this.#bytes;
  }

  get recordCount(): number {
    return this.#records;
  }

  /** Keeps the topics of these plans until others, or none, are set. */
  hold(plans: Plans | undefined): void {
    const before = this.#inFlight;
    this.#inFlight = plans;
    for (const { name } of before?.forgottenTopics ?? []) this.release(name);
  }

  /** Whether what is planned, and so many bytes more, can be kept together. */
  hasRoom(plans: Plans, bytes: number): boolean {
    return plans.topicBytes === 0 || plans.topicBytes + bytes <= this.#limits.maxHistoryBytes;
  }

  /** The names, that of the topic used least recently first. */
  names(): string[] {
    const kept = [...this.#order.kept()];
    const empty = [...this.#topics.values()].filter((topic) => topic.isEmpty);
    return [...empty, ...kept].map(({ name }) => name);
  }

  /** The state of a topic. It does not count as used. */
  peek(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  find(name: string): Log | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return undefined;
    this.#order.use(topic);
    this.#trim(topic);
    return topic.log;
  }

  /** Returns the log of a topic, which begins if there is none. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  open(name: string): Log {
    const known = this.find(name);
    if (known !== undefined) return known;
    for (const topic of this.#makePlace(new Plans())) {
      const isWritten = topic.settings !== undefined;
      this.#drop(topic);
      if (isWritten) this.onForgotten?.({ type: 'forget', log: topic.log.name });
    }
    const planned = this.#inFlight?.find({ kind: 'topic', name })?.begun;
    return this.#add(name, new Log({ kind: 'topic', name }, planned?.epoch ?? newEpoch())).log;
  }

  /** Notes that a topic may have no subscribers, members or history any more: a later sweep forgets it. */
  release(name: string): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined) this.#order.release(topic, this.#clock.now());
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
    const entries: LogEntry[] = [];
    if (topic !== undefined) this.#order.use(topic);
    else if (plans.find(logName) === undefined) entries.push(...this.#planPlace(plans));
    const planned = plans.for(logName);
    const begin = this.#planBegin(name, topic, settings, planned);
    if (begin !== undefined) entries.push(begin);
    const epoch = planned.begun?.epoch ?? (topic as TopicState).log.epoch;
    const position = (topic?.log.lastPosition ?? 0) + planned.records + 1;
    const time = this.#clock.wallTime();
    const cursor = cursorOf(epoch, position);
    entries.push({ type: 'record', log: logName, position, time, key, id, payload });
    planned.records += 1;
    if (id !== undefined) {
      planned.ids ??= new Map();
      planned.ids.set(id, cursor);
    }
    const bytes = recordBytes(payload, key) + (id === undefined ? 0 : idBytes(id));
    // What can never be kept is only delivered, and takes no room from other topics.
    if (bytes > this.#limits.maxHistoryBytes) entries.push({ type: 'drop', topic: name, to: position });
    else plans.topicBytes += bytes;
    return { entries, cursor };
  }

  /** The entries that make room for what is planned: the oldest records of the topics used least recently go. */
  *planRoom(plans: Plans = new Plans()): Generator<DropEntry, void> {
    const { topicBytes, freedTopicBytes } = plans;
    let excess = this.#bytes + topicBytes - freedTopicBytes - this.#limits.maxHistoryBytes;
    if (excess <= 0) return;
    for (const topic of this.#order.kept()) {
      if (plans.find(topic.log.name)?.isSealed === true) continue;
      const { to, freed } = topic.placeToDropTo(excess);
      excess -= freed;
      yield { type: 'drop', topic: topic.name, to };
      if (excess <= 0) return;
    }
  }

  begin({ topic: name, epoch, position, past, isEpochOver, settings }: BeginEntry): void {
    const topic = this.#topics.get(name);
    if (topic?.log.epoch === epoch) {
      topic.settings = settings;
      return;
    }
    if (topic?.log.isContinuedBy(past) === true) {
      topic.settings = settings;
      topic.log.beginEpoch(epoch);
      return;
    }
    // The log was forgotten before this one began.
    if (topic !== undefined) this.#drop(topic);
    const log = new Log({ kind: 'topic', name }, epoch, { position, pastEpochs: past, isEpochOver });
    this.#add(name, log).settings = settings;
  }

  record({ log: { name }, position, time, key, id, payload }: RecordEntry): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const { log, settings } = topic;
    const ahead = position - log.lastPosition - 1;
    if (ahead < 0) return;
    const now = this.#clock.now();
    const record = new TopicRecord(log.cursorAt(position), time, key, payload);
    this.#order.use(topic);
    this.#change(topic, () => {
      // The records in between were dropped, and so were all before them.
      if (ahead > 0) log.skipTo(position - 1);
      log.add(record, now);
      if (settings === undefined) return;
      if (id !== undefined) {
        topic.ids ??= new DedupeIds();
        topic.ids.add({ id, cursor: record.cursor, position, at: now }, settings);
      }
      log.trim(settings, now);
    });
    log.notify((follower) => follower.record(record));
  }

  ids({ topic: name, ids }: IdsEntry): void {
    const topic = this.#topics.get(name);
    const settings = topic?.settings;
    if (topic === undefined || settings === undefined) return;
    this.#change(topic, () => {
      topic.ids ??= new DedupeIds();
      for (const id of ids) topic.ids.add(id, settings);
    });
  }

  drop({ topic: name, to }: DropEntry): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#change(topic, () => topic.dropTo(to));
    this.release(name);
  }

  /** Forgets a topic. If it has got subscribers or members meanwhile, only its history goes. */
  forget(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    if (!topic.isBusy) {
      this.#drop(topic);
      return;
    }
    topic.settings = undefined;
    this.#change(topic, () => topic.dropTo(Number.POSITIVE_INFINITY));
  }

  delete(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#drop(topic);
    const end: TopicEnd = { kind: 'end', how: 'deleted', cursor: topic.log.cursor };
    topic.log.notify((follower) => follower.ended(end));
  }

  /** Makes the next record of each topic begin a new epoch. */
  endEpochs(): void {
    for (const { log } of this.#topics.values()) log.endEpoch();
  }

  /** Drops what is older than the settings of its topic, and topics that have been unused for a minute. */
  *expire(): Generator<void, void> {
    for (const topic of this.#topics.values()) {
      this.#trim(topic);
      this.release(topic.name);
      yield;
    }
    for (const topic of this.#order.expired(this.#clock.now())) {
      if (!this.#isPlanned(topic)) this.#drop(topic);
      yield;
    }
  }

  /** Applies the limits after a replay. @param done - gets the entries that make the same of the journal. */
  *fit(done: LogEntry[]): Generator<void, void> {
    for (const entry of this.planRoom()) {
      this.drop(entry);
      done.push(entry);
      yield;
    }
    while (this.#topics.size > this.#limits.maxTopics) {
      const topic = this.#order.next(() => false);
      if (topic === undefined) break;
      this.#drop(topic);
      done.push({ type: 'forget', log: topic.log.name });
      yield;
    }
  }

  /** Forgets all. @returns the logs. */
  clear(): readonly Log[] {
    const logs = [...this.#topics.values()].map(({ log }) => log);
    this.#topics.clear();
    this.#order.clear();
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

  /** Plans a new topic, and which others are forgotten for it. */
  #planPlace(plans: Plans): readonly ForgetEntry[] {
    const forgotten = this.#makePlace(plans);
    for (const topic of forgotten) {
      const { name } = topic.log;
      plans.for(name).isSealed = true;
      plans.forgottenTopics.push(topic);
      plans.freedTopicBytes += topic.bytes;
    }
    plans.newTopics += 1;
    return forgotten.map(({ log }) => ({ type: 'forget', log: log.name }));
  }

  /**
   * Takes topics from the order so that one more can be added: those used least recently that have no subscribers and no
   * members, and first those without history.
   */
  #makePlace({ newTopics, forgottenTopics }: Plans): readonly TopicState[] {
    const { maxTopics } = this.#limits;
    const taken: TopicState[] = [];
    const count = this.#topics.size + newTopics - forgottenTopics.length + 1;
    while (count - taken.length > maxTopics) {
      const topic = this.#order.next((other) => this.#isPlanned(other));
      if (topic === undefined) {
        for (const { name } of taken) this.release(name);
        throw new TopicsLimitError(
          'ERR_TOPICS_TOO_MANY_TOPICS',
          `all of maxTopics (${maxTopics}) topics have subscribers or members; raise maxTopics`,
        );
      }
      this.#order.take(topic);
      taken.push(topic);
    }
    return taken;
  }

  #isPlanned({ log }: TopicState): boolean {
    return this.#inFlight?.find(log.name) !== undefined;
  }

  #add(name: string, log: Log): TopicState {
    const topic = new TopicState(name, log);
    this.#topics.set(name, topic);
    this.#order.add(topic);
    return topic;
  }

  #drop(topic: TopicState): void {
    this.#topics.delete(topic.name);
    this.#order.remove(topic);
    this.#bytes -= topic.bytes;
    this.#records -= topic.log.length;
  }

  /** Keeps the totals while the history of a topic changes. */
  #change(topic: TopicState, change: () => void): void {
    const { bytes } = topic;
    const { length } = topic.log;
    change();
    this.#bytes += topic.bytes - bytes;
    this.#records += topic.log.length - length;
    this.#order.changed(topic);
  }

  /** Drops what is too old, or too much by new settings. */
  #trim(topic: TopicState): void {
    const { settings } = topic;
    if (settings === undefined || topic.isEmpty) return;
    const now = this.#clock.now();
    this.#change(topic, () => {
      topic.log.trim(settings, now);
      topic.ids?.expire(now, settings.dedupeMs);
      if (topic.ids?.size === 0) topic.ids = undefined;
    });
  }
}
