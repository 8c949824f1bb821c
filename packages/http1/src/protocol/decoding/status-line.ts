import { BYTE_CLASS, byteName, CR, FIELD_VALUE, LF, SP } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { VersionScanner } from '../grammar/version.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

const VERSION = 0;
const STATUS = 1;
const REASON = 2;
const LINE_LF = 3;

/** After the version: SP, three digits, SP. */
const STATUS_BYTES = 5;

/**
 * Checks a status line byte by byte (RFC 9112 §4): the version, SP, three digits, SP, a possibly empty reason phrase,
 * CRLF. Positions count from `input.block`.
 */
export class StatusLineScanner {
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  readonly version = new VersionScanner();
  #phase = VERSION;
  /** The number of {@link STATUS_BYTES} read so far. */
  #at = 0;

  reset(): void {
    this.version.reset();
    this.#phase = VERSION;
    this.#at = 0;
    this.status = 0;
  }

  /** Continues to read, up to `stop`. @returns whether the line is complete: `input.pos` is then after its CRLF. */
  scan(input: ReceiveBuffer, stop: number): boolean {
    const bytes = input.bytes;
    let pos = input.pos;
    if (this.#phase === VERSION) {
      pos = this.version.scan(bytes, pos, stop, 'ERR_HTTP1_BAD_STATUS_LINE');
      if (this.version.complete) this.#phase = STATUS;
    }
    if (this.#phase === STATUS) {
      pos = this.#readStatus(bytes, pos, stop);
      if (this.#at === STATUS_BYTES) {
        this.#phase = REASON;
        this.reasonStart = pos - input.block;
      }
    }
    if (this.#phase === REASON) {
      while (pos < stop && ((BYTE_CLASS[bytes[pos] as number] as number) & FIELD_VALUE) !== 0) pos += 1;
      if (pos < stop) {
        if (bytes[pos] !== CR) throw badLine(bytes[pos], 'the reason');
        this.reasonEnd = pos - input.block;
        pos += 1;
        this.#phase = LINE_LF;
      }
    }
    input.pos = pos;
    if (this.#phase !== LINE_LF || pos === stop) return false;
    if (bytes[pos] !== LF) throw badLine(bytes[pos], 'the CR of the status line');
    input.pos = pos + 1;
    return true;
  }

  #readStatus(bytes: Uint8Array, from: number, stop: number): number {
    let pos = from;
    while (pos < stop && this.#at < STATUS_BYTES) {
      const byte = bytes[pos] as number;
      const isBlank = this.#at === 0 || this.#at === STATUS_BYTES - 1;
      if (isBlank ? byte !== SP : byte < 0x30 || byte > 0x39) throw badLine(byte, 'the status');
      // RFC 9110 §15: the first digit is a class from 1 to 5. Other classes have no defined meaning.
      if (this.#at === 1 && (byte < 0x31 || byte > 0x35)) throw badLine(byte, 'the status');
      if (!isBlank) this.status = this.status * 10 + byte - 0x30;
      this.#at += 1;
      pos += 1;
    }
    return pos;
  }
}

function badLine(byte: number | undefined, where: string): Http1ProtocolError {
  return new Http1ProtocolError(
    'ERR_HTTP1_BAD_STATUS_LINE',
    `unexpected ${byteName(byte)} in or after ${where}`,
  );
}
