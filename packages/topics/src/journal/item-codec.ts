import type { RunSettings, TopicSettings } from '../backplane/backplane.ts';
import type { ByteReader } from '../codec/byte-reader.ts';
import type { ByteWriter } from '../codec/byte-writer.ts';
import type { DedupeId } from '../logs/dedupe.ts';
import type { PastEpoch } from '../logs/log.ts';
import type {
  BeginEntry,
  ClaimEntry,
  ContinueEntry,
  DropEntry,
  EndEntry,
  ForgetEntry,
  IdsEntry,
  LogEntry,
  RecordEntry,
} from '../logs/log-entry.ts';
import type { PublicError, RunEndHow } from '../record.ts';

/** The first that a process writes to a journal. */
interface OpenMark {
  readonly type: 'open';
  /** Milliseconds since the Unix epoch. */
  readonly wallTime: number;
  /** Whether the journal had not been closed, so that the present epochs are over. */
  readonly isRecovered: boolean;
}

/** The last that a process writes to a journal, if it closes it. */
interface CloseMark {
  readonly type: 'close';
}

/** A base is complete. */
interface BaseEndMark {
  readonly type: 'base-end';
  /** How far the wall time has been ahead of the stamps at most, in milliseconds. */
  readonly wallAhead: number;
}

/** What a journal consists of. */
export type JournalItem = LogEntry | OpenMark | CloseMark | BaseEndMark;

/** The types in the file. Numbers are never used again for another type. */
const TYPE_NUMBERS = {
  begin: 1,
  record: 2,
  delete: 3,
  claim: 4,
  continue: 5,
  cancel: 6,
  end: 7,
  ids: 8,
  open: 9,
  close: 10,
  'base-end': 11,
  drop: 12,
  forget: 13,
} as const satisfies Record<JournalItem['type'], number>;

const TYPES = new Map<number, JournalItem['type']>(
  Object.entries(TYPE_NUMBERS).map(([type, number]) => [number, type as JournalItem['type']]),
);

const ENDS: readonly RunEndHow[] = ['finished', 'failed', 'cancelled', 'interrupted'];

// Which of the optional parts follow.
const HAS_KEY = 1;
const HAS_ID = 2;
const IS_BYTES = 4;
const IS_RUN = 8;
const HAS_RESULT = 1;
const HAS_ERROR = 2;

/** Writes the type and the parts of an item. */
export function writeItem(writer: ByteWriter, item: JournalItem): void {
  writer.u8(TYPE_NUMBERS[item.type]);
  switch (item.type) {
    case 'begin':
      writeBegin(writer, item);
      break;
    case 'record':
      writeRecord(writer, item);
      break;
    case 'delete':
      writer.text(item.topic);
      break;
    case 'claim':
      writeClaim(writer, item);
      break;
    case 'continue':
      writeContinue(writer, item);
      break;
    case 'cancel':
      writer.text(item.id);
      break;
    case 'end':
      writeEnd(writer, item);
      break;
    case 'ids':
      writeIds(writer, item);
      break;
    case 'drop':
      writer.text(item.topic);
      writer.f64(item.to);
      break;
    case 'forget':
      writer.u8(item.log.kind === 'run' ? IS_RUN : 0);
      writer.text(item.log.name);
      break;
    case 'open':
      writer.f64(item.wallTime);
      writer.u8(Number(item.isRecovered));
      break;
    case 'close':
      break;
    case 'base-end':
      writer.f64(item.wallAhead);
      break;
    default:
      item satisfies never;
  }
}

/**
 * Reads an item.
 *
 * @returns undefined if a newer version has written it and this one does not know its type.
 * @throws RangeError if it is shorter than its type requires.
 */
export function readItem(reader: ByteReader): JournalItem | undefined {
  const type = TYPES.get(reader.u8());
  switch (type) {
    case undefined:
      return undefined;
    case 'begin':
      return readBegin(reader);
    case 'record':
      return readRecord(reader);
    case 'delete':
      return { type, topic: reader.text() };
    case 'claim':
      return readClaim(reader);
    case 'continue':
      return readContinue(reader);
    case 'cancel':
      return { type, id: reader.text() };
    case 'end':
      return readEnd(reader);
    case 'ids':
      return readIds(reader);
    case 'drop':
      return readDrop(reader);
    case 'forget':
      return readForget(reader);
    case 'open':
      return { type, wallTime: reader.f64(), isRecovered: reader.u8() === 1 };
    case 'close':
      return { type };
    case 'base-end':
      return { type, wallAhead: reader.f64() };
    default:
      return type satisfies never;
  }
}

function writeBegin(writer: ByteWriter, entry: BeginEntry): void {
  const { maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds } = entry.settings;
  writer.text(entry.topic);
  writer.text(entry.epoch);
  writer.f64(entry.position);
  writer.u8(Number(entry.isEpochOver));
  for (const limit of [maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds]) writer.f64(limit);
  writePast(writer, entry.past);
}

function readBegin(reader: ByteReader): BeginEntry {
  const topic = reader.text();
  const epoch = reader.text();
  const position = reader.f64();
  const isEpochOver = reader.u8() === 1;
  const settings: TopicSettings = {
    maxRecords: reader.f64(),
    maxBytes: reader.f64(),
    maxAgeMs: reader.f64(),
    dedupeMs: reader.f64(),
    maxDedupeIds: reader.f64(),
  };
  return { type: 'begin', topic, epoch, position, past: readPast(reader), isEpochOver, settings };
}

function writePast(writer: ByteWriter, past: readonly PastEpoch[]): void {
  writer.u32(past.length);
  for (const { epoch, to } of past) {
    writer.text(epoch);
    writer.f64(to);
  }
}

function readPast(reader: ByteReader): readonly PastEpoch[] {
  return readList(reader, () => ({ epoch: reader.text(), to: reader.f64() }));
}

function writeRecord(writer: ByteWriter, { log, position, time, key, id, payload }: RecordEntry): void {
  const isText = typeof payload === 'string';
  writer.u8(
    (key === undefined ? 0 : HAS_KEY) |
      (id === undefined ? 0 : HAS_ID) |
      (isText ? 0 : IS_BYTES) |
      (log.kind === 'run' ? IS_RUN : 0),
  );
  writer.text(log.name);
  writer.f64(position);
  writer.f64(time);
  if (key !== undefined) writer.text(key);
  if (id !== undefined) writer.text(id);
  if (isText) writer.text(payload);
  else writer.bytes(payload);
}

function readRecord(reader: ByteReader): RecordEntry {
  const parts = reader.u8();
  const name = reader.text();
  const position = reader.f64();
  const time = reader.f64();
  const key = (parts & HAS_KEY) === 0 ? undefined : reader.text();
  const id = (parts & HAS_ID) === 0 ? undefined : reader.text();
  const payload = (parts & IS_BYTES) === 0 ? reader.text() : reader.bytes();
  const kind = (parts & IS_RUN) === 0 ? 'topic' : 'run';
  return { type: 'record', log: { kind, name }, position, time, key, id, payload };
}

function writeClaim(writer: ByteWriter, entry: ClaimEntry): void {
  const { maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs } = entry.settings;
  writer.text(entry.id);
  writer.text(entry.epoch);
  writer.u8(Number(entry.isEpochOver));
  writer.f64(entry.attempt);
  writer.text(entry.owner);
  writer.f64(entry.time);
  for (const limit of [maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs]) writer.f64(limit);
  writeOptional(writer, entry.input);
  writePast(writer, entry.past);
}

function readClaim(reader: ByteReader): ClaimEntry {
  const id = reader.text();
  const epoch = reader.text();
  const isEpochOver = reader.u8() === 1;
  const attempt = reader.f64();
  const owner = reader.text();
  const time = reader.f64();
  const settings: RunSettings = {
    maxRecords: reader.f64(),
    maxBytes: reader.f64(),
    leaseMs: reader.f64(),
    ttlMs: reader.f64(),
    maxDurationMs: reader.f64(),
  };
  const input = readOptional(reader);
  const past = readPast(reader);
  return { type: 'claim', id, epoch, past, isEpochOver, attempt, owner, input, settings, time };
}

function writeContinue(writer: ByteWriter, { id, attempt, epoch }: ContinueEntry): void {
  writer.text(id);
  writer.f64(attempt);
  writeOptional(writer, epoch);
}

function readContinue(reader: ByteReader): ContinueEntry {
  return { type: 'continue', id: reader.text(), attempt: reader.f64(), epoch: readOptional(reader) };
}

function writeEnd(writer: ByteWriter, { id, position, time, how, result, error }: EndEntry): void {
  writer.text(id);
  writer.f64(position);
  writer.f64(time);
  writer.u8(ENDS.indexOf(how));
  writer.u8((result === undefined ? 0 : HAS_RESULT) | (error === undefined ? 0 : HAS_ERROR));
  if (result !== undefined) writer.text(result);
  if (error === undefined) return;
  writer.text(error.code);
  writer.text(error.message);
}

function readEnd(reader: ByteReader): EndEntry {
  const id = reader.text();
  const position = reader.f64();
  const time = reader.f64();
  const how = ENDS[reader.u8()];
  if (how === undefined) throw new RangeError('the end of a run is of an unknown kind');
  const parts = reader.u8();
  const result = (parts & HAS_RESULT) === 0 ? undefined : reader.text();
  const error: PublicError | undefined =
    (parts & HAS_ERROR) === 0 ? undefined : { code: reader.text(), message: reader.text() };
  return { type: 'end', id, position, time, how, result, error };
}

function writeIds(writer: ByteWriter, { topic, ids }: IdsEntry): void {
  writer.text(topic);
  writer.u32(ids.length);
  for (const { id, cursor, position, at } of ids) {
    writer.text(id);
    writer.text(cursor);
    writer.f64(position);
    writer.f64(at);
  }
}

function readIds(reader: ByteReader): IdsEntry {
  const topic = reader.text();
  const ids: readonly DedupeId[] = readList(reader, () => ({
    id: reader.text(),
    cursor: reader.text(),
    position: reader.f64(),
    at: reader.f64(),
  }));
  return { type: 'ids', topic, ids };
}

function readDrop(reader: ByteReader): DropEntry {
  return { type: 'drop', topic: reader.text(), to: reader.f64() };
}

function readForget(reader: ByteReader): ForgetEntry {
  const kind = (reader.u8() & IS_RUN) === 0 ? 'topic' : 'run';
  return { type: 'forget', log: { kind, name: reader.text() } };
}

function writeOptional(writer: ByteWriter, value: string | undefined): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) writer.text(value);
}

function readOptional(reader: ByteReader): string | undefined {
  return reader.u8() === 0 ? undefined : reader.text();
}

function readList<Item>(reader: ByteReader, read: () => Item): readonly Item[] {
  const items: Item[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) items.push(read());
  return items;
}
