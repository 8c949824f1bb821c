import { Buffer } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
import { TopicsLimitError, TopicsUsageError } from '../errors.ts';
import type { Payload } from '../record.ts';

/**
 * Returns the data as JSON text, or a copy of bytes.
 *
 * @throws TopicsUsageError `ERR_TOPICS_USAGE` if it has no JSON; TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`.
 */
export function payloadOf(operation: string, data: unknown, maxRecordBytes: number): Payload {
  if (ArrayBuffer.isView(data)) {
    requireSize(operation, data.byteLength, maxRecordBytes);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
  const text = jsonOf(operation, data);
  // Each UTF-16 unit is at most three bytes, so most texts need not be measured.
  if (text.length * 3 > maxRecordBytes) requireSize(operation, Buffer.byteLength(text), maxRecordBytes);
  return text;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function jsonOf(operation: string, data: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  const problem = `${operation}: a value that JSON can represent, or bytes, was expected, not ${shownValue(data)}`;
  throw new TopicsUsageError('ERR_TOPICS_USAGE', problem, { cause });
}

function requireSize(operation: string, bytes: number, maxRecordBytes: number): void {
  if (bytes <= maxRecordBytes) return;
  throw new TopicsLimitError(
    'ERR_TOPICS_RECORD_TOO_LARGE',
    `${operation}: a record has at most maxRecordBytes (${maxRecordBytes}) bytes, and this one has ${bytes}`,
  );
}
