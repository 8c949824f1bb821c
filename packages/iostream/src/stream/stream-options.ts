import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { requireByteLimit, streamChecks } from '../errors.ts';

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

export const STREAM_OPTIONS: OptionNames<IOStreamOptions> = {
  maxReadBufferBytes: true,
  maxWriteBufferBytes: true,
  writeOverflow: true,
  clock: true,
};

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
  streamChecks.options('IOStream', options, STREAM_OPTIONS);
  const { maxReadBufferBytes = DEFAULT_MAX_READ_BUFFER_BYTES } = options;
  const { maxWriteBufferBytes = DEFAULT_MAX_WRITE_BUFFER_BYTES } = options;
  const { writeOverflow = 'error', clock = systemClock } = options;
  requireByteLimit('IOStream', 'maxReadBufferBytes', maxReadBufferBytes, 1);
  requireByteLimit('IOStream', 'maxWriteBufferBytes', maxWriteBufferBytes, 1);
  streamChecks.oneOf('IOStream', 'writeOverflow', writeOverflow, ['error', 'close']);
  streamChecks.withMethods('IOStream', 'a clock', clock, 'now', 'setTimeout');
  return { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow, clock };
}

/** Those options of a server or client, whose names have been checked, that are its streams'. */
export function streamOptionsAmong(options: Omit<IOStreamOptions, 'clock'>, clock: Clock): IOStreamOptions {
  const { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow } = options;
  return {
    ...(maxReadBufferBytes === undefined ? {} : { maxReadBufferBytes }),
    ...(maxWriteBufferBytes === undefined ? {} : { maxWriteBufferBytes }),
    ...(writeOverflow === undefined ? {} : { writeOverflow }),
    clock,
  };
}

export const DEFAULT_STREAM_OPTIONS: Required<IOStreamOptions> = {
  maxReadBufferBytes: DEFAULT_MAX_READ_BUFFER_BYTES,
  maxWriteBufferBytes: DEFAULT_MAX_WRITE_BUFFER_BYTES,
  writeOverflow: 'error',
  clock: systemClock,
};

/*
 * The names of the options of a single read or wait. Such a call may come a million times a second, so these loops
 * compare with constants, which takes 10 ns; with a table, as elsewhere, it would be five times that.
 */

const READ_OPTIONS: OptionNames<ReadOptions> = { signal: true };
const BOUNDED_READ_OPTIONS: OptionNames<BoundedReadOptions> = { maxBytes: true, signal: true };
const READ_BYTES_OPTIONS: OptionNames<ReadBytesOptions> = { partial: true, signal: true };
const REGEX_OPTIONS: OptionNames<ReadUntilRegexOptions> = {
  maxBytes: true,
  signal: true,
  maxMatchBytes: true,
};
const DRAIN_OPTIONS: OptionNames<DrainOptions> = { toBytes: true, signal: true };

/** @throws StreamUsageError `ERR_STREAM_USAGE`, as all of these do. */
export function requireReadOptions(operation: string, options: ReadOptions): void {
  if (isObject(options)) {
    let isKnown = true;
    for (const name in options) if (name !== 'signal') isKnown = false;
    if (isKnown) return;
  }
  streamChecks.options(operation, options, READ_OPTIONS);
}

export function requireBoundedReadOptions(operation: string, options: BoundedReadOptions): void {
  if (isObject(options)) {
    let isKnown = true;
    for (const name in options) if (name !== 'maxBytes' && name !== 'signal') isKnown = false;
    if (isKnown) return;
  }
  streamChecks.options(operation, options, BOUNDED_READ_OPTIONS);
}

export function requireReadBytesOptions(operation: string, options: ReadBytesOptions): void {
  if (isObject(options)) {
    let isKnown = true;
    for (const name in options) if (name !== 'partial' && name !== 'signal') isKnown = false;
    if (isKnown) return;
  }
  streamChecks.options(operation, options, READ_BYTES_OPTIONS);
}

/** What a search costs by far outweighs the loop over a table. */
export function requireRegexOptions(operation: string, options: ReadUntilRegexOptions): void {
  streamChecks.options(operation, options, REGEX_OPTIONS);
}

export function requireDrainOptions(operation: string, options: DrainOptions): void {
  if (isObject(options)) {
    let isKnown = true;
    for (const name in options) if (name !== 'toBytes' && name !== 'signal') isKnown = false;
    if (isKnown) return;
  }
  streamChecks.options(operation, options, DRAIN_OPTIONS);
}

function isObject(options: unknown): boolean {
  return typeof options === 'object' && options !== null;
}
