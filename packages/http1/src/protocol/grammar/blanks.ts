import { HTAB, SP } from './bytes.ts';

/** The text from `start` to `end` without SP and HTAB around it; no other character is white space in HTTP. */
export function trimBlanks(text: string, start = 0, end = text.length): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

export function isBlank(unit: number): boolean {
  return unit === SP || unit === HTAB;
}
