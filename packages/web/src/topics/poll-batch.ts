import { Buffer } from 'node:buffer';
import type { CursorEvent, EndEvent, GapEvent, RecordEvent } from '../event-stream/cursor-source.ts';

/** The limits of one batch. */
export interface BatchLimits {
  readonly maxPollRecords: number;
  readonly maxPollBytes: number;
}

/** What the response to one long poll contains. */
export class PollBatch {
  readonly #limits: BatchLimits;
  readonly #records: string[] = [];
  #bytes = 0;
  #cursor: string;
  #gap: GapEvent | undefined;
  #end: EndEvent | undefined;

  /** @param cursor - where reading began. */
  constructor(cursor: string, limits: BatchLimits) {
    this.#cursor = cursor;
    this.#limits = limits;
  }

  /** Whether nothing more fits, or nothing follows. */
  get isComplete(): boolean {
    const { maxPollRecords, maxPollBytes } = this.#limits;
    return this.#end !== undefined || this.#records.length >= maxPollRecords || this.#bytes >= maxPollBytes;
  }

  get hasGap(): boolean {
    return this.#gap !== undefined;
  }

  /** @returns false if the event must be in a later response; the batch is complete then. */
  add(event: CursorEvent): boolean {
    switch (event.kind) {
      case 'record':
        this.#addRecord(event);
        return true;
      case 'gap':
        // The client takes the gap for what precedes the records. It meets a later one with its next request.
        if (this.#records.length > 0) return false;
        this.#gap = event;
        this.#cursor = event.cursor;
        return true;
      case 'end':
        this.setEnd(event);
        return true;
      default:
        return true; // Presence has no position, so that a poll could not resume after it.
    }
  }

  setEnd(end: EndEvent): void {
    this.#end = end;
    this.#cursor = end.cursor;
  }

  /** The response. The data of records is inserted as the JSON text that it is. */
  toJSONText(): string {
    const gap = this.#gap === undefined ? '' : `,"gap":${JSON.stringify(gapOf(this.#gap))}`;
    const end = this.#end === undefined ? '' : `,"end":${JSON.stringify(endOf(this.#end))}`;
    return `{"records":[${this.#records.join(',')}],"cursor":${JSON.stringify(this.#cursor)}${gap}${end}}`;
  }

  #addRecord({ cursor, payload }: RecordEvent): void {
    const isText = typeof payload === 'string';
    const value = isText ? payload : JSON.stringify(base64(payload));
    this.#records.push(`{"cursor":${JSON.stringify(cursor)},"${isText ? 'data' : 'bytes'}":${value}}`);
    this.#bytes += value.length;
    this.#cursor = cursor;
  }
}

function gapOf({ reason, cursor }: GapEvent): object {
  return { reason, cursor };
}

function endOf({ how, result, error, cursor }: EndEvent): object {
  return { how, result, error, cursor };
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
