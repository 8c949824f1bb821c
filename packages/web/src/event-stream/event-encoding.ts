import { Buffer } from 'node:buffer';
import { encodeEvent, type PreparedPiece } from '@landspout/http1/protocol';
import type { CursorEvent, RecordEvent } from './cursor-source.ts';
import { encodeCursorEvent } from './encoded-events.ts';
import { EventBoundary, withEventId } from './event-boundary.ts';
import { dataText, ServerEvent } from './server-event.ts';

/** How the values of a source become the text of a stream. */
export interface EventEncoding<Value = unknown> {
  /** Returns what to send for a value; '' for nothing. */
  encode(value: Value): string | Uint8Array | PreparedPiece;
  /** Whether what was encoded so far ends with a complete event. */
  readonly isBetweenEvents: boolean;
  /** Whether the stream ends early when the server stops, because its client can resume or begin again. */
  readonly endsOnStopping: boolean;
  /** Why the response must look incomplete, although the values have ended. */
  readonly failure?: Error | undefined;
}

/** Ends of a run after which its text is incomplete. */
const INCOMPLETE: ReadonlySet<string> = new Set(['failed', 'interrupted']);

/** Sends the events of a topic or run, with our own events for gaps, presence and the end. Shared by all streams. */
export const CURSOR_EVENTS: EventEncoding<CursorEvent> = {
  encode: encodeCursorEvent,
  isBetweenEvents: true,
  endsOnStopping: true,
};

/** Sends the records of a topic or run as the event stream that they are, with their cursors as ids. */
export class PassedRecords implements EventEncoding<CursorEvent> {
  readonly endsOnStopping = true;
  failure: Error | undefined;
  readonly #boundary = new EventBoundary();

  get isBetweenEvents(): boolean {
    return this.#boundary.isReached;
  }

  encode(event: CursorEvent): string | Uint8Array {
    if (event.kind === 'record') return this.#record(event);
    if (event.kind === 'end' && INCOMPLETE.has(event.how))
      this.failure = new Error(`the run has ended: ${event.how}`);
    return '';
  }

  #record({ cursor, payload }: RecordEvent): string | Uint8Array {
    if (typeof payload !== 'string') {
      // Latin1, because a part may end within a character.
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      return Buffer.from(this.#withId(bytes.toString('latin1'), cursor), 'latin1');
    }
    const value: unknown = JSON.parse(payload);
    if (typeof value === 'string') return this.#withId(value, cursor);
    return encodeEvent({ id: cursor, data: payload });
  }

  #withId(text: string, cursor: string): string {
    const startsEvent = this.#boundary.isReached;
    this.#boundary.add(text);
    return withEventId(text, cursor, startsEvent, this.#boundary.isReached);
  }
}

/** Sends the values of an async iterable. */
export class ValueEvents implements EventEncoding {
  readonly #passThrough: boolean;
  readonly #boundary = new EventBoundary();

  /** @param passThrough - whether texts are already an event stream. */
  constructor(passThrough: boolean) {
    this.#passThrough = passThrough;
  }

  get isBetweenEvents(): boolean {
    return this.#boundary.isReached;
  }

  /** The client of another protocol does not connect again by itself, so its response should be completed. */
  get endsOnStopping(): boolean {
    return !this.#passThrough;
  }

  encode(value: unknown): string | Uint8Array {
    if (value instanceof ServerEvent) return value.text;
    if (value instanceof Uint8Array) {
      const { buffer, byteOffset, byteLength } = value;
      this.#boundary.add(
        Buffer.from(buffer, byteOffset, byteLength).toString('latin1', Math.max(0, byteLength - 3)),
      );
      return value;
    }
    if (typeof value !== 'string' || !this.#passThrough) return encodeEvent({ data: dataText(value) });
    this.#boundary.add(value);
    return value;
  }
}
