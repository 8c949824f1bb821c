import type {
  Backplane,
  LogName,
  NewRecord,
  NewRun,
  NewRunEnd,
  PageSize,
  PresenceSettings,
  ReadFrom,
  TopicSettings,
} from '../backplane/backplane.ts';
import { ByteReader } from '../codec/byte-reader.ts';
import type { ByteWriter } from '../codec/byte-writer.ts';
import type { Payload, TopicMember } from '../record.ts';
import { bufferOf, readOptionalText, readPayload, writeOptionalText, writePayload } from './wire-record.ts';

// What a child sends to its parent. Publishing is binary, and other calls are JSON.

/**
 * The version of what is sent in both directions. Parent and child differ after a rolling restart with another version of
 * the package. A type of message is never used again for another meaning, and unknown ones are ignored.
 */
export const WIRE_VERSION = 1;

/** The types of messages. */
const TYPES = { hello: 1, append: 2, write: 3, call: 4, unfollow: 5 } as const;

/** The arguments of the calls that are sent as JSON. */
interface CallArguments {
  readonly read: readonly [log: LogName, from: ReadFrom, size: PageSize];
  readonly follow: readonly [log: LogName, presence: boolean];
  readonly delete: readonly [topic: string];
  readonly revoke: readonly [topic: string, subject: string | null];
  readonly join: readonly [topic: string, member: TopicMember, settings: PresenceSettings];
  readonly leave: readonly [topic: string, member: string, settings: PresenceSettings];
  readonly claimRun: readonly [run: NewRun];
  readonly renewRun: readonly [id: string, token: number];
  readonly releaseRun: readonly [id: string, token: number];
  readonly endRun: readonly [id: string, token: number, end: NewRunEnd];
  readonly cancelRun: readonly [id: string];
  readonly runInfo: readonly [id: string];
  readonly claimExpiredRun: readonly [id: string | null];
  readonly stats: readonly [];
}

/** A call that is sent as JSON. */
export type WireCall = {
  [Method in keyof CallArguments & keyof Backplane]: {
    readonly method: Method;
    readonly args: CallArguments[Method];
  };
}[keyof CallArguments & keyof Backplane];

/** Gets what a child has sent. */
export interface WireCallHandler {
  hello(call: number, version: number): void;
  append(call: number, topic: string, record: NewRecord, settings: TopicSettings): void;
  write(call: number, id: string, token: number, payload: Payload): void;
  call(call: number, wire: WireCall): void;
  /** @param presenceOnly - the log is still followed, without presence. */
  unfollow(log: number, presenceOnly: boolean): void;
  /** A newer version has sent something unknown. */
  unknown(type: number): void;
}

/** @param version - that in which the child sends. */
export function helloToParent(writer: ByteWriter, call: number, version: number): Uint8Array {
  writer.u8(TYPES.hello);
  writer.u32(call);
  writer.u32(version);
  return writer.take();
}

/** @param call - the number that the reply has. */
export function appendToParent(
  writer: ByteWriter,
  call: number,
  topic: string,
  { payload, key, id }: NewRecord,
  { maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds }: TopicSettings,
): Uint8Array {
  writer.u8(TYPES.append);
  writer.u32(call);
  writer.text(topic);
  writeOptionalText(writer, key);
  writeOptionalText(writer, id);
  writer.f64(maxRecords);
  writer.f64(maxBytes);
  writer.f64(maxAgeMs);
  writer.f64(dedupeMs);
  writer.f64(maxDedupeIds);
  writePayload(writer, payload);
  return writer.take();
}

export function writeToParent(
  writer: ByteWriter,
  call: number,
  id: string,
  token: number,
  payload: Payload,
): Uint8Array {
  writer.u8(TYPES.write);
  writer.u32(call);
  writer.text(id);
  writer.f64(token);
  writePayload(writer, payload);
  return writer.take();
}

export function callToParent(writer: ByteWriter, call: number, { method, args }: WireCall): Uint8Array {
  writer.u8(TYPES.call);
  writer.u32(call);
  writer.text(JSON.stringify([method, ...args]));
  return writer.take();
}

/** @param log - the number that the parent has given it. */
export function unfollowToParent(writer: ByteWriter, log: number, presenceOnly: boolean): Uint8Array {
  writer.u8(TYPES.unfollow);
  writer.f64(log);
  writer.u8(Number(presenceOnly));
  return writer.take();
}

/** Passes a message of a child on. @throws RangeError or SyntaxError if no child has written it. */
export function readFromChild(message: Uint8Array, handler: WireCallHandler): void {
  const buffer = bufferOf(message);
  const reader = new ByteReader(buffer, 0, buffer.length);
  const type = reader.u8();
  switch (type) {
    case TYPES.hello:
      handler.hello(reader.u32(), reader.u32());
      break;
    case TYPES.append:
      readAppend(reader, handler);
      break;
    case TYPES.write:
      handler.write(reader.u32(), reader.text(), reader.f64(), readPayload(reader));
      break;
    case TYPES.call: {
      const call = reader.u32();
      const [method, ...args] = JSON.parse(reader.text()) as unknown[];
      handler.call(call, { method, args } as unknown as WireCall);
      break;
    }
    case TYPES.unfollow:
      handler.unfollow(reader.f64(), reader.u8() === 1);
      break;
    default:
      handler.unknown(type);
  }
}

function readAppend(reader: ByteReader, handler: WireCallHandler): void {
  const call = reader.u32();
  const topic = reader.text();
  const key = readOptionalText(reader);
  const id = readOptionalText(reader);
  const settings: TopicSettings = {
    maxRecords: reader.f64(),
    maxBytes: reader.f64(),
    maxAgeMs: reader.f64(),
    dedupeMs: reader.f64(),
    maxDedupeIds: reader.f64(),
  };
  handler.append(call, topic, { payload: readPayload(reader), key, id }, settings);
}
