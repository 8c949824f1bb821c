import { isThenable } from '@landspout/ioloop';
import { WebSocketUsageError } from '../protocol/index.ts';

/** What can be sent as a message: text, bytes as a binary message, or an object as the text of its JSON. */
export type MessageData = string | Uint8Array | object;

/** @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` for what would not arrive as what it is. */
export function toMessage(data: MessageData): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data;
  const json: string | undefined = hasJson(data) ? JSON.stringify(data) : undefined;
  if (json !== undefined) return json;
  const kind = typeof data === 'object' && data !== null ? (data.constructor?.name ?? 'object') : typeof data;
  const detail = `text, a Uint8Array or an object with JSON was expected, not ${kind}`;
  throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_DATA', detail);
}

/** Collections, other bytes and promises have a JSON form, but an empty one: nobody ever wants that. */
function hasJson(data: unknown): data is object {
  if (typeof data !== 'object' || data === null) return false;
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer || data instanceof SharedArrayBuffer)
    return false;
  if (data instanceof Map || data instanceof Set || data instanceof Blob) return false;
  return !isThenable(data);
}
