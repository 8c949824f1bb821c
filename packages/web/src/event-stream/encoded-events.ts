import { Buffer } from 'node:buffer';
import { encodeEvent } from '@landspout/http1/protocol';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { CursorEvent, EndEvent, PresenceEvent, RecordEvent } from './cursor-source.ts';

/** Enough for the records that many topics publish within one loop iteration. */
const MAX_ENTRIES = 1_024;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The encoded form of records that were sent recently, oldest first. A record is sent to all its readers at about the
 * same time, so that it is encoded once for all of them. Older ones are dropped: the history of a topic would otherwise
 * be in memory twice.
 */
export class EncodedRecords {
  readonly #encoded = new Map<RecordEvent, Buffer>();
  #bytes = 0;

  /** Returns the bytes of a record, which must not be modified. */
  encode(record: RecordEvent): Buffer {
    const known = this.#encoded.get(record);
    if (known !== undefined) return known;
    const bytes = Buffer.from(recordText(record));
    if (bytes.length > MAX_BYTES) return bytes;
    this.#encoded.set(record, bytes);
    this.#bytes += bytes.length;
    this.#dropOldest();
    return bytes;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ size: this.#encoded.size, bytes: this.#bytes }));
  }

  #dropOldest(): void {
    for (const [record, { length }] of this.#encoded) {
      if (this.#encoded.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) return;
      this.#encoded.delete(record);
      this.#bytes -= length;
    }
  }
}

const records = new EncodedRecords();

/** Encodes an event of a topic or run. The bytes of records are shared by all streams of the process. */
export function encodeCursorEvent(event: CursorEvent): string | Uint8Array {
  switch (event.kind) {
    case 'record':
      return records.encode(event);
    case 'gap': {
      const { reason, cursor } = event;
      return encodeEvent({ event: 'gap', id: cursor, data: JSON.stringify({ reason, cursor }) });
    }
    case 'end':
      return endText(event);
    case 'presence':
      return presenceText(event);
    default:
      return ''; // An event that a later version of the topics package may have.
  }
}

function recordText({ cursor, payload }: RecordEvent): string {
  if (typeof payload === 'string') return encodeEvent({ id: cursor, data: payload });
  const { buffer, byteOffset, byteLength } = payload;
  const data = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  return encodeEvent({ event: 'bytes', id: cursor, data });
}

export function endText({ how, cursor, result, error }: EndEvent): string {
  return encodeEvent({ event: 'end', id: cursor, data: JSON.stringify({ how, result, error }) });
}

function presenceText({ members, joined, left, meta }: PresenceEvent): string {
  return encodeEvent({ event: 'presence', data: JSON.stringify({ members, joined, left, meta }) });
}
