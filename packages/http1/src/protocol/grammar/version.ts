import { byteName } from './bytes.ts';
import { type Http1ErrorCode, Http1ProtocolError } from './errors.ts';

/** `HTTP/1.0`; the minor version may be any digit. */
const SHAPE = new Uint8Array([0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e, 0x30]);
const MAJOR_AT = 5;
const MINOR_AT = 7;

/**
 * Reads `HTTP/1.0` or `HTTP/1.1`. A higher minor version is treated as 1.1 (RFC 9110 §2.5). Another major version is
 * refused with 505, and anything else is a syntax error of the line.
 */
export class VersionScanner {
  /** 0 or 1; valid if {@link complete} is true. */
  minor = 0;
  #at = 0;

  get complete(): boolean {
    return this.#at === SHAPE.length;
  }

  reset(): void {
    this.#at = 0;
  }

  /** Continues to read, up to `stop`. @returns the position after the bytes read. */
  scan(
    bytes: Uint8Array,
    from: number,
    stop: number,
    grammar: Http1ErrorCode = 'ERR_HTTP1_BAD_REQUEST_LINE',
  ): number {
    const shape = SHAPE;
    let pos = from;
    let at = this.#at;
    while (at < MINOR_AT && pos < stop) {
      const byte = bytes[pos] as number;
      if (byte !== shape[at]) {
        const otherMajor = at === MAJOR_AT && isDigit(byte);
        throw badVersion(byte, otherMajor ? 'ERR_HTTP1_VERSION' : grammar);
      }
      at += 1;
      pos += 1;
    }
    if (at === MINOR_AT && pos < stop) {
      const byte = bytes[pos] as number;
      if (!isDigit(byte)) throw badVersion(byte, grammar);
      this.minor = byte === 0x30 ? 0 : 1;
      at += 1;
      pos += 1;
    }
    this.#at = at;
    return pos;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function badVersion(byte: number, code: Http1ErrorCode): Http1ProtocolError {
  return new Http1ProtocolError(code, `expected HTTP/1.0 or HTTP/1.1, got ${byteName(byte)}`);
}
