import type { DedupeId } from '../logs/dedupe.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import type { LogStore } from '../logs/log-store.ts';

/** Ids in one entry: few enough that it is written at once. */
const IDS_PER_ENTRY = 1000;

/** An entry that makes a part of a log again, and when it happened. */
export interface ImageEntry {
  readonly entry: LogEntry;
  readonly stamp: number;
}

/**
 * The entries that make a topic again as it is at the time of the call, however it changes while they are taken.
 *
 * @param now - the stamp of what has no time of its own.
 * @returns undefined if there is no such topic, or nothing was published to it.
 */
export function imageOfTopic(store: LogStore, name: string, now: number): Iterable<ImageEntry> | undefined {
  const topic = store.topics.peek(name);
  if (topic?.settings === undefined) return undefined;
  const { log, settings } = topic;
  const { first, records, stamps } = log.kept();
  const ids = topic.ids?.list() ?? [];
  const { epoch, pastEpochs: past, isEpochOver } = log;
  const begin: LogEntry = {
    type: 'begin',
    topic: name,
    epoch,
    position: first - 1,
    past,
    isEpochOver,
    settings,
  };
  return (function* () {
    yield { entry: begin, stamp: stamps[0] ?? now };
    for (const [index, { time, key, payload }] of records.entries()) {
      const position = first + index;
      const entry: LogEntry = { type: 'record', log: log.name, position, time, key, id: undefined, payload };
      yield { entry, stamp: stamps[index] as number };
    }
    yield* idEntries(name, ids, now);
  })();
}

/** The entries that make a run again. @returns undefined if there is no such run. */
export function imageOfRun(store: LogStore, id: string, now: number): Iterable<ImageEntry> | undefined {
  const run = store.runs.find(id);
  if (run === undefined) return undefined;
  const { claim, log, attempt, cancelRequested, end, forgetAt } = run;
  const { first, records, stamps } = log.kept();
  const { epoch, pastEpochs: past, isEpochOver } = log;
  return (function* () {
    yield { entry: { ...claim, epoch, past, isEpochOver, attempt }, stamp: stamps[0] ?? now };
    for (const [index, { time, payload }] of records.entries()) {
      const position = first + index;
      const record = { time, key: undefined, id: undefined, payload };
      yield { entry: { type: 'record', log: log.name, position, ...record }, stamp: stamps[index] as number };
    }
    if (cancelRequested) yield { entry: { type: 'cancel', id }, stamp: now };
    if (end !== undefined) yield { entry: end, stamp: forgetAt - claim.settings.ttlMs };
  })();
}

function* idEntries(topic: string, ids: readonly DedupeId[], stamp: number): Iterable<ImageEntry> {
  for (let at = 0; at < ids.length; at += IDS_PER_ENTRY) {
    yield { entry: { type: 'ids', topic, ids: ids.slice(at, at + IDS_PER_ENTRY) }, stamp };
  }
}
