import { type JsonObject, jsonText } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from '../protocol/index.ts';

/** What can be sent as a message: text, bytes as a binary message, or an object or array as the text of its JSON. */
export type MessageData = string | Uint8Array | JsonObject | readonly unknown[];

/** @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` for what would not arrive as what it is. */
export function toMessage(data: MessageData): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data;
  const json = jsonText(data);
  if (json !== undefined) return json;
  const detail = `text, a Uint8Array or an object with JSON was expected, not ${shownValue(data)}`;
  throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_DATA', detail);
}
