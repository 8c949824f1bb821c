import { type Clock, systemClock } from '@landspout/ioloop';
import { requireByteLimit, wrongArgument } from './stream-usage.ts';

export interface IOStreamOptions {
  /** Most bytes that reads may have waiting. Default 100 MiB. */
  readonly maxReadBufferBytes?: number;
  /** Most bytes that writes may have waiting for a slow peer. Default 16 MiB. */
  readonly maxWriteBufferBytes?: number;
  /**
   * What a write past `maxWriteBufferBytes` does: `'error'` throws at the writer and keeps the stream, `'close'` also
   * closes the stream with the same error, for peers that are not worth more memory. Default `'error'`.
   */
  readonly writeOverflow?: 'error' | 'close';
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

export interface ReadOptions {
  /** Stops the wait. No byte is lost, and the stream stays open. */
  readonly signal?: AbortSignal;
}

export interface BoundedReadOptions extends ReadOptions {
  /** Most bytes to wait through. Default: the stream's `maxReadBufferBytes`. */
  readonly maxBytes?: number;
}

export interface ReadUntilRegexOptions extends BoundedReadOptions {
  /**
   * Longest match that can be, with what it looks behind at: searching resumes that far before the bytes that are
   * new, and a longer match may not be found. Default: no promise, and everything that waits is searched.
   */
  readonly maxMatchBytes?: number;
}

export interface ReadBytesOptions extends ReadOptions {
  /** Answers as soon as any byte is there. Default false. */
  readonly partial?: boolean;
}

export interface DrainOptions {
  /** Waits until no more bytes than this are queued. Default: 32 KiB, where more than 64 KiB are. */
  readonly toBytes?: number;
  /** Stops the wait. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_MAX_READ_BUFFER_BYTES = 100 * 1024 * 1024;
export const DEFAULT_MAX_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/** Above this many queued bytes, `waitDrained` waits until {@link LOW_WATER_BYTES} are left. */
export const HIGH_WATER_BYTES = 64 * 1024;
export const LOW_WATER_BYTES = 32 * 1024;

/** The options of a stream with their defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for any that cannot be. */
export function resolveStreamOptions(options: IOStreamOptions): Required<IOStreamOptions> {
  if (options === DEFAULT_STREAM_OPTIONS) return DEFAULT_STREAM_OPTIONS;
  if (typeof options !== 'object' || options === null) {
    throw wrongArgument('IOStream', 'an object of options', options);
  }
  const { maxReadBufferBytes = DEFAULT_MAX_READ_BUFFER_BYTES } = options;
  const { maxWriteBufferBytes = DEFAULT_MAX_WRITE_BUFFER_BYTES } = options;
  const { writeOverflow = 'error', clock = systemClock } = options;
  requireByteLimit('IOStream', 'maxReadBufferBytes', maxReadBufferBytes, 1);
  requireByteLimit('IOStream', 'maxWriteBufferBytes', maxWriteBufferBytes, 1);
  if (writeOverflow !== 'error' && writeOverflow !== 'close') {
    throw wrongArgument('IOStream', "a writeOverflow of 'error' or 'close'", writeOverflow);
  }
  if (typeof clock?.now !== 'function' || typeof clock.setTimeout !== 'function') {
    throw wrongArgument('IOStream', 'a clock', clock);
  }
  return { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow, clock };
}

export const DEFAULT_STREAM_OPTIONS: Required<IOStreamOptions> = {
  maxReadBufferBytes: DEFAULT_MAX_READ_BUFFER_BYTES,
  maxWriteBufferBytes: DEFAULT_MAX_WRITE_BUFFER_BYTES,
  writeOverflow: 'error',
  clock: systemClock,
};
