import { Buffer } from 'node:buffer';
import { topicsChecks } from './errors.ts';

/** Longest name of a topic, run or member, in bytes of UTF-8. */
const MAX_NAME_BYTES = 256;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** @returns the name. @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function requireName(operation: string, what: string, value: unknown): string {
  if (isName(value)) return value;
  throw topicsChecks.wrong(
    operation,
    `${what}: 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without control characters`,
    value,
  );
}

/** Whether a text from outside can be the name of a topic, run or member. Lone surrogates are not UTF-8. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME_BYTES) return false;
  return Buffer.byteLength(value) <= MAX_NAME_BYTES && !CONTROL.test(value) && !LONE_SURROGATE.test(value);
}
