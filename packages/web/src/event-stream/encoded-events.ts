import { Buffer } from 'node:buffer';
import { encodeEvent, PreparedPiece } from '@landspout/http1/protocol';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { CursorEvent, EndEvent, PresenceEvent, RecordEvent } from './cursor-source.ts';

/** Enough for the records that many topics publish within one loop iteration. */
const MAX_ENTRIES = 1_024;
const MAX_BYTES = 4 * 1024 * 1024;

/** Events that all readers of a process get as one object. */
type SharedEvent = RecordEvent | PresenceEvent;

/**
 * The encoded form of events that were sent recently, oldest first. An event is sent to all its readers at about the
 * same time, so that it is encoded once for all of them. Older ones are dropped: the history of a topic would otherwise
 * be in memory twice.
 */
export class EncodedEvents {
  readonly #encoded = new Map<SharedEvent, PreparedPiece>();
  #bytes = 0;
  /** The one that was asked for last, because the next reader mostly gets the same one. */
  #last: { readonly event: SharedEvent; readonly piece: PreparedPiece } | undefined;

  encode(event: SharedEvent): PreparedPiece {
    if (this.#last?.event === event) return this.#last.piece;
    const piece = this.#encoded.get(event) ?? this.#add(event);
    this.#last = { event, piece };
    return piece;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ size: this.#encoded.size, bytes: this.#bytes }));
  }

  #add(event: SharedEvent): PreparedPiece {
    const piece = new PreparedPiece(event.kind === 'record' ? recordText(event) : presenceText(event));
    if (piece.byteLength > MAX_BYTES) return piece;
    this.#encoded.set(event, piece);
    this.#bytes += piece.byteLength;
    this.#dropOldest();
    return piece;
  }

  #dropOldest(): void {
    for (const [event, { byteLength }] of this.#encoded) {
      if (this.#encoded.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) return;
      this.#encoded.delete(event);
      this.#bytes -= byteLength;
    }
  }
}

const shared = new EncodedEvents();

/**
 * Encodes an event of a topic or run. The encoded form of records and of changes of presence is shared by all streams of
 * the process. @returns '' for nothing.
 */
export function encodeCursorEvent(event: CursorEvent): string | PreparedPiece {
  switch (event.kind) {
    case 'record':
      return shared.encode(event);
    case 'gap': {
      const { reason, cursor } = event;
      return encodeEvent({ event: 'gap', id: cursor, data: JSON.stringify({ reason, cursor }) });
    }
    case 'end':
      return endText(event);
    case 'presence':
      // Each reader has a list of all members of its own.
      return event.members === undefined ? shared.encode(event) : presenceText(event);
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
