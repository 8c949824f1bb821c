import { type JsonObject, jsonText } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from '../protocol/index.ts';

/** Data for one message: a string is sent as text, bytes as a binary message, and an object or array as JSON text. */
export type MessageData = string | Uint8Array | JsonObject | readonly unknown[];

/**
 * Converts data to text or bytes. @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` if it has no JSON text.
 */
export function toMessage(data: MessageData): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data;
  let cause: unknown;
  try {
    const json = jsonText(data);
    if (json !== undefined) return json;
  } catch (error) {
    // A cycle, a bigint, or an error of a `toJSON`.
    cause = error;
  }
  const expected = 'a string, a Uint8Array, or an object or array that has JSON text';
  const detail = `writeMessage: data must be ${expected}, got ${shownValue(data)}`;
  throw new WebSocketUsageError(
    'ERR_WEBSOCKET_UNSENDABLE_DATA',
    detail,
    cause === undefined ? {} : { cause },
  );
}
