/**
 * Control characters, lone surrogates, and marks that change the direction of text, which could make a text look like
 * another one. The page shows text as plain text in any case; removing them also stops such tricks.
 */
const NOT_TEXT = /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** The same, except line breaks, which a message may contain. */
const NOT_MESSAGE = /(?!\n)[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** Characters that are invisible. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\u2800]/gu;
/**
 * A visible character may be combined with many marks; this many code units per character are enough for ordinary
 * names.
 */
const UNITS_PER_CHARACTER = 8;

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Cleans a name for display: removes control characters and repeated spaces.
 *
 * @returns the name, or `undefined` if nothing visible is left or it has more than `maxCharacters`.
 */
export function cleanName(name: string, maxCharacters: number): string | undefined {
  if (name.length > maxCharacters * UNITS_PER_CHARACTER) return undefined;
  const clean = name.replace(/\s+/gu, ' ').replace(NOT_TEXT, '').trim();
  if (clean.replace(INVISIBLE, '') === '') return undefined;
  return countCharacters(clean) <= maxCharacters ? clean : undefined;
}

/** Cleans a message for display. @returns the text; empty if nothing visible is left. */
export function cleanText(text: string): string {
  const clean = text.replace(/\r\n?/gu, '\n').replace(NOT_MESSAGE, '').trim();
  return clean.replace(INVISIBLE, '') === '' ? '' : clean;
}

/** Returns a key that is equal for names that look alike at a glance. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').replace(INVISIBLE, '').toLowerCase();
}

/** Returns the first visible characters of a text. */
export function firstCharacters(text: string, count: number): string {
  let end = 0;
  for (const { index, segment } of characters.segment(text)) {
    if (count === 0) break;
    count -= 1;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

function countCharacters(text: string): number {
  return [...characters.segment(text)].length;
}
