import { BYTE_CLASS, byteName, CR, LF, SP, TARGET, TOKEN } from '../grammar/bytes.ts';
import { type Http1ErrorCode, Http1ProtocolError } from '../grammar/errors.ts';
import { VersionScanner } from '../grammar/version.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

const METHOD = 0;
const IN_TARGET = 1;
const VERSION = 2;
const LINE_CR = 3;
const LINE_LF = 4;

/**
 * Checks a request line byte by byte (RFC 9112 §3): a token, one SP, a target, one SP, the version, CRLF. Like the
 * field scanner, it can stop at any byte and continue later. Positions count from `input.block`.
 */
export class RequestLineScanner {
  methodEnd = 0;
  targetEnd = 0;
  readonly version = new VersionScanner();
  #phase = METHOD;

  /**
   * The error code if the line is too long: the code for a long target if the limit is reached while the target is
   * read.
   */
  get tooLongCode(): Http1ErrorCode {
    return this.#phase === IN_TARGET ? 'ERR_HTTP1_TARGET_TOO_LONG' : 'ERR_HTTP1_HEAD_TOO_LARGE';
  }

  reset(): void {
    this.#phase = METHOD;
    this.version.reset();
  }

  /** Continues to read, up to `stop`. @returns whether the line is complete: `input.pos` is then after its CRLF. */
  scan(input: ReceiveBuffer, stop: number): boolean {
    const bytes = input.bytes;
    const block = input.block;
    const table = BYTE_CLASS;
    let pos = input.pos;
    if (this.#phase === METHOD) {
      while (pos < stop && ((table[bytes[pos] as number] as number) & TOKEN) !== 0) pos += 1;
      if (pos < stop) {
        if (bytes[pos] !== SP || pos === block) throw badLine(bytes[pos], 'the method');
        this.methodEnd = pos - block;
        pos += 1;
        this.#phase = IN_TARGET;
      }
    }
    if (this.#phase === IN_TARGET) {
      while (pos < stop && ((table[bytes[pos] as number] as number) & TARGET) !== 0) pos += 1;
      if (pos < stop) {
        this.targetEnd = pos - block;
        if (bytes[pos] !== SP || this.targetEnd === this.methodEnd + 1)
          throw badLine(bytes[pos], 'the target');
        pos += 1;
        this.#phase = VERSION;
      }
    }
    if (this.#phase === VERSION) {
      pos = this.version.scan(bytes, pos, stop);
      if (this.version.complete) this.#phase = LINE_CR;
    }
    if (this.#phase === LINE_CR && pos < stop) {
      if (bytes[pos] !== CR) throw badLine(bytes[pos], 'the version');
      pos += 1;
      this.#phase = LINE_LF;
    }
    input.pos = pos;
    if (this.#phase !== LINE_LF || pos === stop) return false;
    if (bytes[pos] !== LF) throw badLine(bytes[pos], 'the CR of the request line');
    input.pos = pos + 1;
    return true;
  }
}

function badLine(byte: number | undefined, where: string): Http1ProtocolError {
  return new Http1ProtocolError(
    'ERR_HTTP1_BAD_REQUEST_LINE',
    `unexpected ${byteName(byte)} in or after ${where}`,
  );
}
