import { Buffer } from 'node:buffer';
import type { ByteReader } from '../codec/byte-reader.ts';
import type { ByteWriter } from '../codec/byte-writer.ts';
import { type Payload, TopicRecord } from '../record.ts';

// Which optional parts follow.
const HAS_KEY = 1;
const IS_BYTES = 2;

export function writeRecord(writer: ByteWriter, { cursor, time, key, payload }: TopicRecord): void {
  writer.u8((key === undefined ? 0 : HAS_KEY) | (typeof payload === 'string' ? 0 : IS_BYTES));
  writer.text(cursor);
  writer.f64(time);
  if (key !== undefined) writer.text(key);
  writeContent(writer, payload);
}

export function readRecord(reader: ByteReader): TopicRecord {
  const parts = reader.u8();
  const cursor = reader.text();
  const time = reader.f64();
  const key = (parts & HAS_KEY) === 0 ? undefined : reader.text();
  return new TopicRecord(cursor, time, key, readContent(reader, (parts & IS_BYTES) !== 0));
}

/** Writes a payload with its kind. */
export function writePayload(writer: ByteWriter, payload: Payload): void {
  writer.u8(typeof payload === 'string' ? 0 : IS_BYTES);
  writeContent(writer, payload);
}

export function readPayload(reader: ByteReader): Payload {
  return readContent(reader, (reader.u8() & IS_BYTES) !== 0);
}

export function writeOptionalText(writer: ByteWriter, text: string | undefined): void {
  writer.u8(text === undefined ? 0 : 1);
  if (text !== undefined) writer.text(text);
}

export function readOptionalText(reader: ByteReader): string | undefined {
  return reader.u8() === 0 ? undefined : reader.text();
}

function writeContent(writer: ByteWriter, payload: Payload): void {
  if (typeof payload === 'string') writer.text(payload);
  else writer.bytes(payload);
}

function readContent(reader: ByteReader, isBytes: boolean): Payload {
  if (!isBytes) return reader.text();
  const bytes = reader.view();
  // A view keeps all that came with it. If that is not much more, the bytes need not be copied.
  if (bytes.byteLength * 2 < bytes.buffer.byteLength) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A buffer over the bytes of a message. */
export function bufferOf(message: Uint8Array): Buffer {
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}
