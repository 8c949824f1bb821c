import type { Page, PresenceChange } from '../backplane/backplane.ts';
import { ByteReader } from '../codec/byte-reader.ts';
import type { ByteWriter } from '../codec/byte-writer.ts';
import { frozen, type TopicEnd, type TopicGap, type TopicMember, type TopicRecord } from '../record.ts';
import { bufferOf, readOptionalText, readRecord, writeOptionalText, writeRecord } from './wire-record.ts';

// What a parent sends to its child: replies to calls, and notifications about the logs that the child follows. Records
// are binary. What a notification says of a record is the same for all children, so it is encoded once.

/** The types of messages. */
const TYPES = {
  hello: 1,
  cursor: 2,
  result: 3,
  failure: 4,
  page: 5,
  part: 6,
  following: 7,
  record: 8,
  records: 9,
  gap: 10,
  ended: 11,
  revoked: 12,
  cancelRequested: 13,
  members: 14,
  presence: 15,
} as const;

/** How following has started. */
export interface StartedFollowing {
  /** Undefined if the log had ended. */
  readonly log: number | undefined;
  readonly cursor: string;
  readonly end: TopicEnd | undefined;
  readonly revocations: number;
}

/** Gets what a parent has sent. */
export interface WireReplyHandler {
  hello(call: number, version: number): void;
  /** @param isBehind - records up to the cursor may not have been sent yet. */
  cursor(call: number, cursor: string, isBehind: boolean): void;
  result(call: number, value: unknown): void;
  /** @param failure - for `errorOfWire`. */
  failure(call: number, failure: unknown): void;
  page(call: number, page: Page): void;
  /** A part of a list; the last part comes before the reply. */
  part(call: number, items: readonly unknown[]): void;
  following(call: number, started: StartedFollowing): void;
  record(log: number, record: TopicRecord): void;
  gap(log: number, gap: TopicGap): void;
  ended(log: number, end: TopicEnd): void;
  /** @param revocations - the number of revocations so far. */
  revoked(log: number, subject: string | undefined, revocations: number): void;
  cancelRequested(log: number): void;
  /** Members anew, in parts. */
  members(log: number, members: readonly TopicMember[], isLast: boolean): void;
  presence(log: number, change: PresenceChange): void;
}

export function helloToChild(writer: ByteWriter, call: number, version: number): Uint8Array {
  writer.u8(TYPES.hello);
  writer.u32(call);
  writer.u32(version);
  return writer.take();
}

export function cursorToChild(
  writer: ByteWriter,
  call: number,
  cursor: string,
  isBehind: boolean,
): Uint8Array {
  writer.u8(TYPES.cursor);
  writer.u32(call);
  writer.text(cursor);
  writer.u8(Number(isBehind));
  return writer.take();
}

export function resultToChild(writer: ByteWriter, call: number, value: unknown): Uint8Array {
  return callJson(writer, TYPES.result, call, value);
}

export function failureToChild(writer: ByteWriter, call: number, failure: unknown): Uint8Array {
  return callJson(writer, TYPES.failure, call, failure);
}

export function partToChild(writer: ByteWriter, call: number, items: readonly unknown[]): Uint8Array {
  return callJson(writer, TYPES.part, call, items);
}

export function pageToChild(writer: ByteWriter, call: number, page: Page): Uint8Array {
  writer.u8(TYPES.page);
  writer.u32(call);
  writer.text(page.start);
  writer.text(page.cursor);
  writer.u8(Number(page.more));
  writeOptionalText(writer, page.gap?.reason);
  writeOptionalText(writer, page.end === undefined ? undefined : JSON.stringify(page.end));
  writeRecords(writer, page.records);
  return writer.take();
}

export function followingToChild(
  writer: ByteWriter,
  call: number,
  { log, cursor, end, revocations }: StartedFollowing,
): Uint8Array {
  writer.u8(TYPES.following);
  writer.u32(call);
  writer.f64(log ?? 0);
  writer.f64(revocations);
  writer.text(cursor);
  writeOptionalText(writer, end === undefined ? undefined : JSON.stringify(end));
  return writer.take();
}

export function recordToChild(writer: ByteWriter, log: number, record: TopicRecord): Uint8Array {
  writer.u8(TYPES.record);
  writer.f64(log);
  writeRecord(writer, record);
  return writer.take();
}

export function recordsToChild(writer: ByteWriter, log: number, records: readonly TopicRecord[]): Uint8Array {
  writer.u8(TYPES.records);
  writer.f64(log);
  writeRecords(writer, records);
  return writer.take();
}

export function gapToChild(writer: ByteWriter, log: number, { reason, cursor }: TopicGap): Uint8Array {
  writer.u8(TYPES.gap);
  writer.f64(log);
  writer.text(reason);
  writer.text(cursor);
  return writer.take();
}

export function endedToChild(writer: ByteWriter, log: number, end: TopicEnd): Uint8Array {
  return logJson(writer, TYPES.ended, log, end);
}

export function revokedToChild(
  writer: ByteWriter,
  log: number,
  subject: string | undefined,
  revocations: number,
): Uint8Array {
  writer.u8(TYPES.revoked);
  writer.f64(log);
  writer.f64(revocations);
  writeOptionalText(writer, subject);
  return writer.take();
}

export function cancelRequestedToChild(writer: ByteWriter, log: number): Uint8Array {
  writer.u8(TYPES.cancelRequested);
  writer.f64(log);
  return writer.take();
}

export function membersToChild(
  writer: ByteWriter,
  log: number,
  members: readonly TopicMember[],
  isLast: boolean,
): Uint8Array {
  return logJson(writer, TYPES.members, log, { members, isLast });
}

export function presenceToChild(writer: ByteWriter, log: number, change: PresenceChange): Uint8Array {
  return logJson(writer, TYPES.presence, log, change);
}

/** Passes a message of the parent on; one that a newer parent has sent and this version does not know is ignored. */
export function readFromParent(message: Uint8Array, handler: WireReplyHandler): void {
  const buffer = bufferOf(message);
  const reader = new ByteReader(buffer, 0, buffer.length);
  const type = reader.u8();
  // From the most frequent to the rarest.
  if (type === TYPES.record) handler.record(reader.f64(), readRecord(reader));
  else if (type === TYPES.cursor) handler.cursor(reader.u32(), reader.text(), reader.u8() === 1);
  else if (type <= TYPES.following) readReply(type, reader, handler);
  else readNotification(type, reader, handler);
}

function readReply(type: number, reader: ByteReader, handler: WireReplyHandler): void {
  switch (type) {
    case TYPES.hello:
      handler.hello(reader.u32(), reader.u32());
      break;
    case TYPES.result:
      handler.result(reader.u32(), readJson(reader));
      break;
    case TYPES.failure:
      handler.failure(reader.u32(), readJson(reader));
      break;
    case TYPES.page:
      handler.page(reader.u32(), readPage(reader));
      break;
    case TYPES.part:
      handler.part(reader.u32(), readJson(reader) as readonly unknown[]);
      break;
    case TYPES.following:
      handler.following(reader.u32(), readStarted(reader));
      break;
    default:
  }
}

function readNotification(type: number, reader: ByteReader, handler: WireReplyHandler): void {
  const log = reader.f64();
  switch (type) {
    case TYPES.records:
      for (let left = reader.u32(); left > 0; left -= 1) handler.record(log, readRecord(reader));
      break;
    case TYPES.gap:
      handler.gap(log, gapOf(reader.text(), reader.text()));
      break;
    case TYPES.ended:
      handler.ended(log, frozen(readJson(reader) as TopicEnd));
      break;
    case TYPES.revoked: {
      const revocations = reader.f64();
      handler.revoked(log, readOptionalText(reader), revocations);
      break;
    }
    case TYPES.cancelRequested:
      handler.cancelRequested(log);
      break;
    case TYPES.members: {
      const { members, isLast } = readJson(reader) as { members: readonly TopicMember[]; isLast: boolean };
      handler.members(log, members, isLast);
      break;
    }
    case TYPES.presence:
      handler.presence(log, readJson(reader) as PresenceChange);
      break;
    default:
  }
}

function readPage(reader: ByteReader): Page {
  const start = reader.text();
  const cursor = reader.text();
  const more = reader.u8() === 1;
  const reason = readOptionalText(reader);
  const end = readEnd(reader);
  const records: TopicRecord[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) records.push(readRecord(reader));
  // After a gap, reading starts at its cursor.
  return { records, start, cursor, gap: reason === undefined ? undefined : gapOf(reason, start), more, end };
}

function readStarted(reader: ByteReader): StartedFollowing {
  const log = reader.f64();
  const revocations = reader.f64();
  const cursor = reader.text();
  return { log: log === 0 ? undefined : log, cursor, end: readEnd(reader), revocations };
}

function readEnd(reader: ByteReader): TopicEnd | undefined {
  const text = readOptionalText(reader);
  return text === undefined ? undefined : frozen(JSON.parse(text) as TopicEnd);
}

function gapOf(reason: string, cursor: string): TopicGap {
  return { kind: 'gap', reason: reason as TopicGap['reason'], cursor };
}

function readJson(reader: ByteReader): unknown {
  return JSON.parse(reader.text());
}

function callJson(writer: ByteWriter, type: number, call: number, value: unknown): Uint8Array {
  writer.u8(type);
  writer.u32(call);
  // A call without a result has none.
  writer.text(JSON.stringify(value ?? null));
  return writer.take();
}

function logJson(writer: ByteWriter, type: number, log: number, value: unknown): Uint8Array {
  writer.u8(type);
  writer.f64(log);
  writer.text(JSON.stringify(value));
  return writer.take();
}

function writeRecords(writer: ByteWriter, records: readonly TopicRecord[]): void {
  writer.u32(records.length);
  for (const record of records) writeRecord(writer, record);
}
