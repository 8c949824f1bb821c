import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { requireByteLimit, streamChecks } from '../errors.ts';

export interface IOStreamOptions {
  /** Maximum number of bytes buffered for reads. Default: 100 MiB. */
  readonly maxReadBufferBytes?: number;
  /** Maximum number of bytes queued for a slow peer. Default: 16 MiB. */
  readonly maxWriteBufferBytes?: number;
  /**
   * What happens if a write would exceed `maxWriteBufferBytes`. `'error'` throws to the caller and keeps the stream
   * open. `'close'` also closes the stream with the same error, which frees the memory that a slow peer uses. Default:
   * `'error'`.
   */
  readonly writeOverflow?: 'error' | 'close';
  /** Default: the system clock. */
  readonly clock?: Clock;
}

export const STREAM_OPTIONS: OptionNames<IOStreamOptions> = {
  maxReadBufferBytes: true,
  maxWriteBufferBytes: true,
  writeOverflow: true,
  clock: true,
};

export interface ReadOptions {
  /** Stops waiting. No byte is lost, and the stream stays open. */
  readonly signal?: AbortSignal;
}

export interface BoundedReadOptions extends ReadOptions {
  /** The read fails if it is not satisfied within this many bytes. Default: the stream's `maxReadBufferBytes`. */
  readonly maxBytes?: number;
}

export interface ReadUntilRegexOptions extends BoundedReadOptions {
  /**
   * Length of the longest possible match in bytes, including the text that lookbehind assertions examine. Each search
   * starts this many bytes before the new bytes, so a longer match may be missed. Default: unlimited; each search then
   * examines everything buffered.
   */
  readonly maxMatchBytes?: number;
}

export interface ReadBytesOptions extends ReadOptions {
  /** Resolves as soon as at least one byte is available. Default: false. */
  readonly partial?: boolean;
}

export interface DrainOptions {
  /**
   * Resolves when at most this many bytes are queued. Default: 32 KiB, except that `waitDrained` resolves immediately
   * if at most 64 KiB are queued.
   */
  readonly toBytes?: number;
  /** Stops waiting. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_MAX_READ_BUFFER_BYTES = 100 * 1024 * 1024;
export const DEFAULT_MAX_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/** If more bytes than this are queued, `waitDrained` waits until {@link LOW_WATER_BYTES} are left. */
export const HIGH_WATER_BYTES = 64 * 1024;
export const LOW_WATER_BYTES = 32 * 1024;

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
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

/** Selects the stream options from the options of a server or client. The option names must have been checked. */
export function streamOptionsAmong(options: Omit<IOStreamOptions, 'clock'>, clock: Clock): IOStreamOptions {
  const { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow } = options;
  const isDefault =
    maxReadBufferBytes === undefined && maxWriteBufferBytes === undefined && writeOverflow === undefined;
  if (isDefault && clock === systemClock) return DEFAULT_STREAM_OPTIONS;
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
 * The option names of a single read or wait. Such a call may be made a million times a second, so the functions below
 * compare with constants, which takes 10 ns; a lookup in a table, as elsewhere, would take five times as long.
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

/** @throws StreamUsageError `ERR_STREAM_USAGE` if the options are invalid. The functions below throw the same error. */
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

/** This check uses the table, since a search takes much longer than the check. */
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
