import { beginsLike, NEED_DATA, NO_HEADER, type ProxyHeaderProgress } from './proxy-header.ts';
import { readProxyHeaderV1, V1_SIGNATURE } from './proxy-header-v1.ts';
import { readProxyHeaderV2, V2_SIGNATURE } from './proxy-header-v2.ts';

/**
 * Detects and decodes a PROXY header, version 1 or 2, at the start of a connection. Does no I/O: the caller passes in
 * the bytes as they arrive.
 *
 * Buffers at most `maxHeaderBytes` plus the last piece. Bytes are examined again only while a version 1 line (at most
 * 107 bytes) or the first 16 bytes of version 2 are incomplete.
 */
export class ProxyHeaderDecoder {
  readonly #maxHeaderBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #byteLength = 0;
  /** How many bytes must have been received before the next attempt to decode. */
  #needed = 1;

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes;
  }

  /** How many bytes were received. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Adds received bytes, which are copied.
   *
   * @throws ProxyProtocolError `ERR_PROXY_MALFORMED`, `ERR_PROXY_TOO_LARGE`: discard the decoder then.
   */
  receive(bytes: Uint8Array): ProxyHeaderProgress {
    this.#pieces.push(Buffer.from(bytes));
    this.#byteLength += bytes.length;
    if (this.#byteLength < this.#needed) return NEED_DATA;
    this.#join();
    const progress = this.#read();
    // The 16 bytes contain the header's length: do not join the pieces again before all of it has arrived.
    if (progress.kind === 'need-data' && this.#byteLength >= 16 && beginsLike(this.#bytes, V2_SIGNATURE)) {
      this.#needed = 16 + this.#bytes.readUInt16BE(14);
    }
    return progress;
  }

  /** Returns all received bytes from `start` on, whether they belong to a header or not. The caller owns them. */
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
