// What signed and encrypted values have in common: their options, their limits, and how their arguments are checked.

import { isUtf8 } from 'node:buffer';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { WebUsageError, webChecks } from '../errors.ts';

export interface CreateValueOptions {
  /** Which of several secrets to use. Default: the `keyVersion` of the secret. */
  readonly keyVersion?: number | undefined;
  /** The time that the value records, in milliseconds since 1970. Default: now. */
  readonly nowMs?: number;
  /** Maximum number of bytes of the result. Default: 4096, because browsers do not store longer cookies. */
  readonly maxBytes?: number;
}

export interface DecodeValueOptions {
  /** Maximum age in days. Default: 31. */
  readonly maxAgeDays?: number;
  /** The current time in milliseconds since 1970. Default: now. */
  readonly nowMs?: number;
  /** Maximum number of bytes of the value; a longer one is refused. Default: 4096. */
  readonly maxBytes?: number;
}

const CREATE_OPTIONS: OptionNames<CreateValueOptions> = { keyVersion: true, nowMs: true, maxBytes: true };
const DECODE_OPTIONS: OptionNames<DecodeValueOptions> = { maxAgeDays: true, nowMs: true, maxBytes: true };

const MAX_BYTES = 4_096;
const MAX_AGE_DAYS = 31;
const DAY_MS = 86_400_000;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The checked options for creating a value. */
export interface CreateArguments {
  readonly bytes: Buffer;
  /** The time, in whole seconds since 1970. */
  readonly seconds: number;
  readonly maxBytes: number;
}

/** @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid. The message does not show the value. */
export function createArguments(
  operation: string,
  name: string,
  value: string | Uint8Array,
  options: CreateValueOptions,
): CreateArguments {
  webChecks.options(operation, options, CREATE_OPTIONS);
  requireName(operation, name);
  const nowMs = webChecks.number(operation, 'nowMs', options.nowMs ?? Date.now(), 0, Number.MAX_SAFE_INTEGER);
  const maxBytes = webChecks.wholeNumber(operation, 'maxBytes', options.maxBytes ?? MAX_BYTES);
  return { bytes: valueBytes(operation, value), seconds: Math.floor(nowMs / 1_000), maxBytes };
}

/** The checked options for reading a value. */
export interface DecodeArguments {
  /** The earliest time that a value may record, in milliseconds since 1970. */
  readonly oldestMs: number;
  readonly maxBytes: number;
}

/** @throws WebUsageError `ERR_WEB_USAGE` if an option or the name is invalid. The value itself is not checked here. */
export function decodeArguments(
  operation: string,
  name: string,
  options: DecodeValueOptions,
): DecodeArguments {
  webChecks.options(operation, options, DECODE_OPTIONS);
  requireName(operation, name);
  const { maxAgeDays = MAX_AGE_DAYS, nowMs = Date.now(), maxBytes = MAX_BYTES } = options;
  webChecks.number(operation, 'maxAgeDays', maxAgeDays);
  webChecks.number(operation, 'nowMs', nowMs, 0, Number.MAX_SAFE_INTEGER);
  webChecks.wholeNumber(operation, 'maxBytes', maxBytes);
  return { oldestMs: nowMs - maxAgeDays * DAY_MS, maxBytes };
}

/**
 * Returns the UTF-8 bytes of a value from a client; undefined if it is missing, empty or too long. The length is
 * checked before anything is computed from the value.
 */
export function receivedBytes(value: string | undefined, maxBytes = MAX_BYTES): Buffer | undefined {
  if (typeof value !== 'string' || value === '' || value.length > maxBytes) return undefined;
  const bytes = Buffer.from(value, 'utf8');
  return bytes.length > maxBytes ? undefined : bytes;
}

/** Returns bytes as text; undefined if they are not UTF-8. */
export function textOf(bytes: Buffer | undefined): string | undefined {
  return bytes !== undefined && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/** Reads a whole number of up to 15 digits, as `String` writes it; undefined for anything else. */
export function wholeNumberOf(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}

/** @throws WebUsageError `ERR_WEB_USAGE` if the result is too long. */
export function requireFits(operation: string, name: string, result: string, maxBytes: number): string {
  const length = Buffer.byteLength(result);
  if (length <= maxBytes) return result;
  throw new WebUsageError(
    'ERR_WEB_USAGE',
    `${operation}: the result for ${shownText(name)} must be at most ${maxBytes} bytes, got ${length}; ` +
      'keep the data on the server, or raise maxBytes here and where it is read',
  );
}

function requireName(operation: string, name: string): void {
  if (typeof name === 'string' && !LONE_SURROGATE.test(name)) return;
  throw webChecks.wrong(operation, 'a name', name);
}

function valueBytes(operation: string, value: string | Uint8Array): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'string') {
    const problem = `value must be a string or bytes, got a value of type ${typeof value}`;
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }
  // UTF-8 cannot encode a lone surrogate, so the text that is read would differ from the text that was written.
  if (!LONE_SURROGATE.test(value)) return Buffer.from(value, 'utf8');
  throw new WebUsageError('ERR_WEB_USAGE', `${operation}: value must not have lone surrogates`);
}
