import type { Attempt } from './publisher.ts';
import { END_MARKER, type Seen } from './reader.ts';
import type { LogEntry, RecordData } from './server.ts';

/** What one reader has seen of one log. */
export interface ReaderAccount {
  readonly name: string;
  readonly seen: readonly Seen[];
  readonly hasEnded: boolean;
}

/** What one publisher knows of its records. */
export interface PublisherAccount {
  readonly topic: string;
  readonly id: string;
  readonly attempts: readonly Attempt[];
  readonly errors: ReadonlyMap<string, number>;
}

/** All that a trial has collected. */
export interface Accounts {
  readonly readers: readonly ReaderAccount[];
  readonly publishers: readonly PublisherAccount[];
  /** What each log has at the end. */
  readonly logs: ReadonlyMap<string, readonly LogEntry[]>;
}

/** What is counted at readers. */
export interface ReaderCounts {
  readers: number;
  delivered: number;
  /** The log has it, the reader does not, and no gap is where it is missing. */
  lost: number;
  /** It was settled, and the log has lost it; no gap is where it is missing. */
  gone: number;
  /** It was settled, or the log has it, and a gap is where it is missing. */
  skipped: number;
  /** Delivered, not in the log, and no gap has followed. */
  vanished: number;
  /** Delivered again without a gap in between. */
  doubled: number;
  /** Delivered again after a gap. */
  again: number;
  disordered: number;
  /** Did not get to the last record, or to the end of the run. */
  hung: number;
  /** Readers that have had a gap. */
  withGap: number;
  readonly gaps: Map<string, number>;
  readonly ends: Map<string, number>;
}

/** What is counted at publishers, or producers. */
export interface PublisherCounts {
  settled: number;
  readonly errors: Map<string, number>;
  /** The outcome is unknown, and the log has the record. */
  unknownFound: number;
  unknownNotFound: number;
  /** The error says that nothing was done, and the log has the record. */
  refusedFound: number;
  /** Settled, and not in the log at the end. */
  settledNotFound: number;
  /** Twice in the log. */
  doubledInLog: number;
}

const keyOf = ({ publisher, number }: RecordData): string => `${publisher}:${number}`;

/** Adds one, or more, to a count. */
export function addTo(counts: Map<string, number>, name: string, count = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}

export function countPublishers({ publishers, logs }: Accounts): PublisherCounts {
  const counts: PublisherCounts = {
    settled: 0,
    errors: new Map(),
    unknownFound: 0,
    unknownNotFound: 0,
    refusedFound: 0,
    settledNotFound: 0,
    doubledInLog: 0,
  };
  for (const { topic, id, attempts, errors } of publishers) {
    const present = new Set((logs.get(topic) ?? []).map(([, data]) => keyOf(data)));
    for (const [code, count] of errors) addTo(counts.errors, code, count);
    for (const { number, outcome } of attempts) {
      const isFound = present.has(keyOf({ publisher: id, number }));
      if (outcome === 'settled') {
        counts.settled += 1;
        if (!isFound) counts.settledNotFound += 1;
      } else if (outcome === 'refused') {
        if (isFound) counts.refusedFound += 1;
      } else if (isFound) counts.unknownFound += 1;
      else counts.unknownNotFound += 1;
    }
  }
  for (const entries of logs.values()) {
    counts.doubledInLog += entries.length - new Set(entries.map(([, data]) => keyOf(data))).size;
  }
  return counts;
}

export function countReaders(accounts: Accounts): ReaderCounts {
  const counts: ReaderCounts = {
    readers: accounts.readers.length,
    delivered: 0,
    lost: 0,
    gone: 0,
    skipped: 0,
    vanished: 0,
    doubled: 0,
    again: 0,
    disordered: 0,
    hung: 0,
    withGap: 0,
    gaps: new Map(),
    ends: new Map(),
  };
  const expected = new Map([...accounts.logs.keys()].map((name) => [name, expectationOf(name, accounts)]));
  for (const reader of accounts.readers) {
    const log = expected.get(reader.name);
    if (log !== undefined) countReader(reader, log, counts);
  }
  return counts;
}

/** What readers of a log are measured by. */
interface ExpectedLog {
  /** The place of each record in the log at the end, by its key. */
  readonly places: ReadonlyMap<string, number>;
  /** The numbers of each publisher that were settled or are in the log, ascending. */
  readonly numbers: ReadonlyMap<string, readonly number[]>;
  /** Records whose publisher did not wait for them before it published the next. */
  readonly isUnordered: (key: string) => boolean;
}

function expectationOf(name: string, { publishers, logs }: Accounts): ExpectedLog {
  const places = new Map((logs.get(name) ?? []).map(([, data], place) => [keyOf(data), place]));
  const numbers = new Map<string, number[]>();
  const unordered = new Set<string>();
  for (const { topic, id, attempts } of publishers) {
    if (topic !== name) continue;
    const present = attempts.filter(({ number, outcome }) => {
      const key = keyOf({ publisher: id, number });
      if (outcome !== 'settled') unordered.add(key);
      return outcome === 'settled' || places.has(key);
    });
    numbers.set(
      id,
      present.map(({ number }) => number),
    );
  }
  return { places, numbers, isUnordered: (key) => unordered.has(key) };
}

function countReader(reader: ReaderAccount, log: ExpectedLog, counts: ReaderCounts): void {
  const { seen } = reader;
  if (!reader.hasEnded) counts.hung += 1;
  if (seen.some(({ kind }) => kind === 'gap')) counts.withGap += 1;
  for (const event of seen) {
    if (event.kind === 'record') counts.delivered += 1;
    else if (event.kind === 'gap') addTo(counts.gaps, event.reason);
    else addTo(counts.ends, event.how);
  }
  countOrder(seen, log, counts);
  const gapsBefore = runningGaps(seen);
  for (const [publisher, numbers] of log.numbers) {
    countMissing(publisher, numbers, seen, gapsBefore, log, counts);
  }
  const lastGap = seen.findLastIndex(({ kind }) => kind === 'gap');
  for (const [at, event] of seen.entries()) {
    if (event.kind !== 'record' || at < lastGap || event.data.publisher === END_MARKER) continue;
    if (!log.places.has(keyOf(event.data))) counts.vanished += 1;
  }
}

/** Doubles, and records that come before one that they should follow: in the log, or of the same publisher. */
function countOrder(seen: readonly Seen[], { places, isUnordered }: ExpectedLog, counts: ReaderCounts): void {
  const everSeen = new Set<string>();
  let segment = new Set<string>();
  let lastPlace = -1;
  let lastNumbers = new Map<string, number>();
  for (const event of seen) {
    if (event.kind === 'gap') {
      segment = new Set();
      lastPlace = -1;
      lastNumbers = new Map();
    }
    if (event.kind !== 'record') continue;
    const key = keyOf(event.data);
    if (segment.has(key)) {
      counts.doubled += 1;
      continue;
    }
    if (everSeen.has(key)) counts.again += 1;
    segment.add(key);
    everSeen.add(key);
    const { publisher, number } = event.data;
    const place = places.get(key);
    const isLate = number < (lastNumbers.get(publisher) ?? 0) && !isUnordered(key);
    if (isLate || (place !== undefined && place < lastPlace)) counts.disordered += 1;
    if (!isUnordered(key)) lastNumbers.set(publisher, number);
    lastPlace = Math.max(lastPlace, place ?? -1);
  }
}

/** How many gaps come before each event. */
function runningGaps(seen: readonly Seen[]): readonly number[] {
  let gaps = 0;
  return seen.map(({ kind }) => {
    if (kind === 'gap') gaps += 1;
    return gaps;
  });
}

/** Records of a publisher that are missing, each between the nearest ones of it that were delivered. */
function countMissing(
  publisher: string,
  numbers: readonly number[],
  seen: readonly Seen[],
  gapsBefore: readonly number[],
  log: ExpectedLog,
  counts: ReaderCounts,
): void {
  const delivered = new Map<number, number>();
  for (const [at, event] of seen.entries()) {
    if (event.kind !== 'record' || event.data.publisher !== publisher) continue;
    if (!delivered.has(event.data.number)) delivered.set(event.data.number, gapsBefore[at] ?? 0);
  }
  const allGaps = gapsBefore.at(-1) ?? 0;
  let before = 0;
  for (const [at, number] of numbers.entries()) {
    const gaps = delivered.get(number);
    if (gaps !== undefined) {
      before = gaps;
      continue;
    }
    const next = numbers.slice(at + 1).find((later) => delivered.has(later));
    const after = next === undefined ? allGaps : (delivered.get(next) ?? 0);
    if (after > before) counts.skipped += 1;
    else if (log.places.has(keyOf({ publisher, number }))) counts.lost += 1;
    else counts.gone += 1;
  }
}
