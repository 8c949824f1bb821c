import { webChecks } from '../errors.ts';

/**
 * Replaces each run of spaces and control characters (U+0000 to U+0020, hence also tabs and line breaks) with one space,
 * and removes white space at both ends. Takes linear time.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the text is not a string.
 *
 * @example
 * squeeze('  Ada \n\t Lovelace '); // Ada Lovelace
 */
export function squeeze(text: string): string {
  if (typeof text !== 'string') throw webChecks.wrong('squeeze', 'text: a string', text);
  return text.replace(/[\0-\x20]+/g, ' ').trim();
}
