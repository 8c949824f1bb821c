import { Buffer } from 'node:buffer';
import { HTTPHeaders } from '../fields/http-headers.ts';
import { FRAMING_IN_TRAILERS } from '../fields/trailer-fields.ts';
import { byteName, CR, LF } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import type { Http1Limits } from '../grammar/limits.ts';
import { ChunkLineScanner } from './chunk-line.ts';
import { DATA, type DecoderEvent, END, NEED_DATA } from './events.ts';
import type { FieldScanner } from './field-scanner.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

const NOTHING = Buffer.alloc(0);

/** Special values of a body length, for bodies of unknown length. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;

const SIZED = 0;
const CHUNK_LINE = 1;
const CHUNK_DATA = 2;
const CHUNK_CR = 3;
const CHUNK_LF = 4;
const TRAILERS = 5;
const REST = 6;

/** Decodes the bodies of messages, one after another (RFC 9112 §6 and §7). */
export class BodyDecoder {
  /** The maximum size of the current body, in bytes. */
  maxBytes: number;
  data: Buffer = NOTHING;
  dataStart = 0;
  dataEnd = 0;
  trailers: HTTPHeaders | undefined = undefined;
  readonly #limits: Http1Limits;
  readonly #fields: FieldScanner;
  #line: ChunkLineScanner | undefined = undefined;
  #phase = SIZED;
  /** Bytes of the body or of the chunk that have not been received yet. */
  #remaining = 0;
  /**
   * Bytes of a chunked body up to the end of the current chunk, or the bytes received so far of a body that ends with
   * the connection.
   */
  #total = 0;

  constructor(limits: Http1Limits, fields: FieldScanner) {
    this.#limits = limits;
    this.#fields = fields;
    this.maxBytes = limits.maxBodyBytes;
  }

  /**
   * Starts a body of `length` bytes, CHUNKED or UNTIL_CLOSE.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BODY_TOO_LARGE` if the announced length exceeds the limit.
   */
  start(length: number): void {
    this.#total = 0;
    if (length >= 0) {
      if (length > this.maxBytes) throw tooLarge(this.maxBytes);
      this.#phase = SIZED;
      this.#remaining = length;
    } else if (length === CHUNKED) {
      // Created for the first chunked body, because most connections have none.
      this.#line ??= new ChunkLineScanner();
      this.#line.reset();
      this.#phase = CHUNK_LINE;
    } else {
      this.#phase = REST;
    }
  }

  /** Discards the rest of the last body, so that it is not kept in memory. */
  reset(): void {
    this.maxBytes = this.#limits.maxBodyBytes;
    this.trailers = undefined;
  }

  /** Decodes the next piece. `ended`: the peer has ended its side, which completes a body without a length. */
  next(input: ReceiveBuffer, ended: boolean): DecoderEvent {
    for (;;) {
      switch (this.#phase) {
        case SIZED:
          if (this.#remaining === 0) return this.#end();
          return this.#takeOwed(input);
        case CHUNK_DATA:
          if (this.#remaining > 0) return this.#takeOwed(input);
          this.#phase = CHUNK_CR;
          break;
        case REST:
          return this.#takeRest(input, ended);
        case TRAILERS:
          return this.#readTrailers(input);
        default:
          if (input.pos === input.end) return this.#needData();
          if (this.#phase === CHUNK_LINE) this.#readChunkLine(input);
          else this.#readChunkEnd(input);
      }
    }
  }

  #takeOwed(input: ReceiveBuffer): DecoderEvent {
    const available = input.end - input.pos;
    if (available === 0) return this.#needData();
    const length = Math.min(available, this.#remaining);
    this.#remaining -= length;
    return this.#lend(input, length);
  }

  /** Delivers all bytes up to the limit before it fails, so that the result does not depend on segment boundaries. */
  #takeRest(input: ReceiveBuffer, ended: boolean): DecoderEvent {
    const available = input.end - input.pos;
    if (available === 0) return ended ? this.#end() : this.#needData();
    const length = Math.min(available, this.maxBytes - this.#total);
    if (length <= 0) throw tooLarge(this.maxBytes);
    this.#total += length;
    return this.#lend(input, length);
  }

  #readChunkLine(input: ReceiveBuffer): void {
    const line = this.#line as ChunkLineScanner;
    if (!line.scan(input, this.#limits.maxChunkExtensionBytes)) return;
    if (line.size === 0) {
      this.#phase = TRAILERS;
      this.#fields.reset(0);
      input.block = input.pos;
      return;
    }
    // Checked before any byte of the chunk is delivered.
    this.#total += line.size;
    if (this.#total > this.maxBytes) throw tooLarge(this.maxBytes);
    this.#remaining = line.size;
    this.#phase = CHUNK_DATA;
  }

  #readChunkEnd(input: ReceiveBuffer): void {
    const expected = this.#phase === CHUNK_CR ? CR : LF;
    const byte = input.bytes[input.pos];
    if (byte !== expected) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_CHUNK',
        `expected CRLF after chunk data, got ${byteName(byte)}`,
      );
    }
    input.pos += 1;
    this.#phase = this.#phase === CHUNK_CR ? CHUNK_LF : CHUNK_LINE;
  }

  #readTrailers(input: ReceiveBuffer): DecoderEvent {
    const fields = this.#fields;
    const max = this.#limits.maxTrailerBytes;
    // The two bytes of the empty line do not count, so that a limit of 0 means "no trailers".
    const limit = input.block + max + 2;
    if (!fields.scan(input, Math.min(input.end, limit), this.#limits.maxHeaders)) {
      if (input.pos < limit) return this.#needData();
      throw new Http1ProtocolError('ERR_HTTP1_TRAILERS_TOO_LARGE', `more than ${max} bytes of trailers`);
    }
    if ((fields.seen & FRAMING_IN_TRAILERS) !== 0) {
      throw new Http1ProtocolError('ERR_HTTP1_BAD_TRAILER', 'a trailer must not frame or route the message');
    }
    if (fields.count > 0) {
      const text = input.bytes.toString('latin1', input.block, input.pos - 2);
      this.trailers = HTTPHeaders.fromRaw(text, 0, text.length);
    }
    input.block = -1;
    return this.#end();
  }

  #lend(input: ReceiveBuffer, length: number): DecoderEvent {
    this.data = input.bytes;
    this.dataStart = input.pos;
    this.dataEnd = input.pos + length;
    input.pos = this.dataEnd;
    return DATA;
  }

  #needData(): DecoderEvent {
    this.data = NOTHING;
    return NEED_DATA;
  }

  #end(): DecoderEvent {
    this.data = NOTHING;
    return END;
  }
}

function tooLarge(maxBytes: number): Http1ProtocolError {
  return new Http1ProtocolError('ERR_HTTP1_BODY_TOO_LARGE', `the body has more than ${maxBytes} bytes`);
}
