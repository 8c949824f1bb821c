import { Refusal } from './refusal.ts';

/** A comma, unless a backslash is before it. */
const SEPARATOR = /(?<!\\),/;
const RANGE = /^\s*([+-]?\d+)\s*:\s*([+-]?\d+)\s*$/;

/** Splits `a,b` at its commas; `\,` stands for a comma inside an item. An empty text is an empty list. */
export function splitList(text: string): readonly string[] {
  if (text.trim() === '') return [];
  return text.split(SEPARATOR).map((item) => item.replaceAll('\\,', ',').trim());
}

/**
 * Reads an inclusive range of integers, such as `1:3`.
 *
 * @param maxCount - of integers; a larger range is refused before any of them is made.
 * @returns `undefined` if the text is not a range.
 */
export function parseRange(text: string, maxCount: number): readonly number[] | Refusal | undefined {
  const [match, from, to] = RANGE.exec(text) ?? [];
  if (match === undefined) return undefined;
  const [first, last] = [Number(from), Number(to)];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last))
    return new Refusal('a range of whole numbers');
  if (last < first) return new Refusal('a range whose end is not before its start', `write ${last}:${first}`);
  if (last - first >= maxCount) return new Refusal(`a range of at most ${maxCount} numbers`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
