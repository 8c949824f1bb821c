/** The types of TLS records (RFC 8446 §5.1). */
export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;

export const HEADER_BYTES = 5;

/** One record as it is sent. */
export interface WireRecord {
  readonly type: number;
  /** With its header. */
  readonly bytes: Buffer;
  readonly fragment: Buffer;
}

/** Divides the bytes of one direction into records. */
export class RecordSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the records that are complete with these bytes. */
  push(bytes: Uint8Array): WireRecord[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const records: WireRecord[] = [];
    while (this.#rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#rest.readUInt16BE(3);
      if (this.#rest.length < end) break;
      const whole = this.#rest.subarray(0, end);
      records.push({ type: whole[0] as number, bytes: whole, fragment: whole.subarray(HEADER_BYTES) });
      this.#rest = this.#rest.subarray(end);
    }
    return records;
  }

  /** What is left of an incomplete record. */
  get rest(): Buffer {
    return this.#rest;
  }
}

export function recordOf(type: number, fragment: Uint8Array, version = 0x0303): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(version, 1);
  header.writeUInt16BE(fragment.length, 3);
  return Buffer.concat([header, fragment]);
}
