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

/** Lengths that are not a number of bytes. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;

const SIZED = 0;
const CHUNK_LINE = 1;
const CHUNK_DATA = 2;
const CHUNK_CR = 3;
const CHUNK_LF = 4;
const TRAILERS = 5;
const REST = 6;

/** Reads the body of one message after the other (RFC 9112 §6 and §7). */
export class BodyDecoder {
  /** Most bytes that the current body may have. */
  maxBytes: number;
  data: Buffer = NOTHING;
  dataStart = 0;
  dataEnd = 0;
  trailers: HTTPHeaders | undefined = undefined;
  readonly #limits: Http1Limits;
  readonly #fields: FieldScanner;
  #line: ChunkLineScanner | undefined = undefined;
  #phase = SIZED;
  /** Bytes still owed, of the body or of the chunk. */
  #remaining = 0;
  /** Bytes of this body before the current chunk, or so far where it is not sized. */
  #total = 0;

  constructor(limits: Http1Limits, fields: FieldScanner) {
    this.#limits = limits;
    this.#fields = fields;
    this.maxBytes = limits.maxBodyBytes;
  }

  /**
   * Begins a body of `length` bytes, CHUNKED or UNTIL_CLOSE.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BODY_TOO_LARGE` when the announced length is over the limit.
   */
  start(length: number): void {
    this.#total = 0;
    if (length >= 0) {
      if (length > this.maxBytes) throw tooLarge(this.maxBytes);
      this.#phase = SIZED;
      this.#remaining = length;
    } else if (length === CHUNKED) {
      // Made for the first chunked body: most connections never see one.
      this.#line ??= new ChunkLineScanner();
      this.#line.reset();
      this.#phase = CHUNK_LINE;
    } else {
      this.#phase = REST;
    }
  }

  /** Forgets the last body, so that nothing of it stays in memory. */
  reset(): void {
    this.maxBytes = this.#limits.maxBodyBytes;
    this.trailers = undefined;
  }

  /** Takes the next piece. `ended` says that the peer sends no more, which completes a body without a length. */
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

  /** What is within the limit is delivered first, so that the outcome does not depend on how bytes are cut. */
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
    // Checked before a byte of the chunk is delivered.
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
        `${byteName(byte)} where the CRLF after chunk data belongs`,
      );
    }
    input.pos += 1;
    this.#phase = this.#phase === CHUNK_CR ? CHUNK_LF : CHUNK_LINE;
  }

  #readTrailers(input: ReceiveBuffer): DecoderEvent {
    const fields = this.#fields;
    const max = this.#limits.maxTrailerBytes;
    // The two bytes of the empty line are not counted, so that a limit of 0 means "no trailers".
    const limit = input.block + max + 2;
    if (!fields.scan(input, Math.min(input.end, limit), this.#limits.maxHeaders)) {
      if (input.pos < limit) return this.#needData();
      throw new Http1ProtocolError('ERR_HTTP1_TRAILERS_TOO_LARGE', `more than ${max} bytes of trailers`);
    }
    if ((fields.seen & FRAMING_IN_TRAILERS) !== 0) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_TRAILER',
        'a field that frames the message came as a trailer',
      );
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
