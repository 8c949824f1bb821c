import { beginsLike, NEED_DATA, NO_HEADER, type ProxyHeaderProgress } from './proxy-header.ts';
import { readProxyHeaderV1, V1_SIGNATURE } from './proxy-header-v1.ts';
import { readProxyHeaderV2, V2_SIGNATURE } from './proxy-header-v2.ts';

/**
 * Finds out whether a connection begins with a PROXY header of version 1 or 2, and what it says. Without I/O: it is
 * fed, and answers what it knows by then.
 *
 * Keeps no more bytes than `maxHeaderBytes` and the piece that it was given last, and looks at a byte again only while
 * the 107 of a line, or the 16 before the length, are incomplete.
 */
export class ProxyHeaderDecoder {
  readonly #maxHeaderBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #byteLength = 0;
  /** How many bytes have to be there before looking makes sense. */
  #needed = 1;

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes;
  }

  /** How many bytes have come. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Takes more bytes, which are copied.
   *
   * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`: then discard us.
   */
  receive(bytes: Uint8Array): ProxyHeaderProgress {
    this.#pieces.push(Buffer.from(bytes));
    this.#byteLength += bytes.length;
    if (this.#byteLength < this.#needed) return NEED_DATA;
    this.#join();
    const progress = this.#read();
    // Of version 2 the length is known from here on, and nothing need be joined before all is there.
    if (progress.kind === 'need-data' && this.#byteLength >= 16 && beginsLike(this.#bytes, V2_SIGNATURE)) {
      this.#needed = 16 + this.#bytes.readUInt16BE(14);
    }
    return progress;
  }

  /** All that has come from `start` on, header or not. It is yours. */
  takeFrom(start: number): Buffer {
    this.#join();
    return this.#bytes.subarray(start);
  }

  #read(): ProxyHeaderProgress {
    if (beginsLike(this.#bytes, V1_SIGNATURE)) return readProxyHeaderV1(this.#bytes);
    if (beginsLike(this.#bytes, V2_SIGNATURE)) return readProxyHeaderV2(this.#bytes, this.#maxHeaderBytes);
    return NO_HEADER;
  }

  #join(): void {
    if (this.#pieces.length === 0) return;
    this.#bytes = Buffer.concat([this.#bytes, ...this.#pieces]);
    this.#pieces = [];
  }
}
