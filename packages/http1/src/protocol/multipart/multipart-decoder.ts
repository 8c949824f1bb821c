// The multipart/ folder decodes the bodies of forms with files, multipart/form-data (RFC 7578), within limits. The
// caller decides which parts to keep and where, and limits the size of the whole body.

import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { DATA, END, HEAD, NEED_DATA } from '../decoding/events.ts';
import { ReceiveBuffer } from '../decoding/receive-buffer.ts';
import { byteName, CR, HYPHEN, isBlank, LF } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { DelimiterScanner, FOUND, MORE } from './delimiter-scanner.ts';
import { MultipartProtocolError } from './errors.ts';
import { type MultipartLimits, resolveMultipartLimits } from './limits.ts';
import { type MultipartPart, PartHeadScanner, partHead } from './part-head.ts';

/** The current part is complete. */
export const PART_END = 5;

/** The results of {@link MultipartDecoder.next}. All except PART_END are also results of the message decoders. */
export type MultipartEvent = typeof NEED_DATA | typeof HEAD | typeof DATA | typeof PART_END | typeof END;

/** The position of the decoder in the body. Data that exists only in a state is part of that state. */
type State =
  /** Before the first delimiter. */
  | { readonly kind: 'preamble' }
  /** After a boundary, in the rest of its line: see {@link MultipartDecoder.next}. */
  | { readonly kind: 'boundary-end' | 'padding' | 'line-feed' | 'second-hyphen' }
  | { readonly kind: 'headers' }
  /** In the body of a part. `left` is the number of bytes that a field may still have. */
  | { readonly kind: 'body'; left: number }
  | { readonly kind: 'field-too-large' }
  /** After the last boundary, in the rest of its line, and then after that line. */
  | { readonly kind: 'closed' | 'closing-line-feed' | 'epilogue' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Decodes the bytes of one `multipart/form-data` body into parts: pull-based, without I/O (RFC 7578, RFC 2046 §5.1).
 *
 * Pass bytes to {@link receive}, then call {@link next} until it returns NEED_DATA. After the last byte call
 * {@link endOfInput}: `next` then returns END, or throws if the body is incomplete. For each part, `next` returns HEAD
 * with its head in {@link part}, DATA any number of times, and PART_END.
 *
 * Bytes passed in are borrowed until `next` returns NEED_DATA or {@link hold} is called, and must not be modified until
 * then. The decoder copies at most the headers of one part. Body bytes are not copied: after DATA, they are in the
 * buffer that {@link data} returns.
 *
 * Bytes before the first delimiter and after the last one are ignored (RFC 2046 §5.1.1). Everything else is checked
 * strictly: lines must end in CRLF, the last delimiter must be present, and a boundary at the start of a line must be
 * part of a complete delimiter. Decoding ends at the first error.
 *
 * @example
 * const decoder = new MultipartDecoder(multipartBoundary(headers.get('Content-Type')));
 * decoder.receive(body, 0, body.length);
 * decoder.endOfInput();
 * for (let event = decoder.next(); event !== END; event = decoder.next()) {
 *   if (event === HEAD) console.log(decoder.part.name, decoder.part.filename);
 * }
 */
export class MultipartDecoder {
  readonly #limits: MultipartLimits;
  readonly #input = new ReceiveBuffer();
  readonly #delimiter: DelimiterScanner;
  readonly #head = new PartHeadScanner();
  #state: State = { kind: 'preamble' };
  #part: MultipartPart | undefined = undefined;
  #partCount = 0;
  #fileCount = 0;
  /** Whether the caller has passed the last byte. */
  #hasEnded = false;
  /** The end of the body bytes to deliver. Differs from the end that the scanner found only if a field is too large. */
  #dataEnd = 0;

  /**
   * @param boundary - as returned by `multipartBoundary`.
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or invalid.
   */
  constructor(boundary: string, limits?: Partial<MultipartLimits>) {
    this.#limits = resolveMultipartLimits('MultipartDecoder', limits);
    this.#delimiter = new DelimiterScanner(boundary);
    this.#delimiter.start();
  }

  /**
   * Passes the bytes from `start` to `end` to the decoder, without decoding them. The decoder borrows them until `next`
   * returns NEED_DATA or {@link hold} is called.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if borrowed bytes have not all been decoded, or after {@link endOfInput}.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.#state.kind === 'failed') return;
    if (this.#hasEnded) throw new Http1UsageError('ERR_HTTP1_USAGE', 'receive: endOfInput was called before');
    this.#input.receive(bytes, start, end);
  }

  /** Marks the body as complete. */
  endOfInput(): void {
    this.#hasEnded = true;
  }

  /**
   * Decodes up to the next event. After END, it returns END again.
   *
   * @throws MultipartProtocolError if the body is malformed or exceeds a limit. Further calls throw the same error:
   *   discard the decoder.
   */
  next(): MultipartEvent {
    try {
      const event = this.#decode();
      if (event === NEED_DATA) this.#input.keep();
      return event;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /**
   * The head of the current part, from HEAD until the next one.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if there is none.
   */
  get part(): MultipartPart {
    if (this.#part === undefined) {
      throw new Http1UsageError('ERR_HTTP1_USAGE', 'part: no part has been decoded');
    }
    return this.#part;
  }

  /**
   * After DATA: the buffer with body bytes of the part, from {@link dataStart} to {@link dataEnd}. This is the buffer
   * that was passed to {@link receive}, a copy of it after {@link hold}, or a small separate buffer with bytes that
   * could have been the start of a delimiter. The decoder does not read these bytes again.
   */
  get data(): Buffer {
    return this.#delimiter.data;
  }

  get dataStart(): number {
    return this.#delimiter.dataStart;
  }

  get dataEnd(): number {
    return this.#dataEnd;
  }

  /** The number of bytes that were received and not yet delivered. */
  get bufferedBytes(): number {
    return this.#input.byteLength + this.#delimiter.heldBytes;
  }

  /** Copies the borrowed bytes that have not been decoded, so that the caller may reuse its buffer. */
  hold(): void {
    this.#input.keep();
  }

  [INSPECT](): object {
    return inspection(this, ['bufferedBytes'], () => ({
      state: this.#state.kind,
      parts: this.#partCount,
      files: this.#fileCount,
    }));
  }

  #decode(): MultipartEvent {
    // This loop terminates: each step consumes input or moves to a state that does.
    for (;;) {
      const event = this.#step();
      if (event === NEED_DATA && this.#hasEnded) return this.#end();
      if (event !== undefined) return event;
    }
  }

  /** Makes one state transition. @returns `undefined` if there is no event. */
  #step(): MultipartEvent | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'preamble':
        return this.#skipPreamble();
      case 'headers':
        return this.#readHeaders();
      case 'body':
        return this.#readBody(state);
      case 'field-too-large':
        throw this.#fieldTooLarge();
      case 'epilogue':
        this.#input.pos = this.#input.end;
        return NEED_DATA;
      case 'failed':
        throw state.error;
      default:
        return this.#readLineEnd(state.kind);
    }
  }

  #skipPreamble(): MultipartEvent | undefined {
    const result = this.#delimiter.scan(this.#input);
    if (result === MORE) return NEED_DATA;
    if (result === FOUND) this.#state = { kind: 'boundary-end' };
    return undefined;
  }

  /**
   * Reads one byte of the rest of a boundary line: `--` after the last boundary, white space that a transport may have
   * added, and CRLF (RFC 2046 §5.1.1).
   */
  #readLineEnd(
    kind: 'boundary-end' | 'padding' | 'line-feed' | 'second-hyphen' | 'closed' | 'closing-line-feed',
  ): MultipartEvent | undefined {
    const input = this.#input;
    if (input.pos === input.end) return NEED_DATA;
    const byte = input.bytes[input.pos] as number;
    input.pos += 1;
    if (kind === 'line-feed' || kind === 'closing-line-feed') {
      if (byte !== LF) throw badDelimiter('LF after CR', byte);
      if (kind === 'line-feed') return this.#startPart();
      this.#state = { kind: 'epilogue' };
    } else if (kind === 'second-hyphen') {
      if (byte !== HYPHEN) throw badDelimiter('two hyphens', byte);
      this.#state = { kind: 'closed' };
      return this.#endPart();
    } else if (byte === CR) {
      this.#state = { kind: kind === 'closed' ? 'closing-line-feed' : 'line-feed' };
    } else if (byte === HYPHEN && kind === 'boundary-end') {
      this.#state = { kind: 'second-hyphen' };
    } else if (!isBlank(byte)) {
      throw badDelimiter('the end of the line', byte);
    } else if (kind === 'boundary-end') {
      this.#state = { kind: 'padding' };
    }
    return undefined;
  }

  /** Ends the part before the delimiter, if there is one, and starts the next part. */
  #startPart(): MultipartEvent | undefined {
    const { maxParts } = this.#limits;
    if (this.#partCount === maxParts) {
      throw new MultipartProtocolError(
        'ERR_HTTP1_MULTIPART_PARTS',
        `the body has more than ${maxParts} parts`,
      );
    }
    const event = this.#endPart();
    this.#partCount += 1;
    this.#head.reset();
    this.#input.block = this.#input.pos;
    this.#state = { kind: 'headers' };
    return event;
  }

  #endPart(): typeof PART_END | undefined {
    return this.#partCount === 0 ? undefined : PART_END;
  }

  #readHeaders(): MultipartEvent {
    const input = this.#input;
    const { maxPartHeaderBytes, maxPartHeaders, maxFieldBytes } = this.#limits;
    const limit = input.block + maxPartHeaderBytes;
    if (!this.#head.scan(input, Math.min(input.end, limit), maxPartHeaders)) {
      if (input.pos < limit) return NEED_DATA;
      throw new MultipartProtocolError(
        'ERR_HTTP1_MULTIPART_HEADERS_TOO_LARGE',
        `a part has more than ${maxPartHeaderBytes} bytes of headers`,
      );
    }
    this.#part = partHead(input.bytes.subarray(input.block, input.pos - 2));
    input.block = -1;
    const isFile = this.#part.filename !== undefined;
    if (isFile) this.#countFile();
    this.#delimiter.start();
    this.#state = { kind: 'body', left: isFile ? Number.POSITIVE_INFINITY : maxFieldBytes };
    return HEAD;
  }

  #countFile(): void {
    const { maxFiles } = this.#limits;
    if (this.#fileCount === maxFiles) {
      throw new MultipartProtocolError(
        'ERR_HTTP1_MULTIPART_FILES',
        `the body has more than ${maxFiles} files`,
      );
    }
    this.#fileCount += 1;
  }

  /**
   * Delivers all bytes up to the limit before it fails, so that the result does not depend on how the bytes were split.
   */
  #readBody(state: { left: number }): MultipartEvent | undefined {
    const delimiter = this.#delimiter;
    const result = delimiter.scan(this.#input);
    if (result === MORE) return NEED_DATA;
    if (result === FOUND) {
      this.#state = { kind: 'boundary-end' };
      return undefined;
    }
    const length = delimiter.dataEnd - delimiter.dataStart;
    const delivered = Math.min(length, state.left);
    if (delivered === 0) throw this.#fieldTooLarge();
    if (delivered < length) this.#state = { kind: 'field-too-large' };
    state.left -= delivered;
    this.#dataEnd = delimiter.dataStart + delivered;
    return DATA;
  }

  #fieldTooLarge(): MultipartProtocolError {
    const detail = `a field has more than ${this.#limits.maxFieldBytes} bytes`;
    return new MultipartProtocolError('ERR_HTTP1_MULTIPART_FIELD_TOO_LARGE', detail);
  }

  #end(): typeof END {
    const { kind } = this.#state;
    if (kind === 'closed' || kind === 'epilogue') return END;
    throw new MultipartProtocolError(
      'ERR_HTTP1_MULTIPART_TRUNCATED',
      'the body ends before the last delimiter is complete',
    );
  }

  /** Discards everything except the error, which later calls throw again. */
  #fail(error: unknown): void {
    if (this.#state.kind === 'failed') return;
    this.#state = { kind: 'failed', error };
    this.#part = undefined;
    this.#delimiter.reset();
    this.#input.block = -1;
    this.#input.clear();
  }
}

function badDelimiter(expected: string, byte: number): MultipartProtocolError {
  return new MultipartProtocolError(
    'ERR_HTTP1_MULTIPART_DELIMITER',
    `expected ${expected} after a boundary, got ${byteName(byte)}`,
  );
}
