import { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { flatString } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';

/**
 * Longer pieces are not copied into a chunk. The reactor sends longer texts one by one in any case, and bytes need no
 * conversion.
 */
const MOST_CHUNK_BYTES = 16 * 1024 - 16;

/**
 * A piece of many bodies, such as an event for all clients, encoded once for all of them. A chunk with these bytes is
 * the same on every connection, so that the framing is part of it (RFC 9112 §7.1).
 */
export class PreparedPiece {
  readonly byteLength: number;
  /** The piece as a chunk, in latin1; undefined if it is empty or long, and is to be framed by the connection. */
  readonly chunk: string | undefined;
  #bytes: Uint8Array | undefined;

  /**
   * @param piece - a text is sent as UTF-8. Bytes must not be modified afterwards.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if it is neither.
   */
  constructor(piece: string | Uint8Array) {
    if (typeof piece !== 'string' && !(piece instanceof Uint8Array))
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'PreparedPiece: piece must be a string or a Uint8Array');
    this.byteLength = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
    const isShort = this.byteLength > 0 && this.byteLength <= MOST_CHUNK_BYTES;
    this.chunk = isShort ? chunkOf(latin1Of(piece, this.byteLength)) : undefined;
    if (!isShort) this.#bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
  }

  /** The bytes without framing. They must not be modified. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#unframed(this.chunk as string);
    return this.#bytes;
  }

  [INSPECT](): object {
    return inspection(this, ['byteLength']);
  }

  #unframed(chunk: string): Uint8Array {
    const end = chunk.length - '\r\n'.length;
    return Buffer.from(chunk.slice(end - this.byteLength, end), 'latin1');
  }
}

/** Returns bytes, or a text in UTF-8, as a string with one code unit for each byte. */
function latin1Of(piece: string | Uint8Array, byteLength: number): string {
  // A text with as many bytes as code units is ASCII.
  if (typeof piece === 'string')
    return piece.length === byteLength ? piece : Buffer.from(piece).toString('latin1');
  return Buffer.from(piece.buffer, piece.byteOffset, byteLength).toString('latin1');
}

function chunkOf(data: string): string {
  return flatString(`${data.length.toString(16)}\r\n${data}\r\n`);
}
