import { Buffer } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
import { TopicsLimitError, TopicsUsageError, topicsChecks } from '../errors.ts';
import type { Payload } from '../record.ts';

/**
 * Returns the data of a record as it is stored. Bytes are copied, because the caller may reuse their memory.
 *
 * @throws TopicsUsageError `ERR_TOPICS_USAGE`; TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`.
 */
export function payloadOf(operation: string, data: unknown, maxBytes: number): Payload {
  if (!(data instanceof Uint8Array)) return jsonOf(operation, 'data', data, maxBytes);
  requireSize(operation, 'data', data.byteLength, maxBytes);
  return new Uint8Array(data);
}

/**
 * Returns a value as JSON text.
 *
 * @param what - the name of the value, for messages.
 * @throws TopicsUsageError `ERR_TOPICS_USAGE`; TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`.
 */
export function jsonOf(operation: string, what: string, value: unknown, maxBytes: number): string {
  const text = isOtherThanJson(value) ? undefined : stringified(operation, what, value);
  if (text === undefined) throw topicsChecks.wrong(operation, `${what}: a JSON value`, value);
  requireSize(operation, what, Buffer.byteLength(text), maxBytes);
  return text;
}

/** Whether `JSON.stringify` would turn the value into an object without its content. */
function isOtherThanJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('toJSON' in value && !ArrayBuffer.isView(value)) return false;
  return (
    ArrayBuffer.isView(value) || value instanceof ArrayBuffer || Symbol.asyncIterator in value || 'then' in value
  );
}

function stringified(operation: string, what: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    const problem = `${operation}: ${what}: a JSON value was expected, not ${shownValue(value)} that JSON.stringify refuses; see the cause`;
    throw new TopicsUsageError('ERR_TOPICS_USAGE', problem, { cause: error });
  }
}

function requireSize(operation: string, what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new TopicsLimitError(
    'ERR_TOPICS_RECORD_TOO_LARGE',
    `${operation}: ${what} has ${bytes} bytes; maxRecordBytes is ${maxBytes}. Write it in parts, or raise maxRecordBytes`,
  );
}
